//! What a benchmark's page shows, as it stands in the URL.

use domain::bounds::Bounds;
use domain::id::BenchmarkId;
use domain::measure::length_bins::{LENGTH_BINS_DEFAULT, LENGTH_BINS_MAX, LengthSide};
use domain::measure::record::{Outcome, RequestField, RequestPhase};
use domain::requests::{RANGE_FIELDS, RequestQuery};

use crate::query::url_with;
use crate::routes;

/// A part of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResultTab {
    /// Charts.
    #[default]
    Overview,
    /// The request table.
    Requests,
    /// Stages and log.
    Log,
    /// What was measured, where and with what.
    Manifest,
}

impl ResultTab {
    /// All tabs in order.
    pub const ALL: [Self; 4] = [Self::Overview, Self::Requests, Self::Log, Self::Manifest];

    fn as_str(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Requests => "requests",
            Self::Log => "log",
            Self::Manifest => "manifest",
        }
    }

    /// Its name on the page.
    pub fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Requests => "Requests",
            Self::Log => "Log",
            Self::Manifest => "Manifest",
        }
    }
}

/// What the lengths are shown by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthsUrl {
    /// Prompts or answers.
    pub side: LengthSide,
    /// Bins from 0 to the greatest length.
    pub bin_count: u32,
}

impl Default for LengthsUrl {
    fn default() -> Self {
        Self {
            side: LengthSide::default(),
            bin_count: LENGTH_BINS_DEFAULT,
        }
    }
}

/// The whole state of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultUrl {
    /// The open tab.
    pub tab: ResultTab,
    /// What the scatter shows to the right; `None` leaves it to the page.
    pub x: Option<RequestField>,
    /// What the scatter shows upwards.
    pub y: Option<RequestField>,
    /// What the lengths are shown by.
    pub lengths: LengthsUrl,
    /// What the request table shows.
    pub requests: RequestQuery,
}

impl ResultUrl {
    /// Reads URL parameters by name. What cannot be read is left at its default.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let tab =
            get("tab").and_then(|text| ResultTab::ALL.into_iter().find(|tab| tab.as_str() == text));
        let field = |name| get(name).and_then(|text| RequestField::parse(&text));
        let side = get("lengths").and_then(|text| LengthSide::parse(&text));
        let bins = get("bins").and_then(|text| text.parse::<u32>().ok());
        Self {
            tab: tab.unwrap_or_default(),
            x: field("x"),
            y: field("y"),
            lengths: LengthsUrl {
                side: side.unwrap_or_default(),
                bin_count: bins.map_or(LENGTH_BINS_DEFAULT, |bins| bins.clamp(1, LENGTH_BINS_MAX)),
            },
            requests: read_requests(get),
        }
    }

    /// What differs from the default, in a fixed order.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs: Vec<(&'static str, String)> = Vec::new();
        if self.tab != ResultTab::default() {
            pairs.push(("tab", self.tab.as_str().to_owned()));
        }
        for (name, field) in [("x", self.x), ("y", self.y)] {
            if let Some(field) = field {
                pairs.push((name, field.as_str().to_owned()));
            }
        }
        if self.lengths.side != LengthSide::default() {
            pairs.push(("lengths", self.lengths.side.as_str().to_owned()));
        }
        if self.lengths.bin_count != LENGTH_BINS_DEFAULT {
            pairs.push(("bins", self.lengths.bin_count.to_string()));
        }
        let requests = &self.requests;
        match requests.success {
            Some(false) => pairs.push(("failed", "1".to_owned())),
            Some(true) => pairs.push(("answered", "1".to_owned())),
            None => {}
        }
        if let Some(outcome) = requests.outcome {
            pairs.push(("outcome", outcome.as_str().to_owned()));
        }
        if let Some(phase) = requests.phase {
            pairs.push(("phase", phase.as_str().to_owned()));
        }
        for field in RANGE_FIELDS {
            let (bounds, [min, max]) = (requests.range(field), range_names(field));
            let ends = [(min, bounds.min), (max, bounds.max)];
            let ends = ends
                .into_iter()
                .filter_map(|(name, end)| Some((name, end?)));
            pairs.extend(ends.map(|(name, end)| (name, end.to_string())));
        }
        if let Some(field) = requests.sort {
            let sign = if requests.is_descending { "-" } else { "" };
            pairs.push(("sort", format!("{sign}{}", field.as_str())));
        }
        if requests.page > 1 {
            pairs.push(("page", requests.page.to_string()));
        }
        pairs
    }

    /// The address of a benchmark's page in this state.
    pub fn href(&self, id: BenchmarkId) -> String {
        url_with(&routes::benchmark(id), &self.pairs())
    }

    /// The page with another tab open. The request table starts anew, the charts stay.
    #[must_use]
    pub fn with_tab(&self, tab: ResultTab) -> Self {
        Self {
            tab,
            requests: RequestQuery::default(),
            ..self.clone()
        }
    }

    /// The page with the request table in another state.
    #[must_use]
    pub fn with_requests(&self, change: impl FnOnce(&mut RequestQuery)) -> Self {
        let mut url = self.clone();
        change(&mut url.requests);
        url
    }
}

