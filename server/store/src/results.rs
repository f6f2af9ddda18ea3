//! Results: written once, never changed.

use domain::history::BenchmarkResult;
use domain::id::BenchmarkId;
use domain::measure::summary::MetricSummary;
use domain::time::Timestamp;

use crate::database::sql;
use crate::store::{found, from_json, to_json};
use crate::{Store, StoreError};

impl Store {
    /// Keeps a result and its figures for the history, both or neither. [`StoreError::Conflict`]
    /// when the benchmark has one.
    pub async fn insert_result(
        &self,
        id: BenchmarkId,
        result: &BenchmarkResult,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let records_bytes = i64::try_from(result.records_bytes)
            .map_err(|error| StoreError::corrupt("size of records", error))?;
        let mut tx = self.database.begin().await?;
        let insert = sql("INSERT INTO results
                 (benchmark_id, records_sha256, records_bytes, summary, manifest, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)")
        .bind_id(id)
        .bind(result.manifest.records_sha256.as_str())
        .bind(records_bytes)
        .bind(to_json(&result.summary)?)
        .bind(to_json(&result.manifest)?)
        .bind(at);
        let inserted = tx.execute(insert).await;
        inserted.map_err(|error| error.taken("result of a benchmark"))?;

        let summary = &result.summary;
        let median = |metric: &Option<MetricSummary>| {
            metric.as_ref().map(|metric| metric.distribution.median)
        };
        let update = sql(
            "UPDATE benchmarks SET output_tok_per_s = $2, ttft_p50_ms = $3, tpot_p50_ms = $4,
                 duration_s = $5, error_rate = $6, updated_at = $7
             WHERE id = $1",
        )
        .bind_id(id)
        .bind(summary.output_tok_per_s)
        .bind(median(&summary.ttft_ms))
        .bind(median(&summary.tpot_ms))
        .bind(Some(summary.duration_s))
        .bind(summary.error_rate)
        .bind(at);
        found(tx.execute(update).await?)?;
        tx.commit().await
    }

    /// The result of a benchmark, when there is one.
    pub async fn find_result(
        &self,
        id: BenchmarkId,
    ) -> Result<Option<BenchmarkResult>, StoreError> {
        let query =
            sql("SELECT summary, manifest, records_bytes FROM results WHERE benchmark_id = $1");
        let row: Option<(String, String, i64)> =
            self.database.fetch_optional(query.bind_id(id)).await?;
        let Some((summary, manifest, records_bytes)) = row else {
            return Ok(None);
        };
        Ok(Some(BenchmarkResult {
            summary: from_json("summary of a result", &summary)?,
            manifest: from_json("manifest of a result", &manifest)?,
            records_bytes: u64::try_from(records_bytes)
                .map_err(|error| StoreError::corrupt("size of records", error))?,
        }))
    }
}
