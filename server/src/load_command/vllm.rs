//! The figures in the shape of `vllm bench serve`'s JSON: its names, our definitions.

use std::path::Path;

use domain::load::LoadPlan;
use domain::measure::METRICS_VERSION;
use domain::measure::quantile::Distribution;
use domain::measure::summary::{MetricSummary, Summary};
use domain::time::Timestamp;
use domain::workload::{Api, Arrival};
use serde_json::{Map, Value, json};

/// What the names mean here, where vLLM means something else.
const DEFINITIONS: [(&str, &str); 8] = [
    (
        "duration",
        "the measured window: from the first measured request to the last finish or the deadline, without warm-up and drain",
    ),
    (
        "ttft",
        "from the first byte of the request to the first chunk that carries output; vLLM takes the first chunk with choices, even an empty one, and starts its clock before the connection is opened",
    ),
    (
        "tpot",
        "(last output chunk - first output chunk) / (output tokens - 1); vLLM's end is that of the stream's last message",
    ),
    (
        "itl",
        "gaps between chunks that carry output, pooled over all requests",
    ),
    (
        "failed",
        "an error object inside a 200 stream, and a stream that ends in order but without a finish reason and [DONE], are failures here; vLLM counts them as completed. A connection that breaks off is a failure to both",
    ),
    (
        "request_goodput",
        "where requests have a schedule, bounds of ttft and e2el hold from it; vLLM's hold from its own send",
    ),
    (
        "max_output_tokens_per_s",
        "tokens of the fullest second, those of an answer spread over its chunks; vLLM counts chunks",
    ),
    (
        "max_concurrent_requests",
        "the exact peak; vLLM counts per second and sums what overlaps",
    ),
];

/// Writes the file; its folder is made when missing. The error is a text for users.
pub(super) fn write(
    path: &Path,
    plan: &LoadPlan,
    started_at: Timestamp,
    summary: &Summary,
) -> Result<(), String> {
    let json = serde_json::to_vec_pretty(&shape(plan, started_at, summary))
        .map_err(|error| error.to_string())?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    }
    std::fs::write(path, json).map_err(|error| error.to_string())
}

fn shape(plan: &LoadPlan, started_at: Timestamp, summary: &Summary) -> Value {
    let workload = &plan.workload;
    let backend = match workload.api {
        Api::Chat => "openai-chat",
        Api::Completions => "openai",
    };
    let rate = workload.arrival.rate_per_s();
    let burstiness = match &workload.arrival {
        Arrival::OpenLoop { burstiness, .. } => Some(*burstiness),
        Arrival::ClosedLoop { .. } | Arrival::Trace { .. } => None,
    };
    let definitions: Map<String, Value> = DEFINITIONS
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text.into()))
        .collect();
    let mut result = json!({
        "date": started_at.to_rfc3339(),
        "endpoint_type": backend,
        "backend": backend,
        "label": null,
        "model_id": plan.model,
        "tokenizer_id": plan.tokenizer_path,
        "num_prompts": summary.sent_count,
        "request_rate": rate.map_or_else(|| json!("inf"), |rate| json!(rate)),
        "burstiness": burstiness,
        "max_concurrency": workload.arrival.concurrency().or(workload.arrival.in_flight_max()),
        "duration": summary.duration_s,
        "completed": summary.completed_count,
        "failed": summary.failed_count,
        "total_input_tokens": summary.input_tokens,
        "total_output_tokens": summary.output_tokens,
        "request_throughput": summary.request_per_s,
        "request_goodput": summary.goodput.and_then(|goodput| goodput.per_s),
        "output_throughput": summary.output_tok_per_s,
        "total_token_throughput": summary.total_tok_per_s,
        "max_output_tokens_per_s": summary.peak_output_tok_per_s,
        "max_concurrent_requests": summary.concurrency.as_ref().map(|concurrency| concurrency.peak),
        "assay": {
            "assay_version": env!("CARGO_PKG_VERSION"),
            "metrics_version": METRICS_VERSION,
            "definitions": definitions,
        },
    });
    let of = |metric: &Option<MetricSummary>| metric.as_ref().map(|m| m.distribution.clone());
    let metrics = [
        ("ttft_ms", of(&summary.ttft_ms)),
        ("tpot_ms", of(&summary.tpot_ms)),
        ("itl_ms", of(&summary.itl_ms)),
        ("e2el_ms", of(&summary.e2e_ms)),
        (
            "e2el_including_client_queue_ms",
            summary.e2e_from_schedule_ms.clone(),
        ),
    ];
    if let Some(fields) = result.as_object_mut() {
        for (name, distribution) in metrics {
            if let Some(distribution) = distribution {
                fields.extend(statistics(name, &distribution));
            }
        }
    }
    result
}

fn statistics(name: &str, d: &Distribution) -> impl Iterator<Item = (String, Value)> {
    let named = [
        ("mean", d.mean),
        ("median", d.median),
        ("std", d.std),
        ("p90", d.p90),
        ("p95", d.p95),
        ("p99", d.p99),
    ];
    let name = name.to_owned();
    named
        .into_iter()
        .map(move |(statistic, value)| (format!("{statistic}_{name}"), json!(value)))
}
