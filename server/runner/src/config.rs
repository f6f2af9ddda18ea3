//! What a runner needs to know at its start.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::id::BenchmarkId;
use domain::time::Timestamp;
use store::Store;

use crate::http::Http;
use crate::process::Instance;

/// Where the time of the wall clock comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The machine's own clock.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    })
}

/// Settings of a runner.
#[derive(Clone, Debug)]
pub struct RunnerConfig {
    /// Its name in leases and journals: the same after a restart, different on every data directory.
    pub name: String,
    /// The binary that offers `assay load` and `assay engine`.
    pub assay_binary: PathBuf,
    /// The data directory; working files of runs go to `runs/` in it.
    pub data_dir: PathBuf,
    /// How long a claim holds without being renewed. It is renewed three times as often.
    pub lease: Duration,
    /// Most runs carried out at the same time.
    pub runs_max: usize,
    /// The Docker Engine of this machine.
    pub docker: docker::Address,
    /// Folders of nodes that containers may be given, read-only, with everything below them.
    pub model_folders: Vec<PathBuf>,
}

impl RunnerConfig {
    /// The usual settings.
    pub fn new(name: String, assay_binary: PathBuf, data_dir: PathBuf) -> Self {
        Self {
            name,
            assay_binary,
            data_dir,
            lease: Duration::from_secs(30),
            runs_max: 8,
            docker: docker::Address::local(),
            model_folders: Vec::new(),
        }
    }
}

/// Why a runner cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// Another process works on the same data directory.
    #[error("another server is already running on the data directory {}", .0.display())]
    DataDirInUse(PathBuf),
    /// The data directory cannot be used.
    #[error("the data directory {} cannot be used", .0.display())]
    DataDir(PathBuf, #[source] std::io::Error),
    /// No HTTP client can be made.
    #[error("no HTTP client can be made")]
    Http(#[from] reqwest::Error),
}

/// What every run of a runner shares.
pub(crate) struct Shared {
    pub(crate) config: RunnerConfig,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) http: Http,
    pub(crate) instance: Instance,
}

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// What marks things on machines that others may share: one name for all servers of a database.
    pub(crate) async fn installation(&self) -> Result<String, String> {
        match self.store.installation_id().await {
            Ok(id) => Ok(id.to_string()),
            Err(error) => Err(format!("the database cannot be asked: {}", Chain(&error))),
        }
    }

    /// When a lease taken now runs out.
    pub(crate) fn lease_until(&self) -> Timestamp {
        let lease_us = i64::try_from(self.config.lease.as_micros()).unwrap_or(i64::MAX);
        self.now().plus_micros(lease_us)
    }

    /// Working files of a run.
    pub(crate) fn run_folder(&self, id: BenchmarkId) -> PathBuf {
        run_folder(&self.config.data_dir, id)
    }
}

fn run_folder(data_dir: &Path, id: BenchmarkId) -> PathBuf {
    data_dir.join("runs").join(id.to_string())
}

/// An error with its causes, in one line.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
