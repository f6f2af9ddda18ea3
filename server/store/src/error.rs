//! How storing and reading fail.

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such row or file.
    #[error("not found")]
    NotFound,
    /// Something else came first: a name, a revision or a sequence number is taken. Names what.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The database did not answer as it should.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The database could not be brought to the present shape.
    #[error("database migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The artifact store did not answer as it should.
    #[error("artifact store: {0}")]
    Artifact(#[from] object_store::Error),
    /// A file could not be read or written.
    #[error("{what}: {source}")]
    File {
        /// What was tried, with the path.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The key that seals secrets cannot be used; says what to do.
    #[error("secret key: {0}")]
    Key(String),
    /// What was stored cannot be read back. Names what.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// A conflict about `what`.
    pub(crate) fn conflict(what: &str) -> Self {
        Self::Conflict(what.to_owned())
    }

    /// Unreadable data: what, and why.
    pub(crate) fn corrupt(what: &str, why: impl std::fmt::Display) -> Self {
        Self::Corrupt(format!("{what}: {why}"))
    }

    /// Turns the refusal of a unique key into a conflict about `what`.
    pub(crate) fn taken(self, what: &str) -> Self {
        match self {
            Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Self::conflict(what)
            }
            other => other,
        }
    }

    /// Turns the refusal of a foreign key, whose row is gone, into [`Self::NotFound`].
    pub(crate) fn missing(self) -> Self {
        match self {
            Self::Database(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Self::NotFound
            }
            other => other,
        }
    }
}
