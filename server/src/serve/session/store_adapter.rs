//! Sessions as rows of the database. A row is named by the digest of its session's id: who reads the
//! database cannot take a session over.

use std::collections::HashMap;
use std::fmt;

use async_trait::async_trait;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use service::Clock;
use sha2::{Digest, Sha256};
use store::{Store, StoreError};
use time::OffsetDateTime;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};

/// Tries for an id that is not taken; one of 2^128 hardly ever is.
const ID_TRIES_MAX: u32 = 3;

/// The session store over the database.
#[derive(Clone)]
pub(crate) struct SessionRows {
    store: Store,
    clock: Clock,
}

impl SessionRows {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Deletes the sessions that have run out.
    pub(crate) async fn delete_expired(&self) -> std::result::Result<(), StoreError> {
        self.store
            .delete_expired_sessions((self.clock)())
            .await
            .map(drop)
    }
}

impl fmt::Debug for SessionRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionRows")
    }
}

#[async_trait]
impl SessionStore for SessionRows {
    async fn create(&self, record: &mut Record) -> Result<()> {
        for _ in 0..ID_TRIES_MAX {
            let (data, expires_at) = row_of(record)?;
            match self
                .store
                .create_session(&key_of(&record.id), &data, expires_at)
                .await
            {
                Err(StoreError::Conflict(_)) => record.id = Id::default(),
                result => return result.map_err(backend),
            }
        }
        Err(Error::Backend("no free session id".to_owned()))
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let (data, expires_at) = row_of(record)?;
        self.store
            .save_session(&key_of(&record.id), &data, expires_at)
            .await
            .map_err(backend)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let data = self.store.load_session(&key_of(id), (self.clock)()).await;
        let Some(data) = data.map_err(backend)? else {
            return Ok(None);
        };
        let row: Row = serde_json::from_slice(&data).map_err(|error| decode(&error))?;
        let expiry_date = OffsetDateTime::from_unix_timestamp(row.expires_at_s);
        Ok(Some(Record {
            id: *id,
            data: row.data,
            expiry_date: expiry_date.map_err(|error| decode(&error))?,
        }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.store
            .delete_session(&key_of(id))
            .await
            .map_err(backend)
    }
}

/// What a row holds.
#[derive(Serialize, Deserialize)]
struct Row {
    data: HashMap<String, serde_json::Value>,
    expires_at_s: i64,
}

fn row_of(record: &Record) -> Result<(Vec<u8>, Timestamp)> {
    let row = Row {
        data: record.data.clone(),
        expires_at_s: record.expiry_date.unix_timestamp(),
    };
    let bytes = serde_json::to_vec(&row).map_err(|error| Error::Encode(error.to_string()))?;
    Ok((bytes, Timestamp::from_seconds(row.expires_at_s)))
}

fn key_of(id: &Id) -> String {
    format!("{:x}", Sha256::digest(id.to_string()))
}

fn backend(error: StoreError) -> Error {
    Error::Backend(error.to_string())
}

fn decode(error: &dyn fmt::Display) -> Error {
    Error::Decode(error.to_string())
}
