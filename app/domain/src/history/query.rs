//! What the history shows: filters, order, page.

use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::order::SORT_TERMS_MAX;
use super::order::{NEWEST_FIRST, SortKey, SortTerm, read_order};
use crate::bounds::Bounds;
use crate::catalogue::Shown;
use crate::id::{ClusterId, ModelId, RerunGroupId, UserId};
use crate::reruns::Purpose;
use crate::run::RunStatus;

/// Page sizes a person can choose.
pub const PAGE_SIZES: [u32; 3] = [25, 50, 100];

/// A name that is looked for, whatever the case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameFilter {
    /// The name, or a part of it.
    pub text: String,
    /// Whether a part is enough.
    pub is_part: bool,
}

impl NameFilter {
    /// What contains a text; `None` for an empty one, which everything contains.
    pub fn part(text: &str) -> Option<Self> {
        let text: String = text.trim().chars().take(SEARCH_CHARS_MAX).collect();
        (!text.is_empty()).then_some(Self {
            text,
            is_part: true,
        })
    }
}

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
    /// Only benchmarks of this name, or with it as a part of theirs.
    pub name: Option<NameFilter>,
    /// Only benchmarks of a model that had this name. Not in the URL.
    pub model_name: Option<NameFilter>,
    /// Only benchmarks on a cluster that had this name. Not in the URL.
    pub cluster_name: Option<NameFilter>,
    /// Only this purpose.
    pub purpose: Option<Purpose>,
    /// Only those in use, only archived ones, or both.
    pub shown: Shown,
    /// Only benchmarks this person made.
    pub owner: Option<UserId>,
    /// Only the runs of one group.
    pub group: Option<RerunGroupId>,
    /// Asked concurrency. A range leaves out open loops.
    pub concurrency: Bounds,
    /// Median TTFT in ms. A range leaves out benchmarks without one.
    pub ttft_ms: Bounds,
    /// Median TPOT in ms.
    pub tpot_ms: Bounds,
    /// Output throughput in tok/s.
    pub output_tok_per_s: Bounds,
    /// The order, at most [`SORT_TERMS_MAX`] keys; none is the same as newest first. Equal rows go by
    /// age, in the direction of the first key.
    pub order: Vec<SortTerm>,
    /// Page from 1.
    pub page: u32,
    /// Rows of a page, one of [`PAGE_SIZES`].
    pub page_size: u32,
}

impl Default for HistoryQuery {
    fn default() -> Self {
        Self {
            search: String::new(),
            status: Vec::new(),
            model: None,
            cluster: None,
            tags: Vec::new(),
            name: None,
            model_name: None,
            cluster_name: None,
            purpose: None,
            shown: Shown::InUse,
            owner: None,
            group: None,
            concurrency: Bounds::default(),
            ttft_ms: Bounds::default(),
            tpot_ms: Bounds::default(),
            output_tok_per_s: Bounds::default(),
            order: vec![NEWEST_FIRST],
            page: 1,
            page_size: 25,
        }
    }
}

/// Most characters of a search.
const SEARCH_CHARS_MAX: usize = 200;

