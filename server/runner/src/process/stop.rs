//! Stopping everything that belongs to a run, and seeing that it is gone.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::id::BenchmarkId;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::Instance;
use super::scan::{list_processes, own_group};

/// How long processes may take to end by themselves. A cancelled run must be over within two
/// seconds, so this cannot be longer.
const TERMINATE_WITHIN: Duration = Duration::from_secs(1);
/// How long a killed process may take to be gone.
const KILL_WITHIN: Duration = Duration::from_secs(5);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Stops every process with the mark of `run`, and everything in their process groups and in
/// `engine_group`: first by asking, then by force. Returns how many were stopped.
///
/// # Errors
///
/// When a process is still there after having been killed; in words.
pub(crate) async fn stop_run(
    instance: &Instance,
    run: BenchmarkId,
    engine_group: Option<u32>,
) -> Result<usize, String> {
    let mut hunt = Hunt {
        instance: instance.clone(),
        run,
        groups: engine_group.into_iter().collect(),
        stopped: BTreeSet::new(),
    };
    for (signal, within) in [
        (Signal::SIGTERM, TERMINATE_WITHIN),
        (Signal::SIGKILL, KILL_WITHIN),
    ] {
        let deadline = Instant::now() + within;
        let mut is_first = true;
        loop {
            // What was started in between gets the signal as well; who has it is only asked once.
            let round = spawn_blocking(move || {
                let left = hunt.signal(signal, is_first || signal == Signal::SIGKILL);
                (hunt, left)
            });
            let left;
            (hunt, left) = round
                .await
                .map_err(|error| format!("the processes could not be listed: {error}"))?;
            if left.is_empty() {
                return Ok(hunt.stopped.len());
            }
            if Instant::now() >= deadline {
                if signal == Signal::SIGKILL {
                    let ids: Vec<String> = left.iter().map(u32::to_string).collect();
                    return Err(format!(
                        "these processes could not be stopped: {}. Stop them by hand before the next run",
                        ids.join(", ")
                    ));
                }
                break;
            }
            is_first = false;
            sleep(LOOK_EVERY).await;
        }
    }
    Ok(hunt.stopped.len())
}

/// Waits until nothing of a killed process group is left, as long as killed processes may take.
pub(crate) async fn group_is_gone(group: Option<u32>) {
    let Some(group) = group.and_then(to_pid) else {
        return;
    };
    let deadline = Instant::now() + KILL_WITHIN;
    while killpg(group, None).is_ok() && Instant::now() < deadline {
        sleep(LOOK_EVERY).await;
    }
}

/// One stopping of one run.
struct Hunt {
    instance: Instance,
    run: BenchmarkId,
    /// Process groups seen so far: a process that wrote over its environment is still in its group.
    groups: BTreeSet<u32>,
    stopped: BTreeSet<u32>,
}

impl Hunt {
    /// Looks for what is left, and sends `signal` to what is new (or to all of it).
    fn signal(&mut self, signal: Signal, to_all: bool) -> Vec<u32> {
        let own_group = own_group();
        let processes = list_processes(&self.instance);
        for found in processes.iter().filter(|found| found.run == Some(self.run)) {
            self.groups.insert(found.group_id);
        }
        self.groups.remove(&own_group);
        let left: Vec<u32> = processes
            .iter()
            .filter(|found| found.run == Some(self.run) || self.groups.contains(&found.group_id))
            .map(|found| found.process_id)
            .collect();
        for process_id in &left {
            let is_new = self.stopped.insert(*process_id);
            if (is_new || to_all)
                && let Some(pid) = to_pid(*process_id)
            {
                // It may have ended this moment: the next look tells.
                let _ = kill(pid, signal);
            }
        }
        if !cfg!(target_os = "linux") {
            return self.signal_groups(signal);
        }
        left
    }

    /// Where processes cannot be listed: the known groups as a whole.
    fn signal_groups(&self, signal: Signal) -> Vec<u32> {
        let is_left = |group: &&u32| to_pid(**group).is_some_and(|pid| killpg(pid, signal).is_ok());
        self.groups.iter().filter(is_left).copied().collect()
    }
}

/// Kills a process group at once, without looking what became of it.
pub(crate) fn kill_group(group: Option<u32>) {
    signal_group(group, Signal::SIGKILL);
}

/// Asks a process group to end, without looking what became of it.
pub(crate) fn end_group(group: Option<u32>) {
    signal_group(group, Signal::SIGTERM);
}

fn signal_group(group: Option<u32>, signal: Signal) {
    if let Some(pid) = group.and_then(to_pid) {
        // Gone already is as good.
        let _ = killpg(pid, signal);
    }
}

fn to_pid(process_id: u32) -> Option<Pid> {
    // 0 and 1 would mean this group and every process.
    let raw = i32::try_from(process_id).ok().filter(|id| *id > 1)?;
    Some(Pid::from_raw(raw))
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use domain::id::BenchmarkId;
    use tokio::io::{AsyncBufReadExt, BufReader};
    use tokio::process::Command;
    use uuid::Uuid;

    use super::*;
    use crate::process::prepare_command;
    use crate::process::scan::list_runs;

    /// Starts a shell script of a run and waits for its first line.
    async fn start(instance: &Instance, run: BenchmarkId, script: &str) -> tokio::process::Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        prepare_command(&mut command, instance, run);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("up"));
        child
    }

    #[tokio::test]
    async fn stops_what_carries_the_mark_and_nothing_else() {
        let folder = testkit::data_dir();
        let other_folder = testkit::data_dir();
        let instance = Instance::of(folder.path()).unwrap();
        let other_instance = Instance::of(other_folder.path()).unwrap();
        let (run, other_run) = (BenchmarkId(Uuid::new_v4()), BenchmarkId(Uuid::new_v4()));
        // One that does not listen, with a child that lost its mark.
        let stubborn = "trap '' TERM; env -i sleep 60 & echo up; while :; do wait; done";
        let mut first = start(&instance, run, stubborn).await;
        let mut second = start(&instance, run, "echo up; exec sleep 60").await;
        let mut of_other_run = start(&instance, other_run, "echo up; exec sleep 60").await;
        let mut of_other_instance = start(&other_instance, run, "echo up; exec sleep 60").await;

        assert_eq!(list_runs(&instance), BTreeSet::from([run, other_run]));
        assert!(stop_run(&instance, run, None).await.unwrap() >= 3);
        assert_eq!(list_runs(&instance), BTreeSet::from([other_run]));
        assert!(first.wait().await.unwrap().code().is_none());
        assert!(second.wait().await.unwrap().code().is_none());
        assert!(of_other_run.try_wait().unwrap().is_none());
        assert!(of_other_instance.try_wait().unwrap().is_none());

        assert_eq!(stop_run(&instance, run, None).await.unwrap(), 0);
        stop_run(&instance, other_run, None).await.unwrap();
        stop_run(&other_instance, run, None).await.unwrap();
        of_other_run.wait().await.unwrap();
        of_other_instance.wait().await.unwrap();
    }

    #[tokio::test]
    async fn stops_a_group_by_its_number_alone() {
        let folder = testkit::data_dir();
        let instance = Instance::of(folder.path()).unwrap();
        let run = BenchmarkId(Uuid::new_v4());
        let mut command = Command::new("sleep");
        command.arg("60").process_group(0);
        let mut child = command.spawn().unwrap();
        let group = child.id();
        assert_eq!(stop_run(&instance, run, group).await.unwrap(), 1);
        assert!(child.wait().await.unwrap().code().is_none());
    }
}
