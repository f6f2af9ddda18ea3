//! The whole selftest as a process of its own, so that the server disturbs no measurement.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use domain::measure::selftest::LevelReport;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::process::stop::{end_group, group_is_gone, kill_group};

/// How long a level may take before the selftest is given up.
const LEVEL_WITHIN: Duration = Duration::from_mins(12);
/// How long it may take to end when it is cancelled, before it is killed.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
/// How the command ends when all levels were measured: all within their bounds, or not.
const CODES_OF_SUCCESS: [i32; 2] = [0, 5];
/// Most bytes of its log that a reason quotes.
const QUOTED_BYTES_MAX: u64 = 4_096;

/// Ends a process group when it is dropped.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        kill_group(self.0);
    }
}

/// Runs `assay load selftest` and hands on each level as it is measured. When it is cancelled, it and
/// everything it started have ended before this returns; dropping the future kills them. The error is a
/// sentence.
pub async fn carry_out(
    binary: &Path,
    levels: mpsc::Sender<LevelReport>,
    cancel: &CancellationToken,
) -> Result<(), String> {
    let mut command = Command::new(binary);
    command
        .args(["load", "selftest", "--json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .process_group(0);
    let mut child = command
        .spawn()
        .map_err(|error| format!("The selftest could not be started: {error}."))?;
    let group = Group(child.id());
    tokio::select! {
        followed = follow(&mut child, levels) => return followed,
        () = cancel.cancelled() => {}
    }
    // Asked to end, it removes its files.
    end_group(group.0);
    if timeout(ENDS_WITHIN, child.wait()).await.is_err() {
        kill_group(group.0);
        let _ = child.wait().await;
        // What it had started is killed with it, and ends a moment later.
        group_is_gone(group.0).await;
    }
    Err("The selftest was cancelled.".to_owned())
}

/// Until it ends.
async fn follow(child: &mut Child, levels: mpsc::Sender<LevelReport>) -> Result<(), String> {
    let stdout = child.stdout.take().ok_or("The selftest has no output.")?;
    let stderr = child.stderr.take().ok_or("The selftest has no log.")?;
    let read = async {
        let mut lines = BufReader::new(stdout).lines();
        loop {
            let line = timeout(LEVEL_WITHIN, lines.next_line())
                .await
                .map_err(|_| "A level of the selftest did not end.".to_owned())?
                .map_err(|error| format!("The selftest cannot be understood: {error}."))?;
            let Some(line) = line else {
                return Ok::<(), String>(());
            };
            let level = serde_json::from_str(&line)
                .map_err(|error| format!("The selftest cannot be understood: {error}."))?;
            if levels.send(level).await.is_err() {
                return Err("Nobody waits for the selftest any more.".to_owned());
            }
        }
    };
    let mut words = String::new();
    let mut log = stderr.take(QUOTED_BYTES_MAX);
    let (read, _) = tokio::join!(read, log.read_to_string(&mut words));
    read?;
    let status = child.wait().await.map_err(|error| error.to_string())?;
    if status
        .code()
        .is_some_and(|code| CODES_OF_SUCCESS.contains(&code))
    {
        return Ok(());
    }
    Err(format!(
        "The selftest broke off ({status}): {}",
        words.trim()
    ))
}
