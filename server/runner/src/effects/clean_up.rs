//! Stop the engine and everything else that belongs to the run, and see that it is gone; or leave the engine
//! to the next run of the group.

mod keep;

use std::path::Path;
use std::time::Duration;

use domain::id::BenchmarkId;
use domain::plan::{Deployment, PlannedNode};
use domain::run::{RunState, Stage};
use tokio::fs;
use tokio::time::sleep;

use super::engine::EngineKind;
use super::{ENGINE_LOG_FILE, Run};
use crate::config::Chain;
use crate::leftovers::{Leftovers, Removed};
use crate::node::Node;
use crate::process::stop::stop_run;
use crate::process::{ENGINE_PROCESS_FILE, noted_engine};
use crate::warm::remove_engine;

/// A request that was dropped on its way may still start something this much later.
const LATE_WITHIN: Duration = Duration::from_millis(300);

impl Removed {
    fn in_words(self) -> String {
        let count = |count: usize, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("one {one}")),
            count => Some(format!("{count} {many}")),
        };
        let processes = count(
            self.processes,
            "process was stopped",
            "processes were stopped",
        );
        let containers = count(
            self.containers,
            "container was removed",
            "containers were removed",
        );
        let mut words = [processes, containers]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", and ");
        if let Some(first) = words.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        words + "."
    }
}

pub(super) async fn clean_up(run: &Run, state: &RunState) -> Result<String, String> {
    let kept = keep::leave_engine(run, state).await;
    let is_own_kept = kept.as_ref().is_some_and(|kept| kept.is_own);
    let mut removed = Removed {
        processes: if is_own_kept {
            0
        } else {
            stop_here(run).await?
        },
        containers: 0,
    };
    if let Err(error) = remove_working_files(&run.folder, is_own_kept).await {
        run.log(format!("Working files were left behind: {error}"))
            .await;
    }
    let mut pending = Vec::new();
    let places = places(run, state).into_iter();
    for place in places.filter(|place| !(is_own_kept && place.is_engines)) {
        match clean_place(run, &place).await {
            Ok(there) => {
                removed.processes += there.processes;
                removed.containers += there.containers;
            }
            Err(reason) => pending.push(leave_pending(run, run.id, place.node, &reason).await?),
        }
    }
    if kept.is_none() {
        match keep::remove_taken_over(run).await? {
            keep::Gone::Removed(there) => {
                removed.processes += there.processes;
                removed.containers += there.containers;
            }
            keep::Gone::Pending(words) => pending.push(words),
        }
    }
    if !pending.is_empty() {
        return Ok(pending.join(" "));
    }
    if let Some(kept) = kept {
        return Ok(kept.note);
    }
    Ok(if removed != Removed::default() {
        removed.in_words()
    } else if run.is_adopted {
        // The server looks for what was left behind before it takes runs over.
        "Nothing is left running: the server stopped what was when it started again.".to_owned()
    } else {
        "Nothing was left running.".to_owned()
    })
}

/// Somewhere the run may have left something, besides the processes of this machine.
struct Place<'a> {
    node: &'a PlannedNode,
    is_engines: bool,
}

/// Where to look. Nothing is left where nothing was begun: a machine that was never reached is not asked.
fn places<'a>(run: &'a Run, state: &RunState) -> Vec<Place<'a>> {
    let has_begun = |stage| {
        let stage = state.stage(stage);
        stage.is_some_and(|stage| stage.started_at.is_some())
    };
    let is_container = matches!(run.plan.deployment, Deployment::Container { .. });
    let mut places = Vec::new();
    if has_begun(Stage::DeployEngine)
        && (run.plan.is_far() || is_container)
        && let Some(node) = run.plan.cluster.nodes.first()
    {
        places.push(Place {
            node,
            is_engines: true,
        });
    }
    let has_load = has_begun(Stage::WarmUp) || has_begun(Stage::RunBenchmark);
    if let Some(node) = run.plan.load_from.as_ref().filter(|_| has_load)
        && places.iter().all(|place| place.node.id != node.id)
    {
        places.push(Place {
            node,
            is_engines: false,
        });
    }
    places
}

