//! One field of the requests against another.

use charming::Chart;
use charming::element::{AxisType, ItemStyle, NameLocation, Tooltip, Trigger};
use charming::series::Scatter;
use domain::finite::Finite;
use serde_json::{Value, json};

use super::axis;
use super::hue::{Hue, Palette};
use super::option::{finish, shortened};
use super::twin::Twin;
use crate::format;

/// From this many dots on they are drawn in one batch, without a tooltip each.
pub const LARGE_FROM_COUNT: usize = 2_000;
/// Rows of the table twin: the requests in groups of equal size along the x axis.
const TWIN_GROUPS: usize = 10;

/// What an axis shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxisName {
    /// "Prompt length".
    pub label: String,
    /// "tokens".
    pub unit: String,
}

impl AxisName {
    /// A named axis.
    pub fn new(label: impl Into<String>, unit: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            unit: unit.into(),
        }
    }

    /// The label inside a sentence: "prompt length", but "TTFT".
    fn in_sentence(&self) -> String {
        let mut letters = self.label.chars();
        match (letters.next(), letters.next()) {
            (Some(first), Some(second)) if second.is_lowercase() => {
                format!("{}{second}{}", first.to_lowercase(), letters.as_str())
            }
            _ => self.label.clone(),
        }
    }

    fn with_unit(&self, value: f64) -> String {
        format!("{} {}", format::number(value), self.unit)
            .trim_end()
            .to_owned()
    }

    fn in_words(&self) -> String {
        if self.unit.is_empty() {
            self.label.clone()
        } else {
            format!("{} ({})", self.label, self.unit)
        }
    }
}

/// A scatter of requests.
#[derive(Clone, Debug, PartialEq)]
pub struct ScatterChart {
    /// What goes to the right.
    pub x: AxisName,
    /// What goes up.
    pub y: AxisName,
    /// The requests.
    pub points: Vec<(Finite, Finite)>,
    /// Their colour.
    pub hue: Hue,
}

impl ScatterChart {
    fn is_large(&self) -> bool {
        self.points.len() >= LARGE_FROM_COUNT
    }

    pub(super) fn flat_points(&self) -> Option<Vec<f64>> {
        self.is_large().then(|| {
            self.points
                .iter()
                .flat_map(|(x, y)| [x.get(), y.get()])
                .collect()
        })
    }

    pub(super) fn option(&self, palette: &Palette) -> Value {
        let (x_name, y_name) = (self.x.in_words(), self.y.in_words());
        let x_axis = axis::horizontal(palette, AxisType::Value)
            .name(x_name.as_str())
            .name_location(NameLocation::Center)
            .name_gap(8.0)
            .name_text_style(axis::name_style(palette))
            .scale(true)
            .min_interval(axis::least_step(&self.x.unit));
        let y_axis = axis::vertical(palette)
            .name(y_name.as_str())
            .name_location(NameLocation::End)
            .name_gap(8.0)
            .name_text_style(axis::name_style(palette))
            .min_interval(axis::least_step(&self.y.unit));
        let small: Vec<Vec<f64>> = if self.is_large() {
            Vec::new()
        } else {
            let points = self.points.iter();
            points
                .map(|(x, y)| vec![shortened(x.get()), shortened(y.get())])
                .collect()
        };
        let dots = Scatter::new()
            .symbol_size(4.0)
            .item_style(ItemStyle::new().color(palette.hue(self.hue)).opacity(0.5))
            .data(small);
        let chart = Chart::new()
            .x_axis(x_axis)
            .y_axis(y_axis)
            .tooltip(Tooltip::new().trigger(Trigger::Item))
            .series(dots);
        let patch = json!({
            "grid": [{ "top": 26, "right": 14, "outerBoundsContain": "all" }],
            "xAxis": [{ "axisLabel": { "hideOverlap": true } }],
            "yAxis": [{ "nameTextStyle": { "align": "left" } }],
            "series": [{
                "large": self.is_large(),
                "largeThreshold": LARGE_FROM_COUNT,
                "dimensions": [x_name, y_name],
                "encode": { "x": 0, "y": 1, "tooltip": [0, 1] },
            }],
        });
        finish(&chart, palette, patch)
    }

