//! What is recorded for each request, and the metrics of one request.

use serde::{Deserialize, Serialize};

use super::chunk_times::ChunkTimes;
use super::line::{Recorded, Timing};
use crate::finite::Finite;
use crate::id::DatasetId;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered completely.
    Ok,
    /// No connection.
    Connect,
    /// No last byte within the request timeout.
    Timeout,
    /// Status 400 to 499 but 429.
    #[serde(rename = "http_4xx")]
    Http4xx,
    /// Status 429.
    #[serde(rename = "http_429")]
    Http429,
    /// Status 500 to 599.
    #[serde(rename = "http_5xx")]
    Http5xx,
    /// An `error` object inside a 200 stream.
    StreamError,
    /// The stream ended without finish, or with fewer tokens than `ignore_eos` asked for.
    Truncated,
    /// Not parseable.
    Protocol,
    /// The run was cancelled.
    Cancelled,
}

impl Outcome {
    /// Every outcome, `ok` first.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::Connect,
        Self::Timeout,
        Self::Http4xx,
        Self::Http429,
        Self::Http5xx,
        Self::StreamError,
        Self::Truncated,
        Self::Protocol,
        Self::Cancelled,
    ];

    /// The name in files and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Http4xx => "http_4xx",
            Self::Http429 => "http_429",
            Self::Http5xx => "http_5xx",
            Self::StreamError => "stream_error",
            Self::Truncated => "truncated",
            Self::Protocol => "protocol",
            Self::Cancelled => "cancelled",
        }
    }

    /// The outcome of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }

    /// What it means, for pages.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Ok => "answered completely",
            Self::Connect => "no connection to the server",
            Self::Timeout => "no complete answer in time",
            Self::Http4xx => "the server refused the request (4xx)",
            Self::Http429 => "the server was too busy (429)",
            Self::Http5xx => "the server failed (5xx)",
            Self::StreamError => "the server reported an error inside the stream",
            Self::Truncated => "the stream ended too early",
            Self::Protocol => "the answer could not be read",
            Self::Cancelled => "the run was cancelled",
        }
    }
}

/// Where `output_tokens` comes from, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenSource {
    /// The server's `usage`.
    Usage,
    /// Counted with the model's tokenizer.
    Tokenizer,
    /// One per chunk.
    Chunks,
}

impl TokenSource {
    /// The name in files and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Tokenizer => "tokenizer",
            Self::Chunks => "chunks",
        }
    }

    /// The source of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Usage, Self::Tokenizer, Self::Chunks]
            .into_iter()
            .find(|source| source.as_str() == text)
    }
}

/// Which part of the run a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestPhase {
    /// Before the measured window.
    WarmUp,
    /// In the measured window.
    Measured,
    /// Arrived in the window of a duration run, finished after its deadline (and sent after it, where it
    /// had to wait for a place): recorded, not counted.
    Drained,
}

impl RequestPhase {
    /// The name in files and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WarmUp => "warm_up",
            Self::Measured => "measured",
            Self::Drained => "drained",
        }
    }

    /// The phase of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::WarmUp, Self::Measured, Self::Drained]
            .into_iter()
            .find(|phase| phase.as_str() == text)
    }
}

/// Most characters kept of the server's own error text.
pub const ERROR_CHARS_MAX: usize = 500;

/// How the error text of a truncated answer begins whose connection closed or was reset in its middle; the
/// others of that outcome ended in order.
pub const BROKE_OFF: &str = "the answer broke off";

