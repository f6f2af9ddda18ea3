//! What charts say about the values they draw.

use crate::format;

/// `Output between 260 and 635 tok/s`, or `Users always 8` where all are equal: whole numbers without decimals.
/// A unit that is the name is not said twice. `None` without values.
pub(super) fn range_in_words(
    name: &str,
    values: impl Iterator<Item = f64>,
    unit: &str,
) -> Option<String> {
    let mut are_whole = true;
    let range = values.fold(None, |range: Option<(f64, f64)>, value| {
        are_whole &= value.fract() == 0.0;
        Some(range.map_or((value, value), |(low, high)| {
            (low.min(value), high.max(value))
        }))
    });
    let (low, high) = range?;
    let text = |value| {
        if are_whole {
            format::fixed(value, 0)
        } else {
            format::number(value)
        }
    };
    let (low, high) = (text(low), text(high));
    let unit = if unit == name { "" } else { unit };
    let words = if low == high {
        format!("{name} always {low} {unit}")
    } else {
        format!("{name} between {low} and {high} {unit}")
    };
    Some(words.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_no_decimals_and_equal_values_no_range() {
        let words = |name, values: &[f64], unit| range_in_words(name, values.iter().copied(), unit);
        assert_eq!(
            words("Users", &[8.0, 8.0], "in flight").unwrap(),
            "Users always 8 in flight"
        );
        assert_eq!(
            words("arrivals", &[3.0, 12.0], "arrivals").unwrap(),
            "arrivals between 3 and 12"
        );
        assert_eq!(
            words("TTFT", &[3.0, 12.5], "ms").unwrap(),
            "TTFT between 3.00 and 12.5 ms"
        );
        assert_eq!(words("TTFT", &[], "ms"), None);
    }
}
