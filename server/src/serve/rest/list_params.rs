//! The parameters of the history, in the reference's names.

use domain::bounds::Bounds;
use domain::finite::Finite;
use domain::history::{HistoryQuery, NameFilter, SORT_TERMS_MAX, SortKey, SortTerm};
use domain::run::RunStatus;
use serde::Deserialize;
use utoipa::IntoParams;

use super::things::{RunStatusWord, StatusWord};

/// Rows of a page when nothing is asked for.
const LIMIT_DEFAULT: u32 = 10;

/// Names of the columns in `order_by`.
const COLUMNS: [(&str, SortKey); 11] = [
    ("created_at", SortKey::Created),
    ("name", SortKey::Name),
    ("status", SortKey::Status),
    ("model_name", SortKey::Model),
    ("cluster_name", SortKey::Cluster),
    ("concurrency", SortKey::Concurrency),
    ("throughput", SortKey::Throughput),
    ("ttft", SortKey::Ttft),
    ("tpot", SortKey::Tpot),
    ("duration", SortKey::Duration),
    ("error_rate", SortKey::ErrorRate),
];

/// What to show of the history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParams {
    /// Page from 1; 1 when absent.
    #[param(minimum = 1, maximum = 1_000_000, example = 1)]
    page: Option<u32>,
    /// Rows of a page; 10 when absent.
    #[param(minimum = 1, maximum = 100, example = 10)]
    limit: Option<u32>,
    /// Whether `name`, `model` and `cluster` may be a part of the name; absent, they are the whole.
    search: Option<bool>,
    /// Words looked for in name, description, tags and id.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Name of the benchmark, in any case.
    #[param(max_length = 200)]
    name: Option<String>,
    /// Only these, in the reference's words. May be repeated.
    #[param(inline)]
    status: Option<Vec<StatusWord>>,
    /// Also these, exactly. May be repeated.
    #[param(inline)]
    run_status: Option<Vec<RunStatusWord>>,
    /// Id or name of the model.
    #[param(max_length = 300)]
    model: Option<String>,
    /// Id or name of the cluster.
    #[param(max_length = 300)]
    cluster: Option<String>,
    /// Only benchmarks with every one of these tags. May be repeated.
    #[param(max_items = 20)]
    tags: Option<Vec<String>>,
    /// Smallest asked concurrency. A range leaves out open loops.
    #[param(minimum = 1, maximum = 10_000)]
    min_concurrency: Option<u32>,
    /// Largest asked concurrency.
    #[param(minimum = 1, maximum = 10_000)]
    max_concurrency: Option<u32>,
    /// Smallest median time to first token in milliseconds. A range leaves out benchmarks without one.
    #[param(minimum = 0)]
    min_ttft: Option<f64>,
    /// Largest median time to first token in milliseconds.
    #[param(minimum = 0)]
    max_ttft: Option<f64>,
    /// Smallest median time per output token in milliseconds.
    #[param(minimum = 0)]
    min_tpot: Option<f64>,
    /// Largest median time per output token in milliseconds.
    #[param(minimum = 0)]
    max_tpot: Option<f64>,
    /// At most three columns separated by commas, each with `-` before it for largest or newest first.
    #[param(
        max_length = 200,
        pattern = "^-?(created_at|name|status|model_name|cluster_name|concurrency|throughput|ttft|tpot|duration|error_rate)(,-?(created_at|name|status|model_name|cluster_name|concurrency|throughput|ttft|tpot|duration|error_rate)){0,2}$",
        example = "-created_at,name"
    )]
    order_by: Option<String>,
}

impl ListParams {
    /// The history's own query.
    pub(super) fn to_query(&self) -> HistoryQuery {
        let mut query = HistoryQuery {
            page: self.page.unwrap_or(1),
            page_size: self.limit.unwrap_or(LIMIT_DEFAULT),
            search: self.q.clone().unwrap_or_default(),
            status: self.statuses(),
            tags: self
                .tags
                .iter()
                .flatten()
                .map(|tag| tag.trim().to_lowercase())
                .collect(),
            ..HistoryQuery::default()
        };
        let is_part = self.search.unwrap_or(false);
        let name_filter = |text: &String| NameFilter {
            text: text.clone(),
            is_part,
        };
        query.name = self.name.as_ref().map(name_filter);
        if let Some(model) = &self.model {
            match model.parse() {
                Ok(id) => query.model = Some(id),
                Err(_) => query.model_name = Some(name_filter(model)),
            }
        }
        if let Some(cluster) = &self.cluster {
            match cluster.parse() {
                Ok(id) => query.cluster = Some(id),
                Err(_) => query.cluster_name = Some(name_filter(cluster)),
            }
        }
        let number = |end: Option<f64>| end.and_then(Finite::new);
        let whole = |end: Option<u32>| end.map(Finite::from);
        query.concurrency = Bounds {
            min: whole(self.min_concurrency),
            max: whole(self.max_concurrency),
        };
        query.ttft_ms = Bounds {
            min: number(self.min_ttft),
            max: number(self.max_ttft),
        };
        query.tpot_ms = Bounds {
            min: number(self.min_tpot),
            max: number(self.max_tpot),
        };
        if let Some(text) = &self.order_by {
            query.order = sorts_of(text);
        }
        query
    }

    /// The statuses that are named in either kind of words.
    fn statuses(&self) -> Vec<RunStatus> {
        let is_named = |status: &RunStatus| {
            let in_words = |words: &Vec<StatusWord>| words.contains(&StatusWord::of(*status));
            let exactly = |words: &Vec<RunStatusWord>| words.contains(&(*status).into());
            self.status.as_ref().is_some_and(in_words)
                || self.run_status.as_ref().is_some_and(exactly)
        };
        RunStatus::ALL.into_iter().filter(is_named).collect()
    }
}

fn sorts_of(text: &str) -> Vec<SortTerm> {
    let parts = text.split(',');
    let read = parts.filter_map(|part| {
        let name = part.trim_start_matches('-');
        let (_, key) = COLUMNS.iter().find(|(column, _)| *column == name)?;
        Some(SortTerm {
            key: *key,
            is_descending: part.starts_with('-'),
        })
    });
    read.take(SORT_TERMS_MAX).collect()
}
