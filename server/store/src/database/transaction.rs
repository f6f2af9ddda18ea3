//! A transaction of either database.

use sqlx::{Postgres, Sqlite};

use super::{AnyRow, Sql, Value, run};
use crate::StoreError;

/// Changes that happen together or not at all.
pub(crate) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    /// Runs a statement and counts the rows it changed.
    pub(crate) async fn execute(&mut self, sql: Sql) -> Result<u64, StoreError> {
        let Sql { text, values } = sql;
        Ok(match self {
            Self::Sqlite(tx) => {
                run!(sqlx::query(&text), values, execute, &mut **tx)?.rows_affected()
            }
            Self::Postgres(tx) => {
                run!(sqlx::query(&text), values, execute, &mut **tx)?.rows_affected()
            }
        })
    }

    /// All rows of a query.
    pub(crate) async fn fetch_all<R: AnyRow>(&mut self, sql: Sql) -> Result<Vec<R>, StoreError> {
        let Sql { text, values } = sql;
        Ok(match self {
            Self::Sqlite(tx) => run!(sqlx::query_as(&text), values, fetch_all, &mut **tx)?,
            Self::Postgres(tx) => run!(sqlx::query_as(&text), values, fetch_all, &mut **tx)?,
        })
    }

    /// The first row of a query, if there is one.
    pub(crate) async fn fetch_optional<R: AnyRow>(
        &mut self,
        sql: Sql,
    ) -> Result<Option<R>, StoreError> {
        let Sql { text, values } = sql;
        Ok(match self {
            Self::Sqlite(tx) => run!(sqlx::query_as(&text), values, fetch_optional, &mut **tx)?,
            Self::Postgres(tx) => run!(sqlx::query_as(&text), values, fetch_optional, &mut **tx)?,
        })
    }

    /// Makes the changes last.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}
