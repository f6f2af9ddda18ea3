//! The history: rows, and the query that lives in the URL.

use serde::{Deserialize, Serialize};

use crate::catalogue::EngineIdentity;
use crate::finite::Finite;
use crate::id::{BenchmarkId, ClusterId, ModelId};
use crate::measure::summary::Summary;
use crate::plan::RunPlan;
use crate::run::RunStatus;
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
}

/// Columns the history can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortKey {
    /// When it was made.
    #[default]
    Created,
    /// Name.
    Name,
    /// Status.
    Status,
    /// Model.
    Model,
    /// Cluster.
    Cluster,
    /// Concurrency.
    Concurrency,
    /// Output throughput.
    Throughput,
    /// Median TTFT.
    Ttft,
    /// Median TPOT.
    Tpot,
    /// Duration.
    Duration,
    /// Error rate.
    ErrorRate,
}

impl SortKey {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Created,
        Self::Name,
        Self::Status,
        Self::Model,
        Self::Cluster,
        Self::Concurrency,
        Self::Throughput,
        Self::Ttft,
        Self::Tpot,
        Self::Duration,
        Self::ErrorRate,
    ];

    /// The name in the URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Name => "name",
            Self::Status => "status",
            Self::Model => "model",
            Self::Cluster => "cluster",
            Self::Concurrency => "concurrency",
            Self::Throughput => "throughput",
            Self::Ttft => "ttft",
            Self::Tpot => "tpot",
            Self::Duration => "duration",
            Self::ErrorRate => "error_rate",
        }
    }

    /// The key of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.as_str() == text)
    }
}

/// Page sizes a person can choose.
pub const PAGE_SIZES: [u32; 3] = [25, 50, 100];

/// What the history shows: the whole state of the page, as it stands in the URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryQuery {
    /// Words searched in name, description, tags and id; empty for all.
    pub search: String,
    /// Only these; empty for all.
    pub status: Vec<RunStatus>,
    /// Only this model.
    pub model: Option<ModelId>,
    /// Only this cluster.
    pub cluster: Option<ClusterId>,
    /// Only benchmarks with every one of these tags.
    pub tags: Vec<String>,
    /// Sort column.
    pub sort: SortKey,
    /// Whether largest or newest come first. Rows without a value always come last.
    pub is_descending: bool,
    /// Page from 1.
    pub page: u32,
    /// Rows of a page, one of [`PAGE_SIZES`].
    pub page_size: u32,
    /// What only the API can ask for; it does not stand in the URL.
    pub further: FurtherQuery,
}

/// What the API can ask the history for beyond what its page offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FurtherQuery {
    /// Only benchmarks of this name.
    pub name: Option<NameFilter>,
    /// Only benchmarks of a model that had this name.
    pub model_name: Option<NameFilter>,
    /// Only benchmarks on a cluster that had this name.
    pub cluster_name: Option<NameFilter>,
    /// Columns for rows that the first one leaves equal, each with whether largest come first.
    pub then_by: Vec<(SortKey, bool)>,
}

/// A name, in any case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameFilter {
    /// The name, or a part of it.
    pub text: String,
    /// Whether a part is enough.
    pub is_part: bool,
}

impl Default for HistoryQuery {
    fn default() -> Self {
        Self {
            search: String::new(),
            status: Vec::new(),
            model: None,
            cluster: None,
            tags: Vec::new(),
            sort: SortKey::Created,
            is_descending: true,
            page: 1,
            page_size: 25,
            further: FurtherQuery::default(),
        }
    }
}

/// Most characters of a search.
const SEARCH_CHARS_MAX: usize = 200;