    /// The requests in groups of equal size along the x axis.
    fn groups(&self) -> Vec<Vec<(f64, f64)>> {
        let mut points: Vec<(f64, f64)> = self
            .points
            .iter()
            .map(|(x, y)| (x.get(), y.get()))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let size = points.len().div_ceil(TWIN_GROUPS).max(1);
        points.chunks(size).map(<[_]>::to_vec).collect()
    }

    pub(super) fn twin(&self) -> Twin {
        let mut twin = Twin::with_columns(&[
            (&format!("{} from", self.x.label), &self.x.unit),
            ("to", &self.x.unit),
            ("requests", ""),
            (&format!("{} min", self.y.label), &self.y.unit),
            ("median", &self.y.unit),
            ("max", &self.y.unit),
        ]);
        let row = |group: Vec<(f64, f64)>| {
            let mut ys: Vec<f64> = group.iter().map(|(_, y)| *y).collect();
            ys.sort_by(f64::total_cmp);
            let middle = median_of_sorted(&ys)?;
            let numbers = [
                group.first()?.0,
                group.last()?.0,
                *ys.first()?,
                middle,
                *ys.last()?,
            ];
            let [from, to, min, median, max] = numbers.map(format::number);
            Some(vec![
                from,
                to,
                format::count(ys.len() as u64),
                min,
                median,
                max,
            ])
        };
        twin.rows = self.groups().into_iter().filter_map(row).collect();
        twin
    }

    pub(super) fn finding(&self) -> String {
        let median_y = |group: &Vec<(f64, f64)>| {
            let mut ys: Vec<f64> = group.iter().map(|(_, y)| *y).collect();
            ys.sort_by(f64::total_cmp);
            median_of_sorted(&ys)
        };
        let groups = self.groups();
        let ends = groups
            .first()
            .and_then(median_y)
            .zip(groups.last().and_then(median_y));
        let count = format::plural(self.points.len() as u64, "request", "requests");
        match ends {
            Some((low, high)) if groups.len() > 1 => format!(
                "{count}. Median {} is {} where {} is lowest, {} where it is highest.",
                self.y.in_sentence(),
                self.y.with_unit(low),
                self.x.in_sentence(),
                self.y.with_unit(high),
            ),
            _ => format!("{count}."),
        }
    }
}

fn median_of_sorted(sorted: &[f64]) -> Option<f64> {
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use super::super::hue::tests::palette;
    use super::*;

    fn chart(count: u32) -> ScatterChart {
        let point = |n: u32| (Finite::from(n), Finite::from(n * 2));
        ScatterChart {
            x: AxisName::new("Prompt length", "tokens"),
            y: AxisName::new("TTFT", "ms"),
            points: (0..count).map(point).collect(),
            hue: Hue::TTFT,
        }
    }

    #[test]
    fn few_dots_travel_in_the_option_and_many_in_one_array() {
        let few = chart(10);
        assert_eq!(
            few.option(&palette())["series"][0]["data"]
                .as_array()
                .unwrap()
                .len(),
            10
        );
        assert_eq!(few.flat_points(), None);
        let many = chart(5_000);
        let option = many.option(&palette());
        assert_eq!(option["series"][0]["large"], true);
        assert!(option["series"][0]["data"].is_null());
        assert_eq!(many.flat_points().unwrap().len(), 10_000);
    }

    #[test]
    fn the_twin_has_every_request_in_one_of_ten_groups() {
        let twin = chart(105).twin();
        assert_eq!(twin.rows.len(), 10);
        let total: u32 = twin
            .rows
            .iter()
            .map(|row| row[2].parse::<u32>().unwrap())
            .sum();
        assert_eq!(total, 105);
        assert_eq!(twin.rows[0], ["0", "10.0", "11", "0", "10.0", "20.0"]);
    }

    #[test]
    fn nothing_is_said_about_nothing() {
        assert_eq!(chart(0).finding(), "0 requests.");
        let finding = "105 requests. Median TTFT is 10.0 ms where prompt length is lowest, \
                       203 ms where it is highest.";
        assert_eq!(chart(105).finding(), finding);
        assert!(chart(0).twin().rows.is_empty());
    }
}
