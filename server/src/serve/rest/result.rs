//! The figures of a run, in the reference's names.

use axum::Json;
use domain::finite::Finite;
use domain::history::BenchmarkResult;
use domain::id::BenchmarkId;
use domain::measure::quantile::Distribution;
use domain::measure::summary::MetricSummary;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Refusal;
use super::extract::{Caller, Params};
use crate::serve::edge::Edge;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(get_result))
}

/// Which benchmark.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BenchmarkParams {
    /// The benchmark.
    pub(super) benchmark_id: Uuid,
}

/// The figures of a run.
#[derive(Debug, Serialize, ToSchema)]
struct ResultAnswer {
    /// Always `benchmark.result`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The result.
    param: ResultParam,
}

/// The reference's envelope of results.
#[derive(Debug, Serialize, ToSchema)]
struct ResultParam {
    /// The figures.
    result: ResultBody,
}

/// Figures of the measured window, over requests that were answered completely. What has no
/// samples is `null`.
#[derive(Debug, Serialize, ToSchema)]
struct ResultBody {
    /// The same as `benchmark_id`: a benchmark has one result.
    id: Uuid,
    /// The benchmark.
    benchmark_id: Uuid,
    /// When the load ended.
    #[schema(format = DateTime)]
    created_at: String,
    /// The same: a result is never changed.
    #[schema(format = DateTime)]
    modified_at: String,
    /// Length of the measured window in seconds.
    duration: f64,
    /// Requests answered completely.
    successful_requests: u32,
    /// Requests that failed.
    failed_requests: u32,
    /// Failed / sent, 0 to 1.
    error_rate: Option<f64>,
    /// Prompt tokens.
    total_input_tokens: u64,
    /// Answer tokens.
    total_output_tokens: u64,
    /// Requests per second.
    request_throughput: Option<f64>,
    /// Prompt tokens per second.
    input_throughput: Option<f64>,
    /// Answer tokens per second.
    output_throughput: Option<f64>,
    /// Answer tokens of the fullest second; `null` for a run of less than one, and for results stored
    /// before it was counted.
    peak_output_throughput: Option<f64>,
    /// Both per second.
    total_throughput: Option<f64>,
    /// Mean of the time to first token in milliseconds.
    mean_ttft_ms: Option<f64>,
    /// Median of the time to first token in milliseconds.
    median_ttft_ms: Option<f64>,
    /// Standard deviation of the time to first token in milliseconds.
    std_ttft_ms: Option<f64>,
    /// Smallest of the time to first token in milliseconds.
    min_ttft_ms: Option<f64>,
    /// 25th percentile of the time to first token in milliseconds.
    p25_ttft_ms: Option<f64>,
    /// 75th percentile of the time to first token in milliseconds.
    p75_ttft_ms: Option<f64>,
    /// 90th percentile of the time to first token in milliseconds.
    p90_ttft_ms: Option<f64>,
    /// 95th percentile of the time to first token in milliseconds.
    p95_ttft_ms: Option<f64>,
    /// 99th percentile of the time to first token in milliseconds.
    p99_ttft_ms: Option<f64>,
    /// Largest of the time to first token in milliseconds.
    max_ttft_ms: Option<f64>,
    /// Mean of the time per output token in milliseconds.
    mean_tpot_ms: Option<f64>,
    /// Median of the time per output token in milliseconds.
    median_tpot_ms: Option<f64>,
    /// Standard deviation of the time per output token in milliseconds.
    std_tpot_ms: Option<f64>,
    /// Smallest of the time per output token in milliseconds.
    min_tpot_ms: Option<f64>,
    /// 25th percentile of the time per output token in milliseconds.
    p25_tpot_ms: Option<f64>,
    /// 75th percentile of the time per output token in milliseconds.
    p75_tpot_ms: Option<f64>,
    /// 90th percentile of the time per output token in milliseconds.
    p90_tpot_ms: Option<f64>,
    /// 95th percentile of the time per output token in milliseconds.
    p95_tpot_ms: Option<f64>,
    /// 99th percentile of the time per output token in milliseconds.
    p99_tpot_ms: Option<f64>,
    /// Largest of the time per output token in milliseconds.
    max_tpot_ms: Option<f64>,
    /// Mean of the inter-token latency in milliseconds.
    mean_itl_ms: Option<f64>,
    /// Median of the inter-token latency in milliseconds.
    median_itl_ms: Option<f64>,
    /// Standard deviation of the inter-token latency in milliseconds.
    std_itl_ms: Option<f64>,
    /// Smallest of the inter-token latency in milliseconds.
    min_itl_ms: Option<f64>,
    /// 25th percentile of the inter-token latency in milliseconds.
    p25_itl_ms: Option<f64>,
    /// 75th percentile of the inter-token latency in milliseconds.
    p75_itl_ms: Option<f64>,
    /// 90th percentile of the inter-token latency in milliseconds.
    p90_itl_ms: Option<f64>,
    /// 95th percentile of the inter-token latency in milliseconds.
    p95_itl_ms: Option<f64>,
    /// 99th percentile of the inter-token latency in milliseconds.
    p99_itl_ms: Option<f64>,
    /// Largest of the inter-token latency in milliseconds.
    max_itl_ms: Option<f64>,
    /// Mean of the end-to-end latency in milliseconds.
    mean_e2el_ms: Option<f64>,
    /// Median of the end-to-end latency in milliseconds.
    median_e2el_ms: Option<f64>,
    /// Standard deviation of the end-to-end latency in milliseconds.
    std_e2el_ms: Option<f64>,
    /// Smallest of the end-to-end latency in milliseconds.
    min_e2el_ms: Option<f64>,
    /// 25th percentile of the end-to-end latency in milliseconds.
    p25_e2el_ms: Option<f64>,
    /// 75th percentile of the end-to-end latency in milliseconds.
    p75_e2el_ms: Option<f64>,
    /// 90th percentile of the end-to-end latency in milliseconds.
    p90_e2el_ms: Option<f64>,
    /// 95th percentile of the end-to-end latency in milliseconds.
    p95_e2el_ms: Option<f64>,
    /// 99th percentile of the end-to-end latency in milliseconds.
    p99_e2el_ms: Option<f64>,
    /// Largest of the end-to-end latency in milliseconds.
    max_e2el_ms: Option<f64>,
    /// Mean of the output throughput per user in tok/s.
    mean_throughput: Option<f64>,
    /// Median of the output throughput per user in tok/s.
    median_throughput: Option<f64>,
    /// Standard deviation of the output throughput per user in tok/s.
    std_throughput: Option<f64>,
    /// Smallest of the output throughput per user in tok/s.
    min_throughput: Option<f64>,
    /// 25th percentile of the output throughput per user in tok/s.
    p25_throughput: Option<f64>,
    /// 75th percentile of the output throughput per user in tok/s.
    p75_throughput: Option<f64>,
    /// 90th percentile of the output throughput per user in tok/s.
    p90_throughput: Option<f64>,
    /// 95th percentile of the output throughput per user in tok/s.
    p95_throughput: Option<f64>,
    /// 99th percentile of the output throughput per user in tok/s.
    p99_throughput: Option<f64>,
    /// Largest of the output throughput per user in tok/s.
    max_throughput: Option<f64>,
    /// Requests that a provider was sent, warm-up included; `null` where the plan has no spending limit.
    spent_requests: Option<u32>,
    /// Their tokens, prompts and answers together, as the provider told, else as counted here.
    spent_tokens: Option<u64>,
    /// Whether the spending limit ended the load before its plan did.
    limit_reached: Option<bool>,
    /// Edition of the metric definitions.
    metrics_version: u32,
    /// SHA-256 of the raw records.
    records_sha256: String,
}

