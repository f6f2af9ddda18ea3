//! Token-length distributions, drawn from a seed.

use std::fmt;
use std::str::FromStr;

use rand::Rng;
use rand_distr::{Distribution, Normal, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::finite::Finite;

/// Most tokens of a prompt or an answer that a plan may ask for.
pub const LENGTH_TOKENS_MAX: u32 = 1_000_000;

/// How many tokens a prompt or an answer has. Draws are rounded and clamped to
/// `1..=LENGTH_TOKENS_MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum LengthSpec {
    /// Always the same: `512`.
    Fixed {
        /// The length.
        tokens: u32,
    },
    /// Every whole number of the range equally often: `uniform:100..900`, both ends included.
    Uniform {
        /// Shortest.
        min: u32,
        /// Longest.
        max: u32,
    },
    /// Normal with mean and standard deviation: `normal:512,64`.
    Normal {
        /// Mean in tokens.
        mean: u32,
        /// Standard deviation in tokens.
        std_dev: u32,
    },
    /// Log-normal with the median and the standard deviation of the logarithm:
    /// `lognormal:512,0.6`.
    #[serde(rename = "lognormal")]
    LogNormal {
        /// Median in tokens.
        median: u32,
        /// Standard deviation of ln(tokens), above 0 and at most 3.
        sigma: Finite,
    },
}

impl LengthSpec {
    /// One length.
    pub fn draw<R: Rng>(&self, rng: &mut R) -> u32 {
        match *self {
            Self::Fixed { tokens } => tokens,
            Self::Uniform { min, max } => rng.random_range(min..=max),
            Self::Normal { mean, std_dev } => {
                // `Normal::new` refuses only NaN and negative deviations, which `u32` cannot hold.
                Normal::new(f64::from(mean), f64::from(std_dev))
                    .map_or(mean, |normal| clamp(normal.sample(rng)))
            }
            Self::LogNormal { median, sigma } => {
                let z: f64 = StandardNormal.sample(rng);
                clamp(f64::from(median) * (sigma.get() * z).exp())
            }
        }
    }

    /// The one length that every draw has, where they do not differ, in tokens.
    pub fn only_tokens(&self) -> Option<u32> {
        match *self {
            Self::Fixed { tokens }
            | Self::Normal {
                mean: tokens,
                std_dev: 0,
            } => Some(tokens),
            Self::Uniform { min, max } if min == max => Some(min),
            Self::Uniform { .. } | Self::Normal { .. } | Self::LogNormal { .. } => None,
        }
    }

    /// The mean of the distribution before clamping, in tokens.
    pub fn mean_tokens(&self) -> f64 {
        match *self {
            Self::Fixed { tokens } => f64::from(tokens),
            Self::Uniform { min, max } => f64::midpoint(f64::from(min), f64::from(max)),
            Self::Normal { mean, .. } => f64::from(mean),
            Self::LogNormal { median, sigma } => {
                f64::from(median) * (sigma.get() * sigma.get() / 2.0).exp()
            }
        }
    }

    /// A length that practically no draw exceeds (the mean plus three deviations), in tokens.
    pub fn upper_tokens(&self) -> u32 {
        match *self {
            Self::Fixed { tokens } => tokens,
            Self::Uniform { max, .. } => max,
            Self::Normal { mean, std_dev } => mean
                .saturating_add(std_dev.saturating_mul(3))
                .min(LENGTH_TOKENS_MAX),
            Self::LogNormal { median, sigma } => {
                clamp(f64::from(median) * (3.0 * sigma.get()).exp())
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped first"
)]
fn clamp(tokens: f64) -> u32 {
    tokens.round().clamp(1.0, f64::from(LENGTH_TOKENS_MAX)) as u32
}

impl fmt::Display for LengthSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed { tokens } => write!(f, "{tokens}"),
            Self::Uniform { min, max } => write!(f, "uniform:{min}..{max}"),
            Self::Normal { mean, std_dev } => write!(f, "normal:{mean},{std_dev}"),
            Self::LogNormal { median, sigma } => write!(f, "lognormal:{median},{sigma}"),
        }
    }
}

