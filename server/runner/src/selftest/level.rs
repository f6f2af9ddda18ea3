//! One level: both processes from start to end, and the comparison of what they left.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use domain::finite::Finite;
use domain::load::{REQUESTS_FILE, RESULT_FILE};
use domain::measure::selftest::{Bounds, Evidence, Level, LevelReport, judge_level};
use domain::measure::summary::Summary;
use domain::measure::truth::SentAnswer;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long the engine may take to listen, and to end.
const ENGINE_WITHIN: Duration = Duration::from_secs(10);
/// How long a level may take.
const LEVEL_WITHIN: Duration = Duration::from_mins(10);
/// Fewest requests of a closed-loop level.
const REQUESTS_MIN: u32 = 8;
/// Requests of the warm-up of an open-loop level.
const OPEN_WARM_UP: u32 = 200;
/// Seconds in which the users of a closed-loop level join.
const RAMP_S: &str = "1";
/// Tokens of each prompt.
const INPUT_TOKENS: u32 = 16;
/// Answers under way at once that the engine takes.
const SLOTS: &str = "100000";
/// How the load process ends when it has a result: sound, too many errors, client-bound.
const CODES_WITH_RESULT: [i32; 3] = [0, 4, 5];

/// What is to be measured, and with what.
#[derive(Clone, Copy, Debug)]
pub struct LevelRun<'a> {
    /// The binary with both commands.
    pub binary: &'a Path,
    /// An empty folder for the files of both.
    pub folder: &'a Path,
    /// What is sent.
    pub level: Level,
    /// Closed loop: requests of each stream. Open loop: seconds.
    pub rounds: u32,
    /// What counts as accurate.
    pub bounds: &'a Bounds,
}

/// Measures a level. Dropping the future ends both processes. The error is a sentence.
pub async fn measure_level(run: LevelRun<'_>) -> Result<LevelReport, String> {
    let log = run.folder.join("engine.jsonl");
    let (mut engine, url) = start_engine(&run, &log).await?;
    let out = run.folder.join("load");
    let loaded = timeout(LEVEL_WITHIN, load(&run, &url, &out)).await;
    end_engine(&mut engine).await;
    loaded.map_err(|_| "The load did not end.".to_owned())??;
    let (level, bounds) = (run.level, *run.bounds);
    let compare = move || compare(level, &bounds, &out, &log);
    let compared = tokio::task::spawn_blocking(compare).await;
    compared.map_err(|error| format!("The comparison broke off: {error}."))?
}

async fn start_engine(run: &LevelRun<'_>, log: &Path) -> Result<(Child, String), String> {
    let pace = run.level.pace();
    let mut child = Command::new(run.binary)
        .args(["engine", "--addr", "127.0.0.1:0", "--slots", SLOTS])
        .args(["--ttft-ms", &pace.ttft_ms.to_string()])
        .args(["--itl-ms", &pace.itl_ms.to_string()])
        .arg("--log")
        .arg(log)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("The reference engine could not be started: {error}."))?;
    let stdout = child.stdout.take().ok_or("The engine has no output.")?;
    let mut lines = BufReader::new(stdout).lines();
    let Ok(Ok(Some(line))) = timeout(ENGINE_WITHIN, lines.next_line()).await else {
        return Err("The reference engine did not begin to listen.".to_owned());
    };
    let url = line.strip_prefix("listening on ");
    let url = url.ok_or_else(|| format!("The reference engine said {line:?}."))?;
    Ok((child, url.to_owned()))
}

/// Asks it to end, so that it writes the rest of its log.
async fn end_engine(engine: &mut Child) {
    let process = engine.id().and_then(|id| i32::try_from(id).ok());
    if let Some(process) = process {
        // One that is gone already has written what it had.
        let _ = kill(Pid::from_raw(process), Signal::SIGTERM);
    }
    if timeout(ENGINE_WITHIN, engine.wait()).await.is_err() {
        let _ = engine.kill().await;
    }
}

async fn load(run: &LevelRun<'_>, url: &str, out: &Path) -> Result<(), String> {
    let (traffic, requests, warm_up) = match run.level {
        Level::Closed { streams } => (
            // No server sends all its streams in one burst: users do not begin in step.
            ["--concurrency", &streams.to_string(), "--ramp", RAMP_S]
                .map(str::to_owned)
                .to_vec(),
            streams.saturating_mul(run.rounds).max(REQUESTS_MIN),
            streams,
        ),
        Level::Open { rate_per_s } => (
            ["--rate", &rate_per_s.to_string(), "--arrival", "constant"]
                .map(str::to_owned)
                .to_vec(),
            rate_per_s.saturating_mul(run.rounds),
            OPEN_WARM_UP,
        ),
    };
    let output = Command::new(run.binary)
        .args(["load", "--model", "assay-reference", "--base-url", url])
        .args(traffic)
        .args(["--requests", &requests.to_string()])
        .args(["--warmup", &warm_up.to_string()])
        .args(["--input-tokens", &INPUT_TOKENS.to_string()])
        .args(["--output-tokens", &run.level.pace().tokens.to_string()])
        .args(["--ignore-eos", "--timeout", "60"])
        .arg("--out")
        .arg(out)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("The load process could not be started: {error}."))?;
    if output
        .status
        .code()
        .is_some_and(|code| CODES_WITH_RESULT.contains(&code))
    {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "The load process ended without a result ({}): {}",
        output.status,
        words.trim()
    ))
}

/// The parts of the load's result that are needed here.
#[derive(Deserialize)]
struct LoadResult {
    host: LoadHost,
    summary: Summary,
}

#[derive(Deserialize)]
struct LoadHost {
    cpu_s: Finite,
}

fn compare(
    level: Level,
    bounds: &Bounds,
    out: &Path,
    log: &PathBuf,
) -> Result<LevelReport, String> {
    let unreadable =
        |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}.", path.display());
    let path = out.join(RESULT_FILE);
    let result = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
    let result: LoadResult =
        serde_json::from_slice(&result).map_err(|error| unreadable(&path, &error))?;
    let path = out.join(REQUESTS_FILE);
    let records = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
    let records =
        store::records::read_records(records.into()).map_err(|error| unreadable(&path, &error))?;
    let text = std::fs::read_to_string(log).map_err(|error| unreadable(log, &error))?;
    let sent: Vec<SentAnswer> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(log, &error))?;
    let evidence = Evidence {
        records: &records,
        sent: &sent,
        health: &result.summary.client_health,
        cpu_s: result.host.cpu_s,
    };
    Ok(judge_level(level, &evidence, bounds))
}
