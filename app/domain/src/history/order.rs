//! The order of the history.

use std::fmt;

use serde::{Deserialize, Serialize};

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

/// Most keys of an order.
pub const SORT_TERMS_MAX: usize = 3;

/// One key of an order, with its direction. Rows without a value come last in either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortTerm {
    /// The column.
    pub key: SortKey,
    /// Whether largest or newest come first.
    pub is_descending: bool,
}

impl SortTerm {
    /// `ttft` for smallest first, `-ttft` for largest first.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, is_descending) = text
            .strip_prefix('-')
            .map_or((text, false), |name| (name, true));
        let key = SortKey::parse(name)?;
        Some(Self { key, is_descending })
    }
}

impl fmt::Display for SortTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_descending { "-" } else { "" };
        write!(f, "{sign}{}", self.key.as_str())
    }
}

/// An order such as `status,-ttft`: 1 to [`SORT_TERMS_MAX`] different keys, the first the most
/// important. Says what is wrong with another text.
pub fn parse_order(text: &str) -> Result<Vec<SortTerm>, String> {
    let mut order: Vec<SortTerm> = Vec::new();
    for name in text.split(',').map(str::trim) {
        let term = SortTerm::parse(name).ok_or_else(|| {
            let known: Vec<&str> = SortKey::ALL.into_iter().map(SortKey::as_str).collect();
            format!(
                "“{name}” is no key to sort by. Use {}, each with a “-” before it for the reverse.",
                known.join(", ")
            )
        })?;
        if order.iter().any(|other| other.key == term.key) {
            return Err(format!(
                "Give each key once: “{}” stands twice.",
                term.key.as_str()
            ));
        }
        order.push(term);
    }
    if order.len() > SORT_TERMS_MAX {
        return Err(format!(
            "Sort by at most {SORT_TERMS_MAX} keys: {} given.",
            order.len()
        ));
    }
    Ok(order)
}

/// The order unless told otherwise.
pub(super) const NEWEST_FIRST: SortTerm = SortTerm {
    key: SortKey::Created,
    is_descending: true,
};

/// The readable, different keys of an order in a URL.
pub(super) fn read_order(text: &str) -> Vec<SortTerm> {
    let mut order: Vec<SortTerm> = Vec::new();
    for term in text.split(',').filter_map(SortTerm::parse) {
        if order.iter().all(|other| other.key != term.key) {
            order.push(term);
        }
    }
    order.truncate(SORT_TERMS_MAX);
    order
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn any_order() -> impl Strategy<Value = Vec<SortTerm>> {
        let keys = prop::sample::subsequence(SortKey::ALL.to_vec(), 1..=SORT_TERMS_MAX);
        (keys.prop_shuffle(), any::<[bool; SORT_TERMS_MAX]>()).prop_map(|(keys, directions)| {
            keys.into_iter()
                .zip(directions)
                .map(|(key, is_descending)| SortTerm { key, is_descending })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn an_order_is_read_as_it_is_written(order in any_order()) {
            let text: Vec<String> = order.iter().map(ToString::to_string).collect();
            prop_assert_eq!(parse_order(&text.join(",")), Ok(order));
        }
    }

    #[test]
    fn an_order_that_cannot_be_followed_says_why() {
        let message = |text| parse_order(text).unwrap_err();
        assert!(message("speed").contains("“speed” is no key to sort by"));
        assert!(message("").contains("no key"));
        assert!(message("ttft,-ttft").contains("stands twice"));
        assert!(message("ttft,tpot,name,status").contains("at most 3 keys: 4 given"));
    }
}
