//! How times spread around their scheduled value.

use rand::Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};

use crate::args::parse_duration;

/// A distribution of gaps with a given centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Jitter {
    /// Exactly as scheduled.
    None,
    /// A normal deviate of this standard deviation is added; gaps never become negative.
    Normal { std_ns: f64 },
    /// At most this much earlier or later, all equally likely; gaps never become negative.
    Uniform { half_width_ns: f64 },
    /// The gap times a log-normal deviate of mean 1 with this standard deviation of the logarithm.
    LogNormal { sigma: f64 },
    /// The gap times an exponential deviate of mean 1: a Poisson process of chunks.
    Exponential,
}

/// Largest standard deviation of a logarithm.
const SIGMA_MAX: f64 = 3.0;

impl Jitter {
    /// Reads `none`, `normal:MS`, `uniform:MS`, `lognormal:SIGMA` or `exponential`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (kind, value) = text.split_once(':').unwrap_or((text, ""));
        match (kind, value) {
            ("none", "") => Ok(Self::None),
            ("exponential", "") => Ok(Self::Exponential),
            ("normal", ms) => Ok(Self::Normal {
                std_ns: parse_duration(ms)? * 1e6,
            }),
            ("uniform", ms) => Ok(Self::Uniform {
                half_width_ns: parse_duration(ms)? * 1e6,
            }),
            ("lognormal", sigma) => match sigma.parse() {
                Ok(sigma) if (0.0..=SIGMA_MAX).contains(&sigma) => Ok(Self::LogNormal { sigma }),
                _ => Err(format!("give a sigma from 0 to {SIGMA_MAX}")),
            },
            _ => Err("give none, normal:MS, uniform:MS, lognormal:SIGMA or exponential".to_owned()),
        }
    }

    /// One gap around `gap_ns`, never below 0.
    pub(crate) fn draw<R: Rng>(self, gap_ns: f64, rng: &mut R) -> f64 {
        match self {
            Self::None => gap_ns,
            Self::Normal { std_ns } => {
                let z: f64 = StandardNormal.sample(rng);
                (gap_ns + z * std_ns).max(0.0)
            }
            Self::Uniform { half_width_ns } => {
                let share: f64 = rng.random_range(-1.0..=1.0);
                (gap_ns + share * half_width_ns).max(0.0)
            }
            Self::LogNormal { sigma } => {
                let z: f64 = StandardNormal.sample(rng);
                // exp(σz − σ²/2) has the mean 1.
                gap_ns * (sigma * z - sigma * sigma / 2.0).exp()
            }
            Self::Exponential => {
                let share: f64 = Exp1.sample(rng);
                gap_ns * share
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn what_is_no_jitter_is_refused() {
        for text in [
            "",
            "normal",
            "normal:-1",
            "lognormal:4",
            "none:1",
            "cauchy:1",
        ] {
            assert!(Jitter::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Jitter::parse("uniform:2.5"),
            Ok(Jitter::Uniform {
                half_width_ns: 2.5e6
            })
        );
    }

    #[test]
    fn the_mean_of_every_jitter_is_the_gap() {
        for text in [
            "none",
            "normal:2",
            "uniform:5",
            "lognormal:0.5",
            "exponential",
        ] {
            let jitter = Jitter::parse(text).unwrap();
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let sum: f64 = (0..20_000).map(|_| jitter.draw(20e6, &mut rng)).sum();
            let mean_ms = sum / 20_000.0 / 1e6;
            assert!((mean_ms - 20.0).abs() < 0.5, "{text}: {mean_ms}");
        }
    }

    proptest! {
        #[test]
        fn gaps_never_go_back(seed: u64, gap_ms in 0.0f64..50.0, spread in 0.0f64..3.0) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            for text in [format!("normal:{}", spread * 100.0), format!("uniform:{}", spread * 100.0),
                format!("lognormal:{spread}"), "exponential".to_owned()] {
                let gap = Jitter::parse(&text).unwrap().draw(gap_ms * 1e6, &mut rng);
                prop_assert!(gap >= 0.0 && gap.is_finite());
            }
        }
    }
}
