//! The journal of each run: appended in order, read from any place.

use domain::id::BenchmarkId;
use domain::run::{JournalEntry, RunEvent};
use domain::time::Timestamp;

use crate::database::{Sql, sql};
use crate::store::{from_json, to_json};
use crate::{Store, StoreError};

/// Most entries of one reading.
pub const JOURNAL_ENTRIES_MAX: u32 = 10_000;

impl Store {
    /// Appends events, the first with the number `expected_next_seq`, all or none, and gives the
    /// number of the last. [`StoreError::Conflict`] when one of the numbers is taken: somebody
    /// else drives this run.
    pub async fn append_journal(
        &self,
        id: BenchmarkId,
        expected_next_seq: i64,
        events: &[(Timestamp, RunEvent)],
    ) -> Result<i64, StoreError> {
        let mut seq = expected_next_seq.saturating_sub(1);
        if events.is_empty() {
            return Ok(seq);
        }
        let mut tx = self.database.begin().await?;
        for (at, event) in events {
            seq = seq.saturating_add(1);
            let insert = sql(
                "INSERT INTO journal_entries (benchmark_id, seq, at, is_live, event)
                 VALUES ($1, $2, $3, $4, $5)",
            )
            .bind_id(id)
            .bind(seq)
            .bind(*at)
            .bind(event.is_passing())
            .bind(to_json(event)?);
            let inserted = tx.execute(insert).await;
            inserted.map_err(|error| error.taken("sequence number of a journal"))?;
        }
        tx.commit().await?;
        Ok(seq)
    }

    /// Entries after `after_seq` in order, at most `limit` and [`JOURNAL_ENTRIES_MAX`].
    pub async fn read_journal(
        &self,
        id: BenchmarkId,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let query = sql("SELECT seq, at, event FROM journal_entries
             WHERE benchmark_id = $1 AND seq > $2 ORDER BY seq LIMIT $3")
        .bind_id(id)
        .bind(after_seq)
        .bind(limit.min(JOURNAL_ENTRIES_MAX));
        self.entries(query).await
    }

    /// What stays of a journal when its run has ended, in order, at most [`JOURNAL_ENTRIES_MAX`]: all that
    /// tells where a run stands.
    pub async fn read_lasting_journal(
        &self,
        id: BenchmarkId,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let query = sql("SELECT seq, at, event FROM journal_entries
             WHERE benchmark_id = $1 AND is_live = $2 ORDER BY seq LIMIT $3")
        .bind_id(id)
        .bind(false)
        .bind(JOURNAL_ENTRIES_MAX);
        self.entries(query).await
    }

    async fn entries(&self, query: Sql) -> Result<Vec<JournalEntry>, StoreError> {
        let rows: Vec<(i64, i64, String)> = self.database.fetch_all(query).await?;
        rows.into_iter()
            .map(|(seq, at, event)| {
                Ok(JournalEntry {
                    seq,
                    at: Timestamp(at),
                    event: from_json("event of a journal", &event)?,
                })
            })
            .collect()
    }

    /// Removes the live samples of a run that has ended: the result has the figures. The other
    /// entries keep their numbers.
    pub async fn prune_live(&self, id: BenchmarkId) -> Result<(), StoreError> {
        let delete = sql("DELETE FROM journal_entries WHERE benchmark_id = $1 AND is_live = $2");
        self.database.execute(delete.bind_id(id).bind(true)).await?;
        Ok(())
    }
}
