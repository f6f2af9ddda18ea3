//! The output of a container, line by line.

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptions;
use domain::time::Timestamp;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};

use crate::client::CALL_TIMEOUT;
use crate::{ContainerId, Docker, Error};

/// Longest line that is kept whole, in bytes: engines print their whole configuration on one.
const LINE_BYTES_MAX: usize = 16 << 10;

/// Which output of the program a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line of a container's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Where it came from.
    pub source: LogSource,
    /// When the Docker Engine read it, in nanoseconds since 1970, by the host's clock. Give it to
    /// [`LogStart::After`] to go on after this line.
    pub at_nanos: i64,
    /// Without its line end; bytes that are no UTF-8 are replaced, and a line longer than 16 KiB is cut.
    pub text: String,
}

impl LogLine {
    /// When the Docker Engine read it, by the host's clock.
    pub fn at(&self) -> Timestamp {
        Timestamp(self.at_nanos / 1_000)
    }
}

/// Where reading a log begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStart {
    /// With its first line that is kept.
    Beginning,
    /// After a line that was read before.
    After(i64),
    /// With the last lines: at most so many.
    Last(u32),
}

impl Docker {
    /// The output of a container from `start` on, until it ends. A container that ended gives what is kept of
    /// its output. Nothing is read ahead of what is asked for.
    ///
    /// # Errors
    /// As an item, after which nothing comes: [`Error::NoSuchContainer`], and those of the connection.
    pub fn follow_logs(
        &self,
        id: &ContainerId,
        start: LogStart,
    ) -> impl Stream<Item = Result<LogLine, Error>> + Send + use<> {
        self.logs(id, start, true)
    }

    /// The last lines of a container's output, oldest first: what a failure is explained with.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`], and those of the connection.
    pub async fn last_logs(&self, id: &ContainerId, lines: u32) -> Result<Vec<LogLine>, Error> {
        let mut last = Vec::new();
        let mut log = std::pin::pin!(self.logs(id, LogStart::Last(lines), false));
        let reading = async {
            while let Some(line) = log.next().await {
                last.push(line?);
            }
            Ok(())
        };
        tokio::time::timeout(CALL_TIMEOUT, reading)
            .await
            .map_err(|_| Error::TimedOut {
                doing: DOING.to_owned(),
                after: CALL_TIMEOUT,
            })??;
        Ok(last)
    }

