//! The result: verdict, figures, and one tab of detail.

use domain::history::{BenchmarkDetail, BenchmarkResult};
use domain::id::BenchmarkId;
use domain::measure::length_bins::LengthAnalysis;
use domain::measure::summary::Summary;
use domain::requests::{RequestPage, ScatterData};
use domain::run::RunState;
use leptos::prelude::*;
use ui::banner::Banner;
use ui::feedback::Skeleton;
use ui::format;
use ui::tabs::{Tab, Tabs};
use ui::tone::Tone;

use super::accuracy::ErrorBar;
use super::cards::ResultCards;
use super::charts::{DistributionCharts, TimelineCharts};
use super::client_health::ClientHealthFacts;
use super::ended_view::{EngineLog, OutcomeBanner};
use super::header::BenchmarkHeader;
use super::late_cleanups::LateCleanups;
use super::lengths::{LengthFields, Lengths};
use super::manifest::ManifestTab;
use super::objectives::Objectives;
use super::origins::Origins;
use super::other_tools::OtherToolsTable;
use super::requests::RequestTable;
use super::run_log::RunLog;
use super::scatter::{ScatterFields, ScatterPanel, fields};
use super::stages::{StagePanel, stages_of};
use super::url::{ResultTab, ResultUrl};
use super::verdict::judge;
use crate::api::ApiError;
use crate::pages::parts::load_failed;

/// What the tabs load besides the result, each while it is open.
#[derive(Clone, Copy)]
pub struct TabData {
    /// The rows of the request table.
    pub requests: Resource<Result<Option<RequestPage>, ApiError>>,
    /// The points of the scatter.
    pub scatter: Resource<Result<Option<ScatterData>, ApiError>>,
    /// Latency by length.
    pub lengths: Resource<Result<Option<LengthAnalysis>, ApiError>>,
}

/// The page of a run with a result.
#[component]
pub fn ResultView(
    /// The benchmark.
    detail: BenchmarkDetail,
    /// Its result.
    result: BenchmarkResult,
    /// Its journal, folded.
    run: RunState,
    /// The end of the engine's own log, when there is one.
    engine_log: Option<String>,
    /// The page as it stands.
    url: Memo<ResultUrl>,
    /// What the tabs load.
    data: TabData,
    /// The runs of the same plan.
    group: AnyView,
) -> impl IntoView {
    let id = detail.id;
    let status = detail.status;
    let cleanups = detail.late_cleanups.clone();
    let warm = result.manifest.taken_over.map(|from| {
        let words = format!("The engine was {}.", from.in_words());
        let why = " Its caches hold what earlier runs sent, and its start is not part of this run: compare it with other warm runs.";
        view! { <p class="note">{words} {why}</p> }
    });
    let verdict = judge(&result.summary);
    let notes = verdict.notes.join(" ");
    let row_count = request_row_count(&result.summary);
    let tabs = Signal::derive(move || url.with(|url| tabs(id, url, row_count)));
    let tab = Memo::new(move |_| url.with(|url| url.tab));
    let (summary, outcome_run) = (result.summary.clone(), run.clone());
    let body = move || match tab.get() {
        ResultTab::Overview => overview(id, &result, url, data),
        ResultTab::Requests => requests(id, result.summary.failed_count, url, data),
        ResultTab::Log => log(id, &run, engine_log.clone()),
        ResultTab::Manifest => view! { <ManifestTab id result=result.clone() /> }.into_any(),
    };
    view! {
        <BenchmarkHeader detail status=Signal::stored(status) />
        <OutcomeBanner status run=outcome_run />
        <LateCleanups cleanups />
        <Banner tone=verdict.tone title=verdict.title>" " {notes}</Banner>
        {warm}
        <ErrorBar id />
        <ResultCards summary />
        {group}
        <Tabs label="Result" tabs />
        {body}
    }
}

