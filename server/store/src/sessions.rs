//! Sessions of browsers. What is in them is the server's business.

use domain::time::Timestamp;

use crate::database::sql;
use crate::{Store, StoreError};

impl Store {
    /// Adds a session. [`StoreError::Conflict`] when the id is taken.
    pub async fn create_session(
        &self,
        id: &str,
        data: &[u8],
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let insert = sql("INSERT INTO sessions (id, data, expires_at) VALUES ($1, $2, $3)")
            .bind(id)
            .bind(data.to_vec())
            .bind(expires_at);
        let inserted = self.database.execute(insert).await;
        inserted.map_err(|error| error.taken("id of a session"))?;
        Ok(())
    }

    /// Adds a session or replaces it.
    pub async fn save_session(
        &self,
        id: &str,
        data: &[u8],
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let upsert = sql(
            "INSERT INTO sessions (id, data, expires_at) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at",
        )
        .bind(id)
        .bind(data.to_vec())
        .bind(expires_at);
        self.database.execute(upsert).await?;
        Ok(())
    }

    /// A session's data, unless it has expired.
    pub async fn load_session(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let query = sql("SELECT data FROM sessions WHERE id = $1 AND expires_at > $2");
        let row: Option<(Vec<u8>,)> = self
            .database
            .fetch_optional(query.bind(id).bind(now))
            .await?;
        Ok(row.map(|(data,)| data))
    }

    /// Removes a session, if it is there.
    pub async fn delete_session(&self, id: &str) -> Result<(), StoreError> {
        let delete = sql("DELETE FROM sessions WHERE id = $1");
        self.database.execute(delete.bind(id)).await?;
        Ok(())
    }

    /// Removes every session that has expired, and counts them.
    pub async fn delete_expired_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        let delete = sql("DELETE FROM sessions WHERE expires_at <= $1");
        self.database.execute(delete.bind(now)).await
    }
}