impl HistoryQuery {
    /// From URL parameters (decoded pairs). Unknown names and unreadable values are left out: a
    /// link made by a newer version still shows something.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut query = Self::default();
        for (name, value) in pairs {
            match name {
                "q" => query.search = value.trim().chars().take(SEARCH_CHARS_MAX).collect(),
                "status" => query
                    .status
                    .extend(value.split(',').filter_map(RunStatus::parse)),
                "model" => query.model = value.parse().ok(),
                "cluster" => query.cluster = value.parse().ok(),
                "tag" => query
                    .tags
                    .extend(crate::field::parse_tags(value).unwrap_or_default()),
                "sort" => {
                    let (key, is_descending) = value
                        .strip_prefix('-')
                        .map_or((value, false), |key| (key, true));
                    if let Some(key) = SortKey::parse(key) {
                        (query.sort, query.is_descending) = (key, is_descending);
                    }
                }
                "page" => query.page = value.parse().unwrap_or(1).clamp(1, 1_000_000),
                "size" => {
                    let size = value.parse().unwrap_or(25);
                    query.page_size = if PAGE_SIZES.contains(&size) { size } else { 25 };
                }
                _ => {}
            }
        }
        query
    }

    /// The URL parameters that differ from the default, in a fixed order, not yet encoded.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let default = Self::default();
        let mut pairs = Vec::new();
        if !self.search.is_empty() {
            pairs.push(("q", self.search.clone()));
        }
        if !self.status.is_empty() {
            let names: Vec<&str> = self.status.iter().map(|status| status.as_str()).collect();
            pairs.push(("status", names.join(",")));
        }
        if let Some(model) = self.model {
            pairs.push(("model", model.to_string()));
        }
        if let Some(cluster) = self.cluster {
            pairs.push(("cluster", cluster.to_string()));
        }
        if !self.tags.is_empty() {
            pairs.push(("tag", self.tags.join(",")));
        }
        if (self.sort, self.is_descending) != (default.sort, default.is_descending) {
            let sign = if self.is_descending { "-" } else { "" };
            pairs.push(("sort", format!("{sign}{}", self.sort.as_str())));
        }
        if self.page != default.page {
            pairs.push(("page", self.page.to_string()));
        }
        if self.page_size != default.page_size {
            pairs.push(("size", self.page_size.to_string()));
        }
        pairs
    }

    /// Whether any filter is set (sorting and paging are none).
    pub fn is_filtered(&self) -> bool {
        !self.search.is_empty()
            || !self.status.is_empty()
            || self.model.is_some()
            || self.cluster.is_some()
            || !self.tags.is_empty()
    }
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
    /// Place in the queue from 1, when it waits.
    pub queue_position: Option<u32>,
    /// Whether it is a sample made by demo mode.
    pub is_sample: bool,
    /// Name of who made it.
    pub owner_name: String,
    /// When it was made.
    pub created_at: Timestamp,
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
    /// Where the load came from: host name of the runner.
    pub load_from: String,
    /// The confirmed plan: workload, seed, model, cluster, nodes with their inventory.
    pub plan: RunPlan,
    /// SHA-256 of the raw records, lower-case hex.
    pub records_sha256: String,
    /// When the run began.
    pub started_at: Timestamp,
    /// When the load ended.
    pub ended_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_query() -> impl Strategy<Value = HistoryQuery> {
        (
            "[a-z0-9äö&=%+ ]{0,12}",
            prop::sample::subsequence(RunStatus::ALL.to_vec(), 0..4),
            prop::option::of(any::<u128>()),
            prop::collection::btree_set("[a-z0-9:]{1,6}", 0..3),
            prop::sample::select(SortKey::ALL.to_vec()),
            any::<bool>(),
            1u32..50,
            prop::sample::select(PAGE_SIZES.to_vec()),
        )
            .prop_map(
                |(search, status, model, tags, sort, is_descending, page, page_size)| {
                    HistoryQuery {
                        search: search.trim().to_owned(),
                        status,
                        model: model.map(|bits| ModelId(uuid::Uuid::from_u128(bits))),
                        cluster: None,
                        tags: tags.into_iter().collect(),
                        sort,
                        is_descending,
                        page,
                        page_size,
                        further: FurtherQuery::default(),
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn a_query_round_trips_through_the_url(query in any_query()) {
            let pairs = query.to_pairs();
            let read = HistoryQuery::from_pairs(pairs.iter().map(|(name, value)| (*name, value.as_str())));
            prop_assert_eq!(read, query);
        }
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let pairs = [
            ("page", "x"),
            ("size", "7"),
            ("sort", "-nothing"),
            ("status", "odd"),
            ("z", "1"),
        ];
        assert_eq!(HistoryQuery::from_pairs(pairs), HistoryQuery::default());
    }
}
