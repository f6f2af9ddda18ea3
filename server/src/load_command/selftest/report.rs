//! The selftest in words.

use domain::finite::Finite;
use domain::measure::selftest::{Level, LevelReport, ceiling};
use serde_json::Value;

/// One line of JSON. An open-loop level has the streams that were open at once as its `streams`.
pub(super) fn json(level: &LevelReport) -> String {
    let mut value = serde_json::to_value(level).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields
            .entry("streams")
            .or_insert_with(|| level.open_at_once.into());
    }
    value.to_string()
}

/// The heading of the table.
pub(super) fn heading() -> String {
    format!(
        "{:<16}{:^24}{:^24}{:^24}{:>8}{:>10}{:>8}{:>7}{:>9}{:>7}{:>16}{:>7}  {}\n\
         {:<16}{:^24}{:^24}{:^24}{:>8}{:>10}{:>8}{:>7}{:>9}{:>7}{:>16}{:>7}",
        "Level",
        "TTFT error (ms)",
        "ITL error (ms)",
        "E2E error (ms)",
        "rate",
        "chunks/s",
        "of",
        "open",
        "CPU µs",
        "RSS",
        "host stall ms",
        "steal",
        "verdict",
        "",
        "mean     p50     p99",
        "mean     p50     p99",
        "mean     p50     p99",
        "error",
        "",
        "ideal",
        "",
        "per chunk",
        "MB",
        "p99 / max",
        "",
    )
}

/// A level as a row of the table.
pub(super) fn row(level: &LevelReport) -> String {
    let three = |values: [Option<Finite>; 3]| {
        let [mean, p50, p99] = values.map(|value| number(value, 3));
        format!("{mean:>8}{p50:>8}{p99:>8}")
    };
    let share = level
        .chunks_per_s
        .and_then(|rate| Finite::ratio(rate.get(), level.ideal_chunks_per_s.get()));
    let name = match level.level {
        Level::Closed { .. } => level.level.in_words(),
        Level::Open { rate_per_s } => format!("{rate_per_s} req/s"),
    };
    let stall = format!(
        "{} / {}",
        number(level.host_stall_p99_ms, 1),
        number(level.host_stall_max_ms, 1)
    );
    format!(
        "{name:<16}{}{}{}{:>8}{:>10}{:>8}{:>7}{:>9}{:>7}{stall:>16}{:>7}  {}",
        three([
            level.ttft_error_mean_ms,
            level.ttft_error_p50_ms,
            level.ttft_error_p99_ms
        ]),
        three([
            level.itl_error_mean_ms,
            level.itl_error_p50_ms,
            level.itl_error_p99_ms
        ]),
        three([
            level.e2e_error_mean_ms,
            level.e2e_error_p50_ms,
            level.e2e_error_p99_ms
        ]),
        percent(level.rate_error, 2),
        number(level.chunks_per_s, 0),
        percent(share, 1),
        level.open_at_once,
        number(level.cpu_us_per_chunk, 1),
        number(level.peak_rss_mb, 0),
        percent(level.steal_fraction, 1),
        if level.is_within() {
            "within bounds"
        } else {
            "CLIENT-BOUND"
        },
    )
}

/// What follows from all levels.
pub(super) fn conclusion(levels: &[LevelReport]) -> String {
    let reasons = levels.iter().flat_map(|level| {
        let words = level.reasons.iter();
        words.map(|reason| format!("{}: {reason}", level.level.in_words()))
    });
    let late_ms = levels
        .iter()
        .filter_map(|level| level.engine_late_p99_ms)
        .fold(0.0, |most, late| f64::max(most, late.get()));
    let ceiling = ceiling(levels).map_or_else(
        || "none of these levels".to_owned(),
        |streams| format!("{streams} streams"),
    );
    let last = [
        format!(
            "The engine's own lateness was at most {late_ms:.3} ms (p99 of a level). It is no error: the log says what was really sent."
        ),
        format!("This machine's honest ceiling: {ceiling}."),
    ];
    reasons.chain(last).collect::<Vec<_>>().join("\n")
}

fn number(value: Option<Finite>, digits: usize) -> String {
    value.map_or_else(
        || "-".to_owned(),
        |value| format!("{:.digits$}", value.get()),
    )
}

fn percent(share: Option<Finite>, digits: usize) -> String {
    share.map_or_else(
        || "-".to_owned(),
        |share| format!("{:.digits$}%", share.get() * 100.0),
    )
}
