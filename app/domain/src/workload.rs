//! What is sent: lengths, arrival, stop rule, warm-up, seed.

pub mod arrival;
pub mod budget;
pub mod extra_body;
pub mod lengths;
pub mod prompts;
pub mod seed;
pub mod spend;
pub mod trace;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::finite::Finite;
use crate::slo::Slo;

pub use arrival::Arrival;
pub use budget::{Budget, Reserved};
pub use lengths::LengthSpec;
pub use prompts::{AnswerLengths, PlannedDataset, Prompts};
pub use spend::{ExpectedSpend, SpendLimit, SpendReport, Spending, TokenPrice};

/// Longest ramp in seconds.
pub const RAMP_S_MAX: u32 = 86_400;
/// Longest warm-up in seconds.
pub const WARMUP_S_MAX: u32 = 86_400;

/// How prompts come to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationMethod {
    /// Synthetic prompts of configured lengths.
    Configuration,
    /// Prompts of imported datasets.
    Dataset,
}

impl EvaluationMethod {
    /// The name used in the API and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Dataset => "dataset",
        }
    }

    /// The method of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Configuration, Self::Dataset]
            .into_iter()
            .find(|method| method.as_str() == text)
    }
}

/// The OpenAI-compatible API a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `POST /v1/chat/completions`: messages, the server applies its chat template.
    Chat,
    /// `POST /v1/completions`: the bare prompt.
    Completions,
}

impl Api {
    /// The name used on the command line and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
        }
    }

    /// The API of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Chat, Self::Completions]
            .into_iter()
            .find(|api| api.as_str() == text)
    }
}

/// When the measured part ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum StopRule {
    /// After this many measured requests.
    Requests {
        /// How many.
        count: u32,
    },
    /// After this many seconds; requests in flight then are drained and stand outside the window.
    Duration {
        /// How long.
        seconds: u32,
    },
}

/// The complete description of the traffic. Two runs with equal workloads send the same bytes at
/// the same offsets (closed loop: in the same order).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkloadSpec {
    /// Which API is called.
    pub api: Api,
    /// Where prompts come from. Plans of before datasets have synthetic ones.
    #[serde(default)]
    pub prompts: Prompts,
    /// Tokens of each synthetic prompt; rows of datasets are as long as they are.
    pub input: LengthSpec,
    /// Tokens asked of each answer (`max_tokens`); for rows of datasets see [`AnswerLengths`].
    pub output: LengthSpec,
    /// Tokens at the start of every synthetic prompt that are the same in all of them.
    pub shared_prefix_tokens: u32,
    /// Share of the synthetic prompts that begin with the shared prefix, above 0 to 1.
    #[serde(default = "all_of_them")]
    pub prefix_share: Finite,
    /// When requests are sent.
    pub arrival: Arrival,
    /// Seconds in which the load rises to its full height: in closed loop users join evenly over
    /// them, in open loop the rate rises linearly. They belong to the measured window; its steady state
    /// leaves them out.
    #[serde(default)]
    pub ramp_s: u32,
    /// When the run ends.
    pub stop: StopRule,
    /// Requests before the measured window; their prompts never return, unless a dataset has too
    /// few rows. 0 where the warm-up is by time.
    pub warmup_requests: u32,
    /// Seconds of load before the measured window, in place of a number of requests.
    #[serde(default)]
    pub warmup_s: u32,
    /// Seed of lengths, prompts and arrival times.
    pub seed: u64,
    /// Asks the engine to go on to the full output length (`ignore_eos`).
    pub ignore_eos: bool,
    /// A request without its last byte after this many seconds is a `timeout`.
    pub request_timeout_s: u32,
    /// What the run has to hold.
    #[serde(default)]
    pub slos: Vec<Slo>,
    /// Opens a connection for every request in place of keeping them.
    #[serde(default)]
    pub fresh_connections: bool,
    /// Fields added to the JSON body of every request; see [`extra_body`] for those that may not be.
    #[serde(default)]
    pub extra_body: Map<String, Value>,
    /// The most it sends; a provider's model always has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend_limit: Option<SpendLimit>,
}

/// What workloads of before there was a choice meant.
fn all_of_them() -> Finite {
    Finite::ONE
}

