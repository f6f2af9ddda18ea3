//! Run the load process through warm-up and the measured window.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use domain::load::{API_KEY_VARIABLE, LOAD_PLAN_VERSION, LoadEvent, LoadPhase, LoadPlan};
use domain::measure::summary::Summary;
use domain::run::{RunEvent, RunState};
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, LinesCodec};

use super::collect::collect;
use super::verify::{exit_of_engine, with_last_lines};
use super::{LoadResult, Message, Run};
use crate::process::prepare_command;
use crate::process::stop::kill_group;
use crate::tail::take_lines;

/// Folder of the load's files inside the run's.
pub(super) const LOAD_FOLDER: &str = "load";
/// Folder of the datasets' files inside the run's.
const DATASETS_FOLDER: &str = "datasets";
/// Most bytes of one event: the last one carries the whole summary.
const EVENT_BYTES_MAX: usize = 32 << 20;
/// How long prompts may be in the making.
const PREPARE_WITHIN: Duration = Duration::from_mins(10);
/// How long a load process that should report twice a second may be silent. Writing the records
/// of a long run falls into it.
const SILENCE_MAX: Duration = Duration::from_mins(2);
/// How long it may take to end after its last event.
const EXIT_WITHIN: Duration = Duration::from_secs(10);
/// Last lines of its log that a reason quotes.
const QUOTED_LINES: usize = 5;

pub(super) async fn run_load(run: &Run, state: &RunState) -> Result<String, String> {
    let result = tokio::select! {
        result = carry_load(run) => result,
        // Nothing would be answered any more, and the rest of the load would measure that.
        reason = link_lost(run) => return Err(reason),
    };
    // Whatever the load says, an engine that is gone is the better reason.
    let result = match (exit_of_engine(run).await?, result) {
        (Some(status), Err(reason) | Ok(reason)) => {
            let reason = reason.trim_end_matches('.');
            let reason = format!("the engine ended during the load ({status}), and {reason}");
            Err(with_last_lines(run, &reason).await)
        }
        (None, result) => result,
    };
    if result.is_err() && run.found.lock().await.load.is_some() {
        // A failed request keeps its row: what was recorded says more than the reason.
        if let Err(error) = collect(run, state).await {
            run.log(format!("The records are lost: {error}")).await;
        }
    }
    result
}

/// Waits until the link to the engine's machine is lost; never, where there is none.
async fn link_lost(run: &Run) -> String {
    let session = {
        let found = run.found.lock().await;
        found
            .engine
            .as_ref()
            .and_then(|engine| engine.session().cloned())
    };
    match session {
        Some(session) => session.lost().await.to_string(),
        None => std::future::pending().await,
    }
}

async fn carry_load(run: &Run) -> Result<String, String> {
    let plan = load_plan(run).await?;
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
    let ((ended, status), log) = tokio::join!(events, follow_log(run, stderr));
    drop(stdin);
    let Some(result) = ended? else {
        let how = match status {
            Some(Ok(status)) => status.to_string(),
            Some(Err(error)) => error.to_string(),
            None => "it did not end by itself".to_owned(),
        };
        let reason = format!("the load process ended without a result ({how})");
        return Err(match log.join("\n") {
            words if words.is_empty() => reason,
            words => format!("{reason}. The end of its log:\n{words}"),
        });
    };
    let verdict = judge(&result.summary);
    run.found.lock().await.load = Some(result);
    verdict
}

async fn load_plan(run: &Run) -> Result<LoadPlan, String> {
    let model = &run.plan.model;
    let tokenizer_path = Some(&model.tokenizer_path).filter(|path| !path.is_empty());
    Ok(LoadPlan {
        version: LOAD_PLAN_VERSION,
        dataset_paths: place_datasets(run).await?,
        trace_path: None,
        headers: Vec::new(),
        base_url: run.base_url().await?,
        model: model.served_name.clone(),
        workload: run.plan.workload.clone(),
        tokenizer_path: tokenizer_path.cloned(),
        out_dir: run.folder.join(LOAD_FOLDER).to_string_lossy().into_owned(),
    })
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
    mut events: FramedRead<ChildStdout, LinesCodec>,
) -> Result<Option<LoadResult>, String> {
    let mut is_measuring = false;
    let mut patience = PREPARE_WITHIN;
    let mut result = None;
    loop {
        let line = match timeout(patience, events.next()).await {
            Ok(Some(Ok(line))) => line,
            Ok(Some(Err(error))) => {
                return Err(format!("the load process cannot be understood: {error}"));
            }
            Ok(None) => return Ok(result),
            Err(_) => {
                return Err(format!(
                    "the load process said nothing for {} s and was stopped",
                    patience.as_secs()
                ));
            }
        };
        let event: LoadEvent = serde_json::from_str(&line)
            .map_err(|error| format!("the load process cannot be understood: {error}"))?;
        if !matches!(event, LoadEvent::Failed { .. }) {
            patience = SILENCE_MAX;
        }
        match event {
            LoadEvent::Prepared {
                prompt_source,
                prompt_count,
            } => {
                run.log(format!("{prompt_count} prompts are ready.")).await;
                run.tell(Message::Event(RunEvent::LoadPrepared {
                    prompt_source,
                    prompt_count,
                }))
                .await;
            }
            LoadEvent::Phase {
                phase: LoadPhase::Measured,
            } => {
                is_measuring = true;
                run.tell(Message::MeasuringBegan).await;
                run.log("The measured window begins.").await;
            }
            LoadEvent::Phase {
                phase: LoadPhase::Drain,
            } => {
                run.log("The time is over; requests in flight finish.")
                    .await;
            }
            LoadEvent::Phase {
                phase: LoadPhase::WarmUp,
            } => {
                run.log(format!(
                    "The warm-up begins: {}.",
                    run.plan.workload.warmup_in_words()
                ))
                .await;
            }
            LoadEvent::Live { sample } => {
                run.tell(Message::Event(RunEvent::Live { sample })).await;
            }
            LoadEvent::Failed { reason } => return Err(reason),
            LoadEvent::Finished {
                records_sha256,
                prompts_sha256,
                summary,
                ..
            } => {
                // The stage that ends must be the one that was measured, whatever was told before.
                if !is_measuring {
                    is_measuring = true;
                    run.tell(Message::MeasuringBegan).await;
                }
                result = Some(LoadResult {
                    summary: *summary,
                    records_sha256,
                    prompts_sha256,
                });
            }
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

/// A run in which nothing was answered has no figures: its stage failed.
fn judge(summary: &Summary) -> Result<String, String> {
    let sent_count = summary.sent_count;
    if summary.completed_count > 0 {
        return Ok(format!(
            "{} of {sent_count} requests were answered.",
            summary.completed_count
        ));
    }
    let Some(worst) = summary.failures.iter().max_by_key(|failure| failure.count) else {
        return Err("no request was answered in the measured window: give it more time or ask for shorter answers".to_owned());
    };
    let class = worst.outcome.in_words();
    Err(match worst.example.as_str() {
        "" => format!("all {sent_count} requests failed, most of them so: {class}"),
        example => {
            format!("all {sent_count} requests failed, most of them so: {class} ({example})")
        }
    })
}
