//! Made-up measurements: smooth curves with a fixed ripple, the same on every run.

use domain::finite::Finite;
use domain::measure::summary::MetricSummary;
use domain::measure::timeline::TimelineSlice;
use ui::chart::{AxisName, CdfChart, ChartData, HistogramChart, Hue, LinesChart, ScatterChart};

const REQUESTS: u32 = 1_920;

pub(crate) fn finite(value: f64) -> Finite {
    Finite::new(value).unwrap_or_default()
}

/// A number from 0 to 1 that looks random and is not.
fn ripple(n: u32) -> f64 {
    (f64::from(n) * 12.9898)
        .sin()
        .mul_add(43_758.545_3, 0.0)
        .rem_euclid(1.0)
}

/// A bell with a tail to the right.
fn skewed(n: u32, centre: f64, spread: f64) -> f64 {
    let bell: f64 = (0..6).map(|k| ripple(n * 7 + k)).sum::<f64>() / 6.0 - 0.5;
    let tail = ripple(n + 90_000).powi(12) * spread * 4.0;
    centre + bell * spread * 3.0 + tail
}

pub(crate) fn ttft() -> Option<MetricSummary> {
    MetricSummary::of((0..REQUESTS).map(|n| skewed(n, 240.0, 90.0)).collect())
}

fn tpot() -> Option<MetricSummary> {
    MetricSummary::of((0..REQUESTS).map(|n| skewed(n, 18.0, 1.2)).collect())
}

fn itl() -> Option<MetricSummary> {
    let gap = |n| {
        if n % 64 == 0 {
            skewed(n, 900.0, 300.0).abs()
        } else {
            skewed(n, 18.0, 6.0).abs() + 1.0
        }
    };
    MetricSummary::of((0..REQUESTS * 4).map(gap).collect())
}

pub(crate) fn slices() -> Vec<TimelineSlice> {
    let slice = |n: u32| {
        let ramp = f64::from(n.min(10)) / 10.0 * f64::from((118 - n.min(118)).min(6)) / 6.0;
        let wave = (f64::from(n) / 14.0).sin();
        TimelineSlice {
            start_s: Finite::from(n),
            length_s: finite(1.0),
            started_count: 16,
            finished_count: 16,
            failed_count: 0,
            in_flight: finite(ramp * (60.0 + 3.0 * ripple(n))),
            output_tok_per_s: finite(ramp * (2_150.0 + 110.0 * wave + 160.0 * ripple(n))),
            ttft_p50_ms: Some(finite(230.0 + 12.0 * wave + 20.0 * ripple(n))),
            ttft_p99_ms: (!n.is_multiple_of(17))
                .then(|| finite(480.0 + 40.0 * wave + 150.0 * ripple(n + 500))),
            ttft_from_schedule_p50_ms: None,
            ttft_from_schedule_p99_ms: None,
            queue_delay_p50_ms: None,
            itl_p50_ms: Some(finite(18.0)),
            itl_p99_ms: Some(finite(22.0)),
        }
    };
    (0..120).map(slice).collect()
}

fn dots(count: u32) -> ScatterChart {
    let dot = |n: u32| {
        let tokens = 100.0 + 1_400.0 * ripple(n + 3).powi(2);
        (
            finite(tokens.round()),
            finite(90.0 + tokens * 0.16 + skewed(n, 60.0, 40.0).abs()),
        )
    };
    ScatterChart {
        x: AxisName::new("Prompt length", "tokens"),
        y: AxisName::new("TTFT", "ms"),
        points: (0..count).map(dot).collect(),
        hue: Hue::TTFT,
    }
}

/// Every chart by its title.
pub(crate) fn charts() -> Vec<(&'static str, ChartData)> {
    let mut charts = vec![
        (
            "Run over time",
            ChartData::Lines(LinesChart::of_load(&slices(), finite(12.0), finite(113.0))),
        ),
        (
            "TTFT over time",
            ChartData::Lines(LinesChart::of_ttft(&slices(), finite(12.0), finite(113.0))),
        ),
        (
            "Prompt length against TTFT",
            ChartData::Scatter(dots(REQUESTS - 1)),
        ),
    ];
    if let (Some(ttft), Some(tpot), Some(itl)) = (ttft(), tpot(), itl()) {
        let histogram = |metric, counted, hue| {
            ChartData::Histogram(HistogramChart::of_metric(metric, "ms", counted, hue))
        };
        charts.push((
            "Time to first token",
            histogram(&ttft, "requests", Hue::TTFT),
        ));
        charts.push((
            "Time per output token",
            histogram(&tpot, "requests", Hue::TPOT),
        ));
        charts.push(("Inter-token latency", histogram(&itl, "gaps", Hue::ITL)));
        let cdf = CdfChart::of_metric(&itl, "ITL", "ms", Hue::ITL);
        charts.push(("Inter-token latency, cumulative", ChartData::Cdf(cdf)));
        let mut cdf = CdfChart::of_metric(&ttft, "TTFT", "ms", Hue::TTFT);
        cdf.series
            .extend(CdfChart::of_metric(&ttft, "TTFT before", "ms", Hue::Grey).series);
        charts.push(("TTFT, cumulative", ChartData::Cdf(cdf)));
    }
    charts
}
