//! Lengths of time.

use super::{MISSING, number};

const MINUTE_S: f64 = 60.0;

/// A duration from microseconds to days, in the two units that matter: `316 ms`, `4.83 s`,
/// `2 m 8 s`, `1 h 3 m`, `2 d 4 h`.
pub fn duration_s(seconds: f64) -> String {
    if !seconds.is_finite() {
        return MISSING.to_owned();
    }
    if seconds < 0.0 {
        return format!("−{}", duration_s(-seconds));
    }
    // The limits stand a rounding step below the unit, so that 59.97 s never reads "60.0 s".
    match seconds {
        s if s <= 0.0 => "0 s".to_owned(),
        s if s < 0.000_999_5 => format!("{} µs", number(s * 1e6)),
        s if s < 0.999_5 => format!("{} ms", number(s * 1e3)),
        s if s < MINUTE_S - 0.05 => format!("{} s", number(s)),
        s => long_duration(s),
    }
}

/// [`duration_s`] of milliseconds.
pub fn duration_ms(milliseconds: f64) -> String {
    duration_s(milliseconds / 1e3)
}

fn long_duration(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least 59.95"
    )]
    let seconds = seconds.round() as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let pair = match (days, hours, minutes) {
        (0, 0, _) => [(minutes, "m"), (seconds % 60, "s")],
        (0, ..) => [(hours, "h"), (minutes % 60, "m")],
        _ => [(days, "d"), (hours % 24, "h")],
    };
    let [(large, large_unit), (small, small_unit)] = pair;
    if small == 0 {
        format!("{large} {large_unit}")
    } else {
        format!("{large} {large_unit} {small} {small_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_choose_their_units() {
        let cases = [
            (0.0, "0 s"),
            (0.000_42, "420 µs"),
            (0.0182, "18.2 ms"),
            (0.316, "316 ms"),
            (0.999_7, "1.00 s"),
            (4.83, "4.83 s"),
            (41.6, "41.6 s"),
            (59.97, "1 m"),
            (128.0, "2 m 8 s"),
            (3_780.0, "1 h 3 m"),
            (187_200.0, "2 d 4 h"),
            (-2.0, "−2.00 s"),
            (f64::INFINITY, "–"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration_s(seconds), text, "{seconds}");
        }
        assert_eq!(duration_ms(1_500.0), "1.50 s");
    }
}