/// The figures of a run. They are computed once from its raw records and never change.
#[utoipa::path(
    get, path = "/benchmark/result", tag = "Results", operation_id = "get_result",
    params(BenchmarkParams),
    responses((status = 200, description = "The figures.", body = ResultAnswer)),
)]
async fn get_result(
    caller: Caller,
    Params(params): Params<BenchmarkParams>,
) -> Result<Json<ResultAnswer>, Refusal> {
    let id = BenchmarkId(params.benchmark_id);
    let result = service::benchmarks::get_result(&caller.ctx, &caller.actor, id).await?;
    Ok(Json(ResultAnswer {
        object: "benchmark.result",
        message: "Successfully fetched benchmark result",
        param: ResultParam {
            result: ResultBody::of(id, &result),
        },
    }))
}

impl ResultBody {
    fn of(id: BenchmarkId, result: &BenchmarkResult) -> Self {
        let summary = &result.summary;
        let get = |value: Option<Finite>| value.map(Finite::get);
        let ended_at = result.manifest.ended_at.to_rfc3339();
        Self {
            id: id.0,
            benchmark_id: id.0,
            created_at: ended_at.clone(),
            modified_at: ended_at,
            duration: summary.duration_s.get(),
            successful_requests: summary.completed_count,
            failed_requests: summary.failed_count,
            error_rate: get(summary.error_rate),
            total_input_tokens: summary.input_tokens,
            total_output_tokens: summary.output_tokens,
            request_throughput: get(summary.request_per_s),
            input_throughput: get(summary.input_tok_per_s),
            output_throughput: get(summary.output_tok_per_s),
            peak_output_throughput: get(summary.peak_output_tok_per_s),
            total_throughput: get(summary.total_tok_per_s),
            mean_ttft_ms: of(summary.ttft_ms.as_ref(), |d| d.mean),
            median_ttft_ms: of(summary.ttft_ms.as_ref(), |d| d.median),
            std_ttft_ms: of(summary.ttft_ms.as_ref(), |d| d.std),
            min_ttft_ms: of(summary.ttft_ms.as_ref(), |d| d.min),
            p25_ttft_ms: of(summary.ttft_ms.as_ref(), |d| d.p25),
            p75_ttft_ms: of(summary.ttft_ms.as_ref(), |d| d.p75),
            p90_ttft_ms: of(summary.ttft_ms.as_ref(), |d| d.p90),
            p95_ttft_ms: of(summary.ttft_ms.as_ref(), |d| d.p95),
            p99_ttft_ms: of(summary.ttft_ms.as_ref(), |d| d.p99),
            max_ttft_ms: of(summary.ttft_ms.as_ref(), |d| d.max),
            mean_tpot_ms: of(summary.tpot_ms.as_ref(), |d| d.mean),
            median_tpot_ms: of(summary.tpot_ms.as_ref(), |d| d.median),
            std_tpot_ms: of(summary.tpot_ms.as_ref(), |d| d.std),
            min_tpot_ms: of(summary.tpot_ms.as_ref(), |d| d.min),
            p25_tpot_ms: of(summary.tpot_ms.as_ref(), |d| d.p25),
            p75_tpot_ms: of(summary.tpot_ms.as_ref(), |d| d.p75),
            p90_tpot_ms: of(summary.tpot_ms.as_ref(), |d| d.p90),
            p95_tpot_ms: of(summary.tpot_ms.as_ref(), |d| d.p95),
            p99_tpot_ms: of(summary.tpot_ms.as_ref(), |d| d.p99),
            max_tpot_ms: of(summary.tpot_ms.as_ref(), |d| d.max),
            mean_itl_ms: of(summary.itl_ms.as_ref(), |d| d.mean),
            median_itl_ms: of(summary.itl_ms.as_ref(), |d| d.median),
            std_itl_ms: of(summary.itl_ms.as_ref(), |d| d.std),
            min_itl_ms: of(summary.itl_ms.as_ref(), |d| d.min),
            p25_itl_ms: of(summary.itl_ms.as_ref(), |d| d.p25),
            p75_itl_ms: of(summary.itl_ms.as_ref(), |d| d.p75),
            p90_itl_ms: of(summary.itl_ms.as_ref(), |d| d.p90),
            p95_itl_ms: of(summary.itl_ms.as_ref(), |d| d.p95),
            p99_itl_ms: of(summary.itl_ms.as_ref(), |d| d.p99),
            max_itl_ms: of(summary.itl_ms.as_ref(), |d| d.max),
            mean_e2el_ms: of(summary.e2e_ms.as_ref(), |d| d.mean),
            median_e2el_ms: of(summary.e2e_ms.as_ref(), |d| d.median),
            std_e2el_ms: of(summary.e2e_ms.as_ref(), |d| d.std),
            min_e2el_ms: of(summary.e2e_ms.as_ref(), |d| d.min),
            p25_e2el_ms: of(summary.e2e_ms.as_ref(), |d| d.p25),
            p75_e2el_ms: of(summary.e2e_ms.as_ref(), |d| d.p75),
            p90_e2el_ms: of(summary.e2e_ms.as_ref(), |d| d.p90),
            p95_e2el_ms: of(summary.e2e_ms.as_ref(), |d| d.p95),
            p99_e2el_ms: of(summary.e2e_ms.as_ref(), |d| d.p99),
            max_e2el_ms: of(summary.e2e_ms.as_ref(), |d| d.max),
            mean_throughput: of(summary.user_tok_per_s.as_ref(), |d| d.mean),
            median_throughput: of(summary.user_tok_per_s.as_ref(), |d| d.median),
            std_throughput: of(summary.user_tok_per_s.as_ref(), |d| d.std),
            min_throughput: of(summary.user_tok_per_s.as_ref(), |d| d.min),
            p25_throughput: of(summary.user_tok_per_s.as_ref(), |d| d.p25),
            p75_throughput: of(summary.user_tok_per_s.as_ref(), |d| d.p75),
            p90_throughput: of(summary.user_tok_per_s.as_ref(), |d| d.p90),
            p95_throughput: of(summary.user_tok_per_s.as_ref(), |d| d.p95),
            p99_throughput: of(summary.user_tok_per_s.as_ref(), |d| d.p99),
            max_throughput: of(summary.user_tok_per_s.as_ref(), |d| d.max),
            spent_requests: summary.spend.map(|spend| spend.requests),
            spent_tokens: summary.spend.map(|spend| spend.tokens),
            limit_reached: summary.spend.map(|spend| spend.is_reached),
            metrics_version: summary.metrics_version,
            records_sha256: result.manifest.records_sha256.clone(),
        }
    }
}

fn of(metric: Option<&MetricSummary>, value: fn(&Distribution) -> Finite) -> Option<f64> {
    metric.map(|metric| value(&metric.distribution).get())
}
