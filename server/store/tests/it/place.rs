//! Where a test's store is: a folder and a database of its own.

use store::Store;
use testkit::{Postgres, TempDir, data_dir};

/// An open store, and how to open it once more.
pub(crate) struct Place {
    pub(crate) store: Store,
    pub(crate) folder: TempDir,
    url: String,
}

impl Place {
    pub(crate) async fn embedded() -> Self {
        let folder = data_dir();
        let url = format!("sqlite://{}/assay.db", folder.path().display());
        Self {
            store: Store::open_embedded(folder.path()).await.unwrap(),
            folder,
            url,
        }
    }

    pub(crate) async fn on_server(postgres: &Postgres) -> Self {
        let (folder, url) = (data_dir(), postgres.database());
        Self {
            store: Store::open(&url, folder.path()).await.unwrap(),
            folder,
            url,
        }
    }

    /// The same database and folder, as a second server would open them.
    pub(crate) async fn open_again(&self) -> Store {
        Store::open(&self.url, self.folder.path()).await.unwrap()
    }
}

/// Runs a test on an empty `SQLite` file, then on an empty `PostgreSQL` database.
pub(crate) async fn for_each_database(test: impl AsyncFn(&Place)) {
    let place = Place::embedded().await;
    println!("on {}", place.store.database_kind());
    test(&place).await;
    place.store.close().await;

    let postgres = Postgres::shared();
    let place = Place::on_server(&postgres).await;
    println!("on {}", place.store.database_kind());
    test(&place).await;
    place.store.close().await;
}
