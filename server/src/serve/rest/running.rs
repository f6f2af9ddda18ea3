//! A run while it goes on: its events, and cancelling it.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::id::{BenchmarkId, WorkflowId};
use serde::{Deserialize, Serialize};
use tower_sessions::Session;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Refusal;
use super::extract::{Body, Caller, Params, PathId};
use super::things::{RunStatusWord, StatusWord};
use crate::serve::edge::Edge;
use crate::serve::live::{self, Telling};

/// The reference's route of this file.
pub(super) fn reference_routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(cancel))
}

/// What the reference lacks.
pub(super) fn further_routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(get_events))
}

/// What to cancel.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "workflow_id": "9e4aa5c6-d2df-42ab-8972-a954bd7f6485" }))]
struct CancelBody {
    /// The workflow that made the run …
    workflow_id: Option<Uuid>,
    /// … or the benchmark itself: exactly one of both.
    benchmark_id: Option<Uuid>,
}

/// What is being cancelled.
#[derive(Debug, Serialize, ToSchema)]
struct CancelAnswer {
    /// Always `benchmark.cancel`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The benchmark.
    benchmark_id: Uuid,
    /// Where it stands now; `cancelled` once everything is cleaned up.
    status: StatusWord,
    /// The same, exactly.
    run_status: RunStatusWord,
}

/// Cancels a run that waits or goes on. What it started is stopped and cleaned up.
#[utoipa::path(
    post, path = "/benchmark/cancel", tag = "Benchmarks", operation_id = "cancel_benchmark",
    request_body = CancelBody,
    responses((status = 200, description = "It is being cancelled.", body = CancelAnswer)),
)]
async fn cancel(
    caller: Caller,
    Body(body): Body<CancelBody>,
) -> Result<Json<CancelAnswer>, Refusal> {
    let Caller { ctx, actor } = caller;
    let workflow_id = body.workflow_id.map(WorkflowId);
    let benchmark_id = body.benchmark_id.map(BenchmarkId);
    let id = service::workflows::cancel_run(&ctx, &actor, workflow_id, benchmark_id).await?;
    let detail = service::benchmarks::get_benchmark(&ctx, &actor, id).await?;
    Ok(Json(CancelAnswer {
        object: "benchmark.cancel",
        message: "Benchmark is being cancelled",
        benchmark_id: id.0,
        status: StatusWord::of(detail.status),
        run_status: detail.status.into(),
    }))
}

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EventsParams {
    /// Only events after this number. `Last-Event-ID` says the same and counts more.
    #[param(minimum = 0)]
    after: Option<i64>,
}

/// One server-sent event.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it is sent as text; the document shows its fields"
)]
struct EventBody {
    /// `journal`, or `end` when the run has ended.
    event: Option<String>,
    /// An entry of the journal as JSON.
    data: Option<String>,
    /// The number of the entry.
    id: Option<String>,
    /// Milliseconds to wait before connecting again.
    retry: Option<u32>,
}

/// What happens in a run, as server-sent events: each entry of its journal as `journal` with its number
/// as id, then `end`. A client that lost the connection goes on with `Last-Event-ID`.
#[utoipa::path(
    get, path = "/benchmark/{id}/events", tag = "Benchmarks", operation_id = "get_events",
    params(("id" = Uuid, Path, description = "The benchmark."), EventsParams),
    responses((
        status = 200, description = "The events, until the run has ended.",
        content_type = "text/event-stream", body = EventBody,
    )),
)]
async fn get_events(
    caller: Caller,
    State(edge): State<Edge>,
    session: Session,
    headers: HeaderMap,
    PathId(id): PathId<BenchmarkId>,
    Params(params): Params<EventsParams>,
) -> Result<Response, Refusal> {
    let after = live::last_event_id(&headers).or(params.after).unwrap_or(0);
    let telling = Telling::Journal { id, after };
    live::tell(edge, caller.actor, session.id(), telling).await
}
