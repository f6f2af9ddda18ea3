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

/// Confidence of every interval here: in so many of a hundred runs the true value lies inside.
pub const CONFIDENCE_PERCENT: u32 = 95;
/// What is left on each side of an interval.
const TAIL: f64 = 0.025;

/// An interval that holds the true percentile with [`CONFIDENCE_PERCENT`], in the unit of the
/// samples. A side without enough samples beyond it is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConfidenceInterval {
    /// Its lower end.
    pub low: Option<Finite>,
    /// Its upper end.
    pub high: Option<Finite>,
}

/// The intervals of the percentiles that are shown first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PercentileBounds {
    /// Of the 50th percentile.
    pub median: ConfidenceInterval,
    /// Of the 90th.
    pub p90: ConfidenceInterval,
    /// Of the 95th.
    pub p95: ConfidenceInterval,
    /// Of the 99th.
    pub p99: ConfidenceInterval,
}

impl PercentileBounds {
    /// Of values sorted in ascending order.
    pub fn of_sorted(sorted: &[f64]) -> Self {
        let of = |p| ConfidenceInterval::of_sorted(sorted, p);
        Self {
            median: of(50.0),
            p90: of(90.0),
            p95: of(95.0),
            p99: of(99.0),
        }
    }
}

impl ConfidenceInterval {
    /// The interval of the percentile `p` (above 0, below 100) of values sorted in ascending order,
    /// whatever their distribution is.
    ///
    /// How many of `n` independent samples lie below the true percentile is binomial with `n` and
    /// `p / 100`, so that the sample at rank `l` is below it, and the one at rank `u` above it, with
    /// probabilities that hold for every distribution: `l` is the largest rank with
    /// P(K ≤ l − 1) ≤ 2.5 %, `u` the smallest with P(K ≤ u − 1) ≥ 97.5 %. Source: H. A. David and H. N.
    /// Nagaraja, Order Statistics, 3rd edition (2003), section 7.1; G. J. Hahn and W. Q. Meeker,
    /// Statistical Intervals (1991), section 5.2.
    pub fn of_sorted(sorted: &[f64], p: f64) -> Self {
        let (low, high) = interval_ranks(sorted.len(), p / 100.0);
        let at = |rank: Option<usize>| {
            let value = sorted.get(rank?.checked_sub(1)?)?;
            Finite::new(*value)
        };
        Self {
            low: at(low),
            high: at(high),
        }
    }
}

/// The ranks, from 1, of the samples at both ends of the interval; `None` for an open end.
fn interval_ranks(count: usize, q: f64) -> (Option<usize>, Option<usize>) {
    // Weights of the binomial around its mode, each from its neighbour: no factorials, and as many
    // steps as a few standard deviations hold.
    const NEGLIGIBLE: f64 = 1e-18;
    let (n, odds) = (count as f64, q / (1.0 - q));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0..=count"
    )]
    let mode = (((n + 1.0) * q).floor() as usize).min(count);
    let mut below = Vec::new();
    let (mut weight, mut k) = (1.0, mode);
    while k > 0 && weight > NEGLIGIBLE {
        weight *= k as f64 / ((n - k as f64 + 1.0) * odds);
        k -= 1;
        below.push(weight);
    }
    let first = k;
    let mut weights: Vec<f64> = below.into_iter().rev().collect();
    (weight, k) = (1.0, mode);
    weights.push(weight);
    while k < count && weight > NEGLIGIBLE {
        weight *= (n - k as f64) * odds / (k as f64 + 1.0);
        k += 1;
        weights.push(weight);
    }
    let total: f64 = weights.iter().sum();
    let mut cumulated = 0.0;
    let (mut low, mut high) = ((first > 0).then_some(first), None);
    for (k, weight) in (first..).zip(weights) {
        cumulated += weight / total;
        if cumulated <= TAIL {
            low = Some(k + 1);
        }
        if high.is_none() && cumulated >= 1.0 - TAIL && k < count {
            high = Some(k + 1);
        }
    }
    (low, high)
}

/// A distribution in eleven numbers, with bounds. All in the unit of its samples.
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
    /// How far the percentiles can be trusted. `None` where samples are no independent ones, and in
    /// results of before there were any.
    #[serde(default)]
    pub bounds: Option<Box<PercentileBounds>>,
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
        let described = Self::of_parts(sorted.len() as u64, mean, variance.sqrt(), |p| {
            percentile_of_sorted(sorted, p)
        })?;
        Some(Self {
            bounds: Some(Box::new(PercentileBounds::of_sorted(sorted))),
            ..described
        })
    }

    /// Puts a description together from what was computed elsewhere. `None` when a percentile is
    /// missing or something is no number. It has no bounds.
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
            bounds: None,
        })
    }

    /// The same without bounds, for samples that hang together, as the gaps of one answer do.
    #[must_use]
    pub fn without_bounds(self) -> Self {
        Self {
            bounds: None,
            ..self
        }
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

    #[test]
    fn ranks_are_those_of_the_binomial() {
        // Summed in exact fractions with Python.
        for (count, q, low, high) in [
            (100, 0.5, Some(40), Some(61)),
            (1_000, 0.99, Some(983), Some(997)),
            (200, 0.95, Some(184), Some(197)),
            (400, 0.99, Some(392), Some(400)),
            (100, 0.99, Some(97), None),
            (3, 0.5, None, None),
            (0, 0.5, None, None),
        ] {
            assert_eq!(interval_ranks(count, q), (low, high), "{count} at {q}");
        }
    }

    #[test]
    fn the_interval_holds_the_truth_as_often_as_it_says() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
        for (count, p) in [(60usize, 50.0), (400, 90.0), (1_000, 99.0)] {
            let runs = 2_000;
            let hits = (0..runs).filter(|_| {
                // The true percentile of a uniform distribution is the percentile itself; the square is
                // skewed and keeps the order.
                let values = sorted((0..count).map(|_| rng.random::<f64>().powi(2)).collect());
                let interval = ConfidenceInterval::of_sorted(&values, p);
                let truth = (p / 100.0).powi(2);
                interval.low.is_some_and(|low| low.get() <= truth)
                    && interval.high.is_some_and(|high| truth <= high.get())
            });
            let share = hits.count() as f64 / f64::from(runs);
            assert!((0.94..0.995).contains(&share), "p{p} of {count}: {share}");
        }
    }

    proptest! {
        #[test]
        fn intervals_hold_their_percentile_and_shrink(values in prop::collection::vec(0.0f64..1e6, 5..400), p in 2.0f64..98.0) {
            let values = sorted(values);
            let interval = ConfidenceInterval::of_sorted(&values, p);
            let percentile = percentile_of_sorted(&values, p).unwrap();
            prop_assert!(interval.low.is_none_or(|low| low.get() <= percentile));
            prop_assert!(interval.high.is_none_or(|high| percentile <= high.get()));
            let width = |count: usize| match interval_ranks(count, p / 100.0) {
                (Some(low), Some(high)) => (high - low) as f64 / count as f64,
                _ => 1.0,
            };
            prop_assert!(width(values.len() * 16) <= width(values.len()));
        }

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