/// The names of the two ends of a field's range.
pub fn range_names(field: RequestField) -> [&'static str; 2] {
    match field {
        RequestField::Ttft => ["ttft_min", "ttft_max"],
        RequestField::Latency => ["latency_min", "latency_max"],
        RequestField::PromptLen => ["prompt_len_min", "prompt_len_max"],
        RequestField::OutputLen => ["output_len_min", "output_len_max"],
        // No form asks for these.
        RequestField::Tpot
        | RequestField::Itl
        | RequestField::ReqOutputThroughput
        | RequestField::SentAt
        | RequestField::QueueDelay => ["", ""],
    }
}

fn read_requests(get: impl Fn(&str) -> Option<String>) -> RequestQuery {
    let success = match (get("failed"), get("answered")) {
        (Some(_), _) => Some(false),
        (None, Some(_)) => Some(true),
        (None, None) => None,
    };
    let mut requests = RequestQuery {
        success,
        outcome: get("outcome").and_then(|text| Outcome::parse(&text)),
        phase: get("phase").and_then(|text| RequestPhase::parse(&text)),
        ..RequestQuery::default()
    };
    for field in RANGE_FIELDS {
        let [min, max] = range_names(field).map(|name| {
            let text = get(name)?;
            Bounds::read_end(&text)
        });
        requests.set_range(field, Bounds { min, max });
    }
    if let Some(text) = get("sort") {
        let (name, is_descending) = text
            .strip_prefix('-')
            .map_or((text.as_str(), false), |name| (name, true));
        requests.sort = RequestField::parse(name);
        requests.is_descending = is_descending && requests.sort.is_some();
    }
    if let Some(page) = get("page").and_then(|text| text.parse::<u32>().ok()) {
        requests.page = page.max(1);
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> ResultUrl {
        ResultUrl::read(|name| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
        })
    }

    #[test]
    fn the_page_round_trips_through_its_address() {
        let id: BenchmarkId = "00000000-0000-0000-0000-000000000007".parse().unwrap();
        let query = "tab=requests&x=prompt_len&y=ttft&failed=1&sort=-latency&page=3";
        let url = read(query);
        assert_eq!(url.href(id), format!("/benchmarks/{id}?{query}"));
        assert!(url.requests.is_descending && url.requests.success == Some(false));
        let overview = url.with_tab(ResultTab::Overview);
        assert_eq!(
            overview.href(id),
            format!("/benchmarks/{id}?x=prompt_len&y=ttft")
        );
    }

    #[test]
    fn lengths_and_filters_stand_in_the_address() {
        let id: BenchmarkId = "00000000-0000-0000-0000-000000000007".parse().unwrap();
        for query in [
            "lengths=output&bins=20",
            "tab=requests&outcome=http_5xx&phase=measured&ttft_min=10.5&ttft_max=20&output_len_max=7",
            "tab=requests&answered=1",
        ] {
            assert_eq!(read(query).href(id), format!("/benchmarks/{id}?{query}"));
        }
        assert_eq!(read("bins=9999").lengths.bin_count, LENGTH_BINS_MAX);
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let url =
            read("tab=nothing&x=odd&sort=-odd&page=0&lengths=odd&bins=x&phase=odd&ttft_min=x");
        assert_eq!(url, ResultUrl::default());
    }
}
