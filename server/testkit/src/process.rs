//! A child process in a process group of its own, that ends with its guard.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::wait_until;

/// Lines of output kept; the oldest go first.
const LINES_MAX: usize = 10_000;
/// How often a wait looks whether the process is still there.
const LIFE_CHECK_EVERY: Duration = Duration::from_millis(50);
/// How long a killed process may take to be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// A running program. Dropping it kills its whole process group and waits for its end.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    output: Arc<Output>,
}

impl Process {
    /// Starts `command` without standard input, in a new process group; both its outputs are read.
    ///
    /// # Panics
    ///
    /// When the program cannot be started.
    pub fn spawn(command: &mut Command) -> Self {
        Self::spawn_reading(command, Stdio::null())
    }

    /// The same with a standard input that stays open as long as this guard: a program that reads it to its end
    /// notices even that the test was killed.
    ///
    /// # Panics
    ///
    /// As [`Self::spawn`].
    pub fn spawn_with_input(command: &mut Command) -> Self {
        Self::spawn_reading(command, Stdio::piped())
    }

    fn spawn_reading(command: &mut Command, input: Stdio) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("could not start {name}: {error}"));
        let output = Arc::new(Output::default());
        if let Some(stdout) = child.stdout.take() {
            output.collect(stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            output.collect(stderr);
        }
        Self {
            child,
            name,
            output,
        }
    }

    /// Ends its standard input.
    pub fn close_input(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Its process id, which is that of its group as well.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of output (of either kind) that contains `text`, and returns the first one.
    ///
    /// # Panics
    ///
    /// When no such line came within `within`, or the process ended before; with all its output.
    pub fn wait_for_line(&mut self, text: &str, within: Duration) -> String {
        let deadline = Instant::now() + within;
        let output = Arc::clone(&self.output);
        let mut state = output.lock();
        loop {
            if let Some(line) = state.lines.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let trouble = if state.readers == 0 {
                Some("ended")
            } else if Instant::now() >= deadline {
                Some("did not say it in time")
            } else {
                None
            };
            if let Some(trouble) = trouble {
                drop(state);
                panic!(
                    "waited for “{text}”, but {} {trouble}:\n{}",
                    self.name,
                    self.output()
                );
            }
            state = output.wait(state, LIFE_CHECK_EVERY);
        }
    }

    /// Everything it printed so far, bounded to the last ten thousand lines.
    pub fn output(&self) -> String {
        self.output
            .lock()
            .lines
            .iter()
            .flat_map(|line| [line, "\n"])
            .collect()
    }

    /// Whether it is still running.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it still runs after `within`.
    pub fn wait_for_exit(&mut self, within: Duration) -> ExitStatus {
        let what = format!("{} to end", self.name);
        wait_until(&what, within, || self.child.try_wait().ok().flatten())
    }

    /// Sends `signal` to the process alone: what it started lives on, as after a crash.
    pub fn send_signal(&self, signal: Signal) {
        // Gone already is as good.
        let _ = kill(pid(self.child.id()), signal);
    }

    /// Asks it to end with `signal` and waits; kills the whole group when that takes longer than
    /// `within`.
    pub fn stop(&mut self, signal: Signal, within: Duration) {
        self.send_signal(signal);
        let deadline = Instant::now() + within;
        while self.is_running() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        self.kill_group();
    }

    /// Kills the whole process group and waits for the end of the process.
    pub fn kill_group(&mut self) {
        // The group may outlive its leader, so this comes even after the leader's end.
        let _ = killpg(pid(self.child.id()), Signal::SIGKILL);
        let deadline = Instant::now() + KILL_TIMEOUT;
        while self.is_running() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
    }
}

/// Whether a process with that id runs; one that ended and was not yet waited for does not.
pub fn is_process_alive(process_id: u32) -> bool {
    fs::read_to_string(format!("/proc/{process_id}/stat")).is_ok_and(|stat| {
        // The name in parentheses may hold anything; the state is the word after it.
        let state = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.split_whitespace().next());
        !matches!(state, None | Some("Z" | "X"))
    })
}

fn pid(process_id: u32) -> Pid {
    Pid::from_raw(i32::try_from(process_id).expect("process ids are small"))
}

/// Lines of both outputs, in order of arrival.
#[derive(Debug, Default)]
struct Output {
    state: Mutex<OutputState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct OutputState {
    lines: VecDeque<String>,
    /// Outputs not yet at their end.
    readers: usize,
}

impl Output {
    /// Reads `stream` to its end in a thread of its own.
    fn collect(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        self.lock().readers += 1;
        let output = Arc::clone(self);
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let mut state = output.lock();
                if state.lines.len() == LINES_MAX {
                    state.lines.pop_front();
                }
                state
                    .lines
                    .push_back(String::from_utf8_lossy(&line).into_owned());
                output.changed.notify_all();
            }
            output.lock().readers -= 1;
            output.changed.notify_all();
        });
    }

    fn lock(&self) -> MutexGuard<'_, OutputState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        guard: MutexGuard<'a, OutputState>,
        within: Duration,
    ) -> MutexGuard<'a, OutputState> {
        self.changed
            .wait_timeout(guard, within)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Process {
        Process::spawn(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn finds_lines_of_both_outputs() {
        let mut process = shell("echo one; echo two words >&2; read -r nothing; sleep 60");
        assert_eq!(process.wait_for_line("two", SOON), "two words");
        assert_eq!(process.wait_for_line("one", SOON), "one");
        assert!(process.is_running());
    }

    #[test]
    #[should_panic(expected = "ended:\nno luck")]
    fn says_what_a_dead_process_printed() {
        shell("echo no luck").wait_for_line("ready", SOON);
    }

    #[test]
    fn drop_ends_the_whole_group() {
        let mut process = shell("sleep 60 & echo child $!; wait");
        let child: u32 = process
            .wait_for_line("child", SOON)
            .rsplit(' ')
            .next()
            .and_then(|id| id.parse().ok())
            .unwrap();
        assert!(is_process_alive(child));
        drop(process);
        wait_until("the grandchild to end", SOON, || {
            (!is_process_alive(child)).then_some(())
        });
    }

    #[test]
    fn a_killed_leader_leaves_its_children() {
        let mut process = shell("sleep 60 & echo child $!; wait");
        let child: u32 = process
            .wait_for_line("child", SOON)
            .rsplit(' ')
            .next()
            .and_then(|id| id.parse().ok())
            .unwrap();
        process.send_signal(Signal::SIGKILL);
        process.wait_for_exit(SOON);
        assert!(is_process_alive(child), "as after a crash");
        process.kill_group();
        wait_until("the orphan to end", SOON, || {
            (!is_process_alive(child)).then_some(())
        });
    }

    #[test]
    fn stop_lets_it_say_goodbye() {
        let mut process =
            shell("trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.01; done");
        process.wait_for_line("up", SOON);
        process.stop(Signal::SIGTERM, SOON);
        assert_eq!(process.wait_for_exit(SOON).code(), Some(3));
        process.wait_for_line("bye", SOON);
    }
}
