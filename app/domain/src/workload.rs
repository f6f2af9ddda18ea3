//! What is sent: lengths, arrival, stop rule, warm-up, seed.

pub mod arrival;
pub mod lengths;
pub mod prompts;

use serde::{Deserialize, Serialize};

pub use arrival::Arrival;
pub use lengths::LengthSpec;
pub use prompts::{AnswerLengths, PlannedDataset, Prompts};

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
    /// When requests are sent.
    pub arrival: Arrival,
    /// When the run ends.
    pub stop: StopRule,
    /// Requests before the measured window; their prompts never return, unless a dataset has too
    /// few rows.
    pub warmup_requests: u32,
    /// Seed of lengths, prompts and arrival times.
    pub seed: u64,
    /// Asks the engine to go on to the full output length (`ignore_eos`).
    pub ignore_eos: bool,
    /// A request without its last byte after this many seconds is a `timeout`.
    pub request_timeout_s: u32,
}

impl WorkloadSpec {
    /// Fewest requests expected in the measured window, for warnings about few samples. `None` in
    /// closed loop with a duration: it depends on the engine.
    pub fn expected_requests(&self) -> Option<u32> {
        match (self.stop, &self.arrival) {
            (StopRule::Requests { count }, _) => Some(count),
            (StopRule::Duration { seconds }, Arrival::OpenLoop { rate_per_s, .. }) =>
            {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "`as` saturates; the rate is positive"
                )]
                Some((rate_per_s.get() * f64::from(seconds)) as u32)
            }
            (StopRule::Duration { .. }, Arrival::ClosedLoop { .. }) => None,
        }
    }

    /// Prompts that the run takes, warm-up included, where that can be told; see
    /// [`Self::expected_requests`].
    pub fn expected_prompts(&self) -> Option<u64> {
        let measured = self.expected_requests()?;
        Some(u64::from(measured) + u64::from(self.warmup_requests))
    }

    /// One line such as `closed loop at 64 · 512 in / 256 out · 1,000 requests`.
    pub fn in_words(&self) -> String {
        let stop = match self.stop {
            StopRule::Requests { count } => format!("{count} requests"),
            StopRule::Duration { seconds } => format!("{seconds} s"),
        };
        format!(
            "{} · {} · {stop}",
            self.arrival.in_words(),
            self.prompts.in_words(self.input, self.output)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_stored_before_datasets_has_synthetic_prompts() {
        let stored = r#"{"api":"chat","input":{"kind":"fixed","tokens":8},"output":{"kind":"fixed","tokens":2},
            "shared_prefix_tokens":0,"arrival":{"kind":"closed_loop","concurrency":1},
            "stop":{"kind":"requests","count":1},"warmup_requests":0,"seed":1,"ignore_eos":true,
            "request_timeout_s":60}"#;
        let workload: WorkloadSpec = serde_json::from_str(stored).unwrap();
        assert_eq!(workload.prompts, Prompts::Synthetic);
        assert_eq!(
            workload.in_words(),
            "closed loop at 1 · 8 in / 2 out · 1 requests"
        );
    }
}
