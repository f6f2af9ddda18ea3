//! The rows of single requests: read by everybody, written by nobody but the runner.

mod stored;

use axum::Json;
use domain::bounds::Bounds;
use domain::finite::Finite;
use domain::id::BenchmarkId;
use domain::measure::record::{RequestField, RequestPhase, RequestRecord};
use domain::requests::{RequestQuery, SelectedRecords};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Refusal;
use super::extract::{Caller, Params};
use crate::serve::edge::Edge;

/// Rows of a page when nothing is asked for.
const LIMIT_DEFAULT: u32 = 10;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(
        list_request_metrics,
        stored::confirm_request_metrics
    ))
}

/// A part of a run.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PhaseWord {
    /// Before the measured window.
    WarmUp,
    /// In the measured window: what the aggregates are computed from.
    Measured,
    /// Finished after the deadline of a run with a duration.
    Drained,
    /// Every request.
    All,
}

/// Which requests.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RequestParams {
    /// The benchmark.
    benchmark_id: Uuid,
    /// Page from 1; 1 when absent.
    #[param(minimum = 1, maximum = 1_000_000, example = 1)]
    page: Option<u32>,
    /// Rows of a page; 10 when absent.
    #[param(minimum = 1, maximum = 200, example = 10)]
    limit: Option<u32>,
    /// The field to sort by, with `-` before it for largest first; the order of sending when absent.
    #[param(
        pattern = "^-?(ttft|tpot|latency|itl|prompt_len|output_len|req_output_throughput)$",
        example = "-ttft"
    )]
    order_by: Option<String>,
    /// Only requests that were answered completely, or only those that were not.
    success: Option<bool>,
    /// Only requests of this part of the run; `measured` when absent.
    #[param(inline)]
    phase: Option<PhaseWord>,
    /// Shortest time to first token in seconds.
    #[param(minimum = 0)]
    min_ttft: Option<f64>,
    /// Longest time to first token in seconds.
    #[param(minimum = 0)]
    max_ttft: Option<f64>,
    /// Shortest end-to-end latency in seconds.
    #[param(minimum = 0)]
    min_latency: Option<f64>,
    /// Longest end-to-end latency in seconds.
    #[param(minimum = 0)]
    max_latency: Option<f64>,
    /// Fewest prompt tokens.
    #[param(minimum = 0)]
    min_prompt_len: Option<u32>,
    /// Most prompt tokens.
    #[param(minimum = 0)]
    max_prompt_len: Option<u32>,
    /// Fewest answer tokens.
    #[param(minimum = 0)]
    min_output_len: Option<u32>,
    /// Most answer tokens.
    #[param(minimum = 0)]
    max_output_len: Option<u32>,
}

impl RequestParams {
    fn to_query(&self) -> RequestQuery {
        let mut query = RequestQuery {
            success: self.success,
            phase: match self.phase.unwrap_or(PhaseWord::Measured) {
                PhaseWord::WarmUp => Some(RequestPhase::WarmUp),
                PhaseWord::Measured => Some(RequestPhase::Measured),
                PhaseWord::Drained => Some(RequestPhase::Drained),
                PhaseWord::All => None,
            },
            page: self.page.unwrap_or(1),
            page_size: self.limit.unwrap_or(LIMIT_DEFAULT),
            ..RequestQuery::default()
        };
        if let Some(order) = &self.order_by {
            query.is_descending = order.starts_with('-');
            query.sort = RequestField::parse(order.trim_start_matches('-'));
        }
        // The fields are in milliseconds inside.
        let seconds = |end: Option<f64>| end.map(|seconds| seconds * 1e3).and_then(Finite::new);
        let tokens = |end: Option<u32>| end.map(Finite::from);
        let ranges = [
            (
                RequestField::Ttft,
                seconds(self.min_ttft),
                seconds(self.max_ttft),
            ),
            (
                RequestField::Latency,
                seconds(self.min_latency),
                seconds(self.max_latency),
            ),
            (
                RequestField::PromptLen,
                tokens(self.min_prompt_len),
                tokens(self.max_prompt_len),
            ),
            (
                RequestField::OutputLen,
                tokens(self.min_output_len),
                tokens(self.max_output_len),
            ),
        ];
        for (field, min, max) in ranges {
            query.set_range(field, Bounds { min, max });
        }
        query
    }
}

