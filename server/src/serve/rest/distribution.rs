//! Latency by length of prompt or answer.

use axum::Json;
use domain::finite::Finite;
use domain::id::{BenchmarkId, DatasetId};
use domain::measure::length_bins::{LENGTH_BINS_DEFAULT, LengthBin, LengthSide};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Refusal;
use super::extract::{Body, Caller, Params};
use crate::serve::edge::Edge;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(get_input_distribution))
        .routes(routes!(get_output_distribution))
}

/// Which benchmark, in how many bins.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DistributionParams {
    /// The benchmark, of either method.
    benchmark_id: Uuid,
    /// Bins of equal width from 0 to the greatest length; 10 when absent.
    #[param(minimum = 1, maximum = 100, example = 10)]
    num_bins: Option<u32>,
}

/// The datasets whose requests count; none for all requests.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(example = json!([]), max_items = 100)]
struct DatasetIds(Vec<Uuid>);

/// Latency by length.
#[derive(Debug, Serialize, ToSchema)]
struct DistributionAnswer {
    /// `benchmark.dataset.input.distribution` or `benchmark.dataset.output.distribution`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The bins.
    param: DistributionParam,
}

/// The reference's envelope of bins.
#[derive(Debug, Serialize, ToSchema)]
struct DistributionParam {
    /// The bins, shortest first; none when no request counts.
    result: Vec<BinBody>,
}

/// Requests of one range of lengths. Times are seconds at full precision; a bin without requests has
/// `null`, not 0.
#[derive(Debug, Serialize, ToSchema)]
struct BinBody {
    /// Its number, from 1.
    bin_id: u32,
    /// Its edges in tokens; the upper one belongs to the next bin.
    bin_range: String,
    /// Requests in it.
    request_count: u32,
    /// Mean time to first token in seconds.
    avg_ttft: Option<f64>,
    /// Mean time per output token in seconds.
    avg_tpot: Option<f64>,
    /// Mean end-to-end latency in seconds.
    avg_latency: Option<f64>,
    /// 95th percentile of the time to first token in seconds.
    p95_ttft: Option<f64>,
    /// 95th percentile of the time per output token in seconds.
    p95_tpot: Option<f64>,
    /// 95th percentile of the end-to-end latency in seconds.
    p95_latency: Option<f64>,
    /// Mean answer length in tokens.
    avg_output_len: Option<f64>,
}

impl BinBody {
    fn of(bin: &LengthBin) -> Self {
        let get = |value: Option<Finite>| value.map(Finite::get);
        Self {
            bin_id: bin.bin_id,
            bin_range: bin.bin_range(),
            request_count: bin.request_count,
            avg_ttft: get(bin.avg_ttft_s),
            avg_tpot: get(bin.avg_tpot_s),
            avg_latency: get(bin.avg_latency_s),
            p95_ttft: get(bin.p95_ttft_s),
            p95_tpot: get(bin.p95_tpot_s),
            p95_latency: get(bin.p95_latency_s),
            avg_output_len: get(bin.avg_output_len),
        }
    }
}

/// Latency by prompt length, for either method. Measured requests that were answered completely.
#[utoipa::path(
    post, path = "/benchmark/dataset/input-distribution", tag = "Results",
    operation_id = "get_input_distribution",
    params(DistributionParams), request_body(content = Option<DatasetIds>),
    responses((status = 200, description = "The bins.", body = DistributionAnswer)),
)]
async fn get_input_distribution(
    caller: Caller,
    Params(params): Params<DistributionParams>,
    Body(datasets): Body<Option<DatasetIds>>,
) -> Result<Json<DistributionAnswer>, Refusal> {
    Ok(Json(DistributionAnswer {
        object: "benchmark.dataset.input.distribution",
        message: "Successfully fetched dataset input distribution",
        param: bins_of(&caller, &params, LengthSide::Input, datasets).await?,
    }))
}

/// Latency by answer length, for either method. Measured requests that were answered completely.
#[utoipa::path(
    post, path = "/benchmark/dataset/output-distribution", tag = "Results",
    operation_id = "get_output_distribution",
    params(DistributionParams), request_body(content = Option<DatasetIds>),
    responses((status = 200, description = "The bins.", body = DistributionAnswer)),
)]
async fn get_output_distribution(
    caller: Caller,
    Params(params): Params<DistributionParams>,
    Body(datasets): Body<Option<DatasetIds>>,
) -> Result<Json<DistributionAnswer>, Refusal> {
    Ok(Json(DistributionAnswer {
        object: "benchmark.dataset.output.distribution",
        message: "Successfully fetched dataset output distribution",
        param: bins_of(&caller, &params, LengthSide::Output, datasets).await?,
    }))
}

async fn bins_of(
    caller: &Caller,
    params: &DistributionParams,
    side: LengthSide,
    datasets: Option<DatasetIds>,
) -> Result<DistributionParam, Refusal> {
    let id = BenchmarkId(params.benchmark_id);
    let num_bins = params.num_bins.unwrap_or(LENGTH_BINS_DEFAULT);
    let datasets = datasets.map(|DatasetIds(ids)| ids).unwrap_or_default();
    let datasets: Vec<DatasetId> = datasets.into_iter().map(DatasetId).collect();
    let Caller { ctx, actor } = caller;
    let lengths = service::benchmarks::get_lengths_of(ctx, actor, id, side, num_bins, datasets);
    let analysis = lengths.await?;
    Ok(DistributionParam {
        result: analysis.bins.iter().map(BinBody::of).collect(),
    })
}
