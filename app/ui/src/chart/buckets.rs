//! Values of one metric over neighbouring ranges of another, as bars side by side.

use charming::Chart;
use charming::datatype::CompositeValue;
use charming::element::{AxisType, ItemStyle, NameLocation, Tooltip, Trigger};
use charming::series::Bar;
use domain::finite::Finite;
use serde_json::{Value, json};

use super::axis;
use super::finding::range_in_words;
use super::hue::{Hue, Palette};
use super::option::{finish, shortened};
use super::twin::Twin;
use crate::format;

/// One kind of bar.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketSeries {
    /// What it shows: "mean", "p95".
    pub name: String,
    /// Its colour.
    pub hue: Hue,
    /// One value for each range; `None` draws no bar.
    pub values: Vec<Option<Finite>>,
}

/// Bars over ranges.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketsChart {
    /// What the ranges are of: "prompt".
    pub across: String,
    /// Unit of the ranges: "tokens".
    pub across_unit: String,
    /// The ranges in words, ascending: "0–120".
    pub ranges: Vec<String>,
    /// The kinds of bars.
    pub series: Vec<BucketSeries>,
    /// Unit of the values.
    pub unit: String,
}

impl BucketsChart {
    pub(super) fn option(&self, palette: &Palette) -> Value {
        let mut chart = Chart::new()
            .x_axis(axis::horizontal(palette, AxisType::Category).data(self.ranges.clone()))
            .y_axis(
                axis::vertical(palette)
                    .name(self.unit.as_str())
                    .name_location(NameLocation::End)
                    .name_gap(8.0)
                    .name_text_style(axis::name_style(palette)),
            )
            .tooltip(Tooltip::new().trigger(Trigger::Axis));
        for series in &self.series {
            let values = series.values.iter().map(|value| match value {
                Some(value) => CompositeValue::from(shortened(value.get())),
                // What ECharts takes for “no value”.
                None => CompositeValue::from("-"),
            });
            let bar = Bar::new()
                .name(self.name_with_unit(series))
                .item_style(ItemStyle::new().color(palette.hue(series.hue)))
                .data(values.collect());
            chart = chart.series(bar);
        }
        let across_unit = &self.across_unit;
        let bars = json!({ "barGap": "8%", "barCategoryGap": "24%", "barMaxWidth": 48 });
        let patch = json!({
            "grid": [{ "top": 26 }],
            "xAxis": [{
                "axisLabel": { "hideOverlap": true },
                "axisPointer": { "type": "shadow", "label": { "formatter": format!("{{value}} {across_unit}") } },
            }],
            "yAxis": [{ "nameTextStyle": { "align": "left" } }],
            "series": self.series.iter().map(|_| bars.clone()).collect::<Vec<_>>(),
        });
        finish(&chart, palette, patch)
    }

    fn name_with_unit(&self, series: &BucketSeries) -> String {
        if self.unit.is_empty() || self.unit == series.name {
            series.name.clone()
        } else {
            format!("{} ({})", series.name, self.unit)
        }
    }

    pub(super) fn twin(&self) -> Twin {
        let mut columns = vec![(self.across.clone(), self.across_unit.clone())];
        let named = self.series.iter();
        columns.extend(named.map(|series| (series.name.clone(), self.unit.clone())));
        let rows = self.ranges.iter().enumerate().map(|(place, range)| {
            let value = |series: &BucketSeries| series.values.get(place).copied().flatten();
            let values = self
                .series
                .iter()
                .map(|series| format::optional(value(series)));
            std::iter::once(range.clone()).chain(values).collect()
        });
        Twin {
            columns,
            rows: rows.collect(),
        }
    }

    pub(super) fn finding(&self) -> String {
        let parts = self.series.iter().filter_map(|series| {
            let values = series.values.iter().flatten().map(|value| value.get());
            range_in_words(&series.name, values, &self.unit)
        });
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() {
            "No value was measured.".to_owned()
        } else {
            format!("{}.", parts.join("; "))
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let mut values = self.series.iter().flat_map(|series| &series.values);
        values.all(Option::is_none)
    }
}

#[cfg(test)]
mod tests {
    use super::super::hue::tests::palette;
    use super::*;

    fn chart() -> BucketsChart {
        let series = |name: &str, hue, values: [Option<f64>; 3]| BucketSeries {
            name: name.to_owned(),
            hue,
            values: values.map(|value| value.and_then(Finite::new)).into(),
        };
        BucketsChart {
            across: "prompt".to_owned(),
            across_unit: "tokens".to_owned(),
            ranges: ["0–10", "10–20", "20–30"].map(str::to_owned).into(),
            series: vec![
                series("mean", Hue::TTFT, [Some(12.0), None, Some(30.0)]),
                series("p95", Hue::Grey, [Some(20.0), None, Some(41.0)]),
            ],
            unit: "ms".to_owned(),
        }
    }

    #[test]
    fn each_range_has_its_bars_and_none_where_nothing_was_measured() {
        let option = chart().option(&palette());
        assert_eq!(option["xAxis"][0]["type"], "category");
        assert_eq!(option["xAxis"][0]["data"][1], "10–20");
        assert_eq!(option["series"][0]["data"][1], "-");
        assert_eq!(option["series"][1]["data"][2], 41.0);
        assert_eq!(option["series"][1]["name"], "p95 (ms)");
    }

    #[test]
    fn the_twin_has_a_row_for_each_range() {
        let twin = chart().twin();
        let heads = [("prompt", "tokens"), ("mean", "ms"), ("p95", "ms")];
        let heads = heads.map(|(title, unit)| (title.to_owned(), unit.to_owned()));
        assert_eq!(twin.columns, heads);
        assert_eq!(twin.rows[1], ["10–20", format::MISSING, format::MISSING]);
        let finding = "mean between 12 and 30 ms; p95 between 20 and 41 ms.";
        assert_eq!(chart().finding(), finding);
        assert!(!chart().is_empty());
    }
}
