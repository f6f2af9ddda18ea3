//! Charts: what they show as plain data, how `ECharts` draws it, and the same as a table.
//!
//! A chart is a [`ChartData`]. On the server a [`ChartPanel`] renders its title, its finding in a
//! sentence and its data as a table; in the browser it draws besides. The options are built with
//! charming, patched where charming lacks a setting, and handed to the page's own `ECharts`.

mod axis;
pub mod buckets;
pub mod cdf;
mod draw;
mod finding;
pub mod histogram;
pub mod hue;
pub mod lines;
mod option;
pub mod panel;
pub mod scatter;
pub mod twin;

pub use buckets::{BucketSeries, BucketsChart};
pub use cdf::{CdfChart, CdfSeries};
pub use histogram::{HistogramChart, MarkLineAt};
pub use hue::{Hue, Palette};
pub use lines::{LineSeries, LinesChart, Shade, Side};
pub use panel::{ChartPanel, LegendEntry};
pub use scatter::{AxisName, ScatterChart};
pub use twin::Twin;

use serde_json::Value;

/// What a panel draws.
#[derive(Clone, Debug, PartialEq)]
pub enum ChartData {
    /// Counts per bin of one metric.
    Histogram(HistogramChart),
    /// Cumulative distributions.
    Cdf(CdfChart),
    /// Values over time.
    Lines(LinesChart),
    /// One dot per request.
    Scatter(ScatterChart),
    /// Values over neighbouring ranges.
    Buckets(BucketsChart),
}

impl ChartData {
    /// The `ECharts` option in the colours of the theme.
    pub fn option(&self, palette: &Palette) -> Value {
        match self {
            Self::Histogram(chart) => chart.option(palette),
            Self::Cdf(chart) => chart.option(palette),
            Self::Lines(chart) => chart.option(palette),
            Self::Scatter(chart) => chart.option(palette),
            Self::Buckets(chart) => chart.option(palette),
        }
    }

    /// The same as a table.
    pub fn twin(&self) -> Twin {
        match self {
            Self::Histogram(chart) => chart.twin(),
            Self::Cdf(chart) => chart.twin(),
            Self::Lines(chart) => chart.twin(),
            Self::Scatter(chart) => chart.twin(),
            Self::Buckets(chart) => chart.twin(),
        }
    }

    /// What the chart shows, in a sentence.
    pub fn finding(&self) -> String {
        match self {
            Self::Histogram(chart) => chart.finding(),
            Self::Cdf(chart) => chart.finding(),
            Self::Lines(chart) => chart.finding(),
            Self::Scatter(chart) => chart.finding(),
            Self::Buckets(chart) => chart.finding(),
        }
    }

    /// Name and colour of each series; empty when there is only one.
    pub fn legend(&self) -> Vec<LegendEntry> {
        let entries: Vec<LegendEntry> = match self {
            Self::Histogram(_) | Self::Scatter(_) => Vec::new(),
            Self::Cdf(chart) => chart.series.iter().map(LegendEntry::of_cdf).collect(),
            Self::Lines(chart) => chart.series.iter().map(LegendEntry::of_line).collect(),
            Self::Buckets(chart) => chart.series.iter().map(LegendEntry::of_bucket).collect(),
        };
        if entries.len() > 1 {
            entries
        } else {
            Vec::new()
        }
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Histogram(chart) => chart.histogram.counts.is_empty(),
            Self::Cdf(chart) => chart.series.iter().all(|series| series.points.is_empty()),
            Self::Lines(chart) => chart.x_s.is_empty(),
            Self::Scatter(chart) => chart.points.is_empty(),
            Self::Buckets(chart) => chart.is_empty(),
        }
    }

    /// Dots too many for JSON: x and y in turn, handed over as one typed array.
    pub(crate) fn flat_points(&self) -> Option<Vec<f64>> {
        match self {
            Self::Scatter(chart) => chart.flat_points(),
            _ => None,
        }
    }
}
