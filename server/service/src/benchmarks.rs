//! Benchmarks that exist: the history, one of them, its requests, cancelling, tagging.

use std::sync::Arc;

use bytes::Bytes;
use domain::access::Role;
use domain::field::{FieldErrors, parse_tags};
use domain::history::{BenchmarkDetail, BenchmarkResult, BenchmarkRow, HistoryPage, HistoryQuery};
use domain::id::{BenchmarkId, DatasetId};
use domain::measure::length_bins::{LengthAnalysis, LengthSide};
use domain::measure::line::RequestLine;
use domain::measure::record::{RequestField, RequestRecord};
use domain::plan::RunPlan;
use domain::requests::{RequestPage, RequestQuery, ScatterData};
use domain::run::JournalEntry;
use domain::time::Timestamp;

use crate::error::not_found;
use crate::records::{load_lines, load_records};
use crate::{Actor, Ctx, ServiceError};

mod care;
mod confirm;
mod engine_log;
mod reruns;

pub use care::{delete_benchmark, set_archived, set_purpose};
pub use confirm::{ClaimedRequest, confirm_requests};
pub use engine_log::{ENGINE_LOG_BYTES_MAX, get_engine_log, open_engine_log};
pub use reruns::{list_reruns, rerun_benchmark};

/// Most journal entries of one answer.
pub const JOURNAL_ENTRIES_MAX: u32 = 5_000;

/// A page of the history.
pub async fn list_benchmarks(
    ctx: &Ctx,
    _actor: &Actor,
    query: &HistoryQuery,
) -> Result<HistoryPage, ServiceError> {
    Ok(ctx.store.list_benchmarks(query).await?)
}

/// A page of the history, each row with its plan.
#[derive(Clone, Debug)]
pub struct PlannedPage {
    /// The rows.
    pub rows: Vec<(BenchmarkRow, RunPlan)>,
    /// How many match in all.
    pub total_count: u32,
}

/// A page of the history with the plans of its rows.
pub async fn list_benchmarks_with_plans(
    ctx: &Ctx,
    actor: &Actor,
    query: &HistoryQuery,
) -> Result<PlannedPage, ServiceError> {
    let page = list_benchmarks(ctx, actor, query).await?;
    let ids: Vec<BenchmarkId> = page.rows.iter().map(|row| row.id).collect();
    let mut plans = ctx.store.list_plans(&ids).await?;
    // One that was deleted in between is gone.
    let rows = page
        .rows
        .into_iter()
        .filter_map(|row| plans.remove(&row.id).map(|plan| (row, plan)));
    Ok(PlannedPage {
        rows: rows.collect(),
        total_count: page.total_count,
    })
}

/// A benchmark with its result, if it has one.
pub async fn get_benchmark(
    ctx: &Ctx,
    _actor: &Actor,
    id: BenchmarkId,
) -> Result<BenchmarkDetail, ServiceError> {
    ctx.store
        .find_benchmark(id)
        .await?
        .ok_or_else(|| not_found("benchmark"))
}

/// Journal entries after `after_seq`, in order, at most `limit` and [`JOURNAL_ENTRIES_MAX`].
pub async fn read_journal(
    ctx: &Ctx,
    _actor: &Actor,
    id: BenchmarkId,
    after_seq: i64,
    limit: u32,
) -> Result<Vec<JournalEntry>, ServiceError> {
    let limit = limit.min(JOURNAL_ENTRIES_MAX);
    Ok(ctx.store.read_journal(id, after_seq, limit).await?)
}

/// Asks for a benchmark to be cancelled. What it started is stopped and cleaned up.
pub async fn cancel_benchmark(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
) -> Result<(), ServiceError> {
    actor.require(Role::Operator, "cancel benchmarks")?;
    let detail = get_benchmark(ctx, actor, id).await?;
    let is_asked = !detail.status.is_terminal()
        && ctx
            .store
            .request_cancel(id, &actor.person.name, ctx.now())
            .await?;
    if !is_asked && get_benchmark(ctx, actor, id).await?.status.is_terminal() {
        return Err(ServiceError::Conflict(
            "This benchmark has already ended.".to_owned(),
        ));
    }
    ctx.queue.cancel(id);
    Ok(())
}

