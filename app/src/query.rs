//! Between URL parameters and typed page state.

use std::fmt::Write as _;

use domain::history::HistoryQuery;
use leptos_router::params::ParamsMap;

/// `path?name=value&…`, encoded the same way on the server and in the browser; just `path` without
/// pairs.
pub fn url_with<N: AsRef<str>, V: AsRef<str>>(path: &str, pairs: &[(N, V)]) -> String {
    let mut url = path.to_owned();
    for (place, (name, value)) in pairs.iter().enumerate() {
        url.push(if place == 0 { '?' } else { '&' });
        push_encoded(&mut url, name.as_ref());
        url.push('=');
        push_encoded(&mut url, value.as_ref());
    }
    url
}

fn push_encoded(url: &mut String, text: &str) {
    for byte in text.bytes() {
        // The comma separates values of one parameter and needs no escape in a query.
        if byte.is_ascii_alphanumeric() || b"-._~,".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
}

/// The history's state in the parameters of a URL. A parameter may be repeated.
pub fn history_query(params: &ParamsMap) -> HistoryQuery {
    let values: Vec<(&str, String)> = HistoryQuery::NAMES
        .into_iter()
        .flat_map(|name| {
            let all = params.get_all(name).unwrap_or_default();
            all.into_iter().map(move |value| (name, value))
        })
        .collect();
    HistoryQuery::from_pairs(values.iter().map(|(name, value)| (*name, value.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_encoded_and_read_back() {
        let query = HistoryQuery {
            search: "p99 < 10 % & ä+b".to_owned(),
            tags: vec!["gate".to_owned(), "rag".to_owned()],
            page: 3,
            ..HistoryQuery::default()
        };
        let url = url_with("/", &query.to_pairs());
        assert_eq!(
            url,
            "/?q=p99%20%3C%2010%20%25%20%26%20%C3%A4%2Bb&tag=gate,rag&page=3"
        );
        let params: ParamsMap = query.to_pairs().into_iter().collect();
        assert_eq!(history_query(&params), query);
    }

    #[test]
    fn repeated_parameters_add_up() {
        let params: ParamsMap = [
            ("status", "running".to_owned()),
            ("status", "failed".to_owned()),
        ]
        .into_iter()
        .collect();
        assert_eq!(history_query(&params).status.len(), 2);
        let none: &[(&str, &str)] = &[];
        assert_eq!(url_with("/models", none), "/models");
    }
}
