//! The overview's charts: each metric as histogram and cumulative distribution, and the run over
//! time.

use domain::finite::Finite;
use domain::measure::summary::{MetricSummary, Summary};
use leptos::prelude::*;
use ui::chart::{CdfChart, ChartData, ChartPanel, HistogramChart, Hue, LinesChart, Shade};
use ui::format;

/// An unsteady part shorter than this share of the window is not drawn.
const UNSTEADY_SHARE_MIN: f64 = 0.02;

struct Metric {
    name: &'static str,
    hue: Hue,
    counted: &'static str,
    summary: Option<MetricSummary>,
}

/// The distributions, two charts for each metric.
#[component]
pub fn DistributionCharts(
    /// The figures.
    summary: Summary,
) -> impl IntoView {
    let metric = |name, hue, counted, summary| Metric {
        name,
        hue,
        counted,
        summary,
    };
    // In open loop the headline is from the schedule; these samples are from the send.
    let is_open_loop = summary.ttft_from_schedule_ms.is_some();
    let (ttft, e2e) = if is_open_loop {
        (
            "Time to first token, from send",
            "End-to-end latency, from send",
        )
    } else {
        ("Time to first token", "End-to-end latency")
    };
    let metrics = [
        metric(ttft, Hue::TTFT, "requests", summary.ttft_ms),
        metric(
            "Time per output token",
            Hue::TPOT,
            "requests",
            summary.tpot_ms,
        ),
        metric("Inter-token latency", Hue::ITL, "gaps", summary.itl_ms),
        metric(e2e, Hue::E2E, "requests", summary.e2e_ms),
    ];
    let panels = metrics.into_iter().filter_map(|metric| {
        let Metric {
            name,
            hue,
            counted,
            summary,
        } = metric;
        let summary = summary?;
        let note = format!(
            "ms · {} {counted}",
            format::count(summary.distribution.count)
        );
        let histogram = HistogramChart::of_metric(&summary, "ms", counted, hue);
        let cdf = CdfChart::of_metric(&summary, name, "ms", hue);
        let cumulative = format!("{name}, cumulative");
        Some(view! {
            <ChartPanel title=name note=Signal::stored(note.clone()) data=Signal::stored(ChartData::Histogram(histogram)) />
            <ChartPanel title=cumulative note=Signal::stored(note) data=Signal::stored(ChartData::Cdf(cdf)) />
        })
    });
    panels.collect_view()
}

/// Throughput, requests in flight and latencies over the run, warm-up and drain shaded.
#[component]
pub fn TimelineCharts(
    /// The figures.
    summary: Summary,
) -> impl IntoView {
    let (slices, from_s, to_s) = (
        &summary.timeline,
        summary.window_start_s,
        summary.window_end_s,
    );
    let mut load = LinesChart::of_load(slices, from_s, to_s);
    load.shades.extend(unsteady_shades(&summary));
    load.marks = steady_marks(&summary);
    // On a schedule the headline counts from it: a queue in the client is in no figure from send.
    let from_schedule = summary
        .ttft_from_schedule_ms
        .as_ref()
        .and_then(|_| LinesChart::of_ttft_from_schedule(slices, from_s, to_s));
    let ttft = from_schedule
        .unwrap_or_else(|| LinesChart::of_ttft(slices, from_s, to_s))
        .without_gaps();
    let itl = LinesChart::of_itl(slices, from_s, to_s).without_gaps();
    let steady = steady_in_words(&summary);
    let panel = |title: &'static str, chart: LinesChart, note: &'static str| {
        let data = Signal::stored(ChartData::Lines(chart));
        view! { <ChartPanel title data note=Signal::stored(note.to_owned()) /> }
    };
    view! {
        <ChartPanel
            title="Run over time"
            data=Signal::stored(ChartData::Lines(load.clone()))
            finding=format!("{} {steady}", ChartData::Lines(load).finding())
        />
        <div class="grid-2">
            {panel("TTFT over time", ttft, "ms")}
            {panel("ITL over time", itl, "ms")}
        </div>
    }
}

/// The parts of the measured window in which the load did not hold, where they can be seen.
fn unsteady_shades(summary: &Summary) -> Vec<Shade> {
    let Some(steady) = summary.steady_state else {
        return Vec::new();
    };
    let shortest_s = summary.duration_s.get() * UNSTEADY_SHARE_MIN;
    // The axis ends where the last slice begins.
    let last_s = summary
        .timeline
        .last()
        .map_or(Finite::ZERO, |slice| slice.start_s);
    let end_s = if summary.window_end_s > last_s {
        last_s
    } else {
        summary.window_end_s
    };
    let parts = [
        (summary.window_start_s, steady.start_s),
        (steady.end_s, end_s),
    ];
    parts
        .into_iter()
        .filter(|(from_s, to_s)| to_s.get() - from_s.get() > shortest_s)
        .map(|(from_s, to_s)| Shade {
            label: "unsteady".to_owned(),
            from_s,
            to_s,
            is_measured: true,
        })
        .collect()
}

/// Where the steady state begins and ends, where that is not at an end of the chart.
fn steady_marks(summary: &Summary) -> Vec<(Finite, String)> {
    let Some(steady) = summary.steady_state else {
        return Vec::new();
    };
    let last_s = summary
        .timeline
        .last()
        .map_or(0.0, |slice| slice.start_s.get());
    let margin_s = last_s * UNSTEADY_SHARE_MIN;
    [
        ("steady from", steady.start_s),
        ("steady until", steady.end_s),
    ]
    .into_iter()
    .filter(|(_, at_s)| at_s.get() > margin_s && at_s.get() < last_s - margin_s)
    .map(|(name, at_s)| (at_s, format!("{name} {}", format::duration_s(at_s.get()))))
    .collect()
}

fn steady_in_words(summary: &Summary) -> String {
    summary.steady_state.map_or_else(
        || "No steady state was found.".to_owned(),
        |steady| {
            format!(
                "Steady from {} to {}.",
                format::duration_s(steady.start_s.get()),
                format::duration_s(steady.end_s.get())
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn html(summary: Summary) -> String {
        Owner::new().with(|| view! { <TimelineCharts summary /> }.to_html())
    }

    #[test]
    fn a_queue_is_drawn_in_open_loop_and_closed_loop_has_one_clock() {
        let mut summary = fixture::summary(50, 0);
        assert!(!html(summary.clone()).contains("From schedule"));
        let sent = summary.ttft_ms.as_ref().unwrap();
        summary.ttft_from_schedule_ms = Some(sent.distribution.clone());
        let shown = html(summary);
        assert!(
            shown.contains("From schedule p50") && shown.contains("From send p50"),
            "{shown}"
        );
    }

    #[test]
    fn what_is_said_of_the_measured_window_is_said_of_all_of_it() {
        let mut summary = fixture::summary(50, 0);
        let steady = domain::measure::steady::SteadyState {
            start_s: Finite::from(2),
            end_s: Finite::from(4),
            output_tok_per_s: None,
        };
        summary.steady_state = Some(steady);
        // The ramp, which is unsteady and measured.
        summary.timeline[5].output_tok_per_s = Finite::from(1);
        assert!(html(summary).contains("Output between 1 and 20 tok/s"));
    }
}
