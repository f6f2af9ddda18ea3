//! What can be done with a benchmark afterwards: tags, purpose, archive, another run, deletion.

use axum::Json;
use axum::http::StatusCode;
use domain::field::FieldErrors;
use domain::history::{BenchmarkDetail, BenchmarkRow};
use domain::id::BenchmarkId;
use domain::reruns::{Purpose, Rerun};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use service::benchmarks;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Refusal;
use super::extract::{Body, Caller, PathId};
use super::things::{RunStatusWord, StatusWord};
use crate::serve::edge::Edge;

/// The routes of this file. The reference has none of them.
pub(super) fn further_routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(set_tags))
        .routes(routes!(set_purpose))
        .routes(routes!(archive))
        .routes(routes!(unarchive))
        .routes(routes!(clone_benchmark))
        .routes(routes!(list_reruns, rerun))
        .routes(routes!(delete_benchmark))
}

/// What the figures of a benchmark are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PurposeWord {
    /// To find something out.
    Exploratory,
    /// To decide whether something goes to production.
    Gating,
}

impl From<Purpose> for PurposeWord {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Exploratory => Self::Exploratory,
            Purpose::Gating => Self::Gating,
        }
    }
}

impl PurposeWord {
    fn purpose(self) -> Purpose {
        match self {
            Self::Exploratory => Purpose::Exploratory,
            Self::Gating => Purpose::Gating,
        }
    }
}

/// The place of a run among those of the same plan.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct RerunBody {
    /// The group.
    group_id: Uuid,
    /// Its number in the group, from 1.
    index: u32,
    /// The number of the group's last run.
    last_index: u32,
}

impl From<Rerun> for RerunBody {
    fn from(rerun: Rerun) -> Self {
        Self {
            group_id: rerun.group_id.0,
            index: rerun.index,
            last_index: rerun.last_index,
        }
    }
}

/// What changes about a benchmark.
#[derive(Debug, Serialize, ToSchema)]
struct RunBody {
    /// Its id.
    id: Uuid,
    /// Name.
    name: String,
    /// Where it stands.
    status: StatusWord,
    /// The same, exactly.
    run_status: RunStatusWord,
    /// Tags.
    tags: Vec<String>,
    /// What its figures are for.
    purpose: PurposeWord,
    /// Its place among the runs of the same plan; `null` for the only one.
    rerun: Option<RerunBody>,
    /// Whether its result was measured on an engine that an earlier run of the plan had left, warm.
    is_warm: bool,
    /// When it was archived; `null` while it is in use.
    #[schema(format = DateTime)]
    archived_at: Option<String>,
    /// Who made it.
    created_user: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<BenchmarkDetail> for RunBody {
    fn from(detail: BenchmarkDetail) -> Self {
        Self {
            id: detail.id.0,
            name: detail.plan.name,
            status: StatusWord::of(detail.status),
            run_status: detail.status.into(),
            tags: detail.tags,
            purpose: detail.purpose.into(),
            rerun: detail.rerun.map(RerunBody::from),
            is_warm: detail
                .result
                .is_some_and(|result| result.manifest.taken_over.is_some()),
            archived_at: detail.archived_at.map(Timestamp::to_rfc3339),
            created_user: detail.owner_name,
            created_at: detail.created_at.to_rfc3339(),
        }
    }
}

impl From<BenchmarkRow> for RunBody {
    fn from(row: BenchmarkRow) -> Self {
        Self {
            id: row.id.0,
            name: row.name,
            status: StatusWord::of(row.status),
            run_status: row.status.into(),
            tags: row.tags,
            purpose: row.purpose.into(),
            rerun: row.rerun.map(RerunBody::from),
            is_warm: row.is_warm,
            archived_at: row.archived_at.map(Timestamp::to_rfc3339),
            created_user: row.owner_name,
            created_at: row.created_at.to_rfc3339(),
        }
    }
}

/// A benchmark after a change.
#[derive(Debug, Serialize, ToSchema)]
struct RunAnswer {
    /// Always `benchmark.update`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The benchmark.
    benchmark: RunBody,
}

/// The answer about a benchmark as it is now.
async fn answer(
    caller: &Caller,
    id: BenchmarkId,
    message: &'static str,
) -> Result<Json<RunAnswer>, Refusal> {
    let detail = benchmarks::get_benchmark(&caller.ctx, &caller.actor, id).await?;
    Ok(Json(RunAnswer {
        object: "benchmark.update",
        message,
        benchmark: detail.into(),
    }))
}

/// The tags a benchmark is to have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "tags": ["gate", "chat"] }))]
struct TagsBody {
    /// All of them; kept in lower case, without repeats. At most 20, none with a comma or longer than
    /// 64 characters.
    #[schema(max_items = 20)]
    tags: Vec<String>,
}

/// Replaces the tags. Operators may tag their own benchmarks, leads anybody's.
#[utoipa::path(
    put, path = "/benchmark/{id}/tags", tag = "Benchmarks", operation_id = "set_tags",
    params(("id" = Uuid, Path, description = "The benchmark.")),
    request_body = TagsBody,
    responses((status = 200, description = "The benchmark as it is now.", body = RunAnswer)),
)]
async fn set_tags(
    caller: Caller,
    PathId(id): PathId<BenchmarkId>,
    Body(body): Body<TagsBody>,
) -> Result<Json<RunAnswer>, Refusal> {
    if body.tags.iter().any(|tag| tag.contains([',', '\n'])) {
        let message = "Give each tag as an entry of its own, without commas or new lines.";
        return Err(FieldErrors::one("tags", message).into());
    }
    let text = body.tags.join(",");
    benchmarks::set_tags(&caller.ctx, &caller.actor, id, &text).await?;
    answer(&caller, id, "Successfully tagged the benchmark").await
}

