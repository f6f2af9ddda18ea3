//! The history, and one benchmark.

use axum::Json;
use domain::catalogue::{CatalogueQuery, Cluster, Model};
use domain::history::{BenchmarkDetail, BenchmarkRow};
use domain::id::BenchmarkId;
use domain::plan::RunPlan;
use domain::workload::Prompts;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Refusal;
use super::extract::{Caller, Params, PathId};
use super::list_params::ListParams;
use super::things::{ClusterBody, ModelBody, RunStatusWord, StatusWord};
use crate::serve::edge::Edge;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(list_benchmarks))
        .routes(routes!(get_benchmark))
        .routes(routes!(get_model_cluster_detail))
}

/// A page of the history.
#[derive(Debug, Serialize, ToSchema)]
struct BenchmarkList {
    /// Always `benchmarks.list`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The page, from 1.
    page: u32,
    /// Rows of a page.
    limit: u32,
    /// Rows that match in all.
    total_record: u32,
    /// Pages of them.
    total_pages: u32,
    /// The rows.
    benchmarks: Vec<BenchmarkItem>,
}

/// One benchmark of the history.
#[derive(Debug, Serialize, ToSchema)]
struct BenchmarkItem {
    /// Its id.
    id: Uuid,
    /// Name.
    name: String,
    /// Where it stands.
    status: StatusWord,
    /// The same, exactly.
    run_status: RunStatusWord,
    /// Why it failed, in a sentence.
    reason: Option<String>,
    /// What was asked.
    model: ModelBody,
    /// Where.
    cluster: ClusterBody,
    /// `cpu`, `gpu` or `endpoint`.
    node_type: String,
    /// CPU or accelerator model; empty for an endpoint.
    vendor_type: String,
    /// Users of a closed loop; `null` in an open loop.
    concurrency: Option<u32>,
    /// Requests per second of an open loop; `null` in a closed loop.
    rate_per_s: Option<f64>,
    /// Median time per output token in milliseconds.
    tpot: Option<f64>,
    /// Median time to first token in milliseconds.
    ttft: Option<f64>,
    /// Output tokens per second.
    output_throughput: Option<f64>,
    /// Measured window in seconds.
    duration: Option<f64>,
    /// Failed / sent, 0 to 1.
    error_rate: Option<f64>,
    /// Tags.
    tags: Vec<String>,
    /// Who made it.
    created_user: String,
    /// Whether demo mode made it, as a sample.
    is_sample: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// `configuration` or `dataset`.
    eval_with: String,
    /// The datasets of the method `dataset`.
    dataset_ids: Option<Vec<Uuid>>,
    /// Longest prompt that was asked for, in tokens.
    max_input_tokens: Option<u32>,
    /// Longest answer that was asked for, in tokens.
    max_output_tokens: Option<u32>,
}

impl BenchmarkItem {
    fn of(row: BenchmarkRow, plan: &RunPlan, models: &[Model], clusters: &[Cluster]) -> Self {
        let get = |value: Option<domain::finite::Finite>| value.map(domain::finite::Finite::get);
        let model = models.iter().find(|model| model.id == plan.model.id);
        let cluster = clusters.iter().find(|known| known.id == plan.cluster.id);
        Self {
            id: row.id.0,
            name: row.name,
            status: StatusWord::of(row.status),
            run_status: row.status.into(),
            reason: row.failure,
            model: ModelBody::of(&plan.model, model),
            cluster: ClusterBody::of(&plan.cluster, cluster),
            node_type: row.node_type,
            vendor_type: row.vendor,
            concurrency: row.concurrency,
            rate_per_s: get(row.rate_per_s),
            tpot: get(row.tpot_p50_ms),
            ttft: get(row.ttft_p50_ms),
            output_throughput: get(row.output_tok_per_s),
            duration: get(row.duration_s),
            error_rate: get(row.error_rate),
            tags: row.tags,
            created_user: row.owner_name,
            is_sample: row.is_sample,
            created_at: row.created_at.to_rfc3339(),
            eval_with: plan.method.as_str().to_owned(),
            dataset_ids: dataset_ids(plan),
            max_input_tokens: max_input_tokens(plan),
            max_output_tokens: Some(plan.workload.output.upper_tokens()),
        }
    }
}

