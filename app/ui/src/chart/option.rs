//! What all options share, and the patches for what charming cannot say.

use charming::Chart;
use serde_json::{Value, json};

use super::hue::Palette;

/// Serialises a chart and adds what every chart of the product has: no animation, the product's
/// typeface, a tooltip drawn on the canvas (one made of HTML would need inline styles, which the
/// content security policy refuses), and a grid that keeps its labels inside.
pub(super) fn finish(chart: &Chart, palette: &Palette, patch: Value) -> Value {
    let mut option = serde_json::to_value(chart).unwrap_or_else(|_| json!({}));
    // charming writes a single axis or grid as an object, several as an array: patches expect one
    // form.
    for part in ["xAxis", "yAxis", "grid"] {
        if let Some(single) = option.get_mut(part).filter(|part| part.is_object()) {
            *single = json!([single.take()]);
        }
    }
    merge(
        &mut option,
        json!({
            "animation": false,
            "textStyle": { "fontFamily": palette.font },
            "grid": [{
                "left": 2, "right": 10, "top": 10, "bottom": 2,
                "outerBoundsMode": "same", "outerBoundsContain": "axisLabel",
            }],
            // charming knows the line of an axis only as that of a gauge.
            "xAxis": [{ "axisLine": { "lineStyle": { "color": palette.axis } } }],
            "tooltip": {
                "renderMode": "richText",
                "backgroundColor": palette.surface,
                "borderColor": palette.axis,
                "borderWidth": 1,
                "padding": [6, 10],
                "textStyle": { "color": palette.ink, "fontSize": 12, "fontFamily": palette.font },
                "confine": true,
            },
        }),
    );
    merge(&mut option, patch);
    option
}

/// Puts `patch` over `base`: objects key by key, arrays item by item, anything else replaced.
pub(super) fn merge(base: &mut Value, patch: Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(base), Value::Array(patch)) => {
            for (place, value) in patch.into_iter().enumerate() {
                match base.get_mut(place) {
                    Some(item) => merge(item, value),
                    None => base.push(value),
                }
            }
        }
        (base, patch) => *base = patch,
    }
}

/// A value as tooltips print it: four significant digits.
pub(super) fn shortened(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a power of ten of a finite double"
    )]
    let power = 3 - value.abs().log10().floor() as i32;
    let factor = 10f64.powi(power);
    let rounded = (value * factor).round() / factor;
    if rounded.is_finite() { rounded } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_reach_into_arrays_and_keep_the_rest() {
        let mut base = json!({ "series": [{ "type": "bar", "name": "a" }], "x": 1 });
        merge(
            &mut base,
            json!({ "series": [{ "large": true }, { "type": "line" }], "x": [2] }),
        );
        let merged = json!({
            "series": [{ "type": "bar", "name": "a", "large": true }, { "type": "line" }],
            "x": [2],
        });
        assert_eq!(base, merged);
    }

    #[test]
    fn four_digits_remain() {
        let cases = [
            (2_210.123_4, 2210.0),
            (0.123_456, 0.1235),
            (-98.765_4, -98.77),
            (0.0, 0.0),
        ];
        for (value, text) in cases {
            assert!((shortened(value) - text).abs() < 1e-12, "{value}");
        }
        assert!(shortened(1e-300) > 0.0);
    }
}
