//! Timed phases and what had to be left out.

use std::time::{Duration, Instant};

/// What happened so far.
#[derive(Debug, Default)]
pub(super) struct Phases {
    done: Vec<Phase>,
    left_out: Vec<String>,
}

#[derive(Debug)]
struct Phase {
    name: &'static str,
    duration: Duration,
    outcome: &'static str,
}

impl Phases {
    /// Runs one phase and prints its duration.
    ///
    /// # Errors
    /// The phase's own, with its name.
    pub(super) fn run<T>(
        &mut self,
        name: &'static str,
        phase: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        println!("== {name}");
        let (result, duration) = timed(phase);
        self.record(
            name,
            duration,
            if result.is_ok() { "passed" } else { "FAILED" },
        );
        result.map_err(|error| error.context(format!("failed: {name}")))
    }

    /// Runs a phase whose failure does not end the tests but leaves `what` out.
    pub(super) fn attempt<T>(
        &mut self,
        name: &'static str,
        what: &str,
        phase: impl FnOnce() -> anyhow::Result<T>,
    ) -> Option<T> {
        println!("== {name}");
        let (result, duration) = timed(phase);
        self.record(
            name,
            duration,
            if result.is_ok() { "passed" } else { "left out" },
        );
        result
            .map_err(|error| self.leave_out(what, &format!("{error:#}")))
            .ok()
    }

    /// Notes that `what` does not run, because of `reason`.
    pub(super) fn leave_out(&mut self, what: &str, reason: &str) {
        let line = format!("left out: {what}, because {reason}");
        println!("{line}");
        self.left_out.push(line);
    }

    /// Whether anything does not run.
    pub(super) fn has_left_out(&self) -> bool {
        !self.left_out.is_empty()
    }

    /// Prints the table of phases and what was left out.
    pub(super) fn print_summary(&self) {
        println!("\n{:<36} {:>8}  outcome", "phase", "seconds");
        for phase in &self.done {
            let seconds = phase.duration.as_secs_f64();
            println!("{:<36} {seconds:>8.1}  {}", phase.name, phase.outcome);
        }
        let total: Duration = self.done.iter().map(|phase| phase.duration).sum();
        println!("{:<36} {:>8.1}", "total", total.as_secs_f64());
        for line in &self.left_out {
            println!("{line}");
        }
    }

    fn record(&mut self, name: &'static str, duration: Duration, outcome: &'static str) {
        println!("-- {name}: {outcome} in {:.1} s", duration.as_secs_f64());
        self.done.push(Phase {
            name,
            duration,
            outcome,
        });
    }
}

fn timed<T>(phase: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let result = phase();
    (result, started.elapsed())
}
