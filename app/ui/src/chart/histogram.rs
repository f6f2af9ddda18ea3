//! Counts per bin with the percentiles drawn in.

use charming::Chart;
use charming::datatype::{CompositeValue, DataPointItem};
use charming::element::{
    AreaStyle, AxisType, ItemStyle, Label, LineStyle, LineStyleType, MarkLine, MarkLineData,
    MarkLineVariant, Step, Symbol, Tooltip, Trigger,
};
use charming::series::{Bar, Line};
use domain::finite::Finite;
use domain::measure::histogram::Histogram;
use domain::measure::summary::MetricSummary;
use serde_json::{Value, json};

use super::axis;
use super::hue::{Hue, Palette};
use super::option::finish;
use super::twin::Twin;
use crate::format;

/// Labels closer than this share of the axis would overlap and go to a higher row.
const LABEL_WIDTH_FRACTION: f64 = 0.11;
const LABEL_ROW_PX: f64 = 13.0;

/// A vertical line with a label.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkLineAt {
    /// "p90".
    pub label: String,
    /// Where, in the unit of the axis.
    pub value: Finite,
}

/// A histogram of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramChart {
    /// Edges and counts.
    pub histogram: Histogram,
    /// Unit of the edges.
    pub unit: String,
    /// What is counted, in the plural: "requests".
    pub counted: String,
    /// Lines drawn in, ascending.
    pub marks: Vec<MarkLineAt>,
    /// Its colour.
    pub hue: Hue,
}

impl HistogramChart {
    /// A metric's histogram with its median, 90th and 99th percentile.
    pub fn of_metric(metric: &MetricSummary, unit: &str, counted: &str, hue: Hue) -> Self {
        let distribution = &metric.distribution;
        let marks = [
            ("p50", distribution.median),
            ("p90", distribution.p90),
            ("p99", distribution.p99),
        ];
        Self {
            histogram: metric.histogram.clone(),
            unit: unit.to_owned(),
            counted: counted.to_owned(),
            marks: marks
                .map(|(label, value)| MarkLineAt {
                    label: label.to_owned(),
                    value,
                })
                .into(),
            hue,
        }
    }

