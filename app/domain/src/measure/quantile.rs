//! Exact percentiles and the description of a distribution.

use serde::{Deserialize, Serialize};

use crate::finite::Finite;

/// The percentile `p` (0 to 100) of values sorted in ascending order, with linear interpolation
/// between order statistics: numpy's default (`method="linear"`, type 7 of Hyndman and Fan, 1996).
/// `None` when there is no value.
pub fn percentile_of_sorted(sorted: &[f64], p: f64) -> Option<f64> {
    let (below, fraction) = interpolate(sorted.len() as u64, p);
    let below = usize::try_from(below).ok()?;
    let low = *sorted.get(below)?;
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    Some(low + (high - low) * fraction)
}

/// Where the percentile `p` of `count` values lies: the rank below it, from 0, and how far it is from
/// there to the next rank, 0 to 1.
pub(super) fn interpolate(count: u64, p: f64) -> (u64, f64) {
    let rank = (p / 100.0).clamp(0.0, 1.0) * count.saturating_sub(1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0..count"
    )]
    let below = rank.floor() as u64;
    (below, rank - below as f64)
}

/// Values beyond a percentile that make it trustworthy: p99 needs 1,000 samples.
pub const SAMPLES_BEYOND_MIN: u64 = 10;

/// Whether fewer than [`SAMPLES_BEYOND_MIN`] of `count` samples lie beyond the percentile `p`
/// (above it for p ≥ 50, below it otherwise).
pub fn has_few_samples(count: u64, p: f64) -> bool {
    let beyond = if p >= 50.0 { 100.0 - p } else { p };
    // Compared in hundredths of a sample, so that p99 of exactly 1,000 is enough.
    (count as f64 * beyond).round() < (SAMPLES_BEYOND_MIN * 100) as f64
}

/// A distribution in eleven numbers. All in the unit of its samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Samples.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: Finite,
    /// Population standard deviation (numpy's `ddof=0`).
    pub std: Finite,
    /// Smallest.
    pub min: Finite,
    /// 25th percentile.
    pub p25: Finite,
    /// 50th percentile.
    pub median: Finite,
    /// 75th percentile.
    pub p75: Finite,
    /// 90th percentile.
    pub p90: Finite,
    /// 95th percentile.
    pub p95: Finite,
    /// 99th percentile.
    pub p99: Finite,
    /// Largest.
    pub max: Finite,
}

impl Distribution {
    /// Describes values sorted in ascending order. `None` when there are none.
    pub fn of_sorted(sorted: &[f64]) -> Option<Self> {
        let count = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / count;
        let variance = sorted
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / count;
        Self::of_parts(sorted.len() as u64, mean, variance.sqrt(), |p| {
            percentile_of_sorted(sorted, p)
        })
    }

    /// Puts a description together from what was computed elsewhere. `None` when a percentile is
    /// missing or something is no number.
    pub(super) fn of_parts(
        count: u64,
        mean: f64,
        std: f64,
        percentile: impl Fn(f64) -> Option<f64>,
    ) -> Option<Self> {
        let at = |p| percentile(p).and_then(Finite::new);
        Some(Self {
            count,
            mean: Finite::new(mean)?,
            std: Finite::new(std)?,
            min: at(0.0)?,
            p25: at(25.0)?,
            median: at(50.0)?,
            p75: at(75.0)?,
            p90: at(90.0)?,
            p95: at(95.0)?,
            p99: at(99.0)?,
            max: at(100.0)?,
        })
    }
}

/// Sorts values; none may be NaN, which the callers' types already exclude.
pub fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn interpolates_like_numpy() {
        // numpy.percentile([1, 2, 4, 8], [0, 25, 50, 75, 90, 100])
        let values = [1.0, 2.0, 4.0, 8.0];
        let expected = [
            (0.0, 1.0),
            (25.0, 1.75),
            (50.0, 3.0),
            (75.0, 5.0),
            (90.0, 6.8),
            (100.0, 8.0),
        ];
        for (p, value) in expected {
            let actual = percentile_of_sorted(&values, p).unwrap();
            assert!((actual - value).abs() < 1e-12, "p{p}: {actual}");
        }
        assert_eq!(percentile_of_sorted(&[], 50.0), None);
        assert_eq!(percentile_of_sorted(&[3.0], 99.0), Some(3.0));
    }

    #[test]
    fn few_samples_follow_the_rule_of_ten() {
        for (p, enough) in [
            (99.0, 1_000),
            (95.0, 200),
            (90.0, 100),
            (50.0, 20),
            (25.0, 40),
        ] {
            assert!(!has_few_samples(enough, p), "p{p} of {enough}");
            assert!(has_few_samples(enough - 1, p), "p{p} of {}", enough - 1);
        }
    }

    proptest! {
        #[test]
        fn percentiles_are_monotone_and_bounded(values in prop::collection::vec(0.0f64..1e6, 1..200)) {
            let values = sorted(values);
            let described = Distribution::of_sorted(&values).unwrap();
            let ladder = [described.min, described.p25, described.median, described.p75,
                described.p90, described.p95, described.p99, described.max];
            prop_assert!(ladder.is_sorted());
            prop_assert!(described.mean >= described.min && described.mean.get() <= described.max.get() * (1.0 + 1e-12));
        }
    }
}
