//! Benchmarks that exist.

use super::ApiError;
use super::codec::Json;
#[cfg(feature = "ssr")]
use super::context::{refuse, signed_in};
use domain::history::{BenchmarkDetail, BenchmarkRow, HistoryPage, HistoryQuery};
use domain::id::BenchmarkId;
use domain::measure::length_bins::{LengthAnalysis, LengthSide};
use domain::measure::record::RequestField;
use domain::requests::{RequestPage, RequestQuery, ScatterData};
use domain::reruns::Purpose;
use domain::run::{JournalEntry, RunState};
use leptos::prelude::*;
#[cfg(feature = "ssr")]
use leptos_axum::redirect;

#[cfg(feature = "ssr")]
use crate::routes;

/// A page of the history.
#[server(endpoint = "benchmarks/list", input = Json, output = Json)]
pub async fn list_benchmarks(
    /// What is shown.
    query: HistoryQuery,
) -> Result<HistoryPage, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::benchmarks::list_benchmarks(&ctx, &actor, &query)
        .await
        .map_err(refuse)
}

/// A benchmark with its result, if it has one.
#[server(endpoint = "benchmarks/get", output = Json)]
pub async fn get_benchmark(
    /// Which.
    id: BenchmarkId,
) -> Result<BenchmarkDetail, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::benchmarks::get_benchmark(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Journal entries after `after_seq`, in order. `limit` is bounded by the service.
#[server(endpoint = "benchmarks/journal", output = Json)]
pub async fn read_journal(
    /// Which.
    id: BenchmarkId,
    /// Sequence number of the last entry that is known; 0 for all.
    after_seq: i64,
    /// Most entries.
    limit: u32,
) -> Result<Vec<JournalEntry>, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::benchmarks::read_journal(&ctx, &actor, id, after_seq, limit)
        .await
        .map_err(refuse)
}

/// Asks for a benchmark to be cancelled.
#[server(endpoint = "benchmarks/cancel", output = Json)]
pub async fn cancel_benchmark(
    /// Which.
    id: BenchmarkId,
) -> Result<(), ApiError> {
    let (ctx, actor) = signed_in()?;
    service::benchmarks::cancel_benchmark(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Sets the tags of a benchmark from a comma-separated text, and returns them as they are kept.
#[server(endpoint = "benchmarks/set_tags", output = Json)]
pub async fn set_tags(
    /// Which.
    id: BenchmarkId,
    /// Tags, separated by commas.
    #[server(default)]
    tags: String,
) -> Result<Vec<String>, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::benchmarks::set_tags(&ctx, &actor, id, &tags)
        .await
        .map_err(refuse)
}

/// Says what the figures of a benchmark are for.
#[server(endpoint = "benchmarks/set_purpose", output = Json)]
pub async fn set_purpose(
    /// Which.
    id: BenchmarkId,
    /// Name of the purpose.
    #[server(default)]
    purpose: String,
) -> Result<Purpose, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::benchmarks::set_purpose(&ctx, &actor, id, &purpose)
        .await
        .map_err(refuse)
}

/// Takes a benchmark out of the lists, or back into them, and shows it again.
#[server(endpoint = "benchmarks/set_archived", output = Json)]
pub async fn set_archived(
    /// Which.
    id: BenchmarkId,
    /// Out of the lists.
    is_archived: bool,
) -> Result<bool, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::benchmarks::set_archived(&ctx, &actor, id, is_archived)
        .await
        .map_err(refuse)?;
    Ok(is_archived)
}

/// Queues the same plan once more and goes to the new benchmark.
#[server(endpoint = "benchmarks/rerun", output = Json)]
pub async fn rerun_benchmark(
    /// Which.
    id: BenchmarkId,
) -> Result<BenchmarkId, ApiError> {
    let (ctx, actor) = signed_in()?;
    let new = service::benchmarks::rerun_benchmark(&ctx, &actor, id)
        .await
        .map_err(refuse)?;
    redirect(&routes::benchmark(new));
    Ok(new)
}

/// Removes a benchmark with its result and goes to the history.
#[server(endpoint = "benchmarks/delete", output = Json)]
pub async fn delete_benchmark(
    /// Which.
    id: BenchmarkId,
) -> Result<(), ApiError> {
    let (ctx, actor) = signed_in()?;
    service::benchmarks::delete_benchmark(&ctx, &actor, id)
        .await
        .map_err(refuse)?;
    redirect(routes::HOME);
    Ok(())
}

/// The runs of the same plan in order; empty for the only run of its plan.
#[server(endpoint = "benchmarks/reruns", output = Json)]
pub async fn list_reruns(
    /// Which.
    id: BenchmarkId,
) -> Result<Vec<BenchmarkRow>, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::benchmarks::list_reruns(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Latency by prompt or answer length.
#[server(endpoint = "benchmarks/lengths", input = Json, output = Json)]
pub async fn get_lengths(
    /// Which benchmark.
    id: BenchmarkId,
    /// Prompt or answer.
    side: LengthSide,
    /// Bins from 0 to the greatest length.
    bin_count: u32,
) -> Result<LengthAnalysis, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::benchmarks::get_lengths(&ctx, &actor, id, side, bin_count)
        .await
        .map_err(refuse)
}

/// A page of the request table.
#[server(endpoint = "benchmarks/requests", input = Json, output = Json)]
pub async fn list_requests(
    /// Which benchmark.
    id: BenchmarkId,
    /// What is shown.
    query: RequestQuery,
) -> Result<RequestPage, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::benchmarks::list_requests(&ctx, &actor, id, &query)
        .await
        .map_err(refuse)
}

/// Two fields of the requests against each other.
#[server(endpoint = "benchmarks/scatter", input = Json, output = Json)]
pub async fn get_scatter(
    /// Which benchmark.
    id: BenchmarkId,
    /// Across.
    x: RequestField,
    /// Up.
    y: RequestField,
) -> Result<ScatterData, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::benchmarks::get_scatter(&ctx, &actor, id, x, y)
        .await
        .map_err(refuse)
}

/// The end of the engine's own log; `None` when the runner started no engine.
#[server(endpoint = "benchmarks/engine_log", output = Json)]
pub async fn get_engine_log(
    /// Which benchmark.
    id: BenchmarkId,
) -> Result<Option<String>, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::benchmarks::get_engine_log(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Journal entries read at once while a run is folded.
#[cfg(feature = "ssr")]
const JOURNAL_CHUNK: u32 = 1_000;

/// Where a run stands: its journal, folded. What happens later comes by the live stream, after the
/// state's own sequence number.
#[server(endpoint = "benchmarks/run_state", output = Json)]
pub async fn get_run_state(
    /// Which.
    id: BenchmarkId,
) -> Result<RunState, ApiError> {
    let (ctx, actor) = signed_in()?;
    let mut run = RunState::default();
    loop {
        let entries = service::benchmarks::read_journal(&ctx, &actor, id, run.seq, JOURNAL_CHUNK)
            .await
            .map_err(refuse)?;
        if entries.is_empty() {
            return Ok(run);
        }
        for entry in &entries {
            run.apply(entry);
        }
    }
}
