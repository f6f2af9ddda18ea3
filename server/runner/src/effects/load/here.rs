//! The load process on this machine.

use std::future::pending;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use domain::load::{API_KEY_VARIABLE, LoadPlan};
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, LinesCodec};

use super::events::{EVENT_BYTES_MAX, Events};
use super::{LOAD_FOLDER, QUOTED_LINES, ended_without_result, is_to_end};
use crate::effects::{LoadResult, Run};
use crate::process::prepare_command;
use crate::process::stop::kill_group;
use crate::tail::take_lines;

/// Folder of the datasets' files inside the run's.
const DATASETS_FOLDER: &str = "datasets";
/// How long it may take to end after its last event.
const EXIT_WITHIN: Duration = Duration::from_secs(10);

/// Makes the load of a plan to its end.
pub(super) async fn carry(run: &Run) -> Result<LoadResult, String> {
    let plan = LoadPlan {
        dataset_paths: place_datasets(run).await?,
        base_url: run.base_url().await?,
        out_dir: run.folder.join(LOAD_FOLDER).to_string_lossy().into_owned(),
        ..super::plan_of(run)?
    };
    let mut child = start(run, &plan).await?;
    let stdout = child
        .stdout
        .take()
        .ok_or("the load process has no output")?;
    let stderr = child.stderr.take().ok_or("the load process has no log")?;
    // Held open to the end: the load process ends when it closes, as it does when the server dies.
    let mut stdin = child.stdin.take().ok_or("the load process has no input")?;
    let mut line = serde_json::to_vec(&plan).map_err(|error| error.to_string())?;
    line.push(b'\n');
    if let Err(error) = stdin.write_all(&line).await {
        // Its own words, which follow, say more.
        run.log(format!("The load process took no plan: {error}"))
            .await;
    }

    let events = FramedRead::new(stdout, LinesCodec::new_with_max_length(EVENT_BYTES_MAX));
    let group = child.id();
    let events = async {
        let ended = follow_events(run, events).await;
        let status = match &ended {
            Ok(_) => timeout(EXIT_WITHIN, child.wait()).await.ok(),
            Err(_) => None,
        };
        // Whatever is left of it goes, or its log would not end either.
        kill_group(group);
        (ended, status)
    };
    let stops = async move {
        is_to_end(run).await;
        // It ends at once, and tells what it has.
        drop(stdin);
        pending().await
    };
    let ((ended, status), log) = tokio::select! {
        ended = async { tokio::join!(events, follow_log(run, stderr)) } => ended,
        ended = stops => ended,
    };
    let Some(result) = ended? else {
        let how = match status {
            Some(Ok(status)) => status.to_string(),
            Some(Err(error)) => error.to_string(),
            None => "it did not end by itself".to_owned(),
        };
        return Err(ended_without_result(&how, &log));
    };
    Ok(result)
}

/// Puts the files of the plan's datasets into the run's folder. The load process compares each with
/// its digest.
async fn place_datasets(run: &Run) -> Result<Vec<String>, String> {
    let datasets = run.plan.workload.prompts.datasets();
    let folder = run.folder.join(DATASETS_FOLDER);
    let mut paths = Vec::new();
    for dataset in datasets {
        let path = folder.join(format!("{}.jsonl", dataset.sha256));
        let file = run.shared.store.dataset_file(&dataset.sha256);
        let file = file.map_err(|error| format!("the dataset {}: {error}", dataset.name))?;
        place(&file, &path)
            .await
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => format!(
                    "the file of the dataset {} is gone from the server's store: import it again",
                    dataset.name
                ),
                _ => format!("the dataset {} cannot be read: {error}", dataset.name),
            })?;
        paths.push(path.to_string_lossy().into_owned());
    }
    if !datasets.is_empty() {
        let rows = run.plan.workload.prompts.row_count();
        run.log(format!("{rows} rows of datasets are there.")).await;
    }
    Ok(paths)
}

/// A second name for a file, or a copy where the disk has no second names.
async fn place(from: &Path, to: &Path) -> std::io::Result<()> {
    if let Some(folder) = to.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    match tokio::fs::hard_link(from, to).await {
        Ok(()) => Ok(()),
        // Chosen twice, or left by an earlier life of the server.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
        Err(_) => tokio::fs::copy(from, to).await.map(drop),
    }
}

async fn start(run: &Run, plan: &LoadPlan) -> Result<Child, String> {
    let folder = &plan.out_dir;
    tokio::fs::create_dir_all(folder)
        .await
        .map_err(|error| format!("the run's folder {folder} cannot be written: {error}"))?;
    let mut command = Command::new(&run.shared.config.assay_binary);
    command
        .args(["load", "--plan", "-", "--events"])
        .current_dir(&run.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    prepare_command(&mut command, &run.shared.instance, run.id);
    if let Some(key) = run.key().await? {
        command.env(API_KEY_VARIABLE, key.expose());
    }
    command
        .spawn()
        .map_err(|error| format!("the load process could not be started: {error}"))
}

/// Reads events to their end. `None`: it ended without a result.
async fn follow_events(
    run: &Run,
    mut lines: FramedRead<ChildStdout, LinesCodec>,
) -> Result<Option<LoadResult>, String> {
    let mut events = Events::new(run);
    loop {
        match timeout(events.patience(), lines.next()).await {
            Ok(Some(Ok(line))) => events.take(&line).await?,
            Ok(Some(Err(error))) => {
                return Err(format!("the load process cannot be understood: {error}"));
            }
            Ok(None) => return Ok(events.into_result()),
            Err(_) => return Err(events.silent()),
        }
    }
}

/// Hands its log on, and keeps the last lines.
async fn follow_log(run: &Run, mut stderr: ChildStderr) -> Vec<String> {
    let mut last = Vec::new();
    let mut rest = Vec::new();
    while let Ok(1..) = stderr.read_buf(&mut rest).await {
        for line in take_lines(&mut rest) {
            if last.len() == QUOTED_LINES {
                last.remove(0);
            }
            last.push(line.clone());
            run.log(line).await;
        }
    }
    last
}
