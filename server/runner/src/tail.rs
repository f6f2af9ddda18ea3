//! Following an engine's log file, line by line, and keeping it from filling the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::run::event::LOG_LINE_CHARS_MAX;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::effects::Message;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Most bytes taken at a look: an engine that writes more is read later, never held up.
const READ_BYTES_MAX: usize = 64 << 10;
/// The file is emptied when it grows beyond this; the engine, which appends, goes on at its start.
const LOG_BYTES_MAX: u64 = 64 << 20;
/// Bytes at the end of the file that are looked through for the last lines.
const END_BYTES: u64 = 8 << 10;

/// Sends every line of the file as it comes, until the receiver is gone. Runs until it is aborted.
pub(crate) async fn follow_log(path: PathBuf, lines: mpsc::Sender<Message>) {
    let mut position = 0;
    let mut rest = Vec::new();
    loop {
        let more = read_from(&path, &mut position, &mut rest).await;
        for line in take_lines(&mut rest) {
            if lines.send(Message::Log(line)).await.is_err() {
                return;
            }
        }
        if !matches!(more, Ok(READ_BYTES_MAX)) {
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Adds what comes to the end of the file `from`, after `position`, to another one. Runs until it is aborted,
/// or has taken the rest once `is_whole` says that nothing more comes.
pub(crate) async fn copy_log(
    from: PathBuf,
    mut position: u64,
    mut to: File,
    is_whole: CancellationToken,
) {
    let mut rest = Vec::new();
    loop {
        // Before the look: what is written after it is not the last.
        let is_last = is_whole.is_cancelled();
        let more = read_from(&from, &mut position, &mut rest).await;
        if to.write_all(&rest).await.is_err() || to.flush().await.is_err() {
            return;
        }
        rest.clear();
        if !matches!(more, Ok(READ_BYTES_MAX)) {
            if is_last {
                return;
            }
            let _ = timeout(LOOK_EVERY, is_whole.cancelled()).await;
        }
    }
}

/// The last lines of a log that say something, oldest first, for a reason.
pub(crate) async fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let mut text = Vec::new();
    let read = async {
        let mut file = File::open(path).await?;
        let length = file.metadata().await?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(END_BYTES)))
            .await?;
        file.take(END_BYTES).read_to_end(&mut text).await
    };
    if read.await.is_err() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let first = lines.len().saturating_sub(count);
    lines.into_iter().skip(first).map(clean_line).collect()
}

/// Reads what came since; returns how many bytes.
async fn read_from(path: &Path, position: &mut u64, rest: &mut Vec<u8>) -> io::Result<usize> {
    let mut file = File::open(path).await?;
    let length = file.metadata().await?.len();
    if length > LOG_BYTES_MAX {
        // By the length, not by what was read: an engine may write faster than anybody reads.
        OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(path)
            .await?;
        *position = 0;
        rest.clear();
        return Ok(0);
    }
    if length < *position {
        *position = 0;
    }
    file.seek(SeekFrom::Start(*position)).await?;
    let limit = u64::try_from(READ_BYTES_MAX).unwrap_or(u64::MAX);
    let count = file.take(limit).read_to_end(rest).await?;
    *position += u64::try_from(count).unwrap_or(u64::MAX);
    Ok(count)
}

/// Takes the complete lines out of `rest`; a line without an end is cut where it gets too long.
pub(crate) fn take_lines(rest: &mut Vec<u8>) -> Vec<String> {
    let is_complete = rest.iter().rposition(|byte| *byte == b'\n');
    let end = match is_complete {
        Some(end) => end + 1,
        None if rest.len() >= READ_BYTES_MAX => rest.len(),
        None => return Vec::new(),
    };
    let complete: Vec<u8> = rest.drain(..end).collect();
    String::from_utf8_lossy(&complete)
        .lines()
        .map(clean_line)
        .filter(|line| !line.is_empty())
        .collect()
}

/// A line without colours and other control characters, bounded.
fn clean_line(line: &str) -> String {
    let mut clean = String::new();
    let mut characters = line.trim_end().chars();
    let mut count = 0;
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // A sequence of the terminal: up to its final letter.
            let _ = characters.by_ref().find(char::is_ascii_alphabetic);
        } else if !character.is_control() || character == '\t' {
            count += 1;
            if count > LOG_LINE_CHARS_MAX {
                break;
            }
            clean.push(character);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_are_bounded_and_clean() {
        assert_eq!(clean_line("\u{1b}[32mINFO\u{1b}[0m up\r"), "INFO up");
        let long = "x".repeat(3 * LOG_LINE_CHARS_MAX);
        assert_eq!(clean_line(&long).len(), LOG_LINE_CHARS_MAX);
    }

    #[tokio::test]
    async fn follows_a_growing_file() {
        let folder = testkit::data_dir();
        let path = folder.path().join("engine.log");
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap();
        let (sender, mut receiver) = mpsc::channel(4);
        let task = tokio::spawn(follow_log(path.clone(), sender));
        let mut next = async || match receiver.recv().await {
            Some(Message::Log(line)) => line,
            _ => panic!("a line should come"),
        };
        write!(file, "one\n\ntw").unwrap();
        assert_eq!(next().await, "one");
        writeln!(file, "o").unwrap();
        assert_eq!(next().await, "two");
        // As when the file got too large.
        fs::File::create(&path).unwrap();
        writeln!(file, "3").unwrap();
        assert_eq!(next().await, "3");
        assert_eq!(last_lines(&path, 5).await, ["3"]);
        task.abort();
    }

    #[tokio::test]
    async fn what_comes_after_a_place_is_copied_to_its_end() {
        let folder = testkit::data_dir();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, "before\n").unwrap();
        let copy = File::create(&to).await.unwrap();
        let is_whole = CancellationToken::new();
        let task = tokio::spawn(copy_log(from.clone(), 7, copy, is_whole.clone()));
        let mut file = fs::OpenOptions::new().append(true).open(&from).unwrap();
        writeln!(file, "after").unwrap();
        is_whole.cancel();
        task.await.unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "after\n");
    }

    #[tokio::test]
    async fn a_log_that_grows_faster_than_it_is_read_is_emptied() {
        let folder = testkit::data_dir();
        let path = folder.path().join("engine.log");
        fs::File::create(&path)
            .unwrap()
            .set_len(LOG_BYTES_MAX + 1)
            .unwrap();
        let (mut position, mut rest) = (0, Vec::new());
        read_from(&path, &mut position, &mut rest).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    }
}
