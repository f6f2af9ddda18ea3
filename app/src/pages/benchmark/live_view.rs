//! A run as it goes: progress, figures, charts, stages, log.

use domain::finite::Finite;
use domain::history::BenchmarkDetail;
use domain::load::LiveSample;
use domain::run::{RunState, RunStatus};
use domain::time::Timestamp;
use domain::workload::{StopRule, WorkloadSpec};
use leptos::prelude::*;
use ui::banner::Banner;
use ui::feedback::StaleNote;
use ui::figure::Figure;
use ui::format;
use ui::progress::Progress;
use ui::tone::Tone;

use super::header::BenchmarkHeader;
use super::live_charts::LiveCharts;
use super::run_log::RunLog;
use super::stages::{StagePanel, stages_of};
use crate::live::follow_run;
use crate::pages::wording::whole_seconds;

/// How often running times move on.
const TICK_MS: u64 = 1_000;

/// The page of a run that goes on.
#[component]
pub fn LiveView(
    /// The benchmark.
    detail: BenchmarkDetail,
    /// Where it stood when the page was made.
    run: RunState,
    /// Called once it is over.
    on_end: Callback<()>,
) -> impl IntoView {
    let id = detail.id;
    let live = follow_run(id, run, on_end);
    let run: Signal<RunState> = live.state.into();
    let now = browser_time();
    let status = Memo::new(move |_| run.with(RunState::status));
    let stages = Memo::new(move |_| run.with(|run| stages_of(run, now.get())));
    let workload = detail.plan.workload.clone();
    let queue_position = detail.queue_position;
    let waiting = move || {
        (status.get() == RunStatus::Queued).then(|| {
            let title = queue_position.map_or_else(
                || "Waiting for its turn.".to_owned(),
                |place| format!("Waiting for its turn: number {place} in the queue."),
            );
            view! { <Banner tone=Tone::Running title>" It starts when its nodes are free."</Banner> }
        })
    };
    let cancelling = move || {
        let by = run.with(|run| run.cancel_requested_by.clone())?;
        let title = format!("{by} asked to cancel.");
        Some(
            view! { <Banner tone=Tone::Unsure title>" The load and the engine are being stopped."</Banner> },
        )
    };
    let has_begun = Memo::new(move |_| status.get() != RunStatus::Queued);
    let has_load = Memo::new(move |_| run.with(|run| !run.live.is_empty()));
    view! {
        <BenchmarkHeader detail status />
        <StaleNote is_stale=live.is_stale text="Connection lost: what you see may be old. Trying again." />
        {waiting}
        {cancelling}
        {move || {
            let workload = workload.clone();
            has_begun.get().then(|| view! { <RunProgress run workload /> })
        }}
        {move || {
            has_load.get().then(|| view! {
                <LiveFigures run />
                <LiveCharts run />
            })
        }}
        <div class="live-columns">
            <StagePanel stages />
            <RunLog run live=id />
        </div>
    }
}

/// The browser's time, moving on; missing on the server, so that both render the same.
fn browser_time() -> RwSignal<Option<Timestamp>> {
    let now = RwSignal::new(None);
    Effect::new(move |_| {
        let read = move || {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "microseconds of this era fit into 53 bits"
            )]
            now.try_set(Some(Timestamp((js_sys::Date::now() * 1e3) as i64)));
        };
        read();
        if let Ok(timer) = set_interval_with_handle(read, std::time::Duration::from_millis(TICK_MS))
        {
            on_cleanup(move || timer.clear());
        }
    });
    now
}

/// How far the load is.
#[component]
fn RunProgress(
    /// The run.
    run: Signal<RunState>,
    /// What is asked for.
    workload: WorkloadSpec,
) -> impl IntoView {
    let label = Signal::derive(move || run.with(|run| progress_in_words(run, &workload)));
    let fraction = Signal::derive(move || run.with(fraction_done));
    let note = Signal::derive(move || {
        let left = run.with(|run| run.live.last().and_then(|sample| sample.remaining_s));
        left.map_or_else(String::new, |left| {
            format!("about {} left", whole_seconds(seconds_of(left)))
        })
    });
    view! { <Progress label fraction note /> }
}

/// Whole seconds, rounded up: what is left is never said to be nothing.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates"
)]
fn seconds_of(seconds: Finite) -> u64 {
    seconds.get().ceil() as u64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates"
)]
fn rounded(count: f64) -> u64 {
    count.round() as u64
}

/// How much of the load is done, or before it of what the stage that goes on moves.
fn fraction_done(run: &RunState) -> Option<Finite> {
    if let Some(sample) = run.live.last() {
        return Some(sample.done_fraction);
    }
    let stage = run.stage(run.running_stage()?)?;
    Finite::new(stage.progress.as_ref()?.share()?)
}

