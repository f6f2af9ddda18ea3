//! Axes as the design has them: no ticks, light grid, small labels.

use charming::component::Axis;
use charming::element::{AxisLabel, AxisLine, AxisTick, AxisType, LineStyle, SplitLine, TextStyle};

use super::hue::Palette;

const LABEL_PX: f64 = 11.0;
const STEPS_ABOUT: f64 = 6.0;

/// Along the bottom: a line and no grid.
pub(super) fn horizontal(palette: &Palette, kind: AxisType) -> Axis {
    Axis::new()
        .type_(kind)
        .axis_label(label(palette))
        .axis_line(AxisLine::new().show(true))
        .axis_tick(AxisTick::new().show(false))
        .split_line(SplitLine::new().show(false))
}

/// Up the side: grid lines and no line.
pub(super) fn vertical(palette: &Palette) -> Axis {
    Axis::new()
        .type_(AxisType::Value)
        .axis_label(label(palette))
        .axis_line(AxisLine::new().show(false))
        .axis_tick(AxisTick::new().show(false))
        .split_line(
            SplitLine::new()
                .show(true)
                .line_style(LineStyle::new().color(palette.grid.as_str())),
        )
        .split_number(3.0)
}

/// The style of an axis name.
pub(super) fn name_style(palette: &Palette) -> TextStyle {
    TextStyle::new()
        .color(palette.note.as_str())
        .font_size(LABEL_PX)
}

fn label(palette: &Palette) -> AxisLabel {
    AxisLabel::new()
        .color(palette.note.as_str())
        .font_size(LABEL_PX)
}

/// The least step between labels of a unit: half a token is none.
pub(super) fn least_step(unit: &str) -> f64 {
    if unit == "tokens" { 1.0 } else { 0.0 }
}

/// Lower end, upper end and step of an axis that covers `min..=max` in about six round steps.
pub(super) fn round_range(min: f64, max: f64, least_step: f64) -> Option<(f64, f64, f64)> {
    let span = max - min;
    if !span.is_finite() || span <= 0.0 {
        return None;
    }
    let rough = span / STEPS_ABOUT;
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * power >= rough)
        .unwrap_or(10.0);
    let step = (factor * power).max(least_step);
    Some((
        (min / step).floor() * step,
        (max / step).ceil() * step,
        step,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_round_and_cover() {
        assert_eq!(round_range(140.0, 660.0, 0.0), Some((100.0, 700.0, 100.0)));
        let tokens = least_step("tokens");
        assert_eq!(round_range(512.0, 513.0, tokens), Some((512.0, 513.0, 1.0)));
        let (low, high, step) = round_range(16.6, 23.6, 0.0).unwrap();
        assert!((low, high, step) == (16.0, 24.0, 2.0));
        assert_eq!(round_range(5.0, 5.0, 0.0), None);
        assert_eq!(round_range(f64::NAN, 5.0, 0.0), None);
    }
}
