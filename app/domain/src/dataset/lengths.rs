//! Token lengths of a dataset: exact counts, and what pages show of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::measure::histogram::Histogram;
use crate::measure::quantile::Distribution;

/// How many rows have each length: exact, and small, because few lengths differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u32, u32)>", into = "Vec<(u32, u32)>")]
pub struct LengthCounts(BTreeMap<u32, u32>);

impl From<Vec<(u32, u32)>> for LengthCounts {
    fn from(pairs: Vec<(u32, u32)>) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl From<LengthCounts> for Vec<(u32, u32)> {
    fn from(counts: LengthCounts) -> Self {
        counts.0.into_iter().collect()
    }
}

impl LengthCounts {
    /// Counts a row of so many tokens.
    pub fn add(&mut self, tokens: u32) {
        let count = self.0.entry(tokens).or_default();
        *count = count.saturating_add(1);
    }

    /// Lengths in ascending order, each with its number of rows.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.0.iter().map(|(tokens, count)| (*tokens, *count))
    }

    /// Every row's length, ascending.
    fn sorted(&self) -> Vec<f64> {
        self.iter()
            .flat_map(|(tokens, count)| std::iter::repeat_n(f64::from(tokens), count as usize))
            .collect()
    }

    /// What pages show. `None` when nothing was counted.
    pub fn summary(&self) -> Option<LengthSummary> {
        let sorted = self.sorted();
        Some(LengthSummary {
            distribution: Distribution::of_sorted(&sorted)?.without_bounds(),
            histogram: Histogram::of_sorted_counts(&sorted)?,
        })
    }
}

/// Lengths in tokens, as pages show them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LengthSummary {
    /// Percentiles and moments.
    pub distribution: Distribution,
    /// Rows per bin of lengths.
    pub histogram: Histogram,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_summary_describes_every_row(lengths in prop::collection::vec(1u32..5_000, 1..300)) {
            let mut counts = LengthCounts::default();
            for tokens in &lengths {
                counts.add(*tokens);
            }
            let json = serde_json::to_string(&counts).unwrap();
            prop_assert_eq!(&serde_json::from_str::<LengthCounts>(&json).unwrap(), &counts);
            let summary = counts.summary().unwrap();
            prop_assert_eq!(summary.distribution.count, lengths.len() as u64);
            prop_assert_eq!(summary.distribution.max.get(), f64::from(*lengths.iter().max().unwrap()));
            let in_bins: u32 = summary.histogram.counts.iter().sum();
            prop_assert_eq!(in_bins as usize, lengths.len());
            if !summary.histogram.is_logarithmic {
                let edges = &summary.histogram.edges;
                prop_assert!(edges.windows(2).all(|pair| pair[1].get() - pair[0].get() >= 1.0));
            }
        }
    }

    #[test]
    fn nothing_counted_is_nothing_shown() {
        assert_eq!(LengthCounts::default().summary(), None);
    }
}
