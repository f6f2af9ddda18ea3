//! Selftests: how far the load generators of this installation can be trusted.

use axum::Json;
use domain::finite::Finite;
use domain::id::SelftestId;
use domain::measure::selftest::{
    Level, LevelReport, LevelVerdict, Selftest, SelftestState, ceiling,
};
use domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Refusal;
use super::extract::{Caller, PathId};
use crate::serve::edge::Edge;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(list_selftests))
        .routes(routes!(get_selftest))
}

/// How a selftest stands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SelftestStateWord {
    /// It goes on.
    Running,
    /// All levels were measured.
    Completed,
    /// It broke off.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

/// Whether every error of a level is within its bound.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LevelVerdictWord {
    /// It is.
    Within,
    /// One is not: at this level the client would be what is measured.
    ClientBound,
}

/// One level, in the names of `assay load selftest --json`. An error is the absolute difference
/// between what the client recorded and what the reference engine's log says it sent; what was not measured is
/// `null`.
#[derive(Debug, Serialize, ToSchema)]
struct LevelBody {
    /// Closed loop: streams asked to be open; `null` for the open loop.
    streams: Option<u32>,
    /// Open loop: requests per second; `null` for closed loops.
    rate_per_s: Option<u32>,
    /// Streams that were really open at once at the peak.
    streams_open: u32,
    /// Mean error of TTFT.
    ttft_error_mean_ms: Option<f64>,
    /// Median error of TTFT.
    ttft_error_p50_ms: Option<f64>,
    /// Error of TTFT at the 99th percentile.
    ttft_error_p99_ms: Option<f64>,
    /// Mean error of the gaps between chunks.
    itl_error_mean_ms: Option<f64>,
    /// Median error of the gaps.
    itl_error_p50_ms: Option<f64>,
    /// Error of the gaps at the 99th percentile.
    itl_error_p99_ms: Option<f64>,
    /// Mean error of the end-to-end latency.
    e2e_error_mean_ms: Option<f64>,
    /// Median error of the end-to-end latency.
    e2e_error_p50_ms: Option<f64>,
    /// Error of the end-to-end latency at the 99th percentile.
    e2e_error_p99_ms: Option<f64>,
    /// Relative error of the rate.
    rate_error: Option<f64>,
    /// Chunks per second that the client recorded.
    chunks_per_s: Option<f64>,
    /// Chunks per second without any delay.
    ideal_chunks_per_s: f64,
    /// CPU time of the load process for each chunk, in µs.
    cpu_us_per_chunk: Option<f64>,
    /// Peak memory of the load process, in MB.
    peak_rss_mb: Option<f64>,
    /// Requests that were compared.
    compared_count: u32,
    /// Requests that failed or were not found in the engine's log.
    lost_count: u32,
    /// The engine's own lateness at the median.
    engine_late_p50_ms: Option<f64>,
    /// The engine's own lateness at the 99th percentile.
    engine_late_p99_ms: Option<f64>,
    /// Lateness of an idle timer thread at the 99th percentile: the host's own stalls.
    host_stall_p99_ms: Option<f64>,
    /// The longest stall of the host.
    host_stall_max_ms: Option<f64>,
    /// Share of CPU time that the hypervisor took.
    steal_fraction: Option<f64>,
    /// The verdict.
    verdict: LevelVerdictWord,
    /// Which bounds were not kept.
    reasons: Vec<String>,
}

impl From<LevelReport> for LevelBody {
    fn from(report: LevelReport) -> Self {
        let get = |value: Option<Finite>| value.map(Finite::get);
        let (streams, rate_per_s) = match report.level {
            Level::Closed { streams } => (Some(streams), None),
            Level::Open { rate_per_s } => (None, Some(rate_per_s)),
        };
        Self {
            streams,
            rate_per_s,
            streams_open: report.open_at_once,
            ttft_error_mean_ms: get(report.ttft_error_mean_ms),
            ttft_error_p50_ms: get(report.ttft_error_p50_ms),
            ttft_error_p99_ms: get(report.ttft_error_p99_ms),
            itl_error_mean_ms: get(report.itl_error_mean_ms),
            itl_error_p50_ms: get(report.itl_error_p50_ms),
            itl_error_p99_ms: get(report.itl_error_p99_ms),
            e2e_error_mean_ms: get(report.e2e_error_mean_ms),
            e2e_error_p50_ms: get(report.e2e_error_p50_ms),
            e2e_error_p99_ms: get(report.e2e_error_p99_ms),
            rate_error: get(report.rate_error),
            chunks_per_s: get(report.chunks_per_s),
            ideal_chunks_per_s: report.ideal_chunks_per_s.get(),
            cpu_us_per_chunk: get(report.cpu_us_per_chunk),
            peak_rss_mb: get(report.peak_rss_mb),
            compared_count: report.compared_count,
            lost_count: report.lost_count,
            engine_late_p50_ms: get(report.engine_late_p50_ms),
            engine_late_p99_ms: get(report.engine_late_p99_ms),
            host_stall_p99_ms: get(report.host_stall_p99_ms),
            host_stall_max_ms: get(report.host_stall_max_ms),
            steal_fraction: get(report.steal_fraction),
            verdict: match report.verdict {
                LevelVerdict::Within => LevelVerdictWord::Within,
                LevelVerdict::ClientBound => LevelVerdictWord::ClientBound,
            },
            reasons: report.reasons,
        }
    }
}

