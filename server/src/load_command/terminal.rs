//! Both ends of the process: what it prints, and what tells it to stop.

use std::io::{BufRead, IsTerminal, Write};
use std::thread::JoinHandle;

use domain::load::{LiveSample, LoadEvent, LoadPhase};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Where the words go: JSON lines for a runner, or text for a person.
pub(super) struct Output {
    is_json: bool,
    /// Cancelled when nobody reads the events any more.
    cancel: CancellationToken,
}

/// Events that are being printed by a thread of their own: a slow reader holds up no load.
pub(super) struct Printing {
    thread: Option<JoinHandle<()>>,
    output: Output,
}

impl Output {
    pub(super) fn start(is_json: bool, cancel: CancellationToken) -> Self {
        Self { is_json, cancel }
    }

    /// Prints events until the sender is gone.
    pub(super) fn print_events(self, mut events: mpsc::Receiver<LoadEvent>) -> Printing {
        let (is_json, cancel) = (self.is_json, self.cancel.clone());
        let shows_progress = !is_json && std::io::stderr().is_terminal();
        let print = move || {
            while let Some(event) = events.blocking_recv() {
                if is_json {
                    if print_line(&event).is_err() {
                        cancel.cancel();
                    }
                } else if shows_progress {
                    show_progress(&event);
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(print)
            .ok();
        Printing {
            thread,
            output: self,
        }
    }

    /// The last word of a run that has a result.
    pub(super) fn succeed(self, report: impl FnOnce() -> String, event: LoadEvent) {
        // Whoever closed the pipe does not want to hear it.
        let _ = if self.is_json {
            print_line(&event)
        } else {
            write!(std::io::stdout(), "{}", report())
        };
    }

    /// The last word of a run that has none.
    pub(super) fn fail(self, reason: &str) {
        let _ = if self.is_json {
            print_line(&LoadEvent::Failed {
                reason: reason.to_owned(),
            })
        } else {
            writeln!(std::io::stderr(), "{reason}")
        };
    }
}

impl Printing {
    /// Waits until everything is printed. The sender must be gone.
    pub(super) async fn finish(self) -> Output {
        if let Some(thread) = self.thread {
            // A thread that panicked has nothing more to print.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        self.output
    }
}

fn print_line(event: &LoadEvent) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}

fn show_progress(event: &LoadEvent) {
    let text = match event {
        LoadEvent::Prepared {
            prompt_source,
            prompt_count,
        } => {
            format!(
                "{prompt_count} prompts ready; lengths {}\n",
                prompt_source.in_words()
            )
        }
        LoadEvent::Live { sample } => format!("\r\x1b[K{}", progress_line(sample)),
        LoadEvent::Phase { .. } => return,
        LoadEvent::Finished { .. } | LoadEvent::Failed { .. } => "\n".to_owned(),
    };
    // Progress is a courtesy.
    let _ = write!(std::io::stderr(), "{text}");
}

fn progress_line(sample: &LiveSample) -> String {
    let phase = match sample.phase {
        LoadPhase::WarmUp => "warm-up",
        LoadPhase::Measured => "measured",
        LoadPhase::Drain => "drain",
    };
    format!(
        "{:6.1} s  {phase}  {:3.0} %  sent {}  done {}  failed {}  in flight {}  {:.0} chunks/s ",
        sample.t_s.get(),
        sample.done_fraction.get() * 100.0,
        sample.sent_count,
        sample.completed_count,
        sample.failed_count,
        sample.in_flight_count,
        sample.output_chunks_per_s.get(),
    )
}

/// Cancels when standard input ends: the runner that holds its other end is gone then.
pub(super) fn cancel_at_end_of_stdin(cancel: CancellationToken) {
    let watch = move || {
        let mut stdin = std::io::stdin().lock();
        // Whatever is said after the plan has no meaning; only the end does.
        while let Ok(bytes) = stdin.fill_buf() {
            let count = bytes.len();
            if count == 0 {
                break;
            }
            stdin.consume(count);
        }
        cancel.cancel();
    };
    let spawned = std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(watch);
    // Without the thread the signals still work.
    drop(spawned);
}

/// Cancels at SIGTERM and SIGINT from now on. Call it on a runtime; without a handler the signals end
/// the process as usual.
pub(super) fn cancel_at_signals(cancel: &CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let Ok(mut signals) = signal(kind) else {
            continue;
        };
        let cancel = cancel.clone();
        tokio::spawn(async move {
            signals.recv().await;
            cancel.cancel();
        });
    }
}

/// A lower-case fragment as a sentence.
pub(super) fn sentence(fragment: &str) -> String {
    let mut letters = fragment.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    let text = format!("{first}{}", letters.as_str());
    if text.ends_with(['.', '!', '?']) {
        text
    } else {
        format!("{text}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_become_sentences() {
        assert_eq!(sentence("no connection"), "No connection.");
        assert_eq!(sentence("check it. Then go."), "Check it. Then go.");
    }
}
