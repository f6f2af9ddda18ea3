//! Values over time: a run in slices, or a run as it goes.

mod labels;

use charming::Chart;
use charming::element::{
    AxisType, ItemStyle, Label, LineStyle, MarkArea, MarkAreaData, NameLocation, Tooltip, Trigger,
};
use charming::series::Line;
use domain::finite::Finite;
use domain::measure::timeline::TimelineSlice;
use serde_json::{Value, json};

use super::axis;
use super::finding::range_in_words;
use super::hue::{Hue, Palette};
use super::option::{finish, merge, shortened};
use super::twin::Twin;
use crate::format;

/// Drawing order of the lines: the first, which the chart is about, lies on top of the others where they are equal.
const Z_FIRST: i32 = 3;
const Z_OTHERS: i32 = 2;

/// A warm-up shorter than this share of the drawn time is the start of the first request, not a
/// warm-up.
const WARM_UP_SHARE_MIN: f64 = 0.01;

/// The axis a series belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The axis at the left, with the grid.
    Left,
    /// The axis at the right: another unit.
    Right,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct LineSeries {
    /// What it shows.
    pub name: String,
    /// Unit of its values.
    pub unit: String,
    /// Its axis.
    pub side: Side,
    /// Its colour.
    pub hue: Hue,
    /// One value for each instant of the chart; `None` leaves a gap.
    pub values: Vec<Option<Finite>>,
}

/// A part of the time that is drawn on a shade: warm-up, drain.
#[derive(Clone, Debug, PartialEq)]
pub struct Shade {
    /// What it is.
    pub label: String,
    /// Start, in seconds.
    pub from_s: Finite,
    /// End, in seconds.
    pub to_s: Finite,
    /// Whether it belongs to the measured window: then its values are in what the chart finds.
    pub is_measured: bool,
}

/// Lines over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinesChart {
    /// Instants in seconds, ascending.
    pub x_s: Vec<Finite>,
    /// The lines.
    pub series: Vec<LineSeries>,
    /// The shades.
    pub shades: Vec<Shade>,
    /// Instants drawn as lines from top to bottom, in seconds with their names.
    pub marks: Vec<(Finite, String)>,
    /// Where the time of a finished run ends, in seconds, also where no value lies so late; `None`
    /// while it goes on.
    pub end_s: Option<Finite>,
}

impl LinesChart {
    /// Throughput and requests in flight of a run, warm-up and drain shaded.
    pub fn of_load(slices: &[TimelineSlice], window_start_s: Finite, window_end_s: Finite) -> Self {
        let mut chart = Self::of_slices(slices, window_start_s, window_end_s);
        let all =
            |value: fn(&TimelineSlice) -> Finite| slices.iter().map(|s| Some(value(s))).collect();
        chart.series = vec![
            LineSeries {
                name: "Output".to_owned(),
                unit: "tok/s".to_owned(),
                side: Side::Left,
                hue: Hue::THROUGHPUT,
                values: all(|slice| slice.output_tok_per_s),
            },
            LineSeries {
                name: "In flight".to_owned(),
                unit: "requests".to_owned(),
                side: Side::Right,
                hue: Hue::IN_FLIGHT,
                values: all(|slice| slice.in_flight),
            },
        ];
        chart
    }

    /// TTFT over a run: median and 99th percentile of each slice.
    pub fn of_ttft(slices: &[TimelineSlice], window_start_s: Finite, window_end_s: Finite) -> Self {
        let values =
            |value: fn(&TimelineSlice) -> Option<Finite>| slices.iter().map(value).collect();
        let median = values(|slice| slice.ttft_p50_ms);
        let tail = values(|slice| slice.ttft_p99_ms);
        let mut chart = Self::of_slices(slices, window_start_s, window_end_s);
        chart.series = Self::latency_pair("TTFT", Hue::TTFT, median, tail);
        chart
    }

    /// TTFT over an open loop, from schedule and from send: what lies between them is waiting in the client.
    /// `None` for results of before, whose slices do not know the schedule.
    pub fn of_ttft_from_schedule(
        slices: &[TimelineSlice],
        window_start_s: Finite,
        window_end_s: Finite,
    ) -> Option<Self> {
        slices
            .iter()
            .find(|slice| slice.ttft_from_schedule_p50_ms.is_some())?;
        let line = |name: &str, hue, value: fn(&TimelineSlice) -> Option<Finite>| LineSeries {
            name: name.to_owned(),
            unit: "ms".to_owned(),
            side: Side::Left,
            hue,
            values: slices.iter().map(value).collect(),
        };
        let mut chart = Self::of_slices(slices, window_start_s, window_end_s);
        chart.series = vec![
            line("From schedule p50", Hue::TTFT, |slice| {
                slice.ttft_from_schedule_p50_ms
            }),
            line("From schedule p99", Hue::Grey, |slice| {
                slice.ttft_from_schedule_p99_ms
            }),
            line("From send p50", Hue::Teal, |slice| slice.ttft_p50_ms),
        ];
        Some(chart)
    }

