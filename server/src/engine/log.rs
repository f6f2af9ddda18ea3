//! What the engine really sent, one JSON line per request.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// The log file.
pub(super) struct EngineLog {
    file: Mutex<BufWriter<File>>,
}

/// One request. Instants are monotonic nanoseconds since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LogEntry {
    /// Number of the request, from 0 in the order of arrival.
    pub(super) request: u64,
    /// SHA-256 of the text of the prompt, lower-case hex.
    pub(super) prompt_sha256: String,
    /// Tokens of the prompt.
    pub(super) prompt_tokens: u32,
    /// Tokens that were sent.
    pub(super) output_tokens: u32,
    /// When the request was read.
    pub(super) received_ns: u64,
    /// When it got its slot: the zero of its schedule.
    pub(super) started_ns: u64,
    /// When each chunk was due.
    pub(super) due_ns: Vec<u64>,
    /// When each chunk was handed to the connection.
    pub(super) sent_ns: Vec<u64>,
    /// When the end of the answer was handed to the connection, or the client went away.
    pub(super) finished_ns: u64,
    /// Whether everything was sent.
    pub(super) is_complete: bool,
}

impl EngineLog {
    /// A new log.
    pub(super) fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Self {
            file: Mutex::new(BufWriter::new(File::create(path)?)),
        })
    }

    /// Appends a line. A log that cannot be written must not change what is measured.
    pub(super) fn append(&self, entry: &LogEntry) {
        let Ok(mut line) = serde_json::to_vec(entry) else {
            return;
        };
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = file.write_all(&line).and_then(|()| file.flush());
    }
}
