//! Store records, figures and manifest.

use domain::history::{BenchmarkResult, Manifest};
use domain::load::REQUESTS_FILE;
use domain::measure::METRICS_VERSION;
use domain::run::{RunEvent, RunState, Stage};
use domain::size::bytes_in_words;

use super::load::LOAD_FOLDER;
use super::{Message, Run};
use crate::config::Chain;
use crate::inventory::host_name;

/// What the load left was in the memory of a server that is gone.
const INTERRUPTED: &str = "The server was stopped while the result was being stored. Nothing is wrong with the plan: run it again.";

pub(super) async fn collect(run: &Run, state: &RunState) -> Result<String, String> {
    let store = &run.shared.store;
    // A server that was killed may have got this far and not said so.
    let stored = store.find_result(run.id).await;
    if let Some(result) = stored.map_err(|error| why_not_stored(run, &error))? {
        return Ok(note_stored(run, &result).await);
    }
    let mut found = run.found.lock().await;
    let load = found.load.take().ok_or(INTERRUPTED)?;
    let path = run.folder.join(LOAD_FOLDER).join(REQUESTS_FILE);
    let (records_sha256, records_bytes) = store
        .put_records(&path)
        .await
        .map_err(|error| why_not_stored(run, &error))?;
    if records_sha256 != load.records_sha256 {
        return Err("the records were changed after the load process wrote them: run it again on a machine whose disk can be trusted".to_owned());
    }
    let now = run.shared.now();
    let load_ended_at = state
        .stage(Stage::RunBenchmark)
        .and_then(|stage| stage.ended_at);
    let result = BenchmarkResult {
        manifest: Manifest {
            metrics_version: METRICS_VERSION,
            client_version: env!("CARGO_PKG_VERSION").to_owned(),
            engine: found.identity.clone(),
            served_models: found.served_models.clone(),
            engine_command: state.engine_command.clone(),
            taken_over: state.taken_over,
            load_from: match &run.plan.load_from {
                None => host_name(),
                Some(machine) => machine.name.clone(),
            },
            round_trip_us: found.round_trip_us.filter(|_| run.plan.load_from.is_none()),
            plan: run.plan.clone(),
            records_sha256,
            prompts_sha256: Some(load.prompts_sha256),
            started_at: state.started_at.unwrap_or(now),
            ended_at: load_ended_at.unwrap_or(now),
        },
        summary: load.summary,
        records_bytes,
    };
    store
        .insert_result(run.id, &result, run.shared.now())
        .await
        .map_err(|error| why_not_stored(run, &error))?;
    Ok(note_stored(run, &result).await)
}

async fn note_stored(run: &Run, result: &BenchmarkResult) -> String {
    let records_sha256 = result.manifest.records_sha256.clone();
    run.tell(Message::Event(RunEvent::ResultStored { records_sha256 }))
        .await;
    format!(
        "{} of records are stored.",
        bytes_in_words(result.records_bytes)
    )
}

fn why_not_stored(run: &Run, error: &store::StoreError) -> String {
    tracing::error!(run = %run.id, error = %Chain(error), "a result cannot be stored");
    "the result could not be stored: look at the server's log and at the space on its disk"
        .to_owned()
}
