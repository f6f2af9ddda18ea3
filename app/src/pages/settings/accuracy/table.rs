//! The levels of a selftest.

use domain::finite::Finite;
use domain::measure::selftest::LevelReport;
use leptos::prelude::*;
use ui::badge::Badge;
use ui::figure::Figure;
use ui::table::{Column, NumberCell, Table};
use ui::tone::Tone;

/// One row for each level, p99 under the mean.
#[component]
pub fn LevelTable(
    /// In the order they were measured.
    levels: Vec<LevelReport>,
) -> impl IntoView {
    if levels.is_empty() {
        return ().into_any();
    }
    let error = "Mean of the absolute differences; the 99th percentile below it";
    let columns = vec![
        Column::text("Level"),
        Column::text("Verdict"),
        Column::numeric("TTFT error", "ms").with_hint(error),
        Column::numeric("ITL error", "ms").with_hint(error),
        Column::numeric("E2E error", "ms").with_hint(error),
        Column::numeric("Rate error", "%"),
        Column::numeric("Open", "")
            .with_hint("Streams that were really open at once, by the engine’s log"),
        Column::numeric("Chunks", "per s").with_hint("Share of the ideal below it"),
        Column::numeric("CPU", "µs/chunk"),
        Column::numeric("Memory", "MB"),
        Column::numeric("Host stall", "ms")
            .with_hint("Lateness of an idle timer thread, 99th percentile; the longest below it"),
        Column::numeric("Steal", "%").with_hint("CPU time that the hypervisor took"),
    ];
    let rows = levels.into_iter().map(row).collect_view();
    view! { <Table label="Levels of the selftest" columns is_dense=true>{rows}</Table> }.into_any()
}

fn row(level: LevelReport) -> impl IntoView {
    let (tone, word) = if level.is_within() {
        (Tone::Good, "within bounds")
    } else {
        (Tone::Bad, "client-bound")
    };
    let ms = |value| Figure::new(value, "ms");
    let percent = |value: Option<Finite>| {
        Figure::new(
            value.and_then(|share| Finite::new(share.get() * 100.0)),
            "%",
        )
    };
    let under =
        |value: Option<Finite>, words: &str| format!("{words} {}", ui::format::optional(value));
    let share = level
        .chunks_per_s
        .and_then(|rate| Finite::ratio(rate.get(), level.ideal_chunks_per_s.get()));
    let share = share.map_or_else(String::new, |share| ui::format::percent(share.get()));
    view! {
        <tr>
            <th scope="row">{level.level.in_words()}</th>
            <td><Badge tone label=word title=level.reasons.join(" ") /></td>
            <NumberCell figure=ms(level.ttft_error_mean_ms) under=under(level.ttft_error_p99_ms, "p99") />
            <NumberCell figure=ms(level.itl_error_mean_ms) under=under(level.itl_error_p99_ms, "p99") />
            <NumberCell figure=ms(level.e2e_error_mean_ms) under=under(level.e2e_error_p99_ms, "p99") />
            <NumberCell figure=percent(level.rate_error) />
            <NumberCell figure=Figure::of_count(u64::from(level.open_at_once), "") />
            <NumberCell figure=Figure::new(level.chunks_per_s, "per s") under=share />
            <NumberCell figure=Figure::new(level.cpu_us_per_chunk, "µs") />
            <NumberCell figure=Figure::new(level.peak_rss_mb, "MB") />
            <NumberCell figure=ms(level.host_stall_p99_ms) under=under(level.host_stall_max_ms, "max") />
            <NumberCell figure=percent(level.steal_fraction) />
        </tr>
    }
}
