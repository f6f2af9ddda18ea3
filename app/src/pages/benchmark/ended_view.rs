//! A run that ended without a result: why, and what to do.

use domain::history::BenchmarkDetail;
use domain::id::BenchmarkId;
use domain::run::event::RunOutcome;
use domain::run::{RunState, RunStatus};
use leptos::prelude::*;
use ui::banner::Banner;
use ui::button::LinkButton;
use ui::tone::Tone;

use super::header::BenchmarkHeader;
use super::late_cleanups::LateCleanups;
use super::run_log::RunLog;
use super::stages::{StagePanel, stages_of};
use crate::pages::plan_facts::PlanFacts;
use crate::pages::wording::capitalised;
use crate::routes;

/// The page of such a run.
#[component]
pub fn EndedView(
    /// The benchmark.
    detail: BenchmarkDetail,
    /// Its journal, folded.
    run: RunState,
    /// The end of the engine's own log, when there is one.
    engine_log: Option<String>,
) -> impl IntoView {
    let (id, status) = (detail.id, detail.status);
    let plan = detail.plan.clone();
    let cleanups = detail.late_cleanups.clone();
    let stages = stages_of(&run, None);
    view! {
        <BenchmarkHeader detail status=Signal::stored(status) />
        <OutcomeBanner status run=run.clone() />
        <LateCleanups cleanups />
        <div class="live-columns">
            <StagePanel stages=Signal::stored(stages) />
            <RunLog run=Signal::stored(run) />
        </div>
        {engine_log.map(|text| view! { <EngineLog id text /> })}
        <h2>"The plan"</h2>
        <PlanFacts plan />
    }
}

/// How the run ended, where that is not well. Shows nothing for a completed run.
#[component]
pub fn OutcomeBanner(
    /// Its status.
    status: RunStatus,
    /// Its journal, folded.
    run: RunState,
) -> impl IntoView {
    let (tone, title, text) = match run.outcome {
        Some(RunOutcome::Failed { stage, reason }) => (
            Tone::Bad,
            format!("It failed at: {}.", stage.label()),
            capitalised(&reason),
        ),
        Some(RunOutcome::Cancelled { by }) => (
            Tone::Neutral,
            format!("Cancelled by {by}."),
            "No result was kept; the log is below.".to_owned(),
        ),
        _ if status == RunStatus::Failed => (
            Tone::Bad,
            "The run failed.".to_owned(),
            "Its journal names no reason: see the server's log.".to_owned(),
        ),
        _ => return ().into_any(),
    };
    view! { <Banner tone title>" " {text}</Banner> }.into_any()
}

/// What the engine wrote itself.
#[component]
pub fn EngineLog(
    /// Whose engine.
    id: BenchmarkId,
    /// The end of its log.
    text: String,
) -> impl IntoView {
    let text = text.trim_end().to_owned();
    let text = if text.is_empty() {
        "It wrote nothing.".to_owned()
    } else {
        text
    };
    view! {
        <ui::card::Card
            title="Log of the engine"
            note="its last lines"
            actions=move || {
                view! {
                    <LinkButton href=routes::engine_log_file(id) is_external=true>"Download"</LinkButton>
                }
            }
        >
            <div class="engine-log"><ui::code::CodeBlock label="log of the engine" text /></div>
        </ui::card::Card>
    }
}
