//! What the reference engine really sent: one line of its log.

use serde::{Deserialize, Serialize};

/// One request as the reference engine saw it. Instants are nanoseconds of the machine's monotonic
/// clock (`CLOCK_MONOTONIC`), which all processes of a machine share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentAnswer {
    /// Number of the request, from 0 in the order of arrival.
    pub request: u64,
    /// SHA-256 of the text of the prompt, lower-case hex.
    pub prompt_sha256: String,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens that were sent.
    pub output_tokens: u32,
    /// Status of the answer; 0 when there was none.
    pub status: u16,
    /// The fault that was made on purpose; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fault: String,
    /// When the last byte of the request arrived at this machine, by the kernel's stamp; when it was
    /// read where the kernel gives none.
    pub arrived_ns: u64,
    /// When the engine read it.
    pub received_ns: u64,
    /// The zero of its schedule: its arrival, or when it got a slot if it had to wait for one.
    pub started_ns: u64,
    /// When each chunk was due.
    pub due_ns: Vec<u64>,
    /// When each chunk was handed to the connection.
    pub sent_ns: Vec<u64>,
    /// When the end of the answer was handed to the connection, or the client went away.
    pub finished_ns: u64,
    /// Whether everything was sent.
    pub is_complete: bool,
}
