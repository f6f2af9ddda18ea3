//! The cards of a result: each metric's headline and percentiles.

use domain::finite::Finite;
use domain::measure::quantile::{
    ConfidenceInterval, Distribution, PercentileBounds, has_few_samples,
};
use domain::measure::summary::{MetricSummary, Summary};
use leptos::prelude::*;
use ui::card::{MetricCard, MetricDetail};
use ui::figure::Figure;
use ui::format;

/// The cards, in reading order.
#[component]
pub fn ResultCards(
    /// The figures.
    summary: Summary,
) -> impl IntoView {
    let schedule = summary.ttft_from_schedule_ms.clone();
    let e2e_schedule = summary.e2e_from_schedule_ms.clone();
    view! {
        <section class="grid-cards" aria-label="Figures">
            <ThroughputCard summary=summary.clone() />
            <LatencyCard label="TTFT" key="ttft" metric=summary.ttft_ms.clone() from_schedule=schedule />
            <LatencyCard label="TPOT" key="tpot" metric=summary.tpot_ms.clone() from_schedule=None />
            <LatencyCard label="E2E latency" key="e2e" metric=summary.e2e_ms.clone() from_schedule=e2e_schedule />
            <DurationCard summary=summary.clone() />
            <ErrorCard summary />
        </section>
    }
}

#[component]
fn ThroughputCard(
    /// The figures.
    summary: Summary,
) -> impl IntoView {
    let steady = summary.steady_state;
    let note = match steady.map(|steady| steady.output_tok_per_s) {
        Some(Some(rate)) => format!("{} while steady", format::number(rate.get())),
        // No whole slice of the timeline lies inside it.
        Some(None) => "steady part too short for a throughput".to_owned(),
        None => "no steady state found".to_owned(),
    };
    // Results of before, and runs of less than a second, have none.
    let note = match summary.peak_output_tok_per_s {
        Some(peak) => format!("peak {} in a second; {note}", format::number(peak.get())),
        None => note,
    };
    let per_user = summary.user_tok_per_s.as_ref();
    let per_user = per_user.map(|metric| metric.distribution.median);
    let details = vec![
        MetricDetail::new("per user", Figure::new(per_user, "tok/s")),
        MetricDetail::new("req/s", Figure::new(summary.request_per_s, "req/s")),
        MetricDetail::new("input", Figure::new(summary.input_tok_per_s, "tok/s")),
    ];
    view! {
        <MetricCard
            label="Output throughput"
            figure=Figure::new(summary.output_tok_per_s, "tok/s")
            note=move || note
            details
            definition="output_throughput"
        />
    }
}

/// A latency: in open loop from the schedule, with the figures from send beside it.
#[component]
fn LatencyCard(
    /// The metric's name.
    label: &'static str,
    /// Key of its definition.
    key: &'static str,
    /// From send.
    metric: Option<MetricSummary>,
    /// From schedule, in open loop.
    from_schedule: Option<Distribution>,
) -> impl IntoView {
    let from_send = metric.map(|metric| metric.distribution);
    let note = match (&from_schedule, &from_send) {
        (Some(_), Some(sent)) => format!(
            "from schedule; from send {}",
            format::duration_ms(sent.median.get())
        ),
        (None, Some(sent)) => spread(sent),
        (_, None) => "not measured".to_owned(),
    };
    let headline = from_schedule.or(from_send);
    let at = |value: fn(&Distribution) -> Finite| headline.as_ref().map(value);
    let count = headline.as_ref().map_or(0, |shown| shown.count);
    let bounds = headline
        .as_ref()
        .and_then(|shown| shown.bounds.as_deref().copied());
    let tail = |label: &str, p: f64, value: fn(&Distribution) -> Finite, interval: IntervalOf| {
        let figure = Figure::of_ms(at(value)).with_few_samples(has_few_samples(count, p));
        let bounds = bounds.and_then(|bounds| bounds_in_words(&interval(&bounds)));
        MetricDetail::new(label, with_unit(figure)).with_bounds(bounds)
    };
    let details = vec![
        tail("p90", 90.0, |d| d.p90, |b| b.p90),
        tail("p95", 95.0, |d| d.p95, |b| b.p95),
        tail("p99", 99.0, |d| d.p99, |b| b.p99),
    ];
    let sure = bounds.and_then(|bounds| bounds_in_words(&bounds.median));
    let sure = sure.map(|sure| {
        view! { <span class="metric-sure">"95 % bounds " <span class="tabular">{sure}</span></span> " · " }
    });
    view! {
        <MetricCard
            label
            figure=Figure::of_ms(at(|d| d.median))
            qualifier="p50"
            note=move || view! { {sure} {note} }
            details
            definition=key
        />
    }
}

type IntervalOf = fn(&PercentileBounds) -> ConfidenceInterval;

/// `238–244`, in ms below a second and in seconds above, as the figure beside it; `≥ 238` where too few
/// samples lie beyond.
pub(super) fn bounds_in_words(interval: &ConfidenceInterval) -> Option<String> {
    let ends = [interval.low, interval.high];
    let largest = ends
        .into_iter()
        .flatten()
        .map(|end| end.get().abs())
        .fold(0.0, f64::max);
    let (scale, unit) = if largest >= 999.5 {
        (1e3, " s")
    } else {
        (1.0, "")
    };
    let text = |end: Finite| format::number(end.get() / scale);
    match ends.map(|end| end.map(text)) {
        [Some(low), Some(high)] if low == high => Some(format!("{low}{unit}")),
        [Some(low), Some(high)] => Some(format!("{low}–{high}{unit}")),
        [Some(low), None] => Some(format!("≥ {low}{unit}")),
        [None, Some(high)] => Some(format!("≤ {high}{unit}")),
        [None, None] => None,
    }
}

