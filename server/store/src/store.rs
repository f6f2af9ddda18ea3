//! Opening the store, and the values every area needs.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteConnectOptions;

use crate::StoreError;
use crate::database::Database;
use crate::vault::Vault;

/// Name of the embedded database inside the data folder.
const DATABASE_FILE: &str = "assay.db";
/// Name of the folder of raw records inside the data folder.
const ARTIFACTS_FOLDER: &str = "artifacts";

/// The database, the raw records and the sealed secrets. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) database: Database,
    pub(crate) vault: Arc<Vault>,
    pub(crate) artifacts: Arc<LocalFileSystem>,
    data_dir: Arc<Path>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("database", &self.database.kind())
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Connects to `database_url` (`sqlite:…` or `postgres://…`), brings it to the present shape,
    /// and opens the raw records and the vault in `data_dir`, which is created when missing.
    pub async fn open(database_url: &str, data_dir: &Path) -> Result<Self, StoreError> {
        create_folder(data_dir)?;
        let database = Database::connect(database_url).await?;
        Self::with_database(database, data_dir)
    }

    /// As [`Self::open`], with the embedded database inside `data_dir`.
    pub async fn open_embedded(data_dir: &Path) -> Result<Self, StoreError> {
        create_folder(data_dir)?;
        let options = SqliteConnectOptions::new().filename(data_dir.join(DATABASE_FILE));
        let database = Database::connect_sqlite(options).await?;
        Self::with_database(database, data_dir)
    }

    fn with_database(database: Database, data_dir: &Path) -> Result<Self, StoreError> {
        let artifacts = data_dir.join(ARTIFACTS_FOLDER);
        create_folder(&artifacts)?;
        Ok(Self {
            database,
            vault: Arc::new(Vault::open(data_dir)?),
            // Records are evidence: they must not be lost when a result already names them.
            artifacts: Arc::new(LocalFileSystem::new_with_prefix(artifacts)?.with_fsync(true)),
            data_dir: data_dir.into(),
        })
    }

    /// `SQLite` or `PostgreSQL`.
    pub fn database_kind(&self) -> &'static str {
        self.database.kind()
    }

    /// The data folder.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The folder of the artifacts.
    pub(crate) fn artifacts_dir(&self) -> PathBuf {
        self.data_dir.join(ARTIFACTS_FOLDER)
    }

    /// Ends every connection after the statements that run. Other clones cannot be used after.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

/// Makes a folder that only its owner can enter: it will hold secrets and measurements.
fn create_folder(path: &Path) -> Result<(), StoreError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| StoreError::File {
        what: format!("could not create the folder {}", path.display()),
        source,
    })
}

/// A value as JSON text for a column.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt("not written", error))
}

/// A value from the JSON text of a column.
pub(crate) fn from_json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(what, error))
}

/// An id from its text.
pub(crate) fn parse_id<T: FromStr>(what: &str, text: &str) -> Result<T, StoreError>
where
    T::Err: std::fmt::Display,
{
    text.parse()
        .map_err(|error| StoreError::corrupt(what, error))
}

/// `Ok` when a statement changed a row, else "not found".
pub(crate) fn found(changed_rows: u64) -> Result<(), StoreError> {
    if changed_rows == 0 {
        Err(StoreError::NotFound)
    } else {
        Ok(())
    }
}