impl Default for WorkloadSpec {
    /// One user, chat, 512 in and 128 out, 100 requests after 4 of warm-up: what the command line
    /// makes without options.
    fn default() -> Self {
        Self {
            api: Api::Chat,
            prompts: Prompts::Synthetic,
            input: LengthSpec::Fixed { tokens: 512 },
            output: LengthSpec::Fixed { tokens: 128 },
            shared_prefix_tokens: 0,
            prefix_share: all_of_them(),
            arrival: Arrival::ClosedLoop { concurrency: 1 },
            ramp_s: 0,
            stop: StopRule::Requests { count: 100 },
            warmup_requests: 4,
            warmup_s: 0,
            seed: 1,
            ignore_eos: false,
            request_timeout_s: 600,
            slos: Vec::new(),
            fresh_connections: false,
            extra_body: Map::new(),
            spend_limit: None,
        }
    }
}

impl WorkloadSpec {
    /// Fewest requests expected in the measured window, for warnings about few samples. `None` in
    /// closed loop with a duration: it depends on the engine.
    pub fn expected_requests(&self) -> Option<u32> {
        match (self.stop, &self.arrival) {
            (StopRule::Requests { count }, Arrival::Trace { request_count, .. }) => {
                Some(count.min(*request_count))
            }
            (StopRule::Requests { count }, _) => Some(count),
            (StopRule::Duration { .. }, Arrival::ClosedLoop { .. }) => None,
            (StopRule::Duration { seconds }, Arrival::OpenLoop { rate_per_s, .. }) => {
                Some(whole(rate_per_s.get() * self.full_rate_s(seconds)))
            }
            (StopRule::Duration { seconds }, Arrival::Trace { request_count, .. }) => {
                let expected = self.arrival.rate_per_s();
                let expected = expected.map(|rate| whole(rate.get() * f64::from(seconds)));
                Some(expected.unwrap_or(u32::MAX).min(*request_count))
            }
        }
    }

    /// Seconds at full rate that bring as many arrivals as the first `seconds` of an open loop do: a
    /// ramp brings half of its own.
    fn full_rate_s(&self, seconds: u32) -> f64 {
        let (seconds, ramp) = (f64::from(seconds), f64::from(self.ramp_s));
        if seconds < ramp {
            seconds * seconds / (2.0 * ramp)
        } else {
            seconds - ramp / 2.0
        }
    }

    /// Seconds that the measured arrivals of a schedule take: of the whole plan in open loop, of the
    /// trace at its speed. `None` in closed loop with a number of requests: it depends on the engine.
    pub fn expected_arrivals_s(&self) -> Option<f64> {
        let count = match (self.stop, &self.arrival) {
            (StopRule::Duration { seconds }, _) => return Some(f64::from(seconds)),
            (StopRule::Requests { .. }, Arrival::ClosedLoop { .. }) => return None,
            (StopRule::Requests { .. }, _) => f64::from(self.expected_requests()?),
        };
        let at_full_rate = count / self.arrival.rate_per_s()?.get();
        let ramp = f64::from(self.ramp_s);
        Some(if at_full_rate < ramp / 2.0 {
            (2.0 * ramp * at_full_rate).sqrt()
        } else {
            at_full_rate + ramp / 2.0
        })
    }

    /// Whether there is a warm-up, by count or by time.
    pub fn has_warmup(&self) -> bool {
        self.warmup_requests > 0 || self.warmup_s > 0
    }

    /// Prompts that the run takes, warm-up included, where that can be told; see
    /// [`Self::expected_requests`].
    pub fn expected_prompts(&self) -> Option<u64> {
        let measured = self.expected_requests()?;
        let warmup = match (self.warmup_s, self.arrival.rate_per_s()) {
            (0, _) => self.warmup_requests,
            (seconds, Some(rate)) => whole(rate.get() * f64::from(seconds)),
            (_, None) => return None,
        };
        Some(u64::from(measured) + u64::from(warmup))
    }

    /// `16 requests`, `30 s` or `none`.
    pub fn warmup_in_words(&self) -> String {
        match (self.warmup_s, self.warmup_requests) {
            (0, 0) => "none".to_owned(),
            (0, 1) => "1 request".to_owned(),
            (0, count) => format!("{count} requests"),
            (seconds, _) => format!("{seconds} s"),
        }
    }