/// What is going on, in a sentence.
fn progress_in_words(run: &RunState, workload: &WorkloadSpec) -> String {
    let stage = || {
        let stage = run.running_stage().or_else(|| run.next_stage());
        stage.map_or_else(|| "Done".to_owned(), |stage| stage.label().to_owned())
    };
    let Some(sample) = run.live.last() else {
        return stage();
    };
    match (run.status(), workload.stop) {
        (RunStatus::Warming, _) => "Warming up: these requests are not measured".to_owned(),
        (RunStatus::Running, StopRule::Requests { count }) => {
            let share = sample.done_fraction.get().clamp(0.0, 1.0);
            let measured = rounded(share * f64::from(count));
            format!(
                "{} of {} measured requests",
                format::count(measured),
                format::count(count.into())
            )
        }
        (RunStatus::Running, StopRule::Duration { seconds }) => {
            let share = sample.done_fraction.get().clamp(0.0, 1.0);
            let done = Finite::new(share * f64::from(seconds)).unwrap_or_default();
            format!(
                "{} of {} of measured load",
                whole_seconds(seconds_of(done)),
                whole_seconds(seconds.into())
            )
        }
        _ => stage(),
    }
}

/// The latest figures. Text changes in place, so that focus and selection survive.
#[component]
fn LiveFigures(
    /// The run.
    run: Signal<RunState>,
) -> impl IntoView {
    let latest = move |read: fn(&LiveSample) -> Figure| {
        Memo::new(move |_| run.with(|run| run.live.last().map(read).unwrap_or_default()))
    };
    // Half a second without a first token says nothing new about TTFT: the last value stays.
    let latency = move |read: fn(&LiveSample) -> Option<Finite>| {
        Memo::new(move |_| run.with(|run| Figure::of_ms(run.live.iter().rev().find_map(read))))
    };
    let card = |label: &'static str, figure: Memo<Figure>| {
        view! {
            <section class="metric-card">
                <div class="metric-head"><h3>{label}</h3></div>
                <p class="metric-value">
                    <span class="number">{move || figure.with(|figure| figure.text.clone())}</span>
                    <span class="unit">{move || figure.with(|figure| figure.unit.clone())}</span>
                </p>
            </section>
        }
    };
    view! {
        <section class="grid-cards" aria-label="Live figures">
            {card("Output", latest(|s| Figure::new(Some(s.output_chunks_per_s), "chunks/s")))}
            {card("TTFT p50", latency(|s| s.ttft_p50_ms))}
            {card("ITL p50", latency(|s| s.itl_p50_ms))}
            {card("In flight", latest(|s| Figure::of_count(s.in_flight_count.into(), "requests")))}
            {card("Answered", latest(|s| Figure::of_count(s.completed_count.into(), "requests")))}
            {card("Failed", latest(|s| Figure::of_count(s.failed_count.into(), "requests")))}
        </section>
    }
}

#[cfg(test)]
mod tests {
    use domain::load::{LoadPhase, PromptSource};
    use domain::run::{JournalEntry, RunEvent, Stage, StageProgress};

    use super::super::fixture;
    use super::*;

    fn sample() -> LiveSample {
        LiveSample {
            t_s: Finite::from(5),
            phase: LoadPhase::Measured,
            sent_count: 70,
            completed_count: 58,
            failed_count: 2,
            in_flight_count: 10,
            output_chunks_per_s: Finite::from(100),
            ttft_p50_ms: None,
            ttft_p99_ms: None,
            itl_p50_ms: None,
            done_fraction: Finite::new(0.25).unwrap(),
            remaining_s: None,
        }
    }

    #[test]
    fn progress_counts_measured_requests_only() {
        let workload = WorkloadSpec {
            warmup_requests: 0,
            warmup_s: 2,
            stop: StopRule::Requests { count: 200 },
            ..fixture::workload()
        };
        let entry = |seq, event| JournalEntry {
            seq,
            at: Timestamp::from_seconds(seq),
            event,
        };
        let mut run = RunState::of_journal(&[entry(
            1,
            RunEvent::Started {
                runner: "here".to_owned(),
            },
        )]);
        assert_eq!(
            progress_in_words(&run, &workload),
            "Verify cluster connection"
        );
        for (seq, stage) in (2..).zip(Stage::ALL.into_iter().take(5)) {
            let note = String::new();
            run.apply(&entry(seq, RunEvent::StageDone { stage, note }));
        }
        let stage = Stage::RunBenchmark;
        run.apply(&entry(20, RunEvent::StageStarted { stage }));
        assert_eq!(fraction_done(&run), None);
        let progress = StageProgress {
            what: "assay".to_owned(),
            done_bytes: 1,
            total_bytes: 2,
            done_parts: 0,
            parts: 1,
        };
        run.apply(&entry(21, RunEvent::Progress { stage, progress }));
        assert_eq!(fraction_done(&run), Finite::new(0.5));
        let prompt_source = PromptSource::Estimate;
        let prepared = RunEvent::LoadPrepared {
            prompt_source,
            prompt_count: 200,
        };
        run.apply(&entry(22, prepared));
        assert_eq!(fraction_done(&run), None, "the program is there");
        run.apply(&entry(23, RunEvent::Live { sample: sample() }));
        assert_eq!(fraction_done(&run), Finite::new(0.25));
        assert_eq!(
            progress_in_words(&run, &workload),
            "50 of 200 measured requests"
        );
        let timed = WorkloadSpec {
            stop: StopRule::Duration { seconds: 60 },
            ..workload
        };
        assert_eq!(
            progress_in_words(&run, &timed),
            "15 s of 1 m of measured load"
        );
    }
}