/// `mean 241 ± 12.3 ms`: the standard deviation beside the mean.
fn spread(distribution: &Distribution) -> String {
    let (mean, std) = (distribution.mean.get(), distribution.std.get());
    if mean.abs() >= 999.5 {
        format!(
            "mean {} ± {} s",
            format::number(mean / 1e3),
            format::number(std / 1e3)
        )
    } else {
        format!("mean {} ± {} ms", format::number(mean), format::number(std))
    }
}

/// Small figures have no unit beside them: one in seconds among milliseconds says so itself.
fn with_unit(mut figure: Figure) -> Figure {
    if figure.unit == "s" {
        figure.text = format!("{} s", figure.text);
    }
    figure
}

#[component]
fn DurationCard(
    /// The figures.
    summary: Summary,
) -> impl IntoView {
    let in_flight = summary.concurrency;
    let note = in_flight.map_or_else(String::new, |level| {
        format!(
            "{} in flight on average, {} at most",
            format::number(level.average.get()),
            format::count(level.peak.into())
        )
    });
    let details = vec![
        MetricDetail::new("requests", Figure::of_count(summary.sent_count.into(), "")),
        MetricDetail::new("warm-up", Figure::of_count(summary.warmup_count.into(), "")),
        MetricDetail::new(
            "drained",
            Figure::of_count(summary.drained_count.into(), ""),
        ),
    ];
    view! {
        <MetricCard
            label="Duration"
            figure=Figure::new(Some(summary.duration_s), "s")
            note=move || note
            details
            definition="duration"
        />
    }
}

#[component]
fn ErrorCard(
    /// The figures.
    summary: Summary,
) -> impl IntoView {
    let note = summary.failures.iter().max_by_key(|class| class.count);
    let note = note.map_or_else(
        || "every request answered".to_owned(),
        |class| class.outcome.in_words().to_owned(),
    );
    let note = if summary.sent_count == 0 {
        "nothing sent".to_owned()
    } else {
        note
    };
    let details = vec![
        MetricDetail::new("failed", Figure::of_count(summary.failed_count.into(), "")),
        MetricDetail::new(
            "answered",
            Figure::of_count(summary.completed_count.into(), ""),
        ),
        MetricDetail::new(
            "resent",
            Figure::of_count(summary.reconnect_count.into(), ""),
        ),
    ];
    view! {
        <MetricCard
            label="Errors"
            figure=Figure::of_fraction(summary.error_rate)
            note=move || note
            details
            definition="error_rate"
        />
    }
}

#[cfg(test)]
mod tests {
    use domain::measure::steady::SteadyState;

    use super::super::fixture;
    use super::*;

    fn html(summary: Summary) -> String {
        Owner::new().with(|| view! { <ResultCards summary /> }.to_html())
    }

    #[test]
    fn cards_show_the_figures_and_mark_few_samples() {
        let html = html(fixture::summary(150, 0));
        for part in ["40.0", "every request answered", "popover", "p99"] {
            assert!(html.contains(part), "{part} in {html}");
        }
        // p99 of TTFT, TPOT and E2E: 150 answers carry p90 but neither p95 nor p99.
        assert_eq!(html.matches("few-samples").count(), 6, "{html}");
    }

    #[test]
    fn a_steady_state_without_a_throughput_is_still_one() {
        let steady = |output_tok_per_s| SteadyState {
            start_s: Finite::ZERO,
            end_s: Finite::from(1),
            output_tok_per_s,
        };
        let note_of = |steady_state| {
            html(Summary {
                steady_state,
                ..fixture::summary(150, 0)
            })
        };
        assert!(note_of(Some(steady(Finite::new(12.5)))).contains("12.5 while steady"));
        assert!(note_of(Some(steady(None))).contains("steady part too short"));
        assert!(note_of(None).contains("no steady state found"));
        let peak = Summary {
            peak_output_tok_per_s: Finite::new(812.0),
            steady_state: None,
            ..fixture::summary(150, 0)
        };
        assert!(html(peak).contains("peak 812 in a second; no steady state found"));
    }

    #[test]
    fn nothing_measured_shows_no_zero() {
        let html = html(fixture::summary(0, 0));
        assert!(
            html.contains("not measured") && html.contains("nothing sent"),
            "{html}"
        );
    }

    #[test]
    fn bounds_are_in_the_unit_of_their_figure_and_open_where_samples_lack() {
        let of = |low, high| {
            let interval = ConfidenceInterval {
                low: Finite::new(low),
                high: Finite::new(high),
            };
            bounds_in_words(&interval)
        };
        assert_eq!(of(238.04, 244.4).unwrap(), "238–244");
        assert_eq!(of(800.0, 1_210.0).unwrap(), "0.800–1.21 s");
        assert_eq!(of(40.0, f64::NAN).unwrap(), "≥ 40.0");
        assert_eq!(of(40.0, 40.0).unwrap(), "40.0");
        assert_eq!(of(f64::NAN, f64::NAN), None);
        let html = html(fixture::summary(150, 0));
        assert!(html.contains("95 % bounds"), "{html}");
    }

    #[test]
    fn open_loop_shows_both_origins() {
        let mut summary = fixture::summary(150, 0);
        let sent = summary.ttft_ms.as_ref().unwrap().distribution.clone();
        summary.ttft_from_schedule_ms = Some(Distribution {
            median: Finite::new(95.0).unwrap(),
            ..sent
        });
        let html = html(summary);
        assert!(
            html.contains("95.0") && html.contains("from send 40.0 ms"),
            "{html}"
        );
    }
}
