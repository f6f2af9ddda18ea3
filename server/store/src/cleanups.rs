//! What runs may have left on machines that others share, and whose mark is on it.

use domain::catalogue::PendingCleanup;
use domain::id::{BenchmarkId, NodeId};
use domain::time::Timestamp;
use uuid::Uuid;

use crate::database::{Sql, sql};
use crate::store::parse_id;
use crate::{Store, StoreError};

/// Most ids that one statement asks about.
const IDS_PER_STATEMENT: usize = 500;
/// Most pending clean-ups of one answer.
const PENDING_MAX: u32 = 1_000;

const SELECT: &str = "SELECT benchmark_id, node_id, node_name, reason, since, last_try_at,
         finished_at
     FROM pending_cleanups";

#[derive(sqlx::FromRow)]
struct PendingRow {
    benchmark_id: String,
    node_id: String,
    node_name: String,
    reason: String,
    since: i64,
    last_try_at: i64,
    finished_at: Option<i64>,
}

impl PendingRow {
    fn into_pending(self) -> Result<PendingCleanup, StoreError> {
        Ok(PendingCleanup {
            benchmark_id: parse_id("benchmark id", &self.benchmark_id)?,
            node_id: parse_id("node id", &self.node_id)?,
            node_name: self.node_name,
            reason: self.reason,
            since: Timestamp(self.since),
            last_try_at: Timestamp(self.last_try_at),
            finished_at: self.finished_at.map(Timestamp),
        })
    }
}

impl Store {
    /// The id of this installation: the same for every server of this database, made with it.
    pub async fn installation_id(&self) -> Result<Uuid, StoreError> {
        let query = sql("SELECT id FROM installation WHERE one = 1");
        let row: Option<(String,)> = self.database.fetch_optional(query).await?;
        let (id,) = row.ok_or(StoreError::NotFound)?;
        parse_id("installation id", &id)
    }

    /// Notes that a clean-up of a run on a node failed at `at`, for `reason`. It keeps since when, and
    /// is pending again if it was done.
    pub async fn note_pending_cleanup(
        &self,
        benchmark_id: BenchmarkId,
        (node_id, node_name): (NodeId, &str),
        reason: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let upsert = sql(
            "INSERT INTO pending_cleanups (benchmark_id, node_id, node_name, reason, since,
                 last_try_at)
             VALUES ($1, $2, $3, $4, $5, $5)
             ON CONFLICT (benchmark_id, node_id) DO UPDATE SET node_name = excluded.node_name,
                 reason = excluded.reason, last_try_at = excluded.last_try_at,
                 finished_at = NULL",
        )
        .bind_id(benchmark_id)
        .bind_id(node_id)
        .bind(node_name)
        .bind(reason)
        .bind(at);
        self.database.execute(upsert).await?;
        Ok(())
    }

    /// Everything that is to be cleaned up still, the oldest first.
    pub async fn list_pending_cleanups(&self) -> Result<Vec<PendingCleanup>, StoreError> {
        self.pending(sql(format!(
            "{SELECT} WHERE finished_at IS NULL
             ORDER BY since, benchmark_id, node_id LIMIT {PENDING_MAX}"
        )))
        .await
    }

    /// What is to be cleaned up still on a node, the oldest first.
    pub async fn list_pending_cleanups_on(
        &self,
        node_id: NodeId,
    ) -> Result<Vec<PendingCleanup>, StoreError> {
        let query = sql(format!(
            "{SELECT} WHERE node_id = $1 AND finished_at IS NULL
             ORDER BY since, benchmark_id LIMIT {PENDING_MAX}"
        ));
        self.pending(query.bind_id(node_id)).await
    }

    /// What could not be cleaned up at the end of a run, pending or done since, the oldest first.
    pub async fn list_late_cleanups_of(
        &self,
        benchmark_id: BenchmarkId,
    ) -> Result<Vec<PendingCleanup>, StoreError> {
        let query = sql(format!(
            "{SELECT} WHERE benchmark_id = $1 ORDER BY since, node_id LIMIT {PENDING_MAX}"
        ));
        self.pending(query.bind_id(benchmark_id)).await
    }

    async fn pending(&self, query: Sql) -> Result<Vec<PendingCleanup>, StoreError> {
        let rows: Vec<PendingRow> = self.database.fetch_all(query).await?;
        rows.into_iter().map(PendingRow::into_pending).collect()
    }

    /// Notes that nothing of a run is left on a node since `at`. Without anything pending, nothing
    /// happens; of a run that was deleted meanwhile, nothing is kept.
    pub async fn finish_cleanup(
        &self,
        benchmark_id: BenchmarkId,
        node_id: NodeId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let update = sql("UPDATE pending_cleanups SET finished_at = $3
             WHERE benchmark_id = $1 AND node_id = $2 AND finished_at IS NULL")
        .bind_id(benchmark_id)
        .bind_id(node_id)
        .bind(at);
        self.database.execute(update).await?;
        let delete = sql("DELETE FROM pending_cleanups
             WHERE benchmark_id = $1 AND finished_at IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM benchmarks WHERE id = $1)");
        self.database.execute(delete.bind_id(benchmark_id)).await?;
        Ok(())
    }

    /// Which of these benchmarks are there and have not ended: they wait or go on.
    pub async fn list_unfinished(
        &self,
        ids: &[BenchmarkId],
    ) -> Result<Vec<BenchmarkId>, StoreError> {
        let mut unfinished = Vec::new();
        for some in ids.chunks(IDS_PER_STATEMENT) {
            let places: Vec<String> = (1..=some.len()).map(|place| format!("${place}")).collect();
            let mut query = sql(format!(
                "SELECT id FROM benchmarks
                 WHERE status NOT IN ('completed', 'failed', 'cancelled') AND id IN ({})",
                places.join(", ")
            ));
            for id in some {
                query = query.bind_id(id);
            }
            for (id,) in self.database.fetch_all::<(String,)>(query).await? {
                unfinished.push(parse_id("benchmark id", &id)?);
            }
        }
        Ok(unfinished)
    }
}
