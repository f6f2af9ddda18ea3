//! What a benchmark's page shows, as it stands in the URL.

use domain::id::BenchmarkId;
use domain::measure::record::RequestField;
use domain::requests::RequestQuery;

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

/// The whole state of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultUrl {
    /// The open tab.
    pub tab: ResultTab,
    /// What the scatter shows to the right; `None` leaves it to the page.
    pub x: Option<RequestField>,
    /// What the scatter shows upwards.
    pub y: Option<RequestField>,
    /// What the request table shows.
    pub requests: RequestQuery,
}

impl ResultUrl {
    /// Reads URL parameters by name. What cannot be read is left at its default.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let tab =
            get("tab").and_then(|text| ResultTab::ALL.into_iter().find(|tab| tab.as_str() == text));
        let field = |name| get(name).and_then(|text| RequestField::parse(&text));
        let mut requests = RequestQuery {
            is_failed_only: get("failed").is_some(),
            ..RequestQuery::default()
        };
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
        Self {
            tab: tab.unwrap_or_default(),
            x: field("x"),
            y: field("y"),
            requests,
        }
    }

    /// The address of a benchmark's page in this state.
    pub fn href(&self, id: BenchmarkId) -> String {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        if self.tab != ResultTab::default() {
            pairs.push(("tab", self.tab.as_str().to_owned()));
        }
        for (name, field) in [("x", self.x), ("y", self.y)] {
            if let Some(field) = field {
                pairs.push((name, field.as_str().to_owned()));
            }
        }
        if self.requests.is_failed_only {
            pairs.push(("failed", "1".to_owned()));
        }
        if let Some(field) = self.requests.sort {
            let sign = if self.requests.is_descending { "-" } else { "" };
            pairs.push(("sort", format!("{sign}{}", field.as_str())));
        }
        if self.requests.page > 1 {
            pairs.push(("page", self.requests.page.to_string()));
        }
        url_with(&routes::benchmark(id), &pairs)
    }

    /// The page with another tab open. The request table starts anew, the scatter stays.
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
        assert!(url.requests.is_descending && url.requests.is_failed_only);
        let overview = url.with_tab(ResultTab::Overview);
        assert_eq!(
            overview.href(id),
            format!("/benchmarks/{id}?x=prompt_len&y=ttft")
        );
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let url = read("tab=nothing&x=odd&sort=-odd&page=0");
        assert_eq!(url, ResultUrl::default());
    }
}
