//! The load process on a machine over SSH: this program is brought there, and what it measures is
//! fetched.

use std::future::pending;
use std::path::Path;
use std::time::{Duration, Instant};

use domain::load::{API_KEY_VARIABLE, LoadPlan, REQUESTS_FILE};
use domain::plan::PlannedNode;
use domain::secret::Secret;
use ssh::{FarProcess, Mark, Session, SshError, Supervised, TailFrom};
use tokio::time::sleep;

use super::events::{EVENT_BYTES_MAX, Events};
use super::{LOAD_FOLDER, QUOTED_LINES, ended_without_result, is_to_end};
use crate::effects::program::bring_program;
use crate::effects::{LoadResult, Run};

/// The load's name among the processes of its run.
const LOAD: &str = "load";
/// How often it is looked for events; it tells twice a second.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// Most bytes taken at a look.
const READ_BYTES_MAX: usize = 1 << 20;
/// After this silence it is looked whether it still lives. Not sooner: each look is a program on the
/// machine that is measured.
const ASK_AFTER: Duration = Duration::from_secs(3);
/// How long a load that is told to end may write its records.
const STOPS_WITHIN: Duration = Duration::from_mins(1);
/// Largest file of records that is fetched.
const RECORDS_BYTES_MAX: u64 = 16 << 30;
/// Last bytes of its log that are read for a reason.
const LOG_BYTES: u64 = 8 << 10;
/// Its own words, beside the events.
const LOG_FILE: &str = "load.err";
/// Keeps its words apart from the events that follow on standard output.
const SCRIPT: &str = "exec 2>load.err; exec \"$@\"";

/// Makes the load of a plan on that machine to its end.
pub(super) async fn carry(run: &Run, machine: &PlannedNode) -> Result<LoadResult, String> {
    let session = run.load_session(machine).await?;
    let place = session.place().to_owned();
    let program = bring_program(run, &session).await?;
    let mark = run.ssh_mark().await?;
    let folder = session.run_folder(&mark).await.map_err(in_words)?;
    let plan = LoadPlan {
        dataset_paths: bring_datasets(run, &session, &folder).await?,
        tokenizer_path: bring_tokenizer(run, &session, &folder).await?,
        base_url: run.base_url_of_load().await?,
        out_dir: format!("{folder}/{LOAD_FOLDER}"),
        ..super::plan_of(run)?
    };
    let path = format!("{folder}/plan.json");
    let json = serde_json::to_vec(&plan).map_err(|error| error.to_string())?;
    session.write_file(&path, &json).await.map_err(in_words)?;
    run.log(format!("The load is made on {place}.")).await;

    let words = [
        "sh", "-c", SCRIPT, "sh", &program, "load", "--plan", &path, "--events",
    ];
    let mut environment = Vec::new();
    if let Some(key) = run.key().await? {
        environment.push((
            API_KEY_VARIABLE.to_owned(),
            Secret::new(key.expose().clone()),
        ));
    }
    let what = Supervised {
        mark: mark.clone(),
        name: LOAD.to_owned(),
        words: words.map(str::to_owned).into(),
        environment,
        folder: None,
        log: None,
    };
    let process = session.start(&what).await.map_err(in_words)?;
    let stops = async {
        is_to_end(run).await;
        // It ends, and tells what it has.
        match session.stop(&mark, LOAD, STOPS_WITHIN).await {
            Ok(_) => pending().await,
            Err(error) => Err(in_words(error)),
        }
    };
    let result = tokio::select! {
        result = follow(run, &session, &mark, &process) => result?,
        result = stops => result?,
    };
    let Some(result) = result else {
        let log = last_words(&session, &folder).await;
        return Err(ended_without_result("it is gone", &log));
    };
    let near = run.folder.join(LOAD_FOLDER).join(REQUESTS_FILE);
    if let Some(parent) = near.parent() {
        let made = tokio::fs::create_dir_all(parent).await;
        made.map_err(|error| format!("{} cannot be written: {error}", parent.display()))?;
    }
    let far = format!("{folder}/{LOAD_FOLDER}/{REQUESTS_FILE}");
    session
        .fetch_file(&far, &near, RECORDS_BYTES_MAX, &mut |_| {})
        .await
        .map_err(in_words)?;
    run.log(format!("The records were fetched from {place}."))
        .await;
    Ok(result)
}

fn in_words(error: SshError) -> String {
    error.to_string()
}

/// Reads events to their end. `None`: it ended without a result.
async fn follow(
    run: &Run,
    session: &Session,
    mark: &Mark,
    process: &FarProcess,
) -> Result<Option<LoadResult>, String> {
    let mut events = Events::new(run);
    let mut rest: Vec<u8> = Vec::new();
    let (mut next, mut heard, mut is_gone) = (0, Instant::now(), false);
    while !events.is_over() {
        let tail = session.tail(&process.log, TailFrom::Start(next), READ_BYTES_MAX);
        let tail = tail.await.map_err(in_words)?;
        next = tail.next;
        if !tail.bytes.is_empty() {
            heard = Instant::now();
            rest.extend_from_slice(&tail.bytes);
            if rest.len() > EVENT_BYTES_MAX {
                return Err(
                    "the load process cannot be understood: an event is too long".to_owned(),
                );
            }
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                events.take(&String::from_utf8_lossy(&line)).await?;
            }
            continue;
        }
        // It was gone before this look, which found nothing more.
        if is_gone {
            break;
        }
        if heard.elapsed() > events.patience() {
            return Err(events.silent());
        }
        if heard.elapsed() > ASK_AFTER {
            is_gone = !session.is_alive(mark, LOAD).await.map_err(in_words)?;
            if is_gone {
                continue;
            }
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(events.into_result())
}

/// Brings the plan's datasets into the run's folder there.
async fn bring_datasets(run: &Run, session: &Session, folder: &str) -> Result<Vec<String>, String> {
    let mut paths = Vec::new();
    for dataset in run.plan.workload.prompts.datasets() {
        let file = run.shared.store.dataset_file(&dataset.sha256);
        let file = file.map_err(|error| format!("the dataset {}: {error}", dataset.name))?;
        let far = format!("{folder}/datasets/{}.jsonl", dataset.sha256);
        session
            .send_file(&file, &far, None, &mut |_| {})
            .await
            .map_err(|error| format!("the dataset {}: {error}", dataset.name))?;
        paths.push(far);
    }
    Ok(paths)
}

/// Brings the model's tokenizer into the run's folder there.
async fn bring_tokenizer(
    run: &Run,
    session: &Session,
    folder: &str,
) -> Result<Option<String>, String> {
    let near = Path::new(&run.plan.model.tokenizer_path);
    let Some(name) = near.file_name().and_then(|name| name.to_str()) else {
        return Ok(None);
    };
    let far = format!("{folder}/tokenizer/{name}");
    let sent = if near.is_dir() {
        session.send_folder(near, &far, &mut |_| {}).await
    } else {
        session.send_file(near, &far, None, &mut |_| {}).await
    };
    sent.map_err(|error| format!("the tokenizer: {error}"))?;
    Ok(Some(far))
}

/// The end of what the load process said.
async fn last_words(session: &Session, folder: &str) -> Vec<String> {
    let path = format!("{folder}/{LOG_FILE}");
    let most = usize::try_from(LOG_BYTES).unwrap_or(usize::MAX);
    let Ok(tail) = session.tail(&path, TailFrom::End(LOG_BYTES), most).await else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&tail.bytes).into_owned();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let first = lines.len().saturating_sub(QUOTED_LINES);
    lines.into_iter().skip(first).collect()
}