/// What a benchmark is to be for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "purpose": "gating" }))]
struct PurposeBody {
    /// The purpose.
    purpose: PurposeWord,
}

/// Says what the figures of a benchmark are for.
#[utoipa::path(
    put, path = "/benchmark/{id}/purpose", tag = "Benchmarks", operation_id = "set_purpose",
    params(("id" = Uuid, Path, description = "The benchmark.")),
    request_body = PurposeBody,
    responses((status = 200, description = "The benchmark as it is now.", body = RunAnswer)),
)]
async fn set_purpose(
    caller: Caller,
    PathId(id): PathId<BenchmarkId>,
    Body(body): Body<PurposeBody>,
) -> Result<Json<RunAnswer>, Refusal> {
    let purpose = body.purpose.purpose().as_str();
    benchmarks::set_purpose(&caller.ctx, &caller.actor, id, purpose).await?;
    answer(&caller, id, "Successfully changed the purpose").await
}

/// Takes a benchmark that has ended out of the lists. Nothing of it is lost.
#[utoipa::path(
    post, path = "/benchmark/{id}/archive", tag = "Benchmarks", operation_id = "archive_benchmark",
    params(("id" = Uuid, Path, description = "The benchmark.")),
    responses((status = 200, description = "The benchmark as it is now.", body = RunAnswer)),
)]
async fn archive(
    caller: Caller,
    PathId(id): PathId<BenchmarkId>,
) -> Result<Json<RunAnswer>, Refusal> {
    benchmarks::set_archived(&caller.ctx, &caller.actor, id, true).await?;
    answer(&caller, id, "Successfully archived the benchmark").await
}

/// Takes a benchmark back into the lists.
#[utoipa::path(
    post, path = "/benchmark/{id}/unarchive", tag = "Benchmarks", operation_id = "unarchive_benchmark",
    params(("id" = Uuid, Path, description = "The benchmark.")),
    responses((status = 200, description = "The benchmark as it is now.", body = RunAnswer)),
)]
async fn unarchive(
    caller: Caller,
    PathId(id): PathId<BenchmarkId>,
) -> Result<Json<RunAnswer>, Refusal> {
    benchmarks::set_archived(&caller.ctx, &caller.actor, id, false).await?;
    answer(
        &caller,
        id,
        "Successfully took the benchmark out of the archive",
    )
    .await
}