/// The datasets that prompts come from.
fn dataset_ids(plan: &RunPlan) -> Option<Vec<Uuid>> {
    let datasets = plan.workload.prompts.datasets();
    (!datasets.is_empty()).then(|| datasets.iter().map(|dataset| dataset.id.0).collect())
}

/// What was asked for: nothing where the rows of datasets say it.
fn max_input_tokens(plan: &RunPlan) -> Option<u32> {
    let is_asked = plan.workload.prompts == Prompts::Synthetic;
    is_asked.then(|| plan.workload.input.upper_tokens())
}

/// The history, newest first unless `order_by` says otherwise.
#[utoipa::path(
    get, path = "/benchmark", tag = "Benchmarks", operation_id = "list_benchmarks",
    params(ListParams),
    responses((status = 200, description = "A page of the history.", body = BenchmarkList)),
)]
async fn list_benchmarks(
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Json<BenchmarkList>, Refusal> {
    let Caller { ctx, actor } = caller;
    let query = params.to_query();
    let (page, limit) = (query.page, query.page_size);
    let list = service::benchmarks::list_benchmarks_with_plans(&ctx, &actor, &query).await?;
    let models = service::catalogue::list_models(&ctx, &actor, &CatalogueQuery::all()).await?;
    let clusters = service::catalogue::list_clusters(&ctx, &actor, &CatalogueQuery::all()).await?;
    let benchmarks = list
        .rows
        .into_iter()
        .map(|(row, plan)| BenchmarkItem::of(row, &plan, &models, &clusters))
        .collect();
    Ok(Json(BenchmarkList {
        object: "benchmarks.list",
        message: "Successfully list all benchmarks",
        page,
        limit,
        total_record: list.total_count,
        total_pages: list.total_count.div_ceil(limit.max(1)),
        benchmarks,
    }))
}

/// A benchmark with everything but its figures and requests.
#[derive(Debug, Serialize, ToSchema)]
struct BenchmarkAnswer {
    /// Always `benchmark.detail`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The benchmark.
    benchmark: BenchmarkBody,
}

/// One benchmark.
#[derive(Debug, Serialize, ToSchema)]
struct BenchmarkBody {
    /// Its id.
    id: Uuid,
    /// Name.
    name: String,
    /// Free text.
    description: String,
    /// Tags as they are now.
    tags: Vec<String>,
    /// Where it stands.
    status: StatusWord,
    /// The same, exactly.
    run_status: RunStatusWord,
    /// Why it failed, in a sentence.
    reason: Option<String>,
    /// Place in the queue from 1, while it waits.
    queue_position: Option<u32>,
    /// Whether there is a result.
    has_result: bool,
    /// Who made it.
    created_user: String,
    /// Whether demo mode made it, as a sample.
    is_sample: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// The confirmed plan, complete: workload, model, cluster, nodes, engine.
    #[schema(value_type = Object)]
    plan: Value,
    /// Where the raw records are, as Parquet, when there are any.
    records_url: Option<String>,
}

/// One benchmark.
#[utoipa::path(
    get, path = "/benchmark/{id}", tag = "Benchmarks", operation_id = "get_benchmark",
    params(("id" = Uuid, Path, description = "The benchmark.")),
    responses((status = 200, description = "The benchmark.", body = BenchmarkAnswer)),
)]
async fn get_benchmark(
    caller: Caller,
    PathId(id): PathId<BenchmarkId>,
) -> Result<Json<BenchmarkAnswer>, Refusal> {
    let detail = service::benchmarks::get_benchmark(&caller.ctx, &caller.actor, id).await?;
    let plan = serde_json::to_value(&detail.plan).map_err(service::ServiceError::internal)?;
    let has_result = detail.result.is_some();
    Ok(Json(BenchmarkAnswer {
        object: "benchmark.detail",
        message: "Successfully fetched benchmark",
        benchmark: BenchmarkBody {
            id: id.0,
            name: detail.plan.name,
            description: detail.plan.description,
            tags: detail.tags,
            status: StatusWord::of(detail.status),
            run_status: detail.status.into(),
            reason: detail.failure,
            queue_position: detail.queue_position,
            has_result,
            created_user: detail.owner_name,
            is_sample: detail.is_sample,
            created_at: detail.created_at.to_rfc3339(),
            plan,
            records_url: has_result.then(|| app::routes::records_file(id)),
        },
    }))
}