impl FromStr for LengthSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const HELP: &str =
            "Give a length such as 512, uniform:100..900, normal:512,64 or lognormal:512,0.6.";
        let help = || HELP.to_owned();
        let (kind, rest) = text
            .trim()
            .split_once(':')
            .unwrap_or(("fixed", text.trim()));
        let pair = |separator: &str| {
            rest.split_once(separator)
                .map(|(a, b)| (a.trim(), b.trim()))
                .ok_or_else(help)
        };
        match kind {
            "fixed" => Ok(Self::Fixed {
                tokens: tokens(rest)?,
            }),
            "uniform" => {
                let (min, max) = pair("..")?;
                let (min, max) = (tokens(min)?, tokens(max)?);
                if min > max {
                    return Err(format!(
                        "The shortest length {min} is above the longest {max}."
                    ));
                }
                Ok(Self::Uniform { min, max })
            }
            "normal" => {
                let (mean, std_dev) = pair(",")?;
                let std_dev = std_dev.parse().map_err(|_| help())?;
                Ok(Self::Normal {
                    mean: tokens(mean)?,
                    std_dev,
                })
            }
            "lognormal" => {
                let (median, sigma) = pair(",")?;
                let sigma: f64 = sigma.parse().map_err(|_| help())?;
                if !(sigma > 0.0 && sigma <= 3.0) {
                    return Err("Give the sigma of a lognormal above 0 and at most 3.".to_owned());
                }
                let sigma = Finite::new(sigma).ok_or_else(help)?;
                Ok(Self::LogNormal {
                    median: tokens(median)?,
                    sigma,
                })
            }
            _ => Err(help()),
        }
    }
}

fn tokens(text: &str) -> Result<u32, String> {
    crate::field::whole_number(text, "the length", 1, u64::from(LENGTH_TOKENS_MAX))
        .map(|tokens| u32::try_from(tokens).unwrap_or(LENGTH_TOKENS_MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn any_length() -> impl Strategy<Value = LengthSpec> {
        prop_oneof![
            (1u32..=10_000).prop_map(|tokens| LengthSpec::Fixed { tokens }),
            (1u32..500, 0u32..500).prop_map(|(min, more)| LengthSpec::Uniform {
                min,
                max: min + more
            }),
            (1u32..5_000, 0u32..5_000)
                .prop_map(|(mean, std_dev)| LengthSpec::Normal { mean, std_dev }),
            (1u32..5_000, 1u32..300).prop_map(|(median, hundredths)| LengthSpec::LogNormal {
                median,
                sigma: Finite::new(f64::from(hundredths) / 100.0).unwrap(),
            }),
        ]
    }

    proptest! {
        #[test]
        fn text_round_trips(length in any_length()) {
            prop_assert_eq!(length.to_string().parse::<LengthSpec>().unwrap(), length);
        }

        #[test]
        fn draws_are_in_range_and_repeat_with_the_seed(length in any_length(), seed: u64) {
            let draw = |seed| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                (0..50).map(|_| length.draw(&mut rng)).collect::<Vec<_>>()
            };
            let lengths = draw(seed);
            prop_assert!(lengths.iter().all(|tokens| (1..=LENGTH_TOKENS_MAX).contains(tokens)));
            prop_assert_eq!(lengths, draw(seed));
        }
    }

    #[test]
    fn bad_text_says_what_would_be_right() {
        for bad in [
            "",
            "0",
            "uniform:9..1",
            "normal:5",
            "lognormal:5,0",
            "gamma:1,2",
            "1e9",
        ] {
            assert!(bad.parse::<LengthSpec>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_sample_mean_is_near_the_stated_mean() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for text in [
            "512",
            "uniform:100..900",
            "normal:512,64",
            "lognormal:512,0.6",
        ] {
            let length: LengthSpec = text.parse().unwrap();
            let sum: f64 = (0..20_000).map(|_| f64::from(length.draw(&mut rng))).sum();
            let ratio = sum / 20_000.0 / length.mean_tokens();
            assert!((ratio - 1.0).abs() < 0.03, "{text}: {ratio}");
        }
    }
}