    /// Lower edge, upper edge and count of each bin.
    fn bins(&self) -> impl Iterator<Item = (f64, f64, u32)> + '_ {
        let edges = self.histogram.edges.windows(2);
        edges
            .zip(&self.histogram.counts)
            .filter_map(|(edges, count)| match edges {
                [low, high] => Some((low.get(), high.get(), *count)),
                _ => None,
            })
    }

    fn total_count(&self) -> u64 {
        self.histogram
            .counts
            .iter()
            .map(|count| u64::from(*count))
            .sum()
    }

    pub(super) fn option(&self, palette: &Palette) -> Value {
        let is_logarithmic = self.histogram.is_logarithmic;
        let edge = |edge: Option<&Finite>| edge.map_or(0.0, |edge| edge.get());
        let (min, max) = (
            edge(self.histogram.edges.first()),
            edge(self.histogram.edges.last()),
        );
        let range = if is_logarithmic {
            None
        } else {
            axis::round_range(min, max, axis::least_step(&self.unit))
        };
        let (min, max, step) =
            range.map_or((min, max, None), |(min, max, step)| (min, max, Some(step)));
        let rows = self.label_rows(min, max);
        let top = f64::from(rows.iter().max().copied().unwrap_or(0) + 1) * LABEL_ROW_PX + 4.0;
        let kind = if is_logarithmic {
            AxisType::Log
        } else {
            AxisType::Value
        };
        let chart = Chart::new()
            .x_axis(axis::horizontal(palette, kind).min(min).max(max))
            .y_axis(axis::vertical(palette).min_interval(1.0))
            .tooltip(Tooltip::new().trigger(Trigger::Item));
        let marks = self.mark_line(palette, &rows);
        // Bars need one width for all; bins that grow by a factor are drawn as a filled step line.
        if is_logarithmic {
            let chart = chart.series(self.step_line(palette).mark_line(marks));
            // The ends of the axis are measured values: too long for a label.
            let patch = json!({
                "grid": [{ "top": top }],
                "tooltip": { "trigger": "axis" },
                "xAxis": [{ "axisLabel": { "showMinLabel": false, "showMaxLabel": false }, "axisPointer": { "label": { "formatter": format!("{{value}} {}", self.unit) } } }],
            });
            finish(&chart, palette, patch)
        } else {
            let chart = chart.series(self.bars(palette).mark_line(marks));
            let patch = json!({
                "grid": [{ "top": top }],
                "tooltip": { "formatter": "{b}" },
                "xAxis": [{ "axisLabel": { "hideOverlap": true }, "interval": step }],
                "series": [{ "barCategoryGap": "6%", "barMinHeight": 1 }],
            });
            finish(&chart, palette, patch)
        }
    }

    fn bars(&self, palette: &Palette) -> Bar {
        let bars = self.bins().map(|(low, high, count)| {
            let name = format!(
                "{} to {} {}: {count} {}",
                format::number(low),
                format::number(high),
                self.unit,
                self.counted
            );
            DataPointItem::new(vec![
                CompositeValue::from(f64::midpoint(low, high)),
                CompositeValue::from(i64::from(count)),
            ])
            .name(name)
        });
        Bar::new()
            .name(self.counted.as_str())
            .item_style(ItemStyle::new().color(palette.hue(self.hue)))
            .data(bars.collect())
    }

    fn step_line(&self, palette: &Palette) -> Line {
        let mut points: Vec<Vec<f64>> = self
            .bins()
            .map(|(low, _, count)| vec![low, f64::from(count)])
            .collect();
        if let Some((_, high, count)) = self.bins().last() {
            points.push(vec![high, f64::from(count)]);
        }
        let color = palette.hue(self.hue);
        Line::new()
            .name(self.counted.as_str())
            .step(Step::End)
            .show_symbol(false)
            .line_style(LineStyle::new().color(color).width(1.0))
            .item_style(ItemStyle::new().color(color))
            .area_style(AreaStyle::new().color(color).opacity(0.85))
            .data(points)
    }

    fn mark_line(&self, palette: &Palette, rows: &[u32]) -> MarkLine {
        let lines = self.marks.iter().zip(rows).map(|(mark, row)| {
            let label = Label::new()
                .formatter(format!("{} {}", mark.label, format::number(mark.value.get())).as_str())
                .color(palette.ink.as_str())
                .font_size(11.0)
                .distance(2.0 + f64::from(*row) * LABEL_ROW_PX);
            MarkLineVariant::Simple(
                MarkLineData::new()
                    .name(mark.label.as_str())
                    .x_axis(mark.value.get())
                    .label(label),
            )
        });
        MarkLine::new()
            .silent(true)
            .symbol(vec![Symbol::None, Symbol::None])
            .line_style(
                LineStyle::new()
                    .color(palette.ink.as_str())
                    .width(1.0)
                    .type_(LineStyleType::Dashed),
            )
            .data(lines.collect())
    }

    /// The row of each mark's label, so that neighbours do not overlap.
    fn label_rows(&self, min: f64, max: f64) -> Vec<u32> {
        let place = |value: f64| {
            if self.histogram.is_logarithmic {
                (value / min).ln() / (max / min).ln()
            } else {
                (value - min) / (max - min)
            }
        };
        let mut rows: Vec<(f64, u32)> = Vec::with_capacity(self.marks.len());
        for mark in &self.marks {
            let at = place(mark.value.get());
            let is_taken = |row: u32| {
                rows.iter()
                    .any(|(other, r)| *r == row && (at - other).abs() < LABEL_WIDTH_FRACTION)
            };
            let mut row = 0;
            while is_taken(row) {
                row += 1;
            }
            rows.push((at, row));
        }
        rows.into_iter().map(|(_, row)| row).collect()
    }

    pub(super) fn twin(&self) -> Twin {
        let mut twin = Twin::with_columns(&[
            ("from", &self.unit),
            ("to", &self.unit),
            (&self.counted, ""),
            ("share", ""),
        ]);
        let total = self.total_count() as f64;
        twin.rows = self
            .bins()
            .map(|(low, high, count)| {
                vec![
                    format::number(low),
                    format::number(high),
                    format::count(u64::from(count)),
                    format::percent(f64::from(count) / total),
                ]
            })
            .collect();
        twin
    }

    pub(super) fn finding(&self) -> String {
        let mark = |label: &str| {
            let mark = self.marks.iter().find(|mark| mark.label == label);
            mark.map(|mark| mark.value.get())
        };
        let (Some(half), Some(most), Some(nearly_all)) = (mark("p50"), mark("p90"), mark("p99"))
        else {
            return format!("{} {}.", format::count(self.total_count()), self.counted);
        };
        let unit = &self.unit;
        format!(
            "Half of the {} took at most {} {unit}, 90% at most {} {unit}, 99% at most {} {unit}.",
            self.counted,
            format::number(half),
            format::number(most),
            format::number(nearly_all),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::hue::tests::palette;
    use super::*;

    fn chart(values: Vec<f64>) -> HistogramChart {
        let metric = MetricSummary::of(values).unwrap();
        HistogramChart::of_metric(&metric, "ms", "requests", Hue::TTFT)
    }

    #[test]
    fn even_bins_are_bars_with_percentile_lines() {
        let option = chart((100..300).map(f64::from).collect()).option(&palette());
        let series = &option["series"][0];
        assert_eq!(series["type"], "bar");
        assert_eq!(series["markLine"]["data"][1]["name"], "p90");
        assert_eq!(series["markLine"]["data"][0]["xAxis"], 199.5);
        assert_eq!(series["itemStyle"]["color"], "blue");
        assert_eq!(option["tooltip"]["renderMode"], "richText");
        assert_eq!(option["animation"], false);
    }

    #[test]
    fn bins_that_grow_are_a_step_line_on_a_log_axis() {
        let values = (0..200)
            .map(|n| if n < 190 { 10.0 } else { 5_000.0 })
            .collect();
        let option = chart(values).option(&palette());
        assert_eq!(option["xAxis"][0]["type"], "log");
        assert_eq!(option["series"][0]["type"], "line");
        assert_eq!(option["series"][0]["step"], "end");
    }

    #[test]
    fn close_marks_stand_on_different_rows() {
        let close = chart(
            (0..1_000)
                .map(|n| 200.0 + f64::from(n % 10) / 100.0)
                .collect(),
        );
        let rows = close.label_rows(200.0, 400.0);
        assert_eq!(rows, [0, 1, 2]);
    }

    #[test]
    fn the_twin_counts_every_request() {
        let chart = chart((0..50).map(f64::from).collect());
        let twin = chart.twin();
        let total: u32 = twin
            .rows
            .iter()
            .map(|row| row[2].parse::<u32>().unwrap())
            .sum();
        assert_eq!(total, 50);
        assert_eq!(twin.columns[0], ("from".to_owned(), "ms".to_owned()));
        let finding = "Half of the requests took at most 24.5 ms, 90% at most 44.1 ms, \
                       99% at most 48.5 ms.";
        assert_eq!(chart.finding(), finding);
    }
}
