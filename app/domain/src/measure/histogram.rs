//! Histograms and cumulative distributions for charts, from exact values.

use serde::{Deserialize, Serialize};

use super::quantile::percentile_of_sorted;
use crate::finite::Finite;

/// Most bins of a histogram.
pub const BINS_MAX: usize = 40;
/// A maximum this many times the median is drawn on a logarithmic axis.
const LOGARITHMIC_FROM_RATIO: f64 = 20.0;

/// Counts between edges: bin `i` holds `edges[i] <= value < edges[i + 1]`, the last one its upper
/// edge too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// One more than `counts`, ascending, in the unit of the samples.
    pub edges: Vec<Finite>,
    /// Samples per bin.
    pub counts: Vec<u32>,
    /// Whether the edges grow by a factor instead of a step.
    pub is_logarithmic: bool,
}

impl Histogram {
    /// Bins values sorted in ascending order. `None` when there are none.
    pub fn of_sorted(sorted: &[f64]) -> Option<Self> {
        Self::with_step_from(sorted, 0.0)
    }

    /// Bins whole numbers sorted in ascending order: no bin is narrower than 1, so that none is
    /// empty only because no whole number lies in it. `None` when there are none.
    pub fn of_sorted_counts(sorted: &[f64]) -> Option<Self> {
        Self::with_step_from(sorted, 1.0)
    }

    fn with_step_from(sorted: &[f64], step_min: f64) -> Option<Self> {
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let median = percentile_of_sorted(sorted, 50.0)?;
        Self::of_values(sorted.iter().copied(), [min, median, max], step_min)
    }

    /// Bins values in any order whose minimum, median and maximum are known. No bin is narrower than
    /// `step_min`, unless they are geometric.
    pub(super) fn of_values(
        values: impl Iterator<Item = f64>,
        [min, median, max]: [f64; 3],
        step_min: f64,
    ) -> Option<Self> {
        let is_logarithmic = min > 0.0 && max > median * LOGARITHMIC_FROM_RATIO;
        let edges = if is_logarithmic {
            geometric_edges(min, max)
        } else {
            even_edges(min, max, step_min)
        };
        let mut counts = vec![0u32; edges.len().saturating_sub(1)];
        for value in values {
            let above = edges.partition_point(|edge| *edge <= value);
            let bin = above.saturating_sub(1).min(counts.len().saturating_sub(1));
            if let Some(count) = counts.get_mut(bin) {
                *count += 1;
            }
        }
        let edges = edges.into_iter().map(Finite::new).collect::<Option<_>>()?;
        Some(Self {
            edges,
            counts,
            is_logarithmic,
        })
    }
}

/// Edges at round multiples of 1, 2 or 5 times a power of ten.
fn even_edges(min: f64, max: f64, step_min: f64) -> Vec<f64> {
    let span = (max - min).max(max.abs() * 1e-6).max(1e-9);
    let step = round_step(span / BINS_MAX as f64).max(step_min);
    let first = (min / step).floor();
    let last = (max / step).floor() + 1.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most BINS_MAX + 2"
    )]
    let bins = (last - first) as u32;
    (0..=bins)
        .map(|bin| (first + f64::from(bin)) * step)
        .collect()
}

fn geometric_edges(min: f64, max: f64) -> Vec<f64> {
    let factor = (max / min).powf(1.0 / BINS_MAX as f64);
    let bins = i32::try_from(BINS_MAX).unwrap_or(i32::MAX);
    let mut edges: Vec<f64> = (0..bins).map(|bin| min * factor.powi(bin)).collect();
    edges.push(max);
    edges
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `step`.
pub(crate) fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * power >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// One point of a cumulative distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CdfPoint {
    /// The value, in the unit of the samples.
    pub value: Finite,
    /// Share of samples at or below it, 0 to 1.
    pub fraction: Finite,
}

/// The cumulative distribution at every half percent, finer in the upper tail.
pub fn cdf_of_sorted(sorted: &[f64]) -> Vec<CdfPoint> {
    cdf_of(|p| percentile_of_sorted(sorted, p))
}

/// The percentiles of a cumulative distribution. Those of a [`super::quantile::Distribution`] are among them.
pub(super) fn cdf_percentiles() -> impl Iterator<Item = f64> {
    let halves = (0..=198).map(|half| f64::from(half) / 2.0);
    let tail = (1..=10).map(|tenth| 99.0 + f64::from(tenth) / 10.0);
    halves.chain(tail)
}

/// The cumulative distribution from its percentiles.
pub(super) fn cdf_of(percentile: impl Fn(f64) -> Option<f64>) -> Vec<CdfPoint> {
    cdf_percentiles()
        .filter_map(|p| {
            let value = percentile(p).and_then(Finite::new)?;
            Some(CdfPoint {
                value,
                fraction: Finite::new(p / 100.0)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::quantile::sorted;
    use super::*;

    proptest! {
        #[test]
        fn every_sample_is_in_its_bin(values in prop::collection::vec(0.001f64..1e5, 1..300)) {
            let values = sorted(values);
            let histogram = Histogram::of_sorted(&values).unwrap();
            prop_assert_eq!(histogram.counts.iter().sum::<u32>() as usize, values.len());
            prop_assert!(histogram.counts.len() <= BINS_MAX + 2);
            prop_assert!(histogram.edges.is_sorted());
            for (bin, count) in histogram.counts.iter().enumerate() {
                let (low, high) = (histogram.edges[bin].get(), histogram.edges[bin + 1].get());
                let is_last = bin + 1 == histogram.counts.len();
                let inside = values.iter().filter(|v| **v >= low && (**v < high || (is_last && **v <= high)));
                prop_assert_eq!(inside.count(), usize::try_from(*count).unwrap());
            }
        }

        #[test]
        fn a_cdf_never_falls(values in prop::collection::vec(0.0f64..1e5, 1..300)) {
            let points = cdf_of_sorted(&sorted(values));
            prop_assert!(points.windows(2).all(|p| p[0].value <= p[1].value && p[0].fraction < p[1].fraction));
            prop_assert_eq!(points.last().unwrap().fraction.get(), 1.0);
        }
    }

    #[test]
    fn equal_values_make_one_bin() {
        let histogram = Histogram::of_sorted(&[200.0; 7]).unwrap();
        assert_eq!(histogram.counts.iter().sum::<u32>(), 7);
        assert_eq!(
            histogram.counts.iter().filter(|count| **count > 0).count(),
            1
        );
    }
}