    fn logs(
        &self,
        id: &ContainerId,
        start: LogStart,
        follow: bool,
    ) -> impl Stream<Item = Result<LogLine, Error>> + Send + use<> {
        let reading = Reading::begin(self.clone(), id.clone(), start, follow);
        stream::unfold(Some(reading), |reading| async {
            let mut reading = reading?;
            match reading.next().await {
                Ok(line) => line.map(|line| (Ok(line), Some(reading))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

/// A log that is being read.
struct Reading {
    docker: Docker,
    id: ContainerId,
    /// As the Docker Engine is asked for it.
    options: LogsOptions,
    output: BoxStream<'static, Result<LogOutput, bollard::errors::Error>>,
    lines: Lines,
    given: Given,
    /// Once following has ended: the lines whose end had not come.
    unfinished: Option<Lines>,
}

impl Reading {
    fn begin(docker: Docker, id: ContainerId, start: LogStart, follow: bool) -> Self {
        let mut options = LogsOptions {
            follow,
            stdout: true,
            stderr: true,
            timestamps: true,
            ..LogsOptions::default()
        };
        let mut given = Given::new(i64::MIN);
        match start {
            LogStart::Beginning => {}
            LogStart::After(nanos) => {
                given = Given::new(nanos);
                options.since = given.since();
            }
            LogStart::Last(lines) => options.tail = lines.to_string(),
        }
        let output = docker.api.logs(id.as_str(), Some(options.clone())).boxed();
        Self {
            docker,
            id,
            options,
            output,
            lines: Lines::default(),
            given,
            unfinished: None,
        }
    }

    /// The next line that was not given yet.
    async fn next(&mut self) -> Result<Option<LogLine>, Error> {
        loop {
            let line = match self.output.next().await {
                Some(Ok(piece)) => self.lines.take(piece),
                Some(Err(error)) => {
                    let error = gone(&self.id, self.docker.error(DOING, CALL_TIMEOUT, error));
                    match (error, self.unfinished.take()) {
                        // It ended, and is removed by now.
                        (Error::NoSuchContainer { .. }, Some(lines)) => {
                            self.lines = lines;
                            self.output = stream::empty().boxed();
                            None
                        }
                        (error, _) => return Err(error),
                    }
                }
                None if self.options.follow => {
                    self.read_what_is_left();
                    None
                }
                // A program need not end its last line.
                None => match self.lines.rest() {
                    None => return Ok(None),
                    line => line,
                },
            };
            if let Some(line) = line
                && self.is_new(&line)
            {
                return Ok(Some(line));
            }
        }
    }

    /// Whether it was not given before; notes that it is now.
    fn is_new(&mut self, line: &LogLine) -> bool {
        let given = match line.source {
            LogSource::Stdout => &mut self.given.stdout,
            LogSource::Stderr => &mut self.given.stderr,
        };
        let is_new = *given < line.at_nanos;
        *given = line.at_nanos.max(*given);
        is_new
    }

    /// The Docker Engine may end a log that is followed before it has given what the container said last
    /// (<https://github.com/moby/moby/issues/43860>): the reason why an engine died. What is kept is read once more,
    /// from the last line that was given.
    fn read_what_is_left(&mut self) {
        self.unfinished = Some(std::mem::take(&mut self.lines));
        self.options.follow = false;
        self.options.since = self.given.since();
        let (api, options) = (&self.docker.api, self.options.clone());
        self.output = api.logs(self.id.as_str(), Some(options)).boxed();
    }
}
/// The time of the last line that was given, of each output: a line has the time of its first piece, so that the
/// lines of one output are in order and those of both need not be.
struct Given {
    stdout: i64,
    stderr: i64,
}

impl Given {
    fn new(nanos: i64) -> Self {
        Self {
            stdout: nanos,
            stderr: nanos,
        }
    }

    /// Where reading has to begin in order to miss nothing. The Docker Engine takes whole seconds, 0 for all.
    fn since(&self) -> i32 {
        let nanos = self.stdout.min(self.stderr).max(0);
        i32::try_from(nanos / 1_000_000_000).unwrap_or(0)
    }
}

const DOING: &str = "reading the container's log";

fn gone(id: &ContainerId, error: Error) -> Error {
    match error {
        Error::Refused { status: 404, .. } => Error::NoSuchContainer { id: id.to_string() },
        other => other,
    }
}

/// Puts lines together: the Docker Engine cuts long ones into pieces, each with the time before it.
#[derive(Default)]
struct Lines {
    stdout: Option<(i64, Vec<u8>)>,
    stderr: Option<(i64, Vec<u8>)>,
}

impl Lines {
    fn take(&mut self, piece: LogOutput) -> Option<LogLine> {
        let (source, unfinished) = match piece {
            LogOutput::StdErr { .. } => (LogSource::Stderr, &mut self.stderr),
            _ => (LogSource::Stdout, &mut self.stdout),
        };
        let bytes = piece.into_bytes();
        let (at_nanos, text) = split_time(&bytes);
        let (line, is_end) = match text.strip_suffix(b"\n") {
            Some(line) => (line, true),
            None => (text, false),
        };
        let (_, kept) = unfinished.get_or_insert_with(|| (at_nanos, Vec::new()));
        // One more than is kept shows that there was more.
        let room = (LINE_BYTES_MAX + 1).saturating_sub(kept.len());
        kept.extend(line.iter().take(room));
        if !is_end {
            return None;
        }
        unfinished.take().map(|line| finish(source, line))
    }

    fn rest(&mut self) -> Option<LogLine> {
        let stdout = self
            .stdout
            .take()
            .map(|line| finish(LogSource::Stdout, line));
        stdout.or_else(|| {
            self.stderr
                .take()
                .map(|line| finish(LogSource::Stderr, line))
        })
    }
}

fn finish(source: LogSource, (at_nanos, mut bytes): (i64, Vec<u8>)) -> LogLine {
    let is_cut = LINE_BYTES_MAX < bytes.len();
    bytes.truncate(LINE_BYTES_MAX);
    let mut text = String::from_utf8_lossy(&bytes)
        .trim_end_matches('\r')
        .to_owned();
    if is_cut {
        text.push('…');
    }
    LogLine {
        source,
        at_nanos,
        text,
    }
}

/// The time that stands before a piece, and the rest.
fn split_time(bytes: &[u8]) -> (i64, &[u8]) {
    let split = bytes
        .iter()
        .position(|byte| *byte == b' ')
        .and_then(|space| bytes.split_at_checked(space));
    split
        .and_then(|(time, rest)| {
            let time: jiff::Timestamp = str::from_utf8(time).ok()?.parse().ok()?;
            Some((i64::try_from(time.as_nanosecond()).ok()?, rest.get(1..)?))
        })
        .unwrap_or((0, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-11-27T23:05:25.000000007Z";

    fn stdout(text: &str) -> LogOutput {
        LogOutput::StdOut {
            message: format!("{TIME} {text}").into(),
        }
    }

    #[test]
    fn pieces_become_lines() {
        let mut lines = Lines::default();
        let stderr = LogOutput::StdErr {
            message: format!("{TIME} oops\r\n").into(),
        };
        assert_eq!(lines.take(stdout("a long")), None);
        let error = lines.take(stderr).unwrap();
        assert_eq!(
            (error.source, error.text.as_str()),
            (LogSource::Stderr, "oops")
        );
        let line = lines.take(stdout(" line\n")).unwrap();
        assert_eq!(line.text, "a long line");
        assert_eq!(line.at_nanos % 1_000_000_000, 7);
        assert_eq!(line.at().to_second_text(), "2026-11-27 23:05:25 UTC");
        assert_eq!(lines.take(stdout("\n")).unwrap().text, "");
        assert_eq!(lines.take(stdout("no end")), None);
        assert_eq!(lines.rest().unwrap().text, "no end");
        assert_eq!(lines.rest(), None);
    }

    #[test]
    fn long_lines_are_cut_and_memory_is_bounded() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            lines.take(stdout(&"x".repeat(LINE_BYTES_MAX / 2)));
            assert!(lines.stdout.as_ref().unwrap().1.len() <= LINE_BYTES_MAX + 1);
        }
        let line = lines.take(stdout("\n")).unwrap();
        assert_eq!(line.text.len(), LINE_BYTES_MAX + '…'.len_utf8());
        assert_eq!(lines.take(stdout("next\n")).unwrap().text, "next");
    }
}
