//! A number that is never NaN or infinite, so that it survives JSON, SQL and hydration.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A finite `f64`. Missing values are `Option<Finite>`, never 0 and never NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Finite(f64);

// Only NaN differs from itself, and there is none.
impl Eq for Finite {}

impl Finite {
    /// Zero.
    pub const ZERO: Self = Self(0.0);
    /// One.
    pub const ONE: Self = Self(1.0);

    /// The number, or `None` when it is NaN or infinite.
    pub fn new(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(value))
    }

    /// The quotient, or `None` when it is not finite (division by zero).
    pub fn ratio(numerator: f64, denominator: f64) -> Option<Self> {
        Self::new(numerator / denominator)
    }

    /// The plain number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Finite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u32> for Finite {
    fn from(value: u32) -> Self {
        Self(f64::from(value))
    }
}

impl<'de> Deserialize<'de> for Finite {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        Self::new(value).ok_or_else(|| serde::de::Error::custom("expected a finite number"))
    }
}