impl HistoryQuery {
    /// Every name of a parameter in the URL.
    pub const NAMES: [&str; 21] = [
        "q",
        "status",
        "model",
        "cluster",
        "tag",
        "name",
        "purpose",
        "shown",
        "owner",
        "group",
        "concurrency_min",
        "concurrency_max",
        "ttft_min",
        "ttft_max",
        "tpot_min",
        "tpot_max",
        "throughput_min",
        "throughput_max",
        "sort",
        "page",
        "size",
    ];

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
                "name" => query.name = NameFilter::part(value),
                "purpose" => query.purpose = Purpose::parse(value),
                "shown" => query.shown = Shown::parse(value).unwrap_or_default(),
                "owner" => query.owner = value.parse().ok(),
                "group" => query.group = value.parse().ok(),
                "sort" => {
                    let order = read_order(value);
                    if !order.is_empty() {
                        query.order = order;
                    }
                }
                "page" => query.page = value.parse().unwrap_or(1).clamp(1, 1_000_000),
                "size" => {
                    let size = value.parse().unwrap_or(25);
                    query.page_size = if PAGE_SIZES.contains(&size) { size } else { 25 };
                }
                _ => query.read_bound(name, value),
            }
        }
        query
    }

    fn read_bound(&mut self, name: &str, value: &str) {
        let (Some((range, end)), value) = (name.rsplit_once('_'), Bounds::read_end(value)) else {
            return;
        };
        let bounds = match range {
            "concurrency" => &mut self.concurrency,
            "ttft" => &mut self.ttft_ms,
            "tpot" => &mut self.tpot_ms,
            "throughput" => &mut self.output_tok_per_s,
            _ => return,
        };
        match end {
            "min" => bounds.min = value,
            "max" => bounds.max = value,
            _ => {}
        }
    }

    /// The ranges with the names of their ends in the URL.
    pub fn ranges(&self) -> [(&'static str, &'static str, Bounds); 4] {
        [
            ("concurrency_min", "concurrency_max", self.concurrency),
            ("ttft_min", "ttft_max", self.ttft_ms),
            ("tpot_min", "tpot_max", self.tpot_ms),
            ("throughput_min", "throughput_max", self.output_tok_per_s),
        ]
    }

    /// The key the rows are sorted by first.
    pub fn first_term(&self) -> SortTerm {
        self.order.first().copied().unwrap_or(NEWEST_FIRST)
    }

    /// The first page in another order.
    #[must_use]
    pub fn sorted_by(&self, key: SortKey, is_descending: bool) -> Self {
        Self {
            order: vec![SortTerm { key, is_descending }],
            page: 1,
            ..self.clone()
        }
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
        if let Some(name) = self.name.as_ref().filter(|name| name.is_part) {
            pairs.push(("name", name.text.clone()));
        }
        if let Some(purpose) = self.purpose {
            pairs.push(("purpose", purpose.as_str().to_owned()));
        }
        if self.shown != default.shown {
            pairs.push(("shown", self.shown.as_str().to_owned()));
        }
        if let Some(owner) = self.owner {
            pairs.push(("owner", owner.to_string()));
        }
        if let Some(group) = self.group {
            pairs.push(("group", group.to_string()));
        }
        for (min_name, max_name, bounds) in self.ranges() {
            let ends = [(min_name, bounds.min), (max_name, bounds.max)];
            let ends = ends
                .into_iter()
                .filter_map(|(name, end)| Some((name, end?)));
            pairs.extend(ends.map(|(name, end)| (name, end.to_string())));
        }
        if !self.order.is_empty() && self.order != default.order {
            let terms: Vec<String> = self.order.iter().map(ToString::to_string).collect();
            pairs.push(("sort", terms.join(",")));
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
            || self.name.is_some()
            || self.model_name.is_some()
            || self.cluster_name.is_some()
            || self.purpose.is_some()
            || self.shown != Shown::InUse
            || self.owner.is_some()
            || self.group.is_some()
            || self.ranges().iter().any(|(_, _, bounds)| !bounds.is_open())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::order::tests::any_order;
    use super::*;
    use crate::finite::Finite;

    fn any_bounds() -> impl Strategy<Value = Bounds> {
        let end = || prop::option::of((-1e6f64..1e6).prop_map(|value| Finite::new(value).unwrap()));
        (end(), end()).prop_map(|(min, max)| Bounds { min, max })
    }

    fn any_filters() -> impl Strategy<Value = HistoryQuery> {
        let id = || prop::option::of(any::<u128>().prop_map(uuid::Uuid::from_u128));
        (
            "[a-z0-9äö&=%+ ]{0,12}",
            prop::sample::subsequence(RunStatus::ALL.to_vec(), 0..4),
            (id(), id(), id(), id()),
            prop::collection::btree_set("[a-z0-9:]{1,6}", 0..3),
            "[a-z0-9äö,&=%+ ]{0,12}",
            prop::option::of(prop::sample::select(Purpose::ALL.to_vec())),
            prop::sample::select(Shown::ALL.to_vec()),
        )
            .prop_map(
                |(search, status, (model, cluster, owner, group), tags, name, purpose, shown)| {
                    HistoryQuery {
                        search: search.trim().to_owned(),
                        status,
                        model: model.map(ModelId),
                        cluster: cluster.map(ClusterId),
                        tags: tags.into_iter().collect(),
                        name: NameFilter::part(&name),
                        purpose,
                        shown,
                        owner: owner.map(UserId),
                        group: group.map(RerunGroupId),
                        ..HistoryQuery::default()
                    }
                },
            )
    }

    fn any_query() -> impl Strategy<Value = HistoryQuery> {
        (
            any_filters(),
            [any_bounds(), any_bounds(), any_bounds(), any_bounds()],
            any_order(),
            1u32..50,
            prop::sample::select(PAGE_SIZES.to_vec()),
        )
            .prop_map(|(filters, ranges, order, page, page_size)| {
                let [concurrency, ttft_ms, tpot_ms, output_tok_per_s] = ranges;
                HistoryQuery {
                    concurrency,
                    ttft_ms,
                    tpot_ms,
                    output_tok_per_s,
                    order,
                    page,
                    page_size,
                    ..filters
                }
            })
    }

    proptest! {
        #[test]
        fn a_query_round_trips_through_the_url(query in any_query()) {
            let pairs = query.to_pairs();
            let read = HistoryQuery::from_pairs(pairs.iter().map(|(name, value)| (*name, value.as_str())));
            prop_assert_eq!(read, query);
            for (name, _) in pairs {
                prop_assert!(HistoryQuery::NAMES.contains(&name), "{name} is named");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let pairs = [
            ("page", "x"),
            ("size", "7"),
            ("sort", "-nothing"),
            ("status", "odd"),
            ("purpose", "fun"),
            ("shown", "hidden"),
            ("ttft_min", "quick"),
            ("ttft_mid", "5"),
            ("z", "1"),
        ];
        assert_eq!(HistoryQuery::from_pairs(pairs), HistoryQuery::default());
    }
}
