//! The live charts of a run, from its recent samples.

use domain::finite::Finite;
use domain::load::{LiveSample, LoadPhase};
use domain::run::RunState;
use leptos::prelude::*;
use ui::chart::{ChartData, ChartPanel, Hue, LineSeries, LinesChart, Shade, Side};

/// Throughput with requests in flight, and TTFT.
#[component]
pub fn LiveCharts(
    /// The run.
    #[prop(into)]
    run: Signal<RunState>,
) -> impl IntoView {
    // Memos, so that a line of the log does not redraw a chart.
    let load = Memo::new(move |_| run.with(|run| ChartData::Lines(load_chart(&run.live))));
    let ttft = Memo::new(move |_| run.with(|run| ChartData::Lines(ttft_chart(&run.live))));
    view! {
        <div class="grid-2">
            <ChartPanel title="Throughput and requests in flight" data=load />
            <ChartPanel title="Time to first token" note=Signal::stored("ms".to_owned()) data=ttft />
        </div>
    }
}

fn load_chart(samples: &[LiveSample]) -> LinesChart {
    let chunks = samples
        .iter()
        .map(|sample| Some(sample.output_chunks_per_s));
    let in_flight = samples
        .iter()
        .map(|sample| Some(Finite::from(sample.in_flight_count)));
    chart(
        samples,
        vec![
            series("Output", "chunks/s", Side::Left, Hue::THROUGHPUT, chunks),
            series(
                "In flight",
                "requests",
                Side::Right,
                Hue::IN_FLIGHT,
                in_flight,
            ),
        ],
    )
}

fn ttft_chart(samples: &[LiveSample]) -> LinesChart {
    // Half a second without a first token is no gap in the line.
    let samples = samples.iter().filter(|sample| sample.ttft_p50_ms.is_some());
    let samples: Vec<LiveSample> = samples.cloned().collect();
    let median = samples.iter().map(|sample| sample.ttft_p50_ms);
    let tail = samples.iter().map(|sample| sample.ttft_p99_ms);
    chart(
        &samples,
        vec![
            series("TTFT p50", "ms", Side::Left, Hue::TTFT, median),
            series("TTFT p99", "ms", Side::Left, Hue::Grey, tail),
        ],
    )
}

fn series(
    name: &str,
    unit: &str,
    side: Side,
    hue: Hue,
    values: impl Iterator<Item = Option<Finite>>,
) -> LineSeries {
    LineSeries {
        name: name.to_owned(),
        unit: unit.to_owned(),
        side,
        hue,
        values: values.collect(),
    }
}

fn chart(samples: &[LiveSample], series: Vec<LineSeries>) -> LinesChart {
    LinesChart {
        x_s: samples.iter().map(|sample| sample.t_s).collect(),
        series,
        shades: [(LoadPhase::WarmUp, "warm-up"), (LoadPhase::Drain, "drain")]
            .into_iter()
            .filter_map(|(phase, label)| shade(samples, phase, label))
            .collect(),
        marks: Vec::new(),
        end_s: None,
    }
}

/// The time a phase took, up to the first sample of the next one.
fn shade(samples: &[LiveSample], phase: LoadPhase, label: &str) -> Option<Shade> {
    let mut inside = samples.iter().filter(|sample| sample.phase == phase);
    let from_s = inside.next()?.t_s;
    let last = inside.next_back().map_or(from_s, |sample| sample.t_s);
    let after = samples.iter().find(|sample| sample.t_s > last);
    Some(Shade {
        label: label.to_owned(),
        from_s,
        to_s: after.map_or(last, |sample| sample.t_s),
        is_measured: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(number: u32, phase: LoadPhase) -> LiveSample {
        LiveSample {
            t_s: Finite::from(number),
            phase,
            sent_count: number,
            completed_count: number,
            failed_count: 0,
            in_flight_count: 4,
            output_chunks_per_s: Finite::from(100),
            ttft_p50_ms: None,
            ttft_p99_ms: None,
            itl_p50_ms: None,
            done_fraction: Finite::ZERO,
            remaining_s: None,
        }
    }

    #[test]
    fn warm_up_is_shaded_up_to_the_first_measured_sample() {
        let phases = [LoadPhase::WarmUp, LoadPhase::WarmUp, LoadPhase::Measured];
        let samples: Vec<_> = (0..).zip(phases).map(|(n, p)| sample(n, p)).collect();
        let chart = load_chart(&samples);
        assert_eq!(chart.shades.len(), 1);
        let shade = chart.shades.first().unwrap();
        assert_eq!((shade.from_s, shade.to_s), (Finite::ZERO, Finite::from(2)));
        assert!(load_chart(&[]).x_s.is_empty());
    }
}
