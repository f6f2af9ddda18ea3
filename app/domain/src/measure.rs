//! Measuring: the raw record of a request, and everything computed from records. Pure.
//! The metric dictionary of docs/measurement.md in code; [`METRICS_VERSION`] names its edition.

pub mod chunk_times;
pub mod concurrency;
pub mod definitions;
pub mod demand;
pub mod failures;
pub mod health;
pub mod histogram;
pub mod left_out;
pub mod length_bins;
pub mod line;
pub mod objectives;
pub mod other_tools;
pub mod peak;
pub mod quantile;
pub mod record;
pub mod selection;
pub mod selftest;
pub mod steady;
pub mod summary;
pub mod timeline;
pub mod truth;

/// Edition of the metric definitions. Stored with every result.
pub const METRICS_VERSION: u32 = 1;
