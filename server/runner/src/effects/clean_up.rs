//! Stop the engine and everything else that belongs to the run, and see that it is gone.

use std::path::Path;
use std::time::Duration;

use domain::plan::Deployment;
use domain::run::{RunState, Stage};
use tokio::fs;
use tokio::time::sleep;

use super::engine::EngineKind;
use super::{ENGINE_LOG_FILE, Run};
use crate::config::Chain;
use crate::leftovers::{Leftovers, Removed};
use crate::process::noted_engine;
use crate::process::stop::stop_run;

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
    let here = stop_here(run).await?;
    let far = match remove_far(run, state).await {
        Ok(removed) => removed,
        Err(reason) => return leave_pending(run, &reason).await,
    };
    let removed = Removed {
        processes: here + far.processes,
        containers: far.containers,
    };
    if let Err(error) = remove_working_files(&run.folder).await {
        run.log(format!("Working files were left behind: {error}"))
            .await;
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

/// Stops the processes of the run on this machine; returns how many there were.
pub(crate) async fn stop_here(run: &Run) -> Result<usize, String> {
    let engine = run.found.lock().await.engine.take();
    let mut child = match engine.map(|engine| engine.kind) {
        Some(EngineKind::Process(child)) => Some(child),
        _ => None,
    };
    let own = child.as_ref().and_then(tokio::process::Child::id);
    let group = own.or_else(|| noted_engine(&run.folder));
    let count = stop_run(&run.shared.instance, run.id, group).await;
    if let Some(child) = &mut child {
        // It ended: this only takes its exit status off the system's hands.
        let _ = child.try_wait();
    }
    count
}

/// Removes what the run may have left in a Docker Engine and on a far machine.
async fn remove_far(run: &Run, state: &RunState) -> Result<Removed, String> {
    let is_far = run
        .plan
        .cluster
        .nodes
        .iter()
        .any(|node| node.access.ssh().is_some());
    let is_container = matches!(run.plan.deployment, Deployment::Container { .. });
    // Nothing is left where nothing was begun: a machine that was never reached is not asked.
    let began = state
        .stage(Stage::DeployEngine)
        .is_some_and(|stage| stage.started_at.is_some());
    if !began || !(is_far || is_container) {
        return Ok(Removed::default());
    }
    let node = run.node().await?;
    let leftovers = Leftovers {
        installation: run.shared.installation().await?,
        local_docker: &run.shared.config.docker,
    };
    let removed = leftovers.remove(&node, run.id, is_container).await?;
    if removed != Removed::default() {
        return Ok(removed);
    }
    // A request that was dropped on its way may still have its effect.
    sleep(LATE_WITHIN).await;
    leftovers.remove(&node, run.id, is_container).await
}

/// Notes that the node has still to be cleaned up, for the reaper and for people.
async fn leave_pending(run: &Run, reason: &str) -> Result<String, String> {
    let Some(node) = run.plan.cluster.nodes.first() else {
        return Err(reason.to_owned());
    };
    let store = &run.shared.store;
    let noted = store
        .note_pending_cleanup(run.id, (node.id, &node.name), reason, run.shared.now())
        .await;
    match noted {
        Ok(()) => {
            tracing::warn!(run = %run.id, node = node.name, reason, "a clean-up is pending");
            Ok(format!(
                "Clean-up of {} is pending, and tried again every few minutes: {reason}",
                node.name
            ))
        }
        Err(error) => Err(format!(
            "{reason}; and that could not be noted: {}",
            Chain(&error)
        )),
    }
}

/// Removes all but the engine's log. A folder that was never made is clean.
async fn remove_working_files(folder: &Path) -> std::io::Result<()> {
    let mut entries = match fs::read_dir(folder).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    while let Some(entry) = entries.next_entry().await? {
        if entry.file_name() == ENGINE_LOG_FILE {
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
