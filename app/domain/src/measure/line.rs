//! A request without the arrivals of its chunks: what tables, scatters and bins need, and little
//! enough to be read quickly for runs of millions of chunks.

use super::record::{Outcome, RequestPhase, RequestRecord, ms_between};
use crate::id::DatasetId;

/// What the metrics of one request are computed from. Instants as in [`RequestRecord`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// When the arrival process wanted it sent.
    pub scheduled_at: u64,
    /// Just before the first byte of the request was written.
    pub sent_at: u64,
    /// First output, if any came.
    pub first_token_at: Option<u64>,
    /// Last output, if any came.
    pub last_token_at: Option<u64>,
    /// Stream events that carried output.
    pub chunk_count: u64,
    /// Tokens of the prompt.
    pub input_tokens: u32,
    /// Tokens of the answer.
    pub output_tokens: u32,
}

impl Timing {
    /// Time to first token: `first_token_at − sent_at`, in ms.
    pub fn ttft_ms(&self) -> Option<f64> {
        self.first_token_at.map(|at| ms_between(self.sent_at, at))
    }

    /// `first_token_at − scheduled_at`, in ms.
    pub fn ttft_from_schedule_ms(&self) -> Option<f64> {
        self.first_token_at
            .map(|at| ms_between(self.scheduled_at, at))
    }

    /// End-to-end latency: `last_token_at − sent_at`, in ms.
    pub fn e2e_ms(&self) -> Option<f64> {
        self.last_token_at.map(|at| ms_between(self.sent_at, at))
    }

    /// `last_token_at − scheduled_at`, in ms.
    pub fn e2e_from_schedule_ms(&self) -> Option<f64> {
        self.last_token_at
            .map(|at| ms_between(self.scheduled_at, at))
    }

    /// Client-side queue delay: `sent_at − scheduled_at`, in ms.
    pub fn queue_delay_ms(&self) -> f64 {
        ms_between(self.scheduled_at, self.sent_at)
    }

    /// From the first output to the last, in ms.
    fn span_ms(&self) -> Option<f64> {
        Some(ms_between(self.first_token_at?, self.last_token_at?))
    }

    /// Time per output token: `(last_token_at − first_token_at) / (output_tokens − 1)`, in ms, for
    /// more than one token and at least two chunks.
    pub fn tpot_ms(&self) -> Option<f64> {
        if self.output_tokens < 2 || self.chunk_count < 2 {
            return None;
        }
        Some(self.span_ms()? / f64::from(self.output_tokens - 1))
    }

    /// Mean of the gaps between neighbouring chunks, in ms: the span divided by their number.
    pub fn itl_mean_ms(&self) -> Option<f64> {
        if self.chunk_count < 2 {
            return None;
        }
        Some(self.span_ms()? / (self.chunk_count - 1) as f64)
    }

    /// Output throughput of this request: `output_tokens / E2E`, in tok/s.
    pub fn output_tok_per_s(&self) -> Option<f64> {
        let seconds = self.e2e_ms()? / 1e3;
        (seconds > 0.0 && self.output_tokens > 0).then(|| f64::from(self.output_tokens) / seconds)
    }
}

/// One request of a run without the arrivals of its chunks. Fields as in [`RequestRecord`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLine {
    /// Position in the plan, warm-up first, from 0.
    pub index: u32,
    /// Part of the run.
    pub phase: RequestPhase,
    /// How it ended.
    pub outcome: Outcome,
    /// HTTP status, when an answer came.
    pub http_status: Option<u16>,
    /// The server's own error text.
    pub error: String,
    /// Whether it went out a second time because a reused connection was already closed.
    pub reconnected: bool,
    /// The dataset the prompt came from; `None` for a synthetic one.
    pub dataset_id: Option<DatasetId>,
    /// What its metrics are computed from.
    pub timing: Timing,
}

impl From<&RequestRecord> for RequestLine {
    fn from(record: &RequestRecord) -> Self {
        Self {
            index: record.index,
            phase: record.phase,
            outcome: record.outcome,
            http_status: record.http_status,
            error: record.error.clone(),
            reconnected: record.reconnected,
            dataset_id: record.dataset_id,
            timing: record.timing(),
        }
    }
}

/// A request that was recorded, with all its chunks or without.
pub trait Recorded {
    /// Position in the plan, warm-up first, from 0.
    fn index(&self) -> u32;
    /// Part of the run.
    fn phase(&self) -> RequestPhase;
    /// How it ended.
    fn outcome(&self) -> Outcome;
    /// HTTP status, when an answer came.
    fn http_status(&self) -> Option<u16>;
    /// The server's own error text; empty when there is none.
    fn error(&self) -> &str;
    /// Whether it went out a second time.
    fn reconnected(&self) -> bool;
    /// What its metrics are computed from.
    fn timing(&self) -> Timing;

    /// Whether it counts in the figures: measured, and answered completely.
    fn counts(&self) -> bool {
        self.outcome() == Outcome::Ok && self.phase() == RequestPhase::Measured
    }
}

impl Recorded for RequestLine {
    fn index(&self) -> u32 {
        self.index
    }
    fn phase(&self) -> RequestPhase {
        self.phase
    }
    fn outcome(&self) -> Outcome {
        self.outcome
    }
    fn http_status(&self) -> Option<u16> {
        self.http_status
    }
    fn error(&self) -> &str {
        &self.error
    }
    fn reconnected(&self) -> bool {
        self.reconnected
    }
    fn timing(&self) -> Timing {
        self.timing
    }
}

impl Recorded for RequestRecord {
    fn index(&self) -> u32 {
        self.index
    }
    fn phase(&self) -> RequestPhase {
        self.phase
    }
    fn outcome(&self) -> Outcome {
        self.outcome
    }
    fn http_status(&self) -> Option<u16> {
        self.http_status
    }
    fn error(&self) -> &str {
        &self.error
    }
    fn reconnected(&self) -> bool {
        self.reconnected
    }
    fn timing(&self) -> Timing {
        self.timing()
    }
}
