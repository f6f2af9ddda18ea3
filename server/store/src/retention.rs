//! Benchmarks that are put aside or removed.

use domain::id::BenchmarkId;
use domain::time::Timestamp;

use crate::benchmarks::replace_tags;
use crate::database::sql;
use crate::{Store, StoreError};

impl Store {
    /// Archives a benchmark that has ended (`is_archived`), or takes it back. Whether anything
    /// changed: one that goes on, one that is so already and one that is gone are left alone.
    pub async fn archive_benchmark(
        &self,
        id: BenchmarkId,
        is_archived: bool,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = sql("UPDATE benchmarks SET archived_at = $2, updated_at = $3
             WHERE id = $1 AND status IN ('completed', 'failed', 'cancelled')
                 AND (archived_at IS NULL) = $4")
        .bind_id(id)
        .bind(is_archived.then_some(at))
        .bind(at)
        .bind(is_archived);
        Ok(self.database.execute(update).await? == 1)
    }

    /// Removes a benchmark that has ended, with its plan, journal, result and the drafts that made
    /// it, and its raw records unless another result names the same. [`StoreError::Conflict`] when it
    /// has not ended.
    pub async fn delete_benchmark(&self, id: BenchmarkId) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        let query = sql("SELECT records_sha256 FROM results WHERE benchmark_id = $1").bind_id(id);
        let records: Option<(String,)> = tx.fetch_optional(query).await?;
        // Takes the tags from it, so that their counts stay right.
        replace_tags(&mut tx, id, &[]).await?;
        let delete = sql("DELETE FROM benchmarks
             WHERE id = $1 AND status IN ('completed', 'failed', 'cancelled')");
        if tx.execute(delete.bind_id(id)).await? == 0 {
            let query = sql("SELECT id FROM benchmarks WHERE id = $1").bind_id(id);
            let row: Option<(String,)> = tx.fetch_optional(query).await?;
            return Err(match row {
                Some(_) => StoreError::conflict("status of a benchmark"),
                None => StoreError::NotFound,
            });
        }
        // What is pending stays until it is done.
        let delete = sql("DELETE FROM pending_cleanups
             WHERE benchmark_id = $1 AND finished_at IS NOT NULL");
        tx.execute(delete.bind_id(id)).await?;
        let mut is_named = false;
        if let Some((sha256,)) = &records {
            let query = sql("SELECT benchmark_id FROM results WHERE records_sha256 = $1 LIMIT 1");
            let other: Option<(String,)> = tx.fetch_optional(query.bind(sha256.as_str())).await?;
            is_named = other.is_some();
        }
        tx.commit().await?;
        match records {
            // After the rows: a crash in between leaves a file that nothing names, never a result
            // without its records.
            Some((sha256,)) if !is_named => self.delete_records(&sha256).await,
            _ => Ok(()),
        }
    }
}