/// Replaces the tags, given as text separated by commas. Operators may tag their own benchmarks,
/// leads any.
pub async fn set_tags(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
    text: &str,
) -> Result<Vec<String>, ServiceError> {
    get_changeable(ctx, actor, id, "edit the tags of").await?;
    let tags = parse_tags(text).map_err(|message| FieldErrors::one("tags", message))?;
    ctx.store.set_tags(id, &tags, ctx.now()).await?;
    Ok(tags)
}

/// A benchmark that this person may change: operators their own, leads anybody's. `what` ends with
/// the word before "a benchmark": “delete”, “edit the tags of”.
pub(crate) async fn get_changeable(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
    what: &str,
) -> Result<BenchmarkDetail, ServiceError> {
    actor.require(Role::Operator, &format!("{what} a benchmark"))?;
    let detail = get_benchmark(ctx, actor, id).await?;
    if detail.owner_id != actor.person.id {
        actor.require(Role::Lead, &format!("{what} somebody else's benchmark"))?;
    }
    Ok(detail)
}

/// A page of the request table.
pub async fn list_requests(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
    query: &RequestQuery,
) -> Result<RequestPage, ServiceError> {
    let records = get_lines(ctx, actor, id).await?;
    let query = query.clone();
    let page = tokio::task::spawn_blocking(move || RequestPage::of(&records, &query));
    page.await.map_err(ServiceError::internal)
}

/// Two request fields against each other.
pub async fn get_scatter(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
    x: RequestField,
    y: RequestField,
) -> Result<ScatterData, ServiceError> {
    let records = get_lines(ctx, actor, id).await?;
    let scatter = tokio::task::spawn_blocking(move || ScatterData::of(&records, x, y));
    scatter.await.map_err(ServiceError::internal)
}

/// Latency by prompt or answer length, in `bin_count` bins (bounded by
/// [`LENGTH_BINS_MAX`](domain::measure::length_bins::LENGTH_BINS_MAX)).
pub async fn get_lengths(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
    side: LengthSide,
    bin_count: u32,
) -> Result<LengthAnalysis, ServiceError> {
    get_lengths_of(ctx, actor, id, side, bin_count, Vec::new()).await
}

/// The same for requests whose prompts came from these datasets; for all when none is given.
pub async fn get_lengths_of(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
    side: LengthSide,
    bin_count: u32,
    datasets: Vec<DatasetId>,
) -> Result<LengthAnalysis, ServiceError> {
    let records = get_lines(ctx, actor, id).await?;
    let lengths = tokio::task::spawn_blocking(move || {
        let counts = |record: &&RequestLine| {
            let is_from = |id| datasets.contains(&id);
            datasets.is_empty() || record.dataset_id.is_some_and(is_from)
        };
        LengthAnalysis::of(records.iter().filter(counts), side, bin_count)
    });
    lengths.await.map_err(ServiceError::internal)
}

/// Every request of a run without the arrivals of its chunks.
pub async fn get_lines(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
) -> Result<Arc<Vec<RequestLine>>, ServiceError> {
    let result = get_result(ctx, actor, id).await?;
    load_lines(ctx, &result.manifest.records_sha256).await
}

/// Every request of a run, as recorded.
pub async fn get_requests(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
) -> Result<Arc<Vec<RequestRecord>>, ServiceError> {
    let result = get_result(ctx, actor, id).await?;
    load_records(ctx, &result.manifest.records_sha256).await
}

/// The raw records as the Parquet file that was stored, byte for byte.
pub async fn get_records(ctx: &Ctx, actor: &Actor, id: BenchmarkId) -> Result<Bytes, ServiceError> {
    let result = get_result(ctx, actor, id).await?;
    Ok(ctx
        .store
        .get_records(&result.manifest.records_sha256)
        .await?)
}

/// The stored result.
pub async fn get_result(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
) -> Result<BenchmarkResult, ServiceError> {
    let detail = get_benchmark(ctx, actor, id).await?;
    detail.result.ok_or_else(|| {
        ServiceError::NotFound(
            "This benchmark has no result: it has not ended, or it failed.".to_owned(),
        )
    })
}

/// Rows of the history that changed after `since`, each with the time of its change, oldest change
/// first, for live pages. A change may become visible a moment after the time it carries.
pub async fn rows_changed_since(
    ctx: &Ctx,
    _actor: &Actor,
    since: Timestamp,
) -> Result<Vec<(Timestamp, BenchmarkRow)>, ServiceError> {
    Ok(ctx.store.list_status_changes(since).await?)
}
