//! Single requests: two fields against each other.

use axum::Json;
use domain::id::BenchmarkId;
use domain::measure::line::{Recorded, RequestLine};
use domain::measure::record::RequestField;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Refusal;
use super::extract::{Caller, Params, PathId};
use crate::serve::edge::Edge;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(compare_fields))
}

/// A field of a request, in the reference's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FieldName {
    /// Time to first token.
    Ttft,
    /// Time per output token.
    Tpot,
    /// End-to-end latency.
    Latency,
    /// Prompt tokens.
    PromptLen,
    /// Answer tokens.
    OutputLen,
    /// Output throughput of the request.
    ReqOutputThroughput,
    /// Mean inter-token latency of the request.
    Itl,
}

impl FieldName {
    pub(super) fn field(self) -> RequestField {
        match self {
            Self::Ttft => RequestField::Ttft,
            Self::Tpot => RequestField::Tpot,
            Self::Latency => RequestField::Latency,
            Self::PromptLen => RequestField::PromptLen,
            Self::OutputLen => RequestField::OutputLen,
            Self::ReqOutputThroughput => RequestField::ReqOutputThroughput,
            Self::Itl => RequestField::Itl,
        }
    }

    fn as_str(self) -> &'static str {
        self.field().as_str()
    }
}

/// Which two fields.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FieldsParams {
    /// The first field.
    #[param(inline)]
    field1: FieldName,
    /// The second field.
    #[param(inline)]
    field2: FieldName,
}

/// Two fields of each request.
#[derive(Debug, Serialize, ToSchema)]
struct FieldsAnswer {
    /// Always `benchmark.request.metrics.detail`.
    object: &'static str,
    /// What was done.
    message: String,
    /// The pairs.
    param: FieldsParam,
}

/// The reference's envelope of pairs.
#[derive(Debug, Serialize, ToSchema)]
struct FieldsParam {
    /// One entry for each measured request that was answered completely and has both values, in the
    /// order of sending.
    result: Vec<FieldsPair>,
}

/// The two values of one request, under the names of the fields. Times are seconds.
#[derive(Debug, Default, Serialize, ToSchema)]
struct FieldsPair {
    /// Time to first token in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttft: Option<f64>,
    /// Time per output token in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    tpot: Option<f64>,
    /// End-to-end latency in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<f64>,
    /// Prompt tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_len: Option<u32>,
    /// Answer tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    output_len: Option<u32>,
    /// Output throughput of the request in tok/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    req_output_throughput: Option<f64>,
    /// Mean inter-token latency of the request in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    itl: Option<f64>,
}

impl FieldsPair {
    /// Both values of a request, if it has both.
    fn of(record: &RequestLine, fields: [FieldName; 2]) -> Option<Self> {
        let mut pair = Self::default();
        for name in fields {
            let value = name.field().value(record)?.get();
            match name {
                FieldName::Ttft => pair.ttft = Some(value / 1e3),
                FieldName::Tpot => pair.tpot = Some(value / 1e3),
                FieldName::Latency => pair.latency = Some(value / 1e3),
                FieldName::Itl => pair.itl = Some(value / 1e3),
                FieldName::PromptLen => pair.prompt_len = Some(record.timing.input_tokens),
                FieldName::OutputLen => pair.output_len = Some(record.timing.output_tokens),
                FieldName::ReqOutputThroughput => pair.req_output_throughput = Some(value),
            }
        }
        Some(pair)
    }
}

/// Two fields of each measured request against each other.
#[utoipa::path(
    post, path = "/benchmark/{id}/analysis/field1_vs_field2", tag = "Results",
    operation_id = "compare_fields",
    params(("id" = Uuid, Path, description = "The benchmark."), FieldsParams),
    responses((status = 200, description = "The pairs.", body = FieldsAnswer)),
)]
async fn compare_fields(
    caller: Caller,
    PathId(id): PathId<BenchmarkId>,
    Params(params): Params<FieldsParams>,
) -> Result<Json<FieldsAnswer>, Refusal> {
    let records = service::benchmarks::get_lines(&caller.ctx, &caller.actor, id).await?;
    let fields = [params.field1, params.field2];
    let measured = records.iter().filter(|record| record.counts());
    let result = measured
        .filter_map(|record| FieldsPair::of(record, fields))
        .collect();
    let [first, second] = fields.map(FieldName::as_str);
    Ok(Json(FieldsAnswer {
        object: "benchmark.request.metrics.detail",
        message: format!(
            "Successfully fetched {first} vs {second} analysis data for benchmark : {id}."
        ),
        param: FieldsParam { result },
    }))
}
