//! Cumulative distributions: which share of requests took at most so long.

use charming::Chart;
use charming::element::{AxisType, ItemStyle, LineStyle, Tooltip, Trigger};
use charming::series::Line;
use domain::measure::histogram::CdfPoint;
use domain::measure::summary::MetricSummary;
use serde_json::{Value, json};

use super::axis;
use super::hue::{Hue, Palette};
use super::option::{finish, shortened};
use super::twin::Twin;
use crate::format;

/// Shares the table twin lists.
const TWIN_PERCENTS: [f64; 11] = [
    1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 100.0,
];

/// One distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct CdfSeries {
    /// The metric, or the run.
    pub name: String,
    /// Points, ascending.
    pub points: Vec<CdfPoint>,
    /// Its colour.
    pub hue: Hue,
}

/// One or several distributions on one axis.
#[derive(Clone, Debug, PartialEq)]
pub struct CdfChart {
    /// The distributions.
    pub series: Vec<CdfSeries>,
    /// Unit of the values.
    pub unit: String,
    /// Draws the values on a logarithmic axis.
    pub is_logarithmic: bool,
}

impl CdfChart {
    /// One metric's distribution, logarithmic where its histogram is.
    pub fn of_metric(metric: &MetricSummary, name: &str, unit: &str, hue: Hue) -> Self {
        let series = CdfSeries {
            name: name.to_owned(),
            points: metric.cdf.clone(),
            hue,
        };
        let is_logarithmic = metric.histogram.is_logarithmic;
        Self {
            series: vec![series],
            unit: unit.to_owned(),
            is_logarithmic,
        }
    }

    pub(super) fn option(&self, palette: &Palette) -> Value {
        let kind = if self.is_logarithmic {
            AxisType::Log
        } else {
            AxisType::Value
        };
        let mut chart = Chart::new()
            .x_axis(axis::horizontal(palette, kind).scale(true))
            .y_axis(axis::vertical(palette).min(0.0).max(100.0).interval(25.0))
            .tooltip(Tooltip::new().trigger(Trigger::Axis));
        for series in &self.series {
            let color = palette.hue(series.hue);
            let points = series.points.iter().map(|point| {
                vec![
                    shortened(point.value.get()),
                    shortened(point.fraction.get() * 100.0),
                ]
            });
            let line = Line::new()
                .name(series.name.as_str())
                .show_symbol(false)
                .line_style(LineStyle::new().color(color).width(1.5))
                .item_style(ItemStyle::new().color(color))
                .data(points.collect());
            chart = chart.series(line);
        }
        let unit = &self.unit;
        let patch = json!({
            "xAxis": [{
                "axisLabel": { "hideOverlap": true },
                "axisPointer": { "label": { "formatter": format!("at most {{value}} {unit}") } },
            }],
            "yAxis": [{ "axisLabel": { "formatter": "{value}%" } }],
        });
        finish(&chart, palette, patch)
    }

    pub(super) fn twin(&self) -> Twin {
        let mut columns = vec![("requests".to_owned(), "%".to_owned())];
        columns.extend(
            self.series
                .iter()
                .map(|series| (series.name.clone(), self.unit.clone())),
        );
        let rows = TWIN_PERCENTS.into_iter().map(|percent| {
            let values = self.series.iter().map(|series| {
                let point = point_at(&series.points, percent / 100.0);
                point.map_or_else(
                    || format::MISSING.to_owned(),
                    |p| format::number(p.value.get()),
                )
            });
            std::iter::once(format!("{percent}"))
                .chain(values)
                .collect()
        });
        Twin {
            columns,
            rows: rows.collect(),
        }
    }

    pub(super) fn finding(&self) -> String {
        let parts = self.series.iter().filter_map(|series| {
            let at = |share| point_at(&series.points, share).map(|p| format::number(p.value.get()));
            let (median, tail) = (at(0.5)?, at(0.99)?);
            Some(format!(
                "{}: half at most {median} {}, 99% at most {tail} {}",
                series.name, self.unit, self.unit
            ))
        });
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() {
            "Nothing measured.".to_owned()
        } else {
            format!("{}.", parts.join("; "))
        }
    }
}

/// The first point at or above a share of 1.
fn point_at(points: &[CdfPoint], fraction: f64) -> Option<&CdfPoint> {
    points
        .iter()
        .find(|point| point.fraction.get() >= fraction - 1e-9)
}

#[cfg(test)]
mod tests {
    use super::super::hue::tests::palette;
    use super::*;

    #[test]
    fn a_distribution_runs_from_none_to_all() {
        let metric = MetricSummary::of((0..=100).map(f64::from).collect()).unwrap();
        let chart = CdfChart::of_metric(&metric, "TTFT", "ms", Hue::TTFT);
        let option = chart.option(&palette());
        let data = option["series"][0]["data"].as_array().unwrap();
        assert_eq!(data.first().unwrap()[1], 0.0);
        assert_eq!(data.last().unwrap()[1], 100.0);
        assert_eq!(option["yAxis"][0]["max"], 100.0);
        assert_eq!(
            chart.finding(),
            "TTFT: half at most 50.0 ms, 99% at most 99.0 ms."
        );
        assert_eq!(chart.twin().rows[4], ["50", "50.0"]);
    }
}
