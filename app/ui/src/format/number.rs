//! Plain numbers.

use domain::finite::Finite;

use super::MISSING;

/// Most decimals of a small number; below that it is written with a power of ten.
const DECIMALS_MAX: usize = 6;

/// A whole number with thousands separators: `1,284`.
pub fn count(value: u64) -> String {
    group_thousands(&value.to_string())
}

/// Three to four significant digits: `2,902`, `241`, `18.0`, `4.83`, `0.042`.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return MISSING.to_owned();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 {
        return "0".to_owned();
    }
    let mut decimals = decimals_of(magnitude);
    if decimals > DECIMALS_MAX {
        return format!("{value:.2e}").replace('-', "−");
    }
    let mut text = format!("{magnitude:.decimals$}");
    // Rounding may have carried into the next power of ten: 9.996 is 10.0, not 10.00.
    let carried = text.parse().map_or(decimals, decimals_of);
    if carried < decimals {
        decimals = carried;
        text = format!("{magnitude:.decimals$}");
    }
    let sign = if value < 0.0 { "−" } else { "" };
    format!("{sign}{}", group_thousands(&text))
}

/// A number with so many decimals, whatever its size: for columns that are read down.
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return MISSING.to_owned();
    }
    let sign = if value < 0.0 { "−" } else { "" };
    let digits = group_thousands(&format!("{:.decimals$}", value.abs()));
    format!("{sign}{digits}")
}

/// Like [`number`], with a plus sign before what is positive.
pub fn signed(value: f64) -> String {
    let text = number(value);
    if value > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

/// [`number`], or [`MISSING`].
pub fn optional(value: Option<Finite>) -> String {
    value.map_or_else(|| MISSING.to_owned(), |value| number(value.get()))
}

/// Every digit the value has, with its unit: what a title or a focused figure shows.
pub fn exact(value: f64, unit: &str) -> String {
    if !value.is_finite() {
        return MISSING.to_owned();
    }
    let sign = if value < 0.0 { "−" } else { "" };
    let digits = group_thousands(&value.abs().to_string());
    format!("{sign}{digits} {unit}").trim_end().to_owned()
}

/// A count in little room: `964`, `5.8k`, `1.3M`, `12G`.
pub fn short_count(value: u64) -> String {
    const STEPS: [(u64, &str); 3] = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    // From 999.5 of a step on, rounding reaches the next one.
    let step = STEPS
        .into_iter()
        .find(|(size, _)| value.saturating_mul(2) >= size * 2 - size / 1_000);
    let Some((size, suffix)) = step else {
        return value.to_string();
    };
    let scaled = value as f64 / size as f64;
    if scaled < 9.95 {
        format!("{scaled:.1}{suffix}")
    } else {
        format!("{scaled:.0}{suffix}")
    }
}

/// Decimals that leave three significant digits (all digits from 1,000 on).
fn decimals_of(magnitude: f64) -> usize {
    match magnitude {
        m if m >= 100.0 => 0,
        m if m >= 10.0 => 1,
        m if m >= 1.0 => 2,
        m => {
            let mut decimals = 3;
            let mut scaled = m * 10.0;
            while scaled < 1.0 && decimals <= DECIMALS_MAX {
                scaled *= 10.0;
                decimals += 1;
            }
            decimals
        }
    }
}

/// Separates the thousands of the whole part of unsigned decimal digits.
pub(super) fn group_thousands(digits: &str) -> String {
    let (whole, fraction) = digits
        .split_once('.')
        .map_or((digits, None), |(w, f)| (w, Some(f)));
    let mut grouped = String::with_capacity(digits.len() + whole.len() / 3);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if let Some(fraction) = fraction {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_to_four_digits() {
        let cases = [
            (0.0, "0"),
            (2901.7, "2,902"),
            (1_234_567.8, "1,234,568"),
            (999.6, "1,000"),
            (241.37, "241"),
            (99.96, "100"),
            (18.0, "18.0"),
            (9.996, "10.0"),
            (4.834, "4.83"),
            (0.999_6, "1.00"),
            (0.42, "0.420"),
            (0.0421, "0.0421"),
            (-31.26, "−31.3"),
            (0.000_000_12, "1.20e−7"),
            (f64::NAN, "–"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text, "{value}");
        }
    }

    #[test]
    fn fixed_decimals_stay() {
        assert_eq!(fixed(0.000_795, 3), "0.001");
        assert_eq!(fixed(1_234.5, 3), "1,234.500");
        assert_eq!(fixed(-0.5, 1), "−0.5");
    }

    #[test]
    fn missing_is_never_zero() {
        assert_eq!(optional(None), "–");
        assert_eq!(optional(Finite::new(0.0)), "0");
    }

    #[test]
    fn exact_keeps_every_digit() {
        assert_eq!(exact(1_241.372_918, "ms"), "1,241.372918 ms");
        assert_eq!(exact(-0.5, ""), "−0.5");
    }

    #[test]
    fn counts_are_grouped_or_short() {
        assert_eq!(count(1_284), "1,284");
        assert_eq!(count(12), "12");
        let cases = [
            (964, "964"),
            (999, "999"),
            (1_000, "1.0k"),
            (5_800, "5.8k"),
            (9_960, "10k"),
            (999_400, "999k"),
            (999_600, "1.0M"),
            (1_250_000, "1.2M"),
            (12_000_000_000, "12G"),
        ];
        for (value, text) in cases {
            assert_eq!(short_count(value), text, "{value}");
        }
        assert_eq!(signed(7.2), "+7.20");
        assert_eq!(signed(-7.2), "−7.20");
    }
}
