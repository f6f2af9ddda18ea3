//! Sizes, shares and counted nouns.

use domain::finite::Finite;

use super::number::group_thousands;
use super::{MISSING, count, number};

/// A size in binary units: `512 B`, `3.30 MiB`, `80.0 GiB`.
pub fn bytes(size_bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if size_bytes < 1_024 {
        return format!("{size_bytes} B");
    }
    let mut size = size_bytes as f64 / 1_024.0;
    let mut unit = "KiB";
    for larger in UNITS.into_iter().skip(1) {
        if size < 1_023.5 {
            break;
        }
        size /= 1_024.0;
        unit = larger;
    }
    format!("{} {unit}", number(size))
}

/// A share of 1 as percent: `86.7%`, `0.1%`, `0%`. What is not nothing never reads `0%`, and what
/// is not everything never reads `100%`.
pub fn percent(fraction: f64) -> String {
    if !fraction.is_finite() {
        return MISSING.to_owned();
    }
    let percent = fraction * 100.0;
    match percent.abs() {
        0.0 => "0%".to_owned(),
        p if p < 0.01 => "<0.01%".to_owned(),
        p if p < 0.1 => minus_sign(format!("{percent:.2}%")),
        p if (99.95..100.0).contains(&p) => ">99.9%".to_owned(),
        p if p >= 1_000.0 => minus_sign(format!("{percent:.0}%")),
        _ => minus_sign(format!(
            "{}%",
            format!("{percent:.1}").trim_end_matches(".0")
        )),
    }
}

/// A change as signed percent: `+7.2%`, `−0.4%`, `±0%`.
pub fn signed_percent(fraction: f64) -> String {
    let text = percent(fraction);
    match fraction {
        0.0 => "±0%".to_owned(),
        f if f > 0.0 => format!("+{text}"),
        _ => text,
    }
}

/// A counted noun: `1 request`, `1,284 requests`.
pub fn plural(amount: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(amount), if amount == 1 { one } else { many })
}

/// US dollars, not negative: `$12.30`, `$1,204.00`. What is not nothing never reads `$0.00`.
pub fn dollars(amount: Finite) -> String {
    let amount = amount.get();
    if amount > 0.0 && amount < 0.01 {
        return "less than $0.01".to_owned();
    }
    format!("${}", group_thousands(&format!("{amount:.2}")))
}

fn minus_sign(text: String) -> String {
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary() {
        let cases = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.00 KiB"),
            (3_460_301, "3.30 MiB"),
            (1_048_575, "1.00 MiB"),
            (85_899_345_920, "80.0 GiB"),
        ];
        for (size_bytes, text) in cases {
            assert_eq!(bytes(size_bytes), text, "{size_bytes}");
        }
    }

    #[test]
    fn percent_never_rounds_to_a_claim() {
        let cases = [
            (0.0, "0%"),
            (0.000_01, "<0.01%"),
            (0.000_4, "0.04%"),
            (0.001, "0.1%"),
            (0.867, "86.7%"),
            (0.5, "50%"),
            (0.999_7, ">99.9%"),
            (1.0, "100%"),
            (-0.25, "−25%"),
            (f64::NAN, "–"),
        ];
        for (fraction, text) in cases {
            assert_eq!(percent(fraction), text, "{fraction}");
        }
    }

    #[test]
    fn a_price_is_never_rounded_to_nothing() {
        let cases = [
            (0.0, "$0.00"),
            (0.000_2, "less than $0.01"),
            (0.05, "$0.05"),
            (1_204.0, "$1,204.00"),
        ];
        for (amount, text) in cases {
            assert_eq!(dollars(Finite::new(amount).unwrap()), text, "{amount}");
        }
    }

    #[test]
    fn changes_carry_their_sign() {
        assert_eq!(signed_percent(0.072), "+7.2%");
        assert_eq!(signed_percent(-0.004), "−0.4%");
        assert_eq!(signed_percent(0.0), "±0%");
        assert_eq!(plural(1, "request", "requests"), "1 request");
        assert_eq!(plural(1_284, "request", "requests"), "1,284 requests");
    }
}