    /// One line such as `closed loop at 64 · 512 in / 256 out · 1,000 requests`.
    pub fn in_words(&self) -> String {
        let stop = match self.stop {
            StopRule::Requests { count } => format!("{count} requests"),
            StopRule::Duration { seconds } => format!("{seconds} s"),
        };
        let ramp = match self.ramp_s {
            0 => String::new(),
            seconds => format!(", ramp of {seconds} s"),
        };
        let prompts = match &self.arrival {
            Arrival::Trace { .. } => "lengths of the trace".to_owned(),
            _ => self.prompts.in_words(self.input, self.output),
        };
        format!("{}{ramp} · {prompts} · {stop}", self.arrival.in_words())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates; the value is positive"
)]
fn whole(value: f64) -> u32 {
    value as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_loop(rate_per_s: u32, stop: StopRule, ramp_s: u32) -> WorkloadSpec {
        WorkloadSpec {
            arrival: Arrival::open_loop(Finite::from(rate_per_s), arrival::ArrivalProcess::Poisson),
            stop,
            ramp_s,
            ..WorkloadSpec::default()
        }
    }

    #[test]
    fn a_ramp_brings_half_its_arrivals() {
        let seconds = |seconds| StopRule::Duration { seconds };
        assert_eq!(open_loop(10, seconds(60), 0).expected_requests(), Some(600));
        assert_eq!(
            open_loop(10, seconds(60), 20).expected_requests(),
            Some(500)
        );
        assert_eq!(open_loop(10, seconds(10), 20).expected_requests(), Some(25));
        let count = StopRule::Requests { count: 500 };
        assert_eq!(open_loop(10, count, 20).expected_arrivals_s(), Some(60.0));
        let few = StopRule::Requests { count: 25 };
        assert_eq!(open_loop(10, few, 20).expected_arrivals_s(), Some(10.0));
        assert_eq!(
            open_loop(10, seconds(60), 20).expected_arrivals_s(),
            Some(60.0)
        );
        assert_eq!(WorkloadSpec::default().expected_arrivals_s(), None);
    }

    #[test]
    fn a_warm_up_by_time_takes_the_prompts_of_its_rate() {
        let mut workload = open_loop(10, StopRule::Requests { count: 100 }, 0);
        assert_eq!(workload.expected_prompts(), Some(104));
        assert_eq!(workload.warmup_in_words(), "4 requests");
        (workload.warmup_requests, workload.warmup_s) = (0, 3);
        assert_eq!(workload.expected_prompts(), Some(130));
        assert_eq!(workload.warmup_in_words(), "3 s");
        workload.arrival = Arrival::ClosedLoop { concurrency: 2 };
        assert_eq!(workload.expected_prompts(), None, "depends on the engine");
    }

    #[test]
    fn a_trace_ends_with_its_rows() {
        let trace = |stop| WorkloadSpec {
            arrival: Arrival::Trace {
                name: "t.csv".to_owned(),
                sha256: String::new(),
                request_count: 101,
                duration_s: Finite::from(100),
                speed: Finite::from(2),
                in_flight_max: None,
            },
            stop,
            ..WorkloadSpec::default()
        };
        let of = |stop| trace(stop).expected_requests();
        assert_eq!(of(StopRule::Requests { count: 50 }), Some(50));
        assert_eq!(of(StopRule::Requests { count: 500 }), Some(101));
        assert_eq!(of(StopRule::Duration { seconds: 10 }), Some(20));
        assert_eq!(of(StopRule::Duration { seconds: 1_000 }), Some(101));
        assert_eq!(
            trace(StopRule::Requests { count: 50 }).in_words(),
            "trace t.csv of 101 requests at 2× · lengths of the trace · 50 requests"
        );
    }

    #[test]
    fn a_workload_stored_before_datasets_has_synthetic_prompts() {
        let stored = r#"{"api":"chat","input":{"kind":"fixed","tokens":8},"output":{"kind":"fixed","tokens":2},
            "shared_prefix_tokens":0,"arrival":{"kind":"closed_loop","concurrency":1},
            "stop":{"kind":"requests","count":1},"warmup_requests":0,"seed":1,"ignore_eos":true,
            "request_timeout_s":60}"#;
        let workload: WorkloadSpec = serde_json::from_str(stored).unwrap();
        let expected = WorkloadSpec {
            input: LengthSpec::Fixed { tokens: 8 },
            output: LengthSpec::Fixed { tokens: 2 },
            stop: StopRule::Requests { count: 1 },
            warmup_requests: 0,
            ignore_eos: true,
            request_timeout_s: 60,
            ..WorkloadSpec::default()
        };
        assert_eq!(workload, expected);
        assert_eq!(
            workload.in_words(),
            "closed loop at 1 · 8 in / 2 out · 1 requests"
        );
    }
}
