//! How far this machine's load generator can be trusted: its records beside the reference engine's log
//! of what was really sent, level by level.

mod errors;
mod flow;
mod judge;

use serde::{Deserialize, Serialize};

use crate::finite::Finite;
use crate::id::SelftestId;
use crate::measure::summary::Summary;
use crate::time::Timestamp;

pub use judge::{Evidence, judge_level};

/// The levels of a selftest: open streams.
pub const LADDER: [u32; 6] = [1, 64, 256, 512, 1_024, 2_048];
/// Requests per second of the open-loop level.
pub const OPEN_LOOP_PER_S: u32 = 2_000;
/// Most open streams of a level.
pub const STREAMS_MAX: u32 = 16_384;
/// The pace of the reference engine on a closed-loop level.
pub const CLOSED_PACE: Pace = Pace {
    ttft_ms: 200,
    itl_ms: 20,
    tokens: 32,
};
/// The pace of the reference engine on an open-loop level: short requests.
pub const OPEN_PACE: Pace = Pace {
    ttft_ms: 10,
    itl_ms: 5,
    tokens: 4,
};

/// When the reference engine sends each token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Time to the first token.
    pub ttft_ms: u32,
    /// Time between two tokens.
    pub itl_ms: u32,
    /// Tokens of an answer, each in its own chunk.
    pub tokens: u32,
}

impl Pace {
    /// Time of a whole answer, in seconds.
    pub fn answer_s(self) -> f64 {
        f64::from(self.answer_ms()) / 1e3
    }

    /// Time of a whole answer, in ms.
    fn answer_ms(self) -> u32 {
        self.ttft_ms + self.itl_ms * self.tokens.saturating_sub(1)
    }
}

/// What one level sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "loop")]
pub enum Level {
    /// So many streams, open all the time.
    Closed {
        /// How many.
        streams: u32,
    },
    /// So many short requests a second.
    Open {
        /// How many.
        rate_per_s: u32,
    },
}

impl Level {
    /// The pace of its answers.
    pub fn pace(self) -> Pace {
        match self {
            Self::Closed { .. } => CLOSED_PACE,
            Self::Open { .. } => OPEN_PACE,
        }
    }

    /// In words, such as `512 streams` or `2000 requests/s`.
    pub fn in_words(self) -> String {
        match self {
            Self::Closed { streams: 1 } => "1 stream".to_owned(),
            Self::Closed { streams } => format!("{streams} streams"),
            Self::Open { rate_per_s } => format!("{rate_per_s} requests/s"),
        }
    }
}

/// What counts as accurate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Largest mean error of TTFT, in ms.
    pub ttft_error_mean_ms: Finite,
    /// Largest error of ITL at the 99th percentile, in ms.
    pub itl_error_p99_ms: Finite,
    /// Smallest share of the ideal chunk rate (closed loop).
    pub chunk_rate_min: Finite,
    /// Largest relative error of the request rate (open loop).
    pub rate_error: Finite,
}

impl Default for Bounds {
    fn default() -> Self {
        let number = |value| Finite::new(value).unwrap_or_default();
        Self {
            ttft_error_mean_ms: number(5.0),
            itl_error_p99_ms: number(1.0),
            chunk_rate_min: number(0.97),
            rate_error: number(0.005),
        }
    }
}

/// The verdict on a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelVerdict {
    /// Every error is within its bound.
    Within,
    /// One is not: at this level the client, not the server, would be what is measured.
    ClientBound,
}

