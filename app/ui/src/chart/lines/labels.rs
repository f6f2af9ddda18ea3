//! The names of shades and marked instants, written so that none covers another.

use serde_json::{Value, json};

use super::LinesChart;
use crate::chart::hue::Palette;
use crate::chart::option::shortened;

/// Height of a row of names, in pixels.
const ROW_PX: i32 = 14;
/// Distance of a name from its instant and from the top, in pixels.
const GAP_PX: i32 = 5;
/// Room that a name takes of the drawn time: on a narrow screen a third of it.
const NAME_SHARE: f64 = 0.34;

/// Rows of names, the topmost first: each with the parts of the time, from 0 to 1, that are taken.
#[derive(Default)]
struct Rows(Vec<Vec<(f64, f64)>>);

/// Where a name stands.
#[derive(Clone, Copy)]
struct Place {
    /// Whether it lies to the right of its instant: each grows towards the middle of the chart.
    is_right_of: bool,
    /// Distance from the topmost row, in pixels.
    down_px: i32,
}

impl Rows {
    /// The first row with room for a name, which begins at `from` when it lies in the left half, or
    /// else ends at `to`; both are shares of the drawn time.
    fn place(&mut self, from: f64, to: f64) -> Place {
        let is_right_of = from < 0.5;
        let wanted = if is_right_of {
            (from, from + NAME_SHARE)
        } else {
            (to - NAME_SHARE, to)
        };
        let is_free = |row: &Vec<(f64, f64)>| {
            row.iter()
                .all(|taken| taken.1 <= wanted.0 || wanted.1 <= taken.0)
        };
        let row = self.0.iter().position(is_free);
        let row = row.unwrap_or_else(|| {
            self.0.push(Vec::new());
            self.0.len() - 1
        });
        if let Some(row) = self.0.get_mut(row) {
            row.push(wanted);
        }
        Place {
            is_right_of,
            down_px: i32::try_from(row).unwrap_or(0) * ROW_PX,
        }
    }
}

impl LinesChart {
    /// What the first series is patched with: where its shades have their names, and the marked
    /// instants with theirs.
    pub(super) fn mark_patch(&self, palette: &Palette, end_s: f64) -> Value {
        let mut rows = Rows::default();
        let names = self.shades.iter().map(|shade| {
            let place = rows.place(shade.from_s.get() / end_s, shade.to_s.get() / end_s);
            let position = if place.is_right_of {
                "insideTopLeft"
            } else {
                "insideTopRight"
            };
            json!([{ "label": { "position": position, "offset": [0, place.down_px] } }])
        });
        let areas = json!({ "data": names.collect::<Vec<_>>() });
        if self.marks.is_empty() {
            return json!({ "markArea": areas });
        }
        let lines = self.marks.iter().map(|(at_s, name)| {
            let at = at_s.get() / end_s;
            let place = rows.place(at, at);
            let (align, left_px) = if place.is_right_of {
                ("left", -GAP_PX)
            } else {
                ("right", GAP_PX)
            };
            json!({
                "xAxis": shortened(at_s.get()),
                "name": name,
                "label": { "align": align, "distance": [left_px, GAP_PX + place.down_px] },
            })
        });
        let lines = json!({
            "silent": true,
            "symbol": "none",
            "lineStyle": { "color": palette.note, "type": "dashed", "width": 1 },
            "label": {
                "formatter": "{b}",
                // Below the upper end, where the names of axes are not.
                "position": "insideEndBottom",
                "rotate": 0,
                "color": palette.note,
                "fontSize": 11,
                // Read over the lines too.
                "textBorderColor": palette.surface,
                "textBorderWidth": 3,
            },
            "data": lines.collect::<Vec<_>>(),
        });
        json!({ "markArea": areas, "markLine": lines })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_covers_another() {
        let shares = || (0..=20u32).map(|number| f64::from(number) / 20.0);
        for first in shares() {
            for second in shares() {
                for length in [0.0, 0.1, 0.5] {
                    let mut rows = Rows::default();
                    let mut written: Vec<(i32, f64, f64)> = Vec::new();
                    for from in [first, second, first, f64::midpoint(first, second)] {
                        let to = (from + length).min(1.0);
                        let place = rows.place(from, to);
                        let (low, high) = if place.is_right_of {
                            (from, from + NAME_SHARE)
                        } else {
                            (to - NAME_SHARE, to)
                        };
                        let covered = written.iter().find(|(row, other_low, other_high)| {
                            *row == place.down_px && low < *other_high && *other_low < high
                        });
                        assert_eq!(covered, None, "{first} {second} {length}");
                        written.push((place.down_px, low, high));
                    }
                }
            }
        }
    }

    #[test]
    fn names_far_from_each_other_share_the_topmost_row() {
        let mut rows = Rows::default();
        let places = [(0.0, 0.1), (0.9, 1.0), (0.02, 0.05), (0.1, 0.1)];
        let down = places.map(|(from, to)| rows.place(from, to).down_px);
        assert_eq!(down, [0, 0, ROW_PX, 2 * ROW_PX]);
    }
}
