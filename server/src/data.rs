//! Where an installation keeps its data: the options of every command that opens it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use store::Store;

const DATABASE_SCHEMES: [&str; 3] = ["postgres://", "postgresql://", "sqlite:"];

/// Which data directory and database.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DataArgs {
    /// Folder for everything the server keeps; made when missing
    #[arg(
        long,
        value_name = "DIR",
        default_value = "./assay-data",
        env = "ASSAY_DATA_DIR"
    )]
    pub(crate) data_dir: PathBuf,

    /// Database; without it, SQLite in the data directory
    ///
    /// `postgres://user:password@host/database` for PostgreSQL, `sqlite:///path/to/file` for an SQLite
    /// file elsewhere. Prefer the environment variable for a URL with a password.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
}

impl DataArgs {
    /// Makes the data directory where it is missing, and opens the database. Returns the directory's
    /// full path besides.
    ///
    /// # Errors
    /// When either cannot be used; the text says what to do.
    pub(crate) async fn open(&self) -> anyhow::Result<(PathBuf, Store)> {
        let data_dir = make_data_dir(&self.data_dir)?;
        let store = open_store(self.database_url.as_deref(), &data_dir).await?;
        Ok((data_dir, store))
    }
}

fn make_data_dir(data_dir: &Path) -> anyhow::Result<PathBuf> {
    let make = || {
        std::fs::create_dir_all(data_dir)?;
        data_dir.canonicalize()
    };
    make().with_context(|| format!("could not make the data directory {}", data_dir.display()))
}

async fn open_store(database_url: Option<&str>, data_dir: &Path) -> anyhow::Result<Store> {
    let Some(url) = database_url else {
        let opened = Store::open_embedded(data_dir).await;
        return opened.context("could not open the database");
    };
    // The URL may hold a password: it is not repeated.
    if !DATABASE_SCHEMES
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        bail!("--database-url begins with postgres:// or sqlite:, no other database is known");
    }
    let opened = Store::open(url, data_dir).await;
    opened.context("could not open the database: is its server running, and --database-url right?")
}
