//! Numbers, durations and sizes as text: one way for every page, table and chart.
//!
//! Figures carry three to four significant digits and a thousands separator; what is missing is
//! [`MISSING`], never 0. Signs are typographic (`−`). No locale: server and browser must agree.

mod amount;
mod duration;
mod number;

pub use amount::{bytes, dollars, percent, plural, signed_percent};
pub use duration::{duration_ms, duration_s};
pub use number::{count, exact, fixed, number, optional, short_count, signed};

/// What stands for a value that does not exist.
pub const MISSING: &str = "–";
