//! Checks of the load generators of machines.

use domain::id::{SelftestId, UserId};
use domain::measure::selftest::{LevelReport, Selftest, SelftestState};
use domain::time::Timestamp;

use crate::database::sql;
use crate::store::{found, from_json, parse_id, to_json};
use crate::{Store, StoreError};

const QUERY: &str = "SELECT s.id, s.host, u.name AS user_name, s.state, s.reason, s.levels,
         s.started_at, s.ended_at
     FROM selftests s JOIN users u ON u.id = s.user_id";

#[derive(sqlx::FromRow)]
struct SelftestRow {
    id: String,
    host: String,
    user_name: String,
    state: String,
    reason: String,
    levels: String,
    started_at: i64,
    ended_at: Option<i64>,
}

impl SelftestRow {
    fn into_selftest(self) -> Result<Selftest, StoreError> {
        Ok(Selftest {
            id: parse_id("selftest id", &self.id)?,
            host: self.host,
            started_by: self.user_name,
            state: SelftestState::parse(&self.state)
                .ok_or_else(|| StoreError::corrupt("state of a selftest", &*self.state))?,
            reason: self.reason,
            levels: from_json("levels of a selftest", &self.levels)?,
            started_at: Timestamp(self.started_at),
            ended_at: self.ended_at.map(Timestamp),
        })
    }
}

impl Store {
    /// Adds a selftest that begins. [`StoreError::Conflict`] when one goes on on that machine.
    pub async fn insert_selftest(
        &self,
        id: SelftestId,
        host: &str,
        user: UserId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let insert = sql(
            "INSERT INTO selftests (id, host, user_id, state, levels, started_at)
             VALUES ($1, $2, $3, 'running', '[]', $4)",
        )
        .bind_id(id)
        .bind(host)
        .bind_id(user)
        .bind(at);
        let inserted = self.database.execute(insert).await;
        inserted.map_err(|error| error.taken("running selftest of a machine"))?;
        Ok(())
    }

    /// Keeps the levels measured so far.
    pub async fn update_selftest_levels(
        &self,
        id: SelftestId,
        levels: &[LevelReport],
    ) -> Result<(), StoreError> {
        let update = sql("UPDATE selftests SET levels = $2 WHERE id = $1 AND state = 'running'")
            .bind_id(id)
            .bind(to_json(&levels)?);
        found(self.database.execute(update).await?)
    }

    /// Ends a selftest that goes on, in that state and for that reason, which is empty for a complete one.
    pub async fn end_selftest(
        &self,
        id: SelftestId,
        state: SelftestState,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let update = sql("UPDATE selftests SET state = $2, reason = $3, ended_at = $4
             WHERE id = $1 AND state = 'running'")
        .bind_id(id)
        .bind(state.as_str())
        .bind(reason)
        .bind(at);
        found(self.database.execute(update).await?)
    }

    /// Ends what a server that is gone left running on a machine.
    pub async fn fail_running_selftests(
        &self,
        host: &str,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let update = sql(
            "UPDATE selftests SET state = 'failed', reason = $2, ended_at = $3
             WHERE host = $1 AND state = 'running'",
        )
        .bind(host)
        .bind(reason)
        .bind(at);
        self.database.execute(update).await?;
        Ok(())
    }

    /// The selftests of all machines, the newest first.
    pub async fn list_selftests(&self, limit: u32) -> Result<Vec<Selftest>, StoreError> {
        let query = format!("{QUERY} ORDER BY s.started_at DESC, s.id DESC LIMIT {limit}");
        let rows: Vec<SelftestRow> = self.database.fetch_all(sql(query)).await?;
        rows.into_iter().map(SelftestRow::into_selftest).collect()
    }

    /// One selftest.
    pub async fn find_selftest(&self, id: SelftestId) -> Result<Option<Selftest>, StoreError> {
        let query = format!("{QUERY} WHERE s.id = $1");
        let row: Option<SelftestRow> = self.database.fetch_optional(sql(query).bind_id(id)).await?;
        row.map(SelftestRow::into_selftest).transpose()
    }

    /// The newest selftest of a machine that measured all its levels.
    pub async fn find_latest_selftest(&self, host: &str) -> Result<Option<Selftest>, StoreError> {
        let query = format!(
            "{QUERY} WHERE s.host = $1 AND s.state = 'completed'
             ORDER BY s.started_at DESC, s.id DESC LIMIT 1"
        );
        let row: Option<SelftestRow> = self.database.fetch_optional(sql(query).bind(host)).await?;
        row.map(SelftestRow::into_selftest).transpose()
    }
}
