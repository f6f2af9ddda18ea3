//! The queue: who may run next, on which nodes, and for how long without a sign of life.
//!
//! A claim says which runner has a run in its hands and until when; node holds belong to it. Both
//! are written in one transaction with the change of status, so that no two runners get the same
//! run and no two runs the same node. A claim ends when the run does, never because a lease ran
//! out: until somebody has cleaned up, the node may still carry an engine. Nodes of several clusters
//! that are one machine are wanted and held together.

use domain::id::BenchmarkId;
use domain::time::Timestamp;

use crate::database::{Transaction, sql};
use crate::store::parse_id;
use crate::{Store, StoreError};

/// How often a claim is tried again after another runner was faster.
const CLAIM_ATTEMPTS_MAX: u32 = 16;
/// Most orphans of one answer.
const ORPHANS_MAX: u32 = 500;

impl Store {
    /// Takes the oldest queued benchmark whose nodes are free and not wanted by an older one, and
    /// marks it as provisioning. A queued benchmark that somebody cancelled comes first and holds
    /// no node: all it needs is its end.
    pub async fn claim_next(
        &self,
        runner: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<BenchmarkId>, StoreError> {
        for _ in 0..CLAIM_ATTEMPTS_MAX {
            let mut tx = self.database.begin().await?;
            let next = sql("SELECT b.id FROM benchmarks b
                 WHERE b.status = 'queued'
                     AND (b.cancel_requested_by IS NOT NULL OR NOT EXISTS (
                         SELECT 1 FROM benchmark_nodes n
                         WHERE n.benchmark_id = b.id AND (
                             EXISTS (SELECT 1 FROM node_holds h WHERE h.node_id = n.node_id)
                             OR EXISTS (
                                 SELECT 1 FROM benchmark_nodes o
                                 JOIN benchmarks older ON older.id = o.benchmark_id
                                 WHERE o.node_id = n.node_id AND older.status = 'queued'
                                     AND older.cancel_requested_by IS NULL
                                     AND (older.created_at < b.created_at
                                         OR (older.created_at = b.created_at
                                             AND older.id < b.id))))))
                 ORDER BY CASE WHEN b.cancel_requested_by IS NULL THEN 1 ELSE 0 END,
                     b.created_at, b.id
                 LIMIT 1");
            let Some((id,)) = tx.fetch_optional::<(String,)>(next).await? else {
                return Ok(None);
            };
            if take(&mut tx, &id, runner, now, lease_until).await? {
                tx.commit().await?;
                return parse_id("benchmark id", &id).map(Some);
            }
            // Dropped: another runner had it, or one of its nodes, a moment earlier.
        }
        Ok(None)
    }

    /// Moves the end of a lease. `false` when the run is not, or no longer, in this runner's hands:
    /// then it must leave the run alone.
    pub async fn renew_lease(
        &self,
        id: BenchmarkId,
        runner: &str,
        lease_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let update =
            sql("UPDATE claims SET lease_until = $3 WHERE benchmark_id = $1 AND runner = $2")
                .bind_id(id)
                .bind(runner)
                .bind(lease_until);
        Ok(self.database.execute(update).await? == 1)
    }

    /// Gives up a run and frees its nodes. A run whose status is terminal is released already.
    pub async fn release(&self, id: BenchmarkId) -> Result<(), StoreError> {
        let delete = sql("DELETE FROM claims WHERE benchmark_id = $1");
        self.database.execute(delete.bind_id(id)).await?;
        Ok(())
    }

    /// Runs that were begun and not ended and that nobody drives: nobody claims them, their lease
    /// has run out, or an earlier life of this runner claimed them. Oldest first. A runner that
    /// asks while it drives runs of its own finds those as well.
    pub async fn list_orphans(
        &self,
        now: Timestamp,
        runner: &str,
    ) -> Result<Vec<BenchmarkId>, StoreError> {
        let query = sql(
            "SELECT b.id FROM benchmarks b LEFT JOIN claims c ON c.benchmark_id = b.id
             WHERE b.status NOT IN ('queued', 'completed', 'failed', 'cancelled')
                 AND (c.benchmark_id IS NULL OR c.lease_until <= $1 OR c.runner = $2)
             ORDER BY b.created_at, b.id LIMIT $3",
        )
        .bind(now)
        .bind(runner)
        .bind(ORPHANS_MAX);
        let rows: Vec<(String,)> = self.database.fetch_all(query).await?;
        rows.iter()
            .map(|(id,)| parse_id("benchmark id", id))
            .collect()
    }

    /// Takes over a run that [`Self::list_orphans`] gave. `false` when another runner was faster.
    pub async fn adopt(
        &self,
        id: BenchmarkId,
        runner: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let upsert = sql("INSERT INTO claims (benchmark_id, runner, lease_until)
             SELECT b.id, $2, $4 FROM benchmarks b
             WHERE b.id = $1 AND b.status NOT IN ('queued', 'completed', 'failed', 'cancelled')
             ON CONFLICT (benchmark_id) DO UPDATE
                 SET runner = excluded.runner, lease_until = excluded.lease_until
                 WHERE claims.lease_until <= $3 OR claims.runner = excluded.runner")
        .bind_id(id)
        .bind(runner)
        .bind(now)
        .bind(lease_until);
        Ok(self.database.execute(upsert).await? == 1)
    }

    /// Place in the queue from 1, counting those that wait for one of the same nodes. `None` when
    /// the benchmark does not wait.
    pub async fn queue_position(&self, id: BenchmarkId) -> Result<Option<u32>, StoreError> {
        let query = sql(
            "SELECT (SELECT COUNT(DISTINCT older.id) FROM benchmark_nodes n
                     JOIN benchmark_nodes o ON o.node_id = n.node_id
                     JOIN benchmarks older ON older.id = o.benchmark_id
                     WHERE n.benchmark_id = b.id AND older.status = 'queued'
                         AND older.cancel_requested_by IS NULL
                         AND (older.created_at < b.created_at
                             OR (older.created_at = b.created_at AND older.id < b.id))) + 1
             FROM benchmarks b WHERE b.id = $1 AND b.status = 'queued'",
        );
        let row: Option<(i64,)> = self.database.fetch_optional(query.bind_id(id)).await?;
        Ok(row.and_then(|(position,)| u32::try_from(position).ok()))
    }

    /// Benchmarks that wait for their nodes.
    pub async fn count_queued(&self) -> Result<u32, StoreError> {
        let query = sql("SELECT COUNT(*) FROM benchmarks WHERE status = 'queued'");
        self.database.fetch_count(query).await
    }
}

/// Marks a queued benchmark as taken and holds its nodes. `false` when that is no longer possible;
/// the transaction must then be dropped.
async fn take(
    tx: &mut Transaction,
    id: &str,
    runner: &str,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<bool, StoreError> {
    let update = sql(
        "UPDATE benchmarks SET status = 'provisioning', updated_at = $2
         WHERE id = $1 AND status = 'queued'",
    );
    if tx.execute(update.bind(id).bind(now)).await? == 0 {
        return Ok(false);
    }
    let insert = sql("INSERT INTO claims (benchmark_id, runner, lease_until) VALUES ($1, $2, $3)")
        .bind(id)
        .bind(runner)
        .bind(lease_until);
    tx.execute(insert).await?;
    let query =
        sql("SELECT COUNT(*) FROM benchmarks WHERE id = $1 AND cancel_requested_by IS NULL");
    let wants_nodes: Option<(i64,)> = tx.fetch_optional(query.bind(id)).await?;
    if wants_nodes.is_none_or(|(count,)| count == 0) {
        return Ok(true);
    }
    // In one order for everybody, so that two claims wait for each other in turn, never in a ring.
    let query = sql("SELECT node_id FROM benchmark_nodes WHERE benchmark_id = $1 ORDER BY node_id");
    for (node_id,) in tx.fetch_all::<(String,)>(query.bind(id)).await? {
        let hold = sql(
            "INSERT INTO node_holds (node_id, benchmark_id) VALUES ($1, $2)
             ON CONFLICT (node_id) DO NOTHING",
        );
        if tx.execute(hold.bind(node_id).bind(id)).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