/// The raw record of one request: one row of `requests.parquet`, columns named like the fields.
///
/// Instants are monotonic nanoseconds since the start of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Position in the plan, warm-up first, from 0.
    pub index: u32,
    /// Part of the run.
    pub phase: RequestPhase,
    /// When the arrival process wanted it sent. Closed loop: equal to `sent_at`.
    pub scheduled_at: u64,
    /// Just before the first byte of the request was written; connection set-up is not in it.
    pub sent_at: u64,
    /// Time spent on opening the connection, when one was opened for this request.
    pub connect_ns: Option<u64>,
    /// Arrival of every stream event that carried output.
    pub chunk_at: ChunkTimes,
    /// End of the stream after usage and `[DONE]`, or the instant of the failure.
    pub finished_at: u64,
    /// Tokens the plan wanted in the prompt.
    pub planned_input_tokens: u32,
    /// Tokens the plan asked for in the answer.
    pub planned_output_tokens: u32,
    /// Tokens of the prompt as the server counted them, else as the client made them.
    pub input_tokens: u32,
    /// Tokens of the answer; see `token_source`.
    pub output_tokens: u32,
    /// Where `output_tokens` comes from.
    pub token_source: TokenSource,
    /// How it ended.
    pub outcome: Outcome,
    /// HTTP status, when an answer came.
    pub http_status: Option<u16>,
    /// The server's own error text, bounded by [`ERROR_CHARS_MAX`]; empty when there is none.
    pub error: String,
    /// Whether it went out a second time because a reused connection was already closed.
    pub reconnected: bool,
    /// SHA-256 of the prompt, lower-case hex: of the text of a synthetic one; of the messages of a
    /// dataset's row as compact JSON, `[{"role":…,"content":…},…]`.
    pub prompt_sha256: String,
    /// The dataset the prompt came from; `None` for a synthetic one.
    #[serde(default)]
    pub dataset_id: Option<DatasetId>,
}

impl RequestRecord {
    /// First output, if any came.
    pub fn first_token_at(&self) -> Option<u64> {
        self.chunk_at.first()
    }

    /// Last output, if any came.
    pub fn last_token_at(&self) -> Option<u64> {
        self.chunk_at.last()
    }

    /// Whether it was answered completely.
    pub fn is_ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }

    /// What its metrics are computed from.
    pub fn timing(&self) -> Timing {
        Timing {
            scheduled_at: self.scheduled_at,
            sent_at: self.sent_at,
            first_token_at: self.first_token_at(),
            last_token_at: self.last_token_at(),
            chunk_count: self.chunk_at.len() as u64,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
        }
    }

    /// [`Timing::ttft_ms`].
    pub fn ttft_ms(&self) -> Option<f64> {
        self.timing().ttft_ms()
    }

    /// [`Timing::ttft_from_schedule_ms`].
    pub fn ttft_from_schedule_ms(&self) -> Option<f64> {
        self.timing().ttft_from_schedule_ms()
    }

    /// [`Timing::e2e_ms`].
    pub fn e2e_ms(&self) -> Option<f64> {
        self.timing().e2e_ms()
    }

    /// [`Timing::e2e_from_schedule_ms`].
    pub fn e2e_from_schedule_ms(&self) -> Option<f64> {
        self.timing().e2e_from_schedule_ms()
    }

    /// [`Timing::queue_delay_ms`].
    pub fn queue_delay_ms(&self) -> f64 {
        self.timing().queue_delay_ms()
    }

    /// [`Timing::tpot_ms`].
    pub fn tpot_ms(&self) -> Option<f64> {
        self.timing().tpot_ms()
    }

    /// Inter-token latencies: the gaps between neighbouring chunks, in ms.
    pub fn itl_ms(&self) -> impl Iterator<Item = f64> + '_ {
        self.chunk_at.gaps_ns().map(|ns| ns as f64 / 1e6)
    }

    /// [`Timing::output_tok_per_s`].
    pub fn output_tok_per_s(&self) -> Option<f64> {
        self.timing().output_tok_per_s()
    }
}

/// Milliseconds from `from` to `to`; negative when `to` is earlier.
pub fn ms_between(from: u64, to: u64) -> f64 {
    if to >= from {
        (to - from) as f64 / 1e6
    } else {
        -((from - to) as f64 / 1e6)
    }
}

/// A field of a request that charts and tables can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestField {
    /// Time to first token.
    Ttft,
    /// Time per output token.
    Tpot,
    /// End-to-end latency.
    Latency,
    /// Mean inter-token latency of the request.
    Itl,
    /// Prompt tokens.
    PromptLen,
    /// Answer tokens.
    OutputLen,
    /// Output throughput of the request.
    ReqOutputThroughput,
    /// When it was sent, since the start of the run.
    SentAt,
    /// Lateness of the client.
    QueueDelay,
}

impl RequestField {
    /// Every field, in the order of menus.
    pub const ALL: [Self; 9] = [
        Self::Ttft,
        Self::Tpot,
        Self::Latency,
        Self::Itl,
        Self::PromptLen,
        Self::OutputLen,
        Self::ReqOutputThroughput,
        Self::SentAt,
        Self::QueueDelay,
    ];

