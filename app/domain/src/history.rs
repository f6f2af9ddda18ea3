//! The history: rows, and the query that lives in the URL.

mod order;
mod query;

pub use order::{SORT_TERMS_MAX, SortKey, SortTerm, parse_order};
pub use query::{HistoryQuery, NameFilter, PAGE_SIZES};

use serde::{Deserialize, Serialize};

use crate::catalogue::{EngineIdentity, PendingCleanup};
use crate::finite::Finite;
use crate::id::{BenchmarkId, ClusterId, ModelId, UserId};
use crate::measure::summary::Summary;
use crate::plan::RunPlan;
use crate::reruns::{Purpose, Rerun};
use crate::run::{RunStatus, TakenOver};
use crate::time::Timestamp;

/// One benchmark in the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchmarkRow {
    /// Its id.
    pub id: BenchmarkId,
    /// Name.
    pub name: String,
    /// Where it stands.
    pub status: RunStatus,
    /// Why it failed, in a sentence.
    pub failure: Option<String>,
    /// Whether it is a sample made by demo mode.
    pub is_sample: bool,
    /// Whether it was run against the reference engine.
    pub is_reference: bool,
    /// What its figures are for.
    pub purpose: Purpose,
    /// Its place among the runs of the same plan; `None` for the only one.
    pub rerun: Option<Rerun>,
    /// Whether its engine was kept warm by an earlier run of the group.
    #[serde(default)]
    pub is_warm: bool,
    /// When it was archived; `None` while it is in use.
    pub archived_at: Option<Timestamp>,
    /// The model's name at the time.
    pub model_name: String,
    /// The engine, as the plan or the engine itself names it.
    pub engine_name: String,
    /// The cluster's name at the time.
    pub cluster_name: String,
    /// `cpu`, `gpu` or `endpoint`.
    pub node_type: String,
    /// CPU or accelerator model; empty for an endpoint.
    pub vendor: String,
    /// Asked concurrency; `None` in open loop.
    pub concurrency: Option<u32>,
    /// Asked rate; `None` in closed loop.
    pub rate_per_s: Option<Finite>,
    /// Output throughput in tok/s.
    pub output_tok_per_s: Option<Finite>,
    /// Median TTFT in ms.
    pub ttft_p50_ms: Option<Finite>,
    /// Median TPOT in ms.
    pub tpot_p50_ms: Option<Finite>,
    /// Measured window in seconds.
    pub duration_s: Option<Finite>,
    /// Failed / sent.
    pub error_rate: Option<Finite>,
    /// Tags.
    pub tags: Vec<String>,
    /// Who made it.
    pub owner_id: UserId,
    /// Name of who made it.
    pub owner_name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A page of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// The rows.
    pub rows: Vec<BenchmarkRow>,
    /// How many match in all.
    pub total_count: u32,
    /// Benchmarks that are not terminal, whatever the filters.
    pub active_count: u32,
    /// What filters can choose from.
    pub choices: HistoryChoices,
}

/// What the filters can choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryChoices {
    /// Models with their names.
    pub models: Vec<(ModelId, String)>,
    /// Clusters with their names.
    pub clusters: Vec<(ClusterId, String)>,
    /// Tags in use, most used first, at most 200.
    pub tags: Vec<String>,
    /// Who made benchmarks, with their names.
    pub owners: Vec<(UserId, String)>,
}

/// A benchmark with everything its page shows but the journal and the records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchmarkDetail {
    /// Its id.
    pub id: BenchmarkId,
    /// The confirmed plan.
    pub plan: RunPlan,
    /// Tags as they are now.
    pub tags: Vec<String>,
    /// Where it stands.
    pub status: RunStatus,
    /// Why it failed, in a sentence.
    pub failure: Option<String>,
    /// Place in the queue from 1, when it waits.
    pub queue_position: Option<u32>,
    /// Whether it is a sample made by demo mode.
    pub is_sample: bool,
    /// What its figures are for.
    pub purpose: Purpose,
    /// Its place among the runs of the same plan; `None` for the only one.
    pub rerun: Option<Rerun>,
    /// When it was archived; `None` while it is in use.
    pub archived_at: Option<Timestamp>,
    /// Who made it.
    pub owner_id: UserId,
    /// Name of who made it.
    pub owner_name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// What could not be cleaned up at its end: pending, or done since. The oldest first.
    #[serde(default)]
    pub late_cleanups: Vec<PendingCleanup>,
    /// The result, when there is one.
    pub result: Option<BenchmarkResult>,
}

/// A stored result: written once and never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchmarkResult {
    /// The figures.
    pub summary: Summary,
    /// What was measured, where, with what.
    pub manifest: Manifest,
    /// Size of the raw records in bytes.
    pub records_bytes: u64,
}

/// What was measured, where and with what, frozen with the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Edition of the metric definitions.
    pub metrics_version: u32,
    /// Version of the client (this product).
    pub client_version: String,
    /// What the engine said it is.
    pub engine: Option<EngineIdentity>,
    /// Models the engine said it serves.
    pub served_models: Vec<String>,
    /// The command that was started, when the runner started it. Secrets are not in it.
    pub engine_command: Option<String>,
    /// The runs the engine comes from, when it was kept warm; `None`: it was started for this run, or by
    /// nobody here.
    #[serde(default)]
    pub taken_over: Option<TakenOver>,
    /// Where the load came from: host name of the runner.
    pub load_from: String,
    /// The round trip of the SSH link that requests went through, in microseconds; `None`: they went
    /// through none.
    #[serde(default)]
    pub round_trip_us: Option<u64>,
    /// The confirmed plan: workload, seed, model, cluster, nodes with their inventory.
    pub plan: RunPlan,
    /// SHA-256 of the raw records, lower-case hex.
    pub records_sha256: String,
    /// The prompts of the run and their order in one digest, warm-up included: two runs that sent
    /// the same prompts in the same order have the same one. `None` in results of before.
    #[serde(default)]
    pub prompts_sha256: Option<String>,
    /// When the run began.
    pub started_at: Timestamp,
    /// When the load ended.
    pub ended_at: Timestamp,
}
