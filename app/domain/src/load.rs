//! The contract with the load process (`assay load`): a plan in, events out, one JSON per line.

mod header;

use serde::{Deserialize, Serialize};

pub use header::{HEADERS_MAX, Header};

use crate::finite::Finite;
use crate::measure::summary::Summary;
use crate::workload::WorkloadSpec;

/// Everything the load process needs. The key of the endpoint is not in it: it travels in the
/// environment variable [`API_KEY_VARIABLE`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadPlan {
    /// Version of this contract: [`LOAD_PLAN_VERSION`].
    pub version: u32,
    /// Base URL without the API's path; `/v1` at its end is accepted.
    pub base_url: String,
    /// Name of the model in requests.
    pub model: String,
    /// The traffic.
    pub workload: WorkloadSpec,
    /// A local `tokenizer.json`, or a folder that holds one. Without it the server's `/tokenize` is
    /// tried, then lengths are estimated and marked so.
    pub tokenizer_path: Option<String>,
    /// The file of each dataset of the workload's prompts, in their order: one row a line, as
    /// [`crate::dataset::DatasetRow`]. Its digest must be the planned one.
    #[serde(default)]
    pub dataset_paths: Vec<String>,
    /// The file of the arrival's trace, where it has one. Its digest must be the planned one.
    #[serde(default)]
    pub trace_path: Option<String>,
    /// Headers sent with every request. Their values are read and never written.
    #[serde(default)]
    pub headers: Vec<Header>,
    /// Folder for `requests.parquet` and `result.json`. Created when missing.
    pub out_dir: String,
}

/// The version of [`LoadPlan`] and [`LoadEvent`] this code speaks.
pub const LOAD_PLAN_VERSION: u32 = 3;
/// The oldest version whose plans mean the same today: what came since has a default.
pub const LOAD_PLAN_VERSION_MIN: u32 = 2;
/// Environment variable that carries the endpoint's key to the load process.
pub const API_KEY_VARIABLE: &str = "ASSAY_LOAD_API_KEY";
/// Name of the raw records inside the out folder.
pub const REQUESTS_FILE: &str = "requests.parquet";
/// Name of the result inside the out folder.
pub const RESULT_FILE: &str = "result.json";

/// Where token counts come from, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptSource {
    /// Lengths are exact by the model's tokenizer.
    Tokenizer,
    /// Lengths are exact by the server's `/tokenize`.
    Server,
    /// Prompts are rows of datasets, and lengths are those that were counted when they were
    /// imported.
    Dataset,
    /// Lengths are estimated (about one token per short word): marked on the result.
    Estimate,
}

impl PromptSource {
    /// In words, for pages.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Tokenizer => "exact, by the model's tokenizer",
            Self::Server => "exact, by the server's /tokenize",
            Self::Dataset => "as counted when the datasets were imported",
            Self::Estimate => "estimated: no tokenizer was available",
        }
    }
}

/// Part of the load that is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadPhase {
    /// Requests before the measured window.
    WarmUp,
    /// The measured window.
    Measured,
    /// The deadline has passed; requests in flight finish.
    Drain,
}

/// One line of the load process's output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum LoadEvent {
    /// Prompts are made and connections can be opened.
    Prepared {
        /// How lengths were made exact.
        prompt_source: PromptSource,
        /// Prompts made, warm-up included.
        prompt_count: u32,
    },
    /// A phase began.
    Phase {
        /// Which.
        phase: LoadPhase,
    },
    /// Twice a second: how it stands.
    Live {
        /// The figures.
        sample: LiveSample,
    },
    /// The run ended and both files are written.
    Finished {
        /// SHA-256 of `requests.parquet`, lower-case hex.
        records_sha256: String,
        /// Size of `requests.parquet`.
        records_bytes: u64,
        /// The prompts of the run and their order in one digest: SHA-256 over the prompt digests of
        /// all requests in the order of the plan, each followed by a line feed. Lower-case hex.
        prompts_sha256: String,
        /// The schedule of the measured arrivals in one digest: SHA-256 over their offsets from the
        /// first one in nanoseconds, each as decimal digits followed by a line feed. Lower-case hex;
        /// empty in closed loop.
        #[serde(default)]
        schedule_sha256: String,
        /// Whether it was told to end before its plan did.
        #[serde(default)]
        is_cancelled: bool,
        /// The summary, as in `result.json`.
        summary: Box<Summary>,
    },
    /// The run could not be made or finished.
    Failed {
        /// What happened and what to do.
        reason: String,
    },
}

/// Live aggregates, twice a second. Not evidence: the result is computed from the raw records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveSample {
    /// Seconds since the first request of the run.
    pub t_s: Finite,
    /// The phase at that instant.
    pub phase: LoadPhase,
    /// Requests sent so far, warm-up included.
    pub sent_count: u32,
    /// Answered completely so far.
    pub completed_count: u32,
    /// Failed so far.
    pub failed_count: u32,
    /// In flight now.
    pub in_flight_count: u32,
    /// Output chunks per second since the last sample (about tokens per second).
    pub output_chunks_per_s: Finite,
    /// Median TTFT of requests whose first token came since the last sample.
    pub ttft_p50_ms: Option<Finite>,
    /// 99th percentile of the same.
    pub ttft_p99_ms: Option<Finite>,
    /// Median gap between chunks since the last sample.
    pub itl_p50_ms: Option<Finite>,
    /// How much of the measured part is done, 0 to 1.
    pub done_fraction: Finite,
    /// Seconds left at the present pace, when it can be told.
    pub remaining_s: Option<Finite>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_of_version_2_is_read() {
        let stored = r#"{"version":2,"base_url":"http://a","model":"m","tokenizer_path":null,"out_dir":"o",
            "workload":{"api":"chat","input":{"kind":"fixed","tokens":8},"output":{"kind":"fixed","tokens":2},
            "shared_prefix_tokens":0,"arrival":{"kind":"open_loop","rate_per_s":2,"process":"poisson"},
            "stop":{"kind":"duration","seconds":3},"warmup_requests":0,"seed":1,"ignore_eos":false,
            "request_timeout_s":600}}"#;
        let plan: LoadPlan = serde_json::from_str(stored).unwrap();
        assert!((LOAD_PLAN_VERSION_MIN..=LOAD_PLAN_VERSION).contains(&plan.version));
        assert_eq!((&plan.trace_path, plan.headers.len()), (&None, 0));
        assert_eq!(
            plan.workload.arrival.in_words(),
            "open loop at 2/s (poisson)"
        );
    }
}