/// A selftest.
#[derive(Debug, Serialize, ToSchema)]
struct SelftestBody {
    /// Its id.
    id: Uuid,
    /// Name of the machine it measured.
    host: String,
    /// How it stands.
    state: SelftestStateWord,
    /// Why it broke off, or who cancelled it; empty otherwise.
    reason: String,
    /// The most streams at which every error stayed within its bound; `null` when no level did, and
    /// for a selftest that is not complete.
    ceiling: Option<u32>,
    /// The levels, as far as they were measured.
    levels: Vec<LevelBody>,
    /// Who started it.
    created_user: String,
    /// When it began.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ended.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
}

impl From<Selftest> for SelftestBody {
    fn from(selftest: Selftest) -> Self {
        let is_complete = selftest.state == SelftestState::Completed;
        Self {
            id: selftest.id.0,
            host: selftest.host,
            state: match selftest.state {
                SelftestState::Running => SelftestStateWord::Running,
                SelftestState::Completed => SelftestStateWord::Completed,
                SelftestState::Failed => SelftestStateWord::Failed,
                SelftestState::Cancelled => SelftestStateWord::Cancelled,
            },
            reason: selftest.reason,
            ceiling: ceiling(&selftest.levels).filter(|_| is_complete),
            levels: selftest.levels.into_iter().map(LevelBody::from).collect(),
            created_user: selftest.started_by,
            created_at: selftest.started_at.to_rfc3339(),
            ended_at: selftest.ended_at.map(Timestamp::to_rfc3339),
        }
    }
}

/// Selftests.
#[derive(Debug, Serialize, ToSchema)]
struct SelftestList {
    /// Always `selftests.list`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The machine that this server runs on, and would measure.
    host: String,
    /// Those of all machines, the newest first, at most 50.
    selftests: Vec<SelftestBody>,
}

/// One selftest.
#[derive(Debug, Serialize, ToSchema)]
struct SelftestAnswer {
    /// Always `selftests.detail`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The selftest.
    selftest: SelftestBody,
}

/// How accurate the load generators of this installation's machines were found, the newest first.
#[utoipa::path(
    get, path = "/selftests", tag = "Selftests", operation_id = "list_selftests",
    responses((status = 200, description = "The selftests.", body = SelftestList)),
)]
async fn list_selftests(caller: Caller) -> Result<Json<SelftestList>, Refusal> {
    let list = service::selftests::list_selftests(&caller.ctx, &caller.actor).await?;
    Ok(Json(SelftestList {
        object: "selftests.list",
        message: "Successfully fetched selftests",
        host: list.host,
        selftests: list.selftests.into_iter().map(SelftestBody::from).collect(),
    }))
}

/// A selftest with its levels, while it goes on too.
#[utoipa::path(
    get, path = "/selftests/{id}", tag = "Selftests", operation_id = "get_selftest",
    params(("id" = Uuid, Path, description = "The selftest.")),
    responses((status = 200, description = "The selftest.", body = SelftestAnswer)),
)]
async fn get_selftest(
    caller: Caller,
    PathId(id): PathId<SelftestId>,
) -> Result<Json<SelftestAnswer>, Refusal> {
    let selftest = service::selftests::get_selftest(&caller.ctx, &caller.actor, id).await?;
    Ok(Json(SelftestAnswer {
        object: "selftests.detail",
        message: "Successfully fetched selftest",
        selftest: selftest.into(),
    }))
}
