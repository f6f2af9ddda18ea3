//! Leaving the engine to the next run of the group, and removing one that was left to this run.

use domain::plan::Deployment;
use domain::run::{RunState, WarmEngine, may_keep_engine};
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt;

use super::leave_pending;
use crate::config::Chain;
use crate::effects::deploy::engine_to_keep;
use crate::effects::{ENGINE_LOG_FILE, Run};
use crate::leftovers::Removed;
use crate::warm::remove_engine;

/// An engine that goes on.
pub(super) struct Left {
    /// Whether it carries the mark of this run, which started it.
    pub(super) is_own: bool,
    /// In words.
    pub(super) note: String,
}

/// Leaves the engine to the next run of the group, where the plan wants it and that run is next. `None`
/// when it is to be removed.
pub(super) async fn leave_engine(run: &Run, state: &RunState) -> Option<Left> {
    match try_leave(run, state).await {
        Ok(left) => left,
        Err(error) => {
            tracing::warn!(run = %run.id, error = %Chain(&error), "an engine cannot be kept");
            None
        }
    }
}

async fn try_leave(run: &Run, state: &RunState) -> Result<Option<Left>, store::StoreError> {
    let Some((rerun, node)) = run
        .keeps_for()
        .filter(|_| may_keep_engine(state, &run.plan))
    else {
        return Ok(None);
    };
    let store = &run.shared.store;
    let engine = match store.find_warm_engine(rerun.group_id, node).await? {
        Some(mut engine) => {
            engine.from.last_index = rerun.index;
            engine
        }
        None => match engine_to_keep(run, state).await {
            Some(engine) => engine,
            // It has ended, or an earlier life of the server started it.
            None => return Ok(None),
        },
    };
    let now = run.shared.now();
    let Some(next) = store.keep_warm_engine(run.id, node, &engine, now).await? else {
        return Ok(None);
    };
    let letting_go = run.found.lock().await.engine.take();
    if let Some(engine) = letting_go {
        drop(engine.let_go().await);
    }
    note_in_log(run, &engine, rerun.index, next).await;
    Ok(Some(Left {
        is_own: engine.from.started_by == run.id,
        note: format!("The engine was left running, warm, for run {next} of this plan."),
    }))
}

/// A process of this machine writes on into the log of the run that started it: says which lines are whose.
async fn note_in_log(run: &Run, engine: &WarmEngine, index: u32, next: u32) {
    let is_here = !run.plan.is_far() && matches!(run.plan.deployment, Deployment::Process { .. });
    if !is_here {
        return;
    }
    let folder = run.shared.run_folder(engine.from.started_by);
    let log = OpenOptions::new()
        .append(true)
        .open(folder.join(ENGINE_LOG_FILE))
        .await;
    if let Ok(mut log) = log {
        let line = format!("[assay] Run {index} ended here. The engine goes on for run {next}.\n");
        let _ = log.write_all(line.as_bytes()).await;
        let _ = log.flush().await;
    }
}

/// What became of an engine that was left to this run.
pub(super) enum Gone {
    /// It is gone; nothing, where none was left.
    Removed(Removed),
    /// The node could not be asked. In words.
    Pending(String),
}

/// Removes the engine that an earlier run left to this one.
pub(super) async fn remove_taken_over(run: &Run) -> Result<Gone, String> {
    let (Some((rerun, node_id)), Some(planned)) = (run.keeps_for(), run.plan.cluster.nodes.first())
    else {
        return Ok(Gone::Removed(Removed::default()));
    };
    let store = &run.shared.store;
    let in_words = |error: store::StoreError| Chain(&error).to_string();
    let kept = store.find_warm_engine(rerun.group_id, node_id).await;
    let Some(engine) = kept.map_err(in_words)? else {
        return Ok(Gone::Removed(Removed::default()));
    };
    let removed = match run.node().await {
        Ok(node) => remove_engine(&run.shared, &node, &engine).await,
        Err(reason) => Err(reason),
    };
    let gone = match removed {
        Ok(removed) => Ok(Gone::Removed(removed)),
        Err(reason) => {
            let pending = leave_pending(run, engine.from.started_by, planned, &reason).await;
            pending.map(Gone::Pending)
        }
    };
    // Last: what is forgotten is nobody's, and removed by the reaper. It is never left to another run.
    let forgotten = store.forget_warm_engine(rerun.group_id, node_id).await;
    forgotten.map_err(in_words)?;
    gone
}
