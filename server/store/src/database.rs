//! One way to run SQL on either database: statements are data, bound and run here.

pub(crate) mod connect;
pub(crate) mod statement;
mod transaction;

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, PgPool, SqlitePool};

pub(crate) use statement::{Sql, Value, sql};
pub(crate) use transaction::Transaction;

use crate::StoreError;

/// A row type that either database can fill.
pub(crate) trait AnyRow:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> AnyRow for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// The database that was chosen.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    /// One file, embedded. All writes go through one connection, so that they wait for each other
    /// in turn instead of failing; readers see the last commit and never wait (WAL).
    Sqlite {
        readers: SqlitePool,
        writer: SqlitePool,
    },
    /// A server.
    Postgres(PgPool),
}

/// Runs a `sqlx` query built from a [`Sql`] with the given constructor and method.
macro_rules! run {
    ($make:expr, $values:expr, $method:ident, $executor:expr) => {{
        let mut query = $make;
        for value in $values {
            query = match value {
                Value::Text(value) => query.bind(value),
                Value::Integer(value) => query.bind(value),
                Value::Real(value) => query.bind(value),
                Value::Flag(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
            };
        }
        query.$method($executor).await
    }};
}
pub(crate) use run;

impl Database {
    /// The product's name, for people.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Runs a statement on its own and counts the rows it changed.
    pub(crate) async fn execute(&self, sql: Sql) -> Result<u64, StoreError> {
        let Sql { text, values } = sql;
        Ok(match self {
            Self::Sqlite { writer, .. } => {
                run!(sqlx::query(&text), values, execute, writer)?.rows_affected()
            }
            Self::Postgres(pool) => {
                run!(sqlx::query(&text), values, execute, pool)?.rows_affected()
            }
        })
    }

    /// All rows of a query.
    pub(crate) async fn fetch_all<R: AnyRow>(&self, sql: Sql) -> Result<Vec<R>, StoreError> {
        let Sql { text, values } = sql;
        Ok(match self {
            Self::Sqlite { readers, .. } => {
                run!(sqlx::query_as(&text), values, fetch_all, readers)?
            }
            Self::Postgres(pool) => run!(sqlx::query_as(&text), values, fetch_all, pool)?,
        })
    }

    /// The first row of a query, if there is one.
    pub(crate) async fn fetch_optional<R: AnyRow>(
        &self,
        sql: Sql,
    ) -> Result<Option<R>, StoreError> {
        let Sql { text, values } = sql;
        Ok(match self {
            Self::Sqlite { readers, .. } => {
                run!(sqlx::query_as(&text), values, fetch_optional, readers)?
            }
            Self::Postgres(pool) => run!(sqlx::query_as(&text), values, fetch_optional, pool)?,
        })
    }

    /// The count that a query of one row and one column gives.
    pub(crate) async fn fetch_count(&self, sql: Sql) -> Result<u32, StoreError> {
        let row: Option<(i64,)> = self.fetch_optional(sql).await?;
        let count = row.map_or(0, |(count,)| count);
        Ok(u32::try_from(count.max(0)).unwrap_or(u32::MAX))
    }

    /// Begins a transaction. Dropped without a commit, it changes nothing.
    pub(crate) async fn begin(&self) -> Result<Transaction, StoreError> {
        Ok(match self {
            // A transaction that began by reading could not write after another process has.
            Self::Sqlite { writer, .. } => {
                Transaction::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            Self::Postgres(pool) => Transaction::Postgres(pool.begin().await?),
        })
    }
}
