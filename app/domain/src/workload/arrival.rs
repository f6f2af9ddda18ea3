//! When requests are sent: the arrival process is a value, its schedule comes from the seed.

use rand::Rng;
use rand_distr::{Distribution, Exp1};
use serde::{Deserialize, Serialize};

use crate::finite::Finite;

/// Most concurrent requests of one load process.
pub const CONCURRENCY_MAX: u32 = 10_000;
/// Highest rate of one load process, in requests per second.
pub const RATE_PER_S_MAX: f64 = 100_000.0;

/// The gaps between arrivals in open loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalProcess {
    /// Equal gaps.
    Constant,
    /// Exponential gaps: independent users.
    Poisson,
}

impl ArrivalProcess {
    /// The name used in forms and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
        }
    }

    /// The process of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Constant, Self::Poisson]
            .into_iter()
            .find(|process| process.as_str() == text)
    }
}

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Arrival {
    /// A fixed number of users, each sending again as soon as the answer is complete.
    ClosedLoop {
        /// Users, and so requests in flight.
        concurrency: u32,
    },
    /// Requests arrive on a schedule, whether or not earlier ones are answered.
    OpenLoop {
        /// Mean arrivals per second, above 0.
        rate_per_s: Finite,
        /// Shape of the gaps.
        process: ArrivalProcess,
    },
}

impl Arrival {
    /// `closed loop at 64` or `open loop at 12/s (poisson)`.
    pub fn in_words(&self) -> String {
        match self {
            Self::ClosedLoop { concurrency } => format!("closed loop at {concurrency}"),
            Self::OpenLoop {
                rate_per_s,
                process,
            } => {
                format!("open loop at {rate_per_s}/s ({})", process.as_str())
            }
        }
    }

    /// The concurrency asked for in closed loop.
    pub fn concurrency(&self) -> Option<u32> {
        match self {
            Self::ClosedLoop { concurrency } => Some(*concurrency),
            Self::OpenLoop { .. } => None,
        }
    }
}

/// Offsets of arrivals in nanoseconds from the start, in order, computed up front from the seed
/// so that lateness is measured against an absolute schedule and never shifts it.
pub fn schedule_offsets_ns<R: Rng>(
    rate_per_s: Finite,
    process: ArrivalProcess,
    rng: &mut R,
    count: usize,
) -> Vec<u64> {
    let gap_ns = 1e9 / rate_per_s.get();
    let mut at_ns = 0.0f64;
    let mut offsets = Vec::with_capacity(count);
    for index in 0..count {
        let offset_ns = match process {
            // A product instead of a sum: a million additions would drift.
            ArrivalProcess::Constant => gap_ns * index as f64,
            ArrivalProcess::Poisson => {
                let gap: f64 = Exp1.sample(rng);
                at_ns += gap * gap_ns;
                at_ns
            }
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive; `as` saturates"
        )]
        offsets.push(offset_ns as u64);
    }
    offsets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn schedule(rate: f64, process: ArrivalProcess, seed: u64, count: usize) -> Vec<u64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        schedule_offsets_ns(Finite::new(rate).unwrap(), process, &mut rng, count)
    }

    proptest! {
        #[test]
        fn schedules_are_ordered_and_repeat(rate in 0.1f64..5_000.0, seed: u64) {
            for process in [ArrivalProcess::Constant, ArrivalProcess::Poisson] {
                let offsets = schedule(rate, process, seed, 200);
                prop_assert!(offsets.is_sorted());
                prop_assert_eq!(&offsets, &schedule(rate, process, seed, 200));
            }
        }
    }

    #[test]
    fn poisson_keeps_the_rate_and_has_exponential_gaps() {
        let offsets = schedule(100.0, ArrivalProcess::Poisson, 3, 20_000);
        let seconds = *offsets.last().unwrap() as f64 / 1e9;
        assert!((20_000.0 / seconds / 100.0 - 1.0).abs() < 0.03);
        let gaps: Vec<f64> = offsets
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as f64)
            .collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!(
            (variance.sqrt() / mean - 1.0).abs() < 0.05,
            "coefficient of variation is 1"
        );
    }
}