/// A workflow that starts from a benchmark.
#[derive(Debug, Serialize, ToSchema)]
struct CloneAnswer {
    /// Always `benchmark.clone`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The workflow, with every answer of the benchmark's plan but the confirmation.
    workflow_id: Uuid,
}

/// Starts a workflow with the answers of a benchmark's plan.
#[utoipa::path(
    post, path = "/benchmark/{id}/clone", tag = "Benchmarks", operation_id = "clone_benchmark",
    params(("id" = Uuid, Path, description = "The benchmark.")),
    responses((status = 201, description = "The workflow.", body = CloneAnswer)),
)]
async fn clone_benchmark(
    caller: Caller,
    PathId(id): PathId<BenchmarkId>,
) -> Result<(StatusCode, Json<CloneAnswer>), Refusal> {
    let workflow = service::workflows::start_workflow(&caller.ctx, &caller.actor, Some(id)).await?;
    let answer = CloneAnswer {
        object: "benchmark.clone",
        message: "Successfully started a workflow from the benchmark",
        workflow_id: workflow.id.0,
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Queues the plan of a benchmark once more, in the same group. Refused while something the plan
/// names is gone.
#[utoipa::path(
    post, path = "/benchmark/{id}/reruns", tag = "Benchmarks", operation_id = "rerun_benchmark",
    params(("id" = Uuid, Path, description = "The benchmark.")),
    responses((status = 201, description = "The new benchmark.", body = RunAnswer)),
)]
async fn rerun(
    caller: Caller,
    PathId(id): PathId<BenchmarkId>,
) -> Result<(StatusCode, Json<RunAnswer>), Refusal> {
    let new = benchmarks::rerun_benchmark(&caller.ctx, &caller.actor, id).await?;
    let answer = answer(&caller, new, "Successfully queued another run of the plan").await?;
    Ok((StatusCode::CREATED, answer))
}

/// The runs of one plan.
#[derive(Debug, Serialize, ToSchema)]
struct RerunList {
    /// Always `benchmark.reruns.list`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The runs in order, the asked one included; empty for the only run of its plan.
    benchmarks: Vec<RunBody>,
}

/// The runs of the same plan.
#[utoipa::path(
    get, path = "/benchmark/{id}/reruns", tag = "Benchmarks", operation_id = "list_reruns",
    params(("id" = Uuid, Path, description = "The benchmark.")),
    responses((status = 200, description = "The runs.", body = RerunList)),
)]
async fn list_reruns(
    caller: Caller,
    PathId(id): PathId<BenchmarkId>,
) -> Result<Json<RerunList>, Refusal> {
    let rows = benchmarks::list_reruns(&caller.ctx, &caller.actor, id).await?;
    Ok(Json(RerunList {
        object: "benchmark.reruns.list",
        message: "Successfully listed the runs of the plan",
        benchmarks: rows.into_iter().map(RunBody::from).collect(),
    }))
}

/// A benchmark that was deleted.
#[derive(Debug, Serialize, ToSchema)]
struct DeleteAnswer {
    /// Always `benchmark.delete`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The id it had.
    benchmark_id: Uuid,
}

/// Removes a benchmark that has ended, with its plan, log, result and raw records.
#[utoipa::path(
    delete, path = "/benchmark/{id}", tag = "Benchmarks", operation_id = "delete_benchmark",
    params(("id" = Uuid, Path, description = "The benchmark.")),
    responses((status = 200, description = "It is gone.", body = DeleteAnswer)),
)]
async fn delete_benchmark(
    caller: Caller,
    PathId(id): PathId<BenchmarkId>,
) -> Result<Json<DeleteAnswer>, Refusal> {
    benchmarks::delete_benchmark(&caller.ctx, &caller.actor, id).await?;
    Ok(Json(DeleteAnswer {
        object: "benchmark.delete",
        message: "Successfully deleted the benchmark",
        benchmark_id: id.0,
    }))
}