/// A page of requests.
#[derive(Debug, Serialize, ToSchema)]
struct RequestList {
    /// Always `benchmark.request.metrics.list`.
    object: &'static str,
    /// The page, from 1.
    page: u32,
    /// Rows of a page.
    limit: u32,
    /// Requests that match in all.
    total_items: u32,
    /// Pages of them.
    total_pages: u32,
    /// The rows.
    items: Vec<RequestItem>,
}

/// One request. Times are seconds at full precision; what was not measured is `null`.
#[derive(Debug, Serialize, ToSchema)]
struct RequestItem {
    /// The benchmark.
    benchmark_id: Uuid,
    /// The dataset its prompt came from.
    dataset_id: Option<Uuid>,
    /// Position in the plan, from 0.
    index: u32,
    /// `warm_up`, `measured` or `drained`.
    phase: String,
    /// End-to-end latency in seconds.
    latency: Option<f64>,
    /// Whether it was answered completely.
    success: bool,
    /// How it ended: `ok`, `timeout`, `http_5xx`, …
    outcome: String,
    /// HTTP status, when an answer came.
    http_status: Option<u16>,
    /// The server's own error text; empty when there is none.
    error: String,
    /// Prompt tokens.
    prompt_len: u32,
    /// Answer tokens.
    output_len: u32,
    /// Output throughput in tok/s.
    req_output_throughput: Option<f64>,
    /// Time to first token in seconds.
    ttft: Option<f64>,
    /// Time per output token in seconds.
    tpot: Option<f64>,
    /// Gaps between the parts of the answer in seconds. The time to first token is not one of them.
    itl: Vec<f64>,
    /// Their sum in seconds.
    itl_sum: f64,
    /// When it was sent, in seconds since the start of the run.
    sent_at: f64,
}

impl RequestItem {
    fn of(id: BenchmarkId, record: &RequestRecord) -> Self {
        let seconds = |ms: Option<f64>| ms.map(|ms| ms / 1e3);
        let itl: Vec<f64> = record.itl_ms().map(|ms| ms / 1e3).collect();
        Self {
            benchmark_id: id.0,
            dataset_id: record.dataset_id.map(|id| id.0),
            index: record.index,
            phase: record.phase.as_str().to_owned(),
            latency: seconds(record.e2e_ms()),
            success: record.is_ok(),
            outcome: record.outcome.as_str().to_owned(),
            http_status: record.http_status,
            error: record.error.clone(),
            prompt_len: record.input_tokens,
            output_len: record.output_tokens,
            req_output_throughput: record.output_tok_per_s(),
            ttft: seconds(record.ttft_ms()),
            tpot: seconds(record.tpot_ms()),
            itl_sum: itl.iter().sum(),
            itl,
            sent_at: record.sent_at as f64 / 1e9,
        }
    }
}

/// Requests of a run, sorted, filtered and paged.
#[utoipa::path(
    get, path = "/benchmark/request-metrics", tag = "Results", operation_id = "list_request_metrics",
    params(RequestParams),
    responses((status = 200, description = "A page of requests.", body = RequestList)),
)]
async fn list_request_metrics(
    caller: Caller,
    Params(params): Params<RequestParams>,
) -> Result<Json<RequestList>, Refusal> {
    let id = BenchmarkId(params.benchmark_id);
    let query = params.to_query();
    let records = service::benchmarks::get_requests(&caller.ctx, &caller.actor, id).await?;
    let selected = SelectedRecords::of(&records, &query);
    let items = selected.records.iter();
    Ok(Json(RequestList {
        object: "benchmark.request.metrics.list",
        page: query.page,
        limit: query.page_size,
        total_items: selected.total_count,
        total_pages: selected.total_count.div_ceil(query.page_size.max(1)),
        items: items.map(|record| RequestItem::of(id, record)).collect(),
    }))
}