/// One level of a selftest. Errors are absolute differences between what the client recorded and what
/// the engine's log says it sent, over the measured requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LevelReport {
    /// What was sent.
    #[serde(flatten)]
    pub level: Level,
    /// Streams that were really open at once at the peak, by the engine's log.
    #[serde(rename = "streams_open")]
    pub open_at_once: u32,
    /// Mean error of TTFT, in ms.
    pub ttft_error_mean_ms: Option<Finite>,
    /// Median error of TTFT, in ms.
    pub ttft_error_p50_ms: Option<Finite>,
    /// Error of TTFT at the 99th percentile, in ms.
    pub ttft_error_p99_ms: Option<Finite>,
    /// Mean error of the gaps between chunks, in ms.
    pub itl_error_mean_ms: Option<Finite>,
    /// Median error of the gaps, in ms.
    pub itl_error_p50_ms: Option<Finite>,
    /// Error of the gaps at the 99th percentile, in ms.
    pub itl_error_p99_ms: Option<Finite>,
    /// Mean error of E2E latency, in ms.
    pub e2e_error_mean_ms: Option<Finite>,
    /// Median error of E2E latency, in ms.
    pub e2e_error_p50_ms: Option<Finite>,
    /// Error of E2E latency at the 99th percentile, in ms.
    pub e2e_error_p99_ms: Option<Finite>,
    /// Relative error of the rate: in open loop of the requests that arrived at the engine against the
    /// rate asked for, in closed loop of the client's chunk rate against the engine's.
    pub rate_error: Option<Finite>,
    /// Chunks per second that the client recorded: in closed loop while all streams were open, in open loop from
    /// the first request to the last answer.
    pub chunks_per_s: Option<Finite>,
    /// Chunks per second of a client and a machine without any delay.
    pub ideal_chunks_per_s: Finite,
    /// CPU time of the load process for each chunk, in µs, everything included.
    pub cpu_us_per_chunk: Option<Finite>,
    /// Peak resident memory of the load process, in MB (10⁶ bytes).
    pub peak_rss_mb: Option<Finite>,
    /// Requests that were compared.
    pub compared_count: u32,
    /// Measured requests that failed or were not found in the engine's log.
    pub lost_count: u32,
    /// The engine's own lateness behind its schedule at the median, in ms: no error, since the log says
    /// what was really sent.
    pub engine_late_p50_ms: Option<Finite>,
    /// The same at the 99th percentile.
    pub engine_late_p99_ms: Option<Finite>,
    /// Lateness of an idle timer thread at the 99th percentile, in ms: the host's own stalls.
    pub host_stall_p99_ms: Option<Finite>,
    /// The longest stall, in ms.
    pub host_stall_max_ms: Option<Finite>,
    /// Share of CPU time that the hypervisor took, where the system tells.
    pub steal_fraction: Option<Finite>,
    /// The verdict.
    pub verdict: LevelVerdict,
    /// Which bounds were not kept, in sentences.
    pub reasons: Vec<String>,
}

impl LevelReport {
    /// Whether every error is within its bound.
    pub fn is_within(&self) -> bool {
        self.verdict == LevelVerdict::Within
    }

    fn streams(&self) -> Option<u32> {
        match self.level {
            Level::Closed { streams } => Some(streams),
            Level::Open { .. } => None,
        }
    }
}

/// A machine's honest ceiling: the most streams at which every error stays within its bound. `None`
/// when no level does.
pub fn ceiling(levels: &[LevelReport]) -> Option<u32> {
    let within = levels.iter().filter(|level| level.is_within());
    within.filter_map(LevelReport::streams).max()
}

/// The level that stands for a run of that concurrency: the lowest with at least as many streams.
/// `None` when the run is above every level.
pub fn level_for(levels: &[LevelReport], concurrency: u32) -> Option<&LevelReport> {
    levels
        .iter()
        .filter(|level| {
            level
                .streams()
                .is_some_and(|streams| streams >= concurrency)
        })
        .min_by_key(|level| level.streams())
}

/// How a selftest of the app stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelftestState {
    /// It goes on.
    Running,
    /// All levels were measured.
    Completed,
    /// It broke off.
    Failed,
    /// Somebody cancelled it. The levels measured until then stay.
    Cancelled,
}

impl SelftestState {
    const ALL: [Self; 4] = [
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name in storage and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A selftest that was started in the app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Selftest {
    /// Which.
    pub id: SelftestId,
    /// Name of the machine it measured.
    pub host: String,
    /// Who started it.
    pub started_by: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it stands.
    pub state: SelftestState,
    /// Why it broke off, or who cancelled it; empty otherwise.
    pub reason: String,
    /// The levels so far.
    pub levels: Vec<LevelReport>,
}

/// The selftests of all machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelftestList {
    /// The machine that a new one would measure: the server's own.
    pub host: String,
    /// The newest first.
    pub selftests: Vec<Selftest>,
}

impl SelftestList {
    /// The one that goes on on the server's own machine.
    pub fn running(&self) -> Option<&Selftest> {
        let mut own = self.selftests.iter().filter(|it| it.host == self.host);
        own.find(|it| it.state == SelftestState::Running)
    }
}

/// What a selftest says about one benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Name of the machine that made the load.
    pub host: String,
    /// Most requests of the benchmark that were in flight at once.
    pub concurrency: u32,
    /// When that machine was last measured; `None` when it never was.
    pub measured_at: Option<Timestamp>,
    /// The level that stands for the benchmark; `None` when it is above every level.
    pub level: Option<LevelReport>,
    /// The machine's ceiling by the same selftest.
    pub ceiling: Option<u32>,
}

impl Accuracy {
    /// For a benchmark with that summary, made on `host`, by that machine's newest selftest.
    pub fn of(host: String, summary: &Summary, selftest: Option<Selftest>) -> Self {
        let concurrency = summary
            .concurrency
            .map_or(1, |concurrency| concurrency.peak);
        let levels = selftest.as_ref().map(|selftest| selftest.levels.as_slice());
        let levels = levels.unwrap_or_default();
        Self {
            host,
            concurrency,
            level: level_for(levels, concurrency).cloned(),
            ceiling: ceiling(levels),
            measured_at: selftest.map(|selftest| selftest.started_at),
        }
    }
}