/// Model and cluster of a benchmark.
#[derive(Debug, Serialize, ToSchema)]
struct ModelClusterAnswer {
    /// Always `benchmark.model.cluster.detail`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The benchmark with both.
    result: ModelClusterBody,
}

/// A benchmark with its model and its cluster.
#[derive(Debug, Serialize, ToSchema)]
struct ModelClusterBody {
    /// Its id.
    id: Uuid,
    /// Name.
    name: String,
    /// Where it stands.
    status: StatusWord,
    /// The same, exactly.
    run_status: RunStatusWord,
    /// What was asked.
    model: ModelBody,
    /// Where.
    cluster: ClusterBody,
    /// How the engine came to be there, from the plan: an endpoint, or a process with its command.
    #[schema(value_type = Option<Object>)]
    deployment_config: Option<Value>,
    /// Users of a closed loop; `null` in an open loop.
    concurrency: Option<u32>,
    /// `configuration` or `dataset`.
    eval_with: String,
    /// Longest prompt that was asked for, in tokens.
    max_input_tokens: Option<u32>,
    /// Longest answer that was asked for, in tokens.
    max_output_tokens: Option<u32>,
    /// Free text.
    description: String,
    /// Tags as they are now.
    tags: Vec<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

/// Model and cluster of a benchmark, as they were when it was confirmed.
#[utoipa::path(
    get, path = "/benchmark/{id}/model-cluster-detail", tag = "Benchmarks",
    operation_id = "get_model_cluster_detail",
    params(("id" = Uuid, Path, description = "The benchmark.")),
    responses((status = 200, description = "Model and cluster.", body = ModelClusterAnswer)),
)]
async fn get_model_cluster_detail(
    caller: Caller,
    PathId(id): PathId<BenchmarkId>,
) -> Result<Json<ModelClusterAnswer>, Refusal> {
    let Caller { ctx, actor } = caller;
    let detail = service::benchmarks::get_benchmark(&ctx, &actor, id).await?;
    let models = service::catalogue::list_models(&ctx, &actor, &CatalogueQuery::all()).await?;
    let clusters = service::catalogue::list_clusters(&ctx, &actor, &CatalogueQuery::all()).await?;
    Ok(Json(ModelClusterAnswer {
        object: "benchmark.model.cluster.detail",
        message: "Successfully fetched model cluster detail for the benchmark.",
        result: ModelClusterBody::of(detail, &models, &clusters)?,
    }))
}

impl ModelClusterBody {
    fn of(
        detail: BenchmarkDetail,
        models: &[Model],
        clusters: &[Cluster],
    ) -> Result<Self, service::ServiceError> {
        let plan = detail.plan;
        let model = models.iter().find(|model| model.id == plan.model.id);
        let cluster = clusters.iter().find(|known| known.id == plan.cluster.id);
        let deployment = serde_json::to_value(&plan.deployment);
        Ok(Self {
            id: detail.id.0,
            status: StatusWord::of(detail.status),
            run_status: detail.status.into(),
            model: ModelBody::of(&plan.model, model),
            cluster: ClusterBody::of(&plan.cluster, cluster),
            deployment_config: Some(deployment.map_err(service::ServiceError::internal)?),
            concurrency: plan.workload.arrival.concurrency(),
            eval_with: plan.method.as_str().to_owned(),
            max_input_tokens: max_input_tokens(&plan),
            max_output_tokens: Some(plan.workload.output.upper_tokens()),
            name: plan.name,
            description: plan.description,
            tags: detail.tags,
            created_at: detail.created_at.to_rfc3339(),
        })
    }
}