    /// ITL over a run: median and 99th percentile of each slice.
    pub fn of_itl(slices: &[TimelineSlice], window_start_s: Finite, window_end_s: Finite) -> Self {
        let values =
            |value: fn(&TimelineSlice) -> Option<Finite>| slices.iter().map(value).collect();
        let median = values(|slice| slice.itl_p50_ms);
        let tail = values(|slice| slice.itl_p99_ms);
        let mut chart = Self::of_slices(slices, window_start_s, window_end_s);
        chart.series = Self::latency_pair("ITL", Hue::ITL, median, tail);
        chart
    }

    fn latency_pair(
        name: &str,
        hue: Hue,
        median: Vec<Option<Finite>>,
        tail: Vec<Option<Finite>>,
    ) -> Vec<LineSeries> {
        [("p50", hue, median), ("p99", Hue::Grey, tail)]
            .map(|(percentile, hue, values)| LineSeries {
                name: format!("{name} {percentile}"),
                unit: "ms".to_owned(),
                side: Side::Left,
                hue,
                values,
            })
            .into()
    }

    /// Leaves out the instants without any value: each would cut the lines, and where every other
    /// one is empty, as with few users, nothing would be left of them.
    #[must_use]
    pub fn without_gaps(mut self) -> Self {
        let kept: Vec<bool> = (0..self.x_s.len())
            .map(|place| {
                let at = |series: &LineSeries| series.values.get(place).copied().flatten();
                self.series.iter().any(|series| at(series).is_some())
            })
            .collect();
        self.x_s = kept_of(&self.x_s, &kept);
        for series in &mut self.series {
            series.values = kept_of(&series.values, &kept);
        }
        self
    }

    /// The instants of the slices, and the shades before and after the measured window.
    fn of_slices(slices: &[TimelineSlice], window_start_s: Finite, window_end_s: Finite) -> Self {
        let end = |slice: &TimelineSlice| slice.start_s.get() + slice.length_s.get();
        let end_s = slices
            .last()
            .map(end)
            .and_then(Finite::new)
            .unwrap_or_default();
        let shades = [
            ("warm-up", Finite::ZERO, window_start_s),
            ("drain", window_end_s, end_s),
        ];
        // A drain shorter than a slice is the rounding of the last slice, not a drain.
        let slice_s = slices.first().map_or(0.0, |slice| slice.length_s.get());
        let shades = shades.into_iter().filter(|(label, from_s, to_s)| {
            let shortest_s = if *label == "drain" {
                slice_s
            } else {
                end_s.get() * WARM_UP_SHARE_MIN
            };
            to_s.get() - from_s.get() > shortest_s
        });
        let shades = shades.map(|(label, from_s, to_s)| Shade {
            label: label.to_owned(),
            from_s,
            to_s,
            is_measured: false,
        });
        Self {
            x_s: slices.iter().map(|slice| slice.start_s).collect(),
            series: Vec::new(),
            shades: shades.collect(),
            marks: Vec::new(),
            end_s: slices.last().map(|slice| slice.start_s),
        }
    }

    fn unit_of(&self, side: Side) -> Option<&LineSeries> {
        self.series.iter().find(|series| series.side == side)
    }

    pub(super) fn option(&self, palette: &Palette) -> Value {
        let mut x_axis = axis::horizontal(palette, AxisType::Value);
        let shades = self.shades.iter().map(|shade| shade.to_s);
        let ends = shades.chain(self.x_s.last().copied()).chain(self.end_s);
        let end_s = up_to_tenth(ends.map(Finite::get).fold(1.0, f64::max));
        if let Some(first) = self.x_s.first() {
            x_axis = x_axis.min(first.get().min(0.0)).max(end_s);
        }
        let mut chart = Chart::new()
            .x_axis(x_axis)
            .tooltip(Tooltip::new().trigger(Trigger::Axis));
        let has_right = self.unit_of(Side::Right).is_some();
        for side in [Side::Left, Side::Right] {
            if side == Side::Right && !has_right {
                continue;
            }
            let unit = self.unit_of(side).map_or("", |series| series.unit.as_str());
            let axis = axis::vertical(palette)
                .name(unit)
                .name_location(NameLocation::End)
                .name_gap(8.0)
                .name_text_style(axis::name_style(palette));
            chart = chart.y_axis(axis);
        }
        for (place, series) in self.series.iter().enumerate() {
            let mut line = self.line(series, palette).z(Z_OTHERS);
            if place == 0 {
                line = line.z(Z_FIRST).mark_area(self.mark_area(palette));
            }
            chart = chart.series(line);
        }
        let mut patch = json!({
            "grid": [{ "top": 26, "right": if has_right { 2 } else { 14 } }],
            "xAxis": [{
                "axisLabel": { "formatter": "{value} s", "hideOverlap": true },
                "axisPointer": { "label": { "formatter": "{value} s", "precision": 1 } },
            }],
            "yAxis": [{ "nameTextStyle": { "align": "left" }, "scale": false }],
        });
        let marks = self.mark_patch(palette, end_s);
        merge(&mut patch, json!({ "series": [marks] }));
        if has_right {
            let right = json!({
                "alignTicks": true,
                "splitLine": { "show": false },
                "nameTextStyle": { "align": "right" },
            });
            if let Some(axes) = patch.pointer_mut("/yAxis").and_then(Value::as_array_mut) {
                axes.push(right);
            }
        }
        finish(&chart, palette, patch)
    }

