//! The imports of this server: how many at once, and how each is ended early.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::id::DatasetId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ServiceError;

/// Files that are uploaded or wait for their import at the same time: each takes up to
/// [`domain::dataset::FILE_BYTES_MAX`] of the disk.
const FILES_MAX: u32 = 8;
/// Files that are read at the same time.
const IMPORTS_MAX: usize = 2;
/// How long the end of the server waits for the imports, which look for it with every row.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// How far an import is, and whether it should end.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) read_bytes: AtomicU64,
    pub(super) row_count: AtomicU32,
    pub(super) rejected_count: AtomicU32,
    is_cancelled: AtomicBool,
}

impl Progress {
    pub(super) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }
}

/// The imports of this server.
#[derive(Debug)]
pub struct ImportDesk {
    files: Arc<Semaphore>,
    imports: Arc<Semaphore>,
    running: Mutex<HashMap<DatasetId, Arc<Progress>>>,
    is_stopping: AtomicBool,
    /// Held while a canonical file is put or removed, so that none goes that was just put.
    pub(super) canonical_files: tokio::sync::Mutex<()>,
}

impl Default for ImportDesk {
    fn default() -> Self {
        Self {
            files: Arc::new(Semaphore::new(FILES_MAX as usize)),
            imports: Arc::new(Semaphore::new(IMPORTS_MAX)),
            running: Mutex::default(),
            is_stopping: AtomicBool::new(false),
            canonical_files: tokio::sync::Mutex::default(),
        }
    }
}

impl ImportDesk {
    /// A place for one more file.
    pub(super) fn take_place(&self) -> Result<OwnedSemaphorePermit, ServiceError> {
        let place = Arc::clone(&self.files).try_acquire_owned();
        place.map_err(|_| {
            ServiceError::Unavailable(format!(
                "{FILES_MAX} files are uploaded or imported just now. Try again in a while."
            ))
        })
    }

    /// Whether the server is about to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// Notes an import that begins.
    pub(super) fn begin(&self, id: DatasetId) -> Arc<Progress> {
        let progress = Arc::new(Progress::default());
        self.lock().insert(id, Arc::clone(&progress));
        if self.is_stopping() {
            progress.cancel();
        }
        progress
    }

    /// Notes that an import is over.
    pub(super) fn end(&self, id: DatasetId) {
        self.lock().remove(&id);
    }

    /// Waits for its turn to read a file.
    pub(super) async fn take_turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.imports).acquire_owned().await.ok()
    }

    /// Ends an import that goes on, if it does.
    pub(super) fn cancel(&self, id: DatasetId) {
        if let Some(progress) = self.lock().get(&id) {
            progress.cancel();
        }
    }

    /// Ends all imports, and waits a while for them.
    pub(super) async fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        for progress in self.lock().values() {
            progress.cancel();
        }
        let all = self.files.acquire_many(FILES_MAX);
        if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
            tracing::warn!("some imports did not end in time");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<DatasetId, Arc<Progress>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
