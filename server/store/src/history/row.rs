//! A row of the history, from the database to domain's type.

use domain::finite::Finite;
use domain::history::BenchmarkRow;
use domain::time::Timestamp;

use crate::StoreError;
use crate::benchmarks::{parse_purpose, parse_status};
use crate::reruns::parse_rerun;
use crate::store::{from_json, parse_id};

/// The columns of [`HistoryRow`], from `benchmarks b` and `users u`.
pub(crate) const HISTORY_COLUMNS: &str = "b.id, b.name, b.status, b.failure, b.is_sample, \
     b.is_reference, b.model_name, b.engine_name, b.cluster_name, b.node_type, b.vendor, \
     b.concurrency, b.rate_per_s, b.output_tok_per_s, b.ttft_p50_ms, b.tpot_p50_ms, b.duration_s, \
     b.error_rate, b.tags, b.owner_id, u.name AS owner_name, b.created_at, b.updated_at, \
     b.purpose, b.archived_at, b.is_warm, b.rerun_group_id, b.rerun_index, \
     (SELECT MAX(g.rerun_index) FROM benchmarks g WHERE g.rerun_group_id = b.rerun_group_id) \
         AS rerun_last_index";

#[derive(sqlx::FromRow)]
pub(crate) struct HistoryRow {
    id: String,
    name: String,
    status: String,
    failure: Option<String>,
    is_sample: bool,
    is_reference: bool,
    model_name: String,
    engine_name: String,
    cluster_name: String,
    node_type: String,
    vendor: String,
    concurrency: Option<i64>,
    rate_per_s: Option<f64>,
    output_tok_per_s: Option<f64>,
    ttft_p50_ms: Option<f64>,
    tpot_p50_ms: Option<f64>,
    duration_s: Option<f64>,
    error_rate: Option<f64>,
    tags: String,
    owner_id: String,
    owner_name: String,
    created_at: i64,
    pub(crate) updated_at: i64,
    purpose: String,
    archived_at: Option<i64>,
    is_warm: bool,
    rerun_group_id: Option<String>,
    rerun_index: Option<i64>,
    rerun_last_index: Option<i64>,
}

impl HistoryRow {
    pub(crate) fn into_row(self) -> Result<BenchmarkRow, StoreError> {
        let finite = |value: Option<f64>| value.and_then(Finite::new);
        let concurrency = self.concurrency.map(u32::try_from).transpose();
        Ok(BenchmarkRow {
            id: parse_id("benchmark id", &self.id)?,
            name: self.name,
            status: parse_status(&self.status)?,
            failure: self.failure,
            is_sample: self.is_sample,
            is_reference: self.is_reference,
            purpose: parse_purpose(&self.purpose)?,
            rerun: parse_rerun(self.rerun_group_id, self.rerun_index, self.rerun_last_index)?,
            is_warm: self.is_warm,
            archived_at: self.archived_at.map(Timestamp),
            model_name: self.model_name,
            engine_name: self.engine_name,
            cluster_name: self.cluster_name,
            node_type: self.node_type,
            vendor: self.vendor,
            concurrency: concurrency.map_err(|error| StoreError::corrupt("concurrency", error))?,
            rate_per_s: finite(self.rate_per_s),
            output_tok_per_s: finite(self.output_tok_per_s),
            ttft_p50_ms: finite(self.ttft_p50_ms),
            tpot_p50_ms: finite(self.tpot_p50_ms),
            duration_s: finite(self.duration_s),
            error_rate: finite(self.error_rate),
            tags: from_json("tags of a benchmark", &self.tags)?,
            owner_id: parse_id("user id", &self.owner_id)?,
            owner_name: self.owner_name,
            created_at: Timestamp(self.created_at),
        })
    }
}