    fn line(&self, series: &LineSeries, palette: &Palette) -> Line {
        let points = self.x_s.iter().zip(&series.values).map(|(x_s, value)| {
            vec![
                Some(shortened(x_s.get())),
                value.map(|value| shortened(value.get())),
            ]
        });
        let color = palette.hue(series.hue);
        Line::new()
            .name(format!("{} ({})", series.name, series.unit))
            .y_axis_index(if series.side == Side::Right { 1.0 } else { 0.0 })
            .show_symbol(false)
            .connect_nulls(false)
            .line_style(LineStyle::new().color(color).width(1.5))
            .item_style(ItemStyle::new().color(color))
            .data(points.collect())
    }

    fn mark_area(&self, palette: &Palette) -> MarkArea {
        let edge = |at_s: Finite| MarkAreaData::new().x_axis(at_s.get().to_string());
        let areas = self.shades.iter().map(|shade| {
            (
                edge(shade.from_s).name(shade.label.as_str()),
                edge(shade.to_s),
            )
        });
        MarkArea::new()
            .silent(true)
            .item_style(ItemStyle::new().color(palette.shade.as_str()))
            .label(Label::new().color(palette.note.as_str()).font_size(11.0))
            .data(areas.collect())
    }

    pub(super) fn twin(&self) -> Twin {
        let mut columns = vec![("time".to_owned(), "s".to_owned())];
        columns.extend(self.series.iter().map(|s| (s.name.clone(), s.unit.clone())));
        let rows = self.x_s.iter().enumerate().map(|(place, x_s)| {
            let values = self
                .series
                .iter()
                .map(|series| format::optional(series.values.get(place).copied().flatten()));
            std::iter::once(format::number(x_s.get()))
                .chain(values)
                .collect()
        });
        Twin {
            columns,
            rows: rows.collect(),
        }
    }

    pub(super) fn finding(&self) -> String {
        let outside = || self.shades.iter().filter(|shade| !shade.is_measured);
        // A shade ends where the next part begins; at the end of the chart there is no next part.
        let last_s = self.x_s.last();
        let is_shaded = |x_s: &Finite| {
            outside().any(|shade| {
                let is_its_end = *x_s == shade.to_s && last_s == Some(x_s);
                shade.from_s <= *x_s && (*x_s < shade.to_s || is_its_end)
            })
        };
        let parts = self.series.iter().filter_map(|series| {
            let points = self.x_s.iter().zip(&series.values);
            let values = points
                .filter(|(x_s, _)| !is_shaded(x_s))
                .filter_map(|(_, value)| value.map(Finite::get));
            range_in_words(&series.name, values, &series.unit)
        });
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() {
            let is_begun = self.end_s.is_some() || !self.x_s.is_empty();
            let text = if is_begun {
                "No value in the measured window."
            } else {
                "Nothing measured yet."
            };
            return text.to_owned();
        }
        let window = if outside().next().is_none() {
            ""
        } else {
            " in the measured window"
        };
        format!("{}{window}.", parts.join("; "))
    }
}

fn kept_of<T: Copy>(values: &[T], kept: &[bool]) -> Vec<T> {
    let kept = values.iter().zip(kept).filter(|(_, is_kept)| **is_kept);
    kept.map(|(value, _)| *value).collect()
}

/// The next tenth of a second: the last label of the axis shows this number as it is.
fn up_to_tenth(seconds: f64) -> f64 {
    // A tenth that is not exact in binary stays where it is.
    (seconds * 10.0 - 1e-6).ceil() / 10.0
}

#[cfg(test)]
mod tests;
