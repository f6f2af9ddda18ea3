//! Connecting to either database and bringing it to the present shape.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::Database;
use crate::StoreError;

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// Connections that read an `SQLite` file at the same time.
const SQLITE_READERS_MAX: u32 = 8;
/// Connections to a `PostgreSQL` server.
const POSTGRES_CONNECTIONS_MAX: u32 = 16;
/// How long a statement waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long an `SQLite` write waits for another process.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(10);

impl Database {
    /// Connects to `sqlite:…` or `postgres://…` and migrates.
    pub(crate) async fn connect(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Self::connect_postgres(PgConnectOptions::from_str(url)?).await
        } else {
            Self::connect_sqlite(SqliteConnectOptions::from_str(url)?).await
        }
    }

    /// Opens or creates an `SQLite` file.
    pub(crate) async fn connect_sqlite(options: SqliteConnectOptions) -> Result<Self, StoreError> {
        let options = options
            .foreign_keys(true)
            .busy_timeout(SQLITE_BUSY_TIMEOUT)
            // Safe against a crash of the process; the last commits may be lost with the machine's
            // power, but never half of one.
            .synchronous(SqliteSynchronous::Normal);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(
                options
                    .clone()
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .optimize_on_close(true, None),
            )
            .await?;
        SQLITE_MIGRATIONS.run(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(SQLITE_READERS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.pragma("query_only", "on"))
            .await?;
        Ok(Self::Sqlite { readers, writer })
    }

    async fn connect_postgres(options: PgConnectOptions) -> Result<Self, StoreError> {
        let pool = PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await?;
        POSTGRES_MIGRATIONS.run(&pool).await?;
        Ok(Self::Postgres(pool))
    }

    /// Closes every connection, waiting for statements that run.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use sqlx::Executor;

    use super::*;

    /// Rows as they stood before clusters could be of machines, most referring to others.
    const ROWS: &str = "
        INSERT INTO credentials (id, sealed, created_at, name, base_url)
            VALUES ('k', 'sealed', 1, NULL, 'http://h'), ('r', 'sealed', 2, 'registered', 'http://h');
        INSERT INTO clusters (id, name, kind, base_url, credential_id, description, last_check,
                created_at, archived_at)
            VALUES ('c', 'rack', 'endpoint', 'http://h', 'k', 'text', '{}', 3, 4),
                ('d', 'this machine', 'this_machine', NULL, NULL, '', NULL, 5, NULL);
        INSERT INTO nodes (id, cluster_id, name, inventory)
            VALUES ('n', 'c', 'h', NULL), ('m', 'd', 'here', '{}');";

    const DUMP: [&str; 3] = [
        "SELECT id || '|' || name || '|' || kind || '|' || COALESCE(base_url, '-') || '|'
             || COALESCE(credential_id, '-') || '|' || description || '|'
             || COALESCE(last_check, '-') || '|' || created_at || '|' || COALESCE(archived_at, 0)
         FROM clusters ORDER BY id",
        "SELECT id || '|' || cluster_id || '|' || name || '|' || COALESCE(inventory, '-')
         FROM nodes ORDER BY id",
        "SELECT id || '|' || kind || '|' || COALESCE(name, '-') || '|' || base_url || '|' || created_at
         FROM credentials ORDER BY id",
    ];

    fn before_machines(all: &Migrator) -> Migrator {
        let early = all.iter().filter(|one| one.version < 9).cloned();
        Migrator {
            migrations: Cow::Owned(early.collect()),
            ..Migrator::DEFAULT
        }
    }

    macro_rules! check {
        ($pool:expr, $migrations:expr) => {{
            let pool = $pool;
            before_machines(&$migrations).run(&pool).await.unwrap();
            pool.execute(ROWS).await.unwrap();
            let mut before = Vec::new();
            for query in DUMP {
                let rows: Vec<(String,)> = sqlx::query_as(query).fetch_all(&pool).await.unwrap();
                assert_eq!(rows.len(), 2, "{query}");
                before.push(rows);
            }
            $migrations.run(&pool).await.unwrap();
            for (query, rows) in DUMP.into_iter().zip(before) {
                let after: Vec<(String,)> = sqlx::query_as(query).fetch_all(&pool).await.unwrap();
                assert_eq!(after, rows);
            }
            let machines = "INSERT INTO clusters (id, name, kind, description, created_at)
                 VALUES ('e', 'far', 'machines', '', 6)";
            pool.execute(machines).await.unwrap();
            for refused in [
                "INSERT INTO clusters (id, name, kind, description, created_at)
                 VALUES ('f', 'odd', 'cloud', '', 6)",
                "INSERT INTO clusters (id, name, kind, description, created_at)
                 VALUES ('f', 'RACK', 'machines', '', 6)",
                "INSERT INTO nodes (id, cluster_id, name) VALUES ('o', 'none', 'x')",
                "INSERT INTO nodes (id, cluster_id, name) VALUES ('o', 'd', 'here')",
                "INSERT INTO credentials (id, sealed, created_at, kind) VALUES ('o', 'x', 1, 'x')",
            ] {
                let result = pool.execute(refused).await;
                assert!(result.is_err(), "{refused}");
            }
            // What refers to each other still does.
            pool.execute("DELETE FROM credentials WHERE id = 'k'")
                .await
                .unwrap();
            let query = "SELECT id FROM clusters WHERE id = 'c' AND credential_id IS NULL";
            assert!(
                sqlx::query(query)
                    .fetch_optional(&pool)
                    .await
                    .unwrap()
                    .is_some()
            );
            pool.execute("DELETE FROM clusters WHERE id = 'c'")
                .await
                .unwrap();
            let left: Vec<(String,)> = sqlx::query_as("SELECT id FROM nodes")
                .fetch_all(&pool)
                .await
                .unwrap();
            assert_eq!(left, [("m".to_owned(),)]);
            pool.close().await;
        }};
    }

    #[tokio::test]
    async fn no_row_is_lost_when_clusters_may_be_machines() {
        let folder = testkit::data_dir();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("old.db"))
            .create_if_missing(true)
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new().max_connections(1);
        check!(pool.connect_with(options).await.unwrap(), SQLITE_MIGRATIONS);

        let postgres = testkit::Postgres::shared();
        let pool = PgPoolOptions::new().max_connections(1);
        check!(
            pool.connect(&postgres.database()).await.unwrap(),
            POSTGRES_MIGRATIONS
        );
    }
}
