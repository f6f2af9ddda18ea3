//! Both ends of the process: what it prints, and what tells it to stop.

use std::io::{BufRead, IsTerminal, Write};
use std::thread::JoinHandle;

use domain::load::LoadEvent;
use domain::visible::visible;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::LoadArgs;
use super::progress::Progress;

/// How progress is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// JSON lines for a runner.
    Json,
    /// A bar, on a terminal.
    Bar,
    /// A line of live figures every second.
    Lines,
    /// Not at all.
    Silent,
}

impl Style {
    /// What the arguments and the terminal ask for.
    pub(super) fn of(args: &LoadArgs) -> Self {
        if args.events {
            Self::Json
        } else if std::io::stderr().is_terminal() {
            Self::Bar
        } else if args.live {
            Self::Lines
        } else {
            Self::Silent
        }
    }
}

/// Where the words go: JSON lines for a runner, or text for a person.
pub(super) struct Output {
    style: Style,
    /// Cancelled when nobody reads the events any more.
    cancel: CancellationToken,
}

/// Events that are being printed by a thread of their own: a slow reader holds up no load.
pub(super) struct Printing {
    thread: Option<JoinHandle<()>>,
    output: Output,
}

impl Output {
    pub(super) fn start(style: Style, cancel: CancellationToken) -> Self {
        Self { style, cancel }
    }

    /// Whether a program reads it.
    pub(super) fn is_for_a_runner(&self) -> bool {
        self.style == Style::Json
    }

    /// Prints events until the sender is gone.
    pub(super) fn print_events(self, mut events: mpsc::Receiver<LoadEvent>) -> Printing {
        let (style, cancel) = (self.style, self.cancel.clone());
        let print = move || {
            let mut progress = Progress::new(style);
            while let Some(event) = events.blocking_recv() {
                if style != Style::Json {
                    progress.show(&event);
                } else if print_line(&event).is_err() {
                    cancel.cancel();
                }
            }
            progress.end();
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
    /// Says whether it was heard; whoever closed the pipe does not want to.
    pub(super) fn succeed(self, report: impl FnOnce() -> String, event: LoadEvent) -> bool {
        let told = if self.style == Style::Json {
            print_line(&event)
        } else {
            print(&report())
        };
        match told {
            Ok(()) => true,
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => true,
            Err(error) => {
                let _ = writeln!(
                    std::io::stderr(),
                    "The report could not be printed: {error}."
                );
                false
            }
        }
    }

    /// The report of a run whose last word is another.
    pub(super) fn report(&self, report: &str) {
        if self.style != Style::Json {
            // The last word says what is wrong.
            let _ = print(report);
        }
    }

    /// The last word of a run that has none.
    pub(super) fn fail(self, reason: &str) {
        let _ = if self.style == Style::Json {
            print_line(&LoadEvent::Failed {
                reason: reason.to_owned(),
            })
        } else {
            // Names and messages come from outside.
            writeln!(std::io::stderr(), "{}", visible(reason))
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

fn print(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn print_line(event: &LoadEvent) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
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