/// Removes what the run may have left there.
async fn clean_place(run: &Run, place: &Place<'_>) -> Result<Removed, String> {
    let node = if place.is_engines {
        run.node().await?
    } else {
        Node::Far(run.load_session(place.node).await?)
    };
    let has_container =
        place.is_engines && matches!(run.plan.deployment, Deployment::Container { .. });
    let leftovers = Leftovers {
        installation: run.shared.installation().await?,
        local_docker: &run.shared.config.docker,
    };
    let removed = leftovers.remove(&node, run.id, has_container).await?;
    if removed != Removed::default() {
        return Ok(removed);
    }
    // A request that was dropped on its way may still have its effect.
    sleep(LATE_WITHIN).await;
    leftovers.remove(&node, run.id, has_container).await
}

/// Stops the processes of the run on this machine, and the engine that it took over.
pub(crate) async fn stop_all_here(run: &Run) -> Result<(), String> {
    let taken_over = run.found.lock().await.taken_over.take();
    stop_here(run).await?;
    if let (false, Some(engine)) = (run.plan.is_far(), taken_over)
        && engine.container.is_none()
    {
        remove_engine(&run.shared, &Node::Here, &engine).await?;
    }
    Ok(())
}

/// Stops the processes of the run on this machine; returns how many there were.
async fn stop_here(run: &Run) -> Result<usize, String> {
    let engine = run.found.lock().await.engine.take();
    let mut child = None;
    if let Some(engine) = engine
        && let EngineKind::Process(process) = engine.let_go().await
    {
        child = Some(process);
    }
    let own = child.as_ref().and_then(tokio::process::Child::id);
    let group = own.or_else(|| noted_engine(&run.folder));
    let count = stop_run(&run.shared.instance, run.id, group).await;
    if let Some(child) = &mut child {
        // It ended: this only takes its exit status off the system's hands.
        let _ = child.try_wait();
    }
    count
}

/// Notes that a node has still to be cleaned up after a run, for the reaper and for people.
async fn leave_pending(
    run: &Run,
    of: BenchmarkId,
    node: &PlannedNode,
    reason: &str,
) -> Result<String, String> {
    let store = &run.shared.store;
    let noted = store
        .note_pending_cleanup(of, (node.id, &node.name), reason, run.shared.now())
        .await;
    match noted {
        Ok(()) => {
            tracing::warn!(run = %run.id, node = node.name, reason, "a clean-up is pending");
            Ok(format!(
                "Clean-up of {} was left pending: {reason}. It is tried again every few minutes; the page of the run says whether it is done.",
                node.name
            ))
        }
        Err(error) => Err(format!(
            "{reason}; and that could not be noted: {}",
            Chain(&error)
        )),
    }
}

/// Removes all but the engine's log, and the note of its process where that goes on. A folder that was never
/// made is clean.
async fn remove_working_files(folder: &Path, has_engine: bool) -> std::io::Result<()> {
    let mut entries = match fs::read_dir(folder).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    while let Some(entry) = entries.next_entry().await? {
        let is_engines = has_engine && entry.file_name() == ENGINE_PROCESS_FILE;
        if is_engines || entry.file_name() == ENGINE_LOG_FILE {
            continue;
        }
        if entry.file_type().await?.is_dir() {
            fs::remove_dir_all(entry.path()).await?;
        } else {
            fs::remove_file(entry.path()).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_removed_is_told_in_words() {
        let removed = |processes, containers| Removed {
            processes,
            containers,
        };
        assert_eq!(removed(1, 0).in_words(), "One process was stopped.");
        assert_eq!(removed(3, 0).in_words(), "3 processes were stopped.");
        assert_eq!(
            removed(1, 1).in_words(),
            "One process was stopped, and one container was removed."
        );
        assert_eq!(removed(0, 2).in_words(), "2 containers were removed.");
    }
}
