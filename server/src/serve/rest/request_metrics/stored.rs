//! The reference's internal way to add rows. Here the runner stores the records of a run itself, once
//! and as one file; what comes this way is only compared with them.

use app::api::RequestContext;
use axum::Json;
use axum::extract::Extension;
use axum::http::HeaderMap;
use domain::id::BenchmarkId;
use serde::{Deserialize, Serialize};
use service::benchmarks::ClaimedRequest;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::serve::rest::answer::Refusal;
use crate::serve::rest::extract::Body;
use crate::serve::rest::gate::runner_key_of;

/// A row that the runner claims to have measured.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimedRow {
    /// The benchmark; the same in all rows.
    benchmark_id: Uuid,
    /// Position in the plan, from 0.
    index: u32,
    /// Whether it was answered completely.
    success: bool,
    /// Prompt tokens.
    prompt_len: u32,
    /// Answer tokens.
    output_len: u32,
    /// Time to first token in seconds.
    ttft: Option<f64>,
    /// End-to-end latency in seconds.
    latency: Option<f64>,
}

/// The rows, all of one benchmark.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_items = 1, max_items = 1_000)]
pub(super) struct ClaimedRows(Vec<ClaimedRow>);

/// What became of the rows.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConfirmedAnswer {
    /// Always `benchmark.request.metrics.confirmed`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// Rows that agree with what is stored.
    confirmed_count: u32,
}

/// Confirms rows that are stored already. For the runner only, with the key that the server makes for its
/// own process and gives to nobody.
///
/// Evidence is never changed: rows that differ from the stored ones, and rows of a run without
/// records, are refused with 409.
#[utoipa::path(
    post, path = "/benchmark/request-metrics", tag = "Results",
    operation_id = "confirm_request_metrics",
    request_body = ClaimedRows,
    security(("runner" = [])),
    responses((status = 200, description = "They agree.", body = ConfirmedAnswer)),
)]
pub(super) async fn confirm_request_metrics(
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    Body(ClaimedRows(rows)): Body<ClaimedRows>,
) -> Result<Json<ConfirmedAnswer>, Refusal> {
    let key = runner_key_of(&headers).unwrap_or_default();
    let claimed: Vec<ClaimedRequest> = rows.iter().map(ClaimedRow::as_claim).collect();
    let confirmed_count =
        service::benchmarks::confirm_requests(&context.ctx, key, &claimed).await?;
    Ok(Json(ConfirmedAnswer {
        object: "benchmark.request.metrics.confirmed",
        message: "The stored rows are the same; nothing was changed",
        confirmed_count,
    }))
}

impl ClaimedRow {
    fn as_claim(&self) -> ClaimedRequest {
        ClaimedRequest {
            benchmark_id: BenchmarkId(self.benchmark_id),
            index: self.index,
            is_ok: self.success,
            input_tokens: self.prompt_len,
            output_tokens: self.output_len,
            ttft_s: self.ttft,
            latency_s: self.latency,
        }
    }
}