    /// The name in the API and in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ttft => "ttft",
            Self::Tpot => "tpot",
            Self::Latency => "latency",
            Self::Itl => "itl",
            Self::PromptLen => "prompt_len",
            Self::OutputLen => "output_len",
            Self::ReqOutputThroughput => "req_output_throughput",
            Self::SentAt => "sent_at",
            Self::QueueDelay => "queue_delay",
        }
    }

    /// The field of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == text)
    }

    /// Label for axes and menus.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ttft => "TTFT",
            Self::Tpot => "TPOT",
            Self::Latency => "E2E latency",
            Self::Itl => "ITL (mean)",
            Self::PromptLen => "Prompt length",
            Self::OutputLen => "Output length",
            Self::ReqOutputThroughput => "Output throughput per user",
            Self::SentAt => "Sent at",
            Self::QueueDelay => "Queue delay (client)",
        }
    }

    /// Unit for headings and axes.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Ttft | Self::Tpot | Self::Latency | Self::Itl | Self::QueueDelay => "ms",
            Self::PromptLen | Self::OutputLen => "tokens",
            Self::ReqOutputThroughput => "tok/s",
            Self::SentAt => "s",
        }
    }

    /// Its value for one request, in [`Self::unit`].
    pub fn value<R: Recorded>(self, request: &R) -> Option<Finite> {
        let timing = request.timing();
        let value = match self {
            Self::Ttft => timing.ttft_ms(),
            Self::Tpot => timing.tpot_ms(),
            Self::Latency => timing.e2e_ms(),
            Self::Itl => timing.itl_mean_ms(),
            Self::PromptLen => Some(f64::from(timing.input_tokens)),
            Self::OutputLen => Some(f64::from(timing.output_tokens)),
            Self::ReqOutputThroughput => timing.output_tok_per_s(),
            Self::SentAt => Some(timing.sent_at as f64 / 1e9),
            Self::QueueDelay => Some(timing.queue_delay_ms()),
        };
        value.and_then(Finite::new)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A good request: sent at `sent_ms`, chunks at the given milliseconds.
    pub(crate) fn record(index: u32, sent_ms: u64, chunk_ms: &[u64]) -> RequestRecord {
        let ns = |ms: u64| ms * 1_000_000;
        RequestRecord {
            index,
            phase: RequestPhase::Measured,
            scheduled_at: ns(sent_ms),
            sent_at: ns(sent_ms),
            connect_ns: None,
            chunk_at: chunk_ms.iter().copied().map(ns).collect(),
            finished_at: ns(chunk_ms.last().copied().unwrap_or(sent_ms)),
            planned_input_tokens: 8,
            planned_output_tokens: u32::try_from(chunk_ms.len()).unwrap(),
            input_tokens: 8,
            output_tokens: u32::try_from(chunk_ms.len()).unwrap(),
            token_source: TokenSource::Usage,
            outcome: Outcome::Ok,
            http_status: Some(200),
            error: String::new(),
            reconnected: false,
            prompt_sha256: String::new(),
            dataset_id: None,
        }
    }

    #[test]
    fn metrics_follow_the_dictionary() {
        let mut request = record(0, 100, &[300, 320, 360]);
        request.scheduled_at = 90_000_000;
        assert_eq!(request.ttft_ms(), Some(200.0));
        assert_eq!(request.ttft_from_schedule_ms(), Some(210.0));
        assert_eq!(request.e2e_ms(), Some(260.0));
        assert_eq!(request.queue_delay_ms(), 10.0);
        assert_eq!(request.tpot_ms(), Some(30.0));
        assert_eq!(request.itl_ms().collect::<Vec<_>>(), [20.0, 40.0]);
        assert_eq!(request.output_tok_per_s(), Some(3.0 / 0.26));
    }

    #[test]
    fn a_chunk_is_not_a_token() {
        let mut request = record(0, 0, &[100, 120]);
        request.output_tokens = 5;
        assert_eq!(
            request.tpot_ms(),
            Some(5.0),
            "four gaps between five tokens"
        );
        request.chunk_at = [100_000_000].into();
        assert_eq!(request.tpot_ms(), None, "one chunk shows no pace");
    }

    #[test]
    fn nothing_measured_is_none() {
        let request = record(0, 5, &[]);
        assert_eq!(
            (request.ttft_ms(), request.e2e_ms(), request.tpot_ms()),
            (None, None, None)
        );
        assert_eq!(request.output_tok_per_s(), None);
    }
}