/// Rows of the request table: warm-up and drain have theirs too.
fn request_row_count(summary: &Summary) -> u64 {
    let counts = [
        summary.warmup_count,
        summary.sent_count,
        summary.drained_count,
    ];
    counts.into_iter().map(u64::from).sum()
}

fn tabs(id: BenchmarkId, url: &ResultUrl, row_count: u64) -> Vec<Tab> {
    let shown = ResultTab::ALL.into_iter().map(|tab| {
        let shown = Tab::new(tab.label(), url.with_tab(tab).href(id), tab == url.tab);
        if tab == ResultTab::Requests {
            shown.with_count(format::short_count(row_count))
        } else {
            shown
        }
    });
    shown.collect()
}

fn overview(
    id: BenchmarkId,
    result: &BenchmarkResult,
    url: Memo<ResultUrl>,
    data: TabData,
) -> AnyView {
    let workload = result.manifest.plan.workload.clone();
    let summary = result.summary.clone();
    let is_open_loop = workload.arrival.has_schedule();
    let pair = Memo::new(move |_| url.with(|url| fields(url, &workload)));
    let selects = move || {
        let (x, y) = pair.get();
        view! { <ScatterFields id url=url.get_untracked() x y /> }
    };
    let scatter = move || {
        Suspend::new(async move {
            match data.scatter.await {
                Ok(Some(data)) => view! { <ScatterPanel data /> }.into_any(),
                Ok(None) => ().into_any(),
                Err(error) => load_failed("The scatter", &error),
            }
        })
    };
    let lengths = move || {
        Suspend::new(async move {
            match data.lengths.await {
                Ok(Some(analysis)) => view! { <Lengths analysis /> }.into_any(),
                Ok(None) => ().into_any(),
                Err(error) => load_failed("The lengths", &error),
            }
        })
    };
    view! {
        <Objectives summary=summary.clone() />
        <Origins summary=summary.clone() />
        <TimelineCharts summary=summary.clone() />
        <div class="grid-2">
            <DistributionCharts summary=summary.clone() />
        </div>
        <section class="stack tight" aria-label="Two fields of the requests">
            {selects}
            <Transition fallback=|| view! { <Skeleton rows=6 label="Loading the scatter" /> }>{scatter}</Transition>
        </section>
        <section class="stack tight" aria-labelledby="lengths">
            <h2 id="lengths">"Lengths"</h2>
            {move || view! { <LengthFields id url=url.get() /> }}
            <Transition fallback=|| view! { <Skeleton rows=6 label="Loading the lengths" /> }>{lengths}</Transition>
        </section>
        <ClientHealthFacts health=summary.client_health.clone() is_open_loop />
        <OtherToolsTable summary />
    }
    .into_any()
}

fn requests(id: BenchmarkId, failed_count: u32, url: Memo<ResultUrl>, data: TabData) -> AnyView {
    let table = move || {
        Suspend::new(async move {
            match data.requests.await {
                Ok(Some(page)) => {
                    let url = url.get_untracked();
                    view! { <RequestTable id url page failed_count /> }.into_any()
                }
                Ok(None) => ().into_any(),
                Err(error) => load_failed("The requests", &error),
            }
        })
    };
    view! {
        <Transition fallback=|| view! { <Skeleton rows=12 label="Loading the requests" /> }>
            <div class="stack" id="requests">{table}</div>
        </Transition>
    }
    .into_any()
}

fn log(id: BenchmarkId, run: &RunState, engine_log: Option<String>) -> AnyView {
    let stages = stages_of(run, None);
    let run = run.clone();
    view! {
        <div class="live-columns">
            <StagePanel stages=Signal::stored(stages) />
            <RunLog run=Signal::stored(run) />
        </div>
        {engine_log.map(|text| view! { <EngineLog id text /> })}
    }
    .into_any()
}

/// A completed run whose result is missing says so.
pub fn no_result() -> AnyView {
    view! {
        <Banner tone=Tone::Bad title="This run completed, but its result is missing.">
            " The server's log has the cause."
        </Banner>
    }
    .into_any()
}
