//! The worker: recovers what was left, claims what waits, and has it carried out.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use domain::id::BenchmarkId;
use domain::run::{Input, RunStatus, step};
use store::Store;
use tokio::sync::{Notify, broadcast};
use tokio::task::{Id, JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::config::{Chain, Clock, RunnerConfig, RunnerError, Shared};
use crate::driver::{DriveError, Entry, drive};
use crate::http::Http;
use crate::journal::Journal;
use crate::process::Instance;
use crate::reaper::{reap_elsewhere, stop_strays};
use crate::warm::{remove_unwanted, remove_waiting};

/// How often the queue is looked at without a signal: another server may have filled it.
const QUEUE_LOOK_EVERY: Duration = Duration::from_secs(1);
/// Far machines are looked at with every so many looks for what was left; one comes with each lease.
const MACHINES_EVERY: u32 = 4;
/// Cancel signals that wait to be heard.
const CANCEL_SIGNALS_MAX: usize = 64;
/// How long runs may take to clean up when the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// The file in the data directory that is locked while a runner works on it.
const LOCK_FILE: &str = "runner.lock";
/// How long the lock may still be held after the end of who held it.
const LOCK_WITHIN: Duration = Duration::from_secs(1);
const LOCK_EVERY: Duration = Duration::from_millis(20);

/// Tells the worker, without waiting for it, that there is something to do.
#[derive(Clone, Debug)]
pub struct QueueSignal {
    wake: Arc<Notify>,
    cancels: broadcast::Sender<BenchmarkId>,
    pauses: Arc<AtomicUsize>,
}

/// While it is there, the worker takes nothing out of the queue.
#[derive(Debug)]
pub struct QueuePause(QueueSignal);

impl Drop for QueuePause {
    fn drop(&mut self) {
        self.0.pauses.fetch_sub(1, Ordering::SeqCst);
        self.0.wake();
    }
}

impl Default for QueueSignal {
    fn default() -> Self {
        Self {
            wake: Arc::new(Notify::new()),
            cancels: broadcast::Sender::new(CANCEL_SIGNALS_MAX),
            pauses: Arc::default(),
        }
    }
}

impl QueueSignal {
    /// A benchmark was put into the queue.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Keeps the worker from taking more out of the queue, as long as the answer is kept. What goes
    /// on is not touched.
    pub fn pause(&self) -> QueuePause {
        self.pauses.fetch_add(1, Ordering::SeqCst);
        QueuePause(self.clone())
    }

    fn is_paused(&self) -> bool {
        self.pauses.load(Ordering::SeqCst) > 0
    }

    /// Somebody asked to cancel this benchmark; the request is in the store already.
    pub fn cancel(&self, id: BenchmarkId) {
        // Without a worker there is nobody to hear it: it is found in the store later.
        let _ = self.cancels.send(id);
    }
}

/// A running runner.
#[derive(Debug)]
pub struct RunnerHandle {
    signal: QueueSignal,
    stopping: CancellationToken,
    worker: JoinHandle<()>,
}

impl RunnerHandle {
    /// The way to tell it that there is something to do.
    pub fn signal(&self) -> QueueSignal {
        self.signal.clone()
    }

    /// Ends what is going on (each run as failed, with the reason, its engine stopped) and waits for
    /// that, some seconds at most. What takes longer is recovered at the next start.
    pub async fn shutdown(self) {
        self.stopping.cancel();
        if let Err(error) = self.worker.await {
            tracing::error!(%error, "the runner ended badly");
        }
    }
}

/// Starts a runner on this data directory.
///
/// # Errors
///
/// When the data directory is not there or another runner works on it.
pub fn spawn(
    config: RunnerConfig,
    store: Store,
    clock: Clock,
) -> Result<RunnerHandle, RunnerError> {
    let lock = lock_data_dir(&config.data_dir)?;
    let instance = Instance::of(&config.data_dir)
        .map_err(|error| RunnerError::DataDir(config.data_dir.clone(), error))?;
    let signal = QueueSignal::default();
    let stopping = CancellationToken::new();
    let worker = Worker {
        cancels: signal.cancels.subscribe(),
        signal: signal.clone(),
        stopping: stopping.clone(),
        drivers: JoinSet::new(),
        active: HashMap::new(),
        reaping: None,
        looks_elsewhere: 0,
        removing: None,
        shared: Arc::new(Shared {
            config,
            store,
            clock,
            http: Http::new()?,
            instance,
        }),
    };
    let worker = tokio::spawn(async move {
        worker.work().await;
        drop(lock);
    });
    Ok(RunnerHandle {
        signal,
        stopping,
        worker,
    })
}

/// The lock goes with the process, however that ends.
fn lock_data_dir(data_dir: &Path) -> Result<File, RunnerError> {
    let unusable = |error| RunnerError::DataDir(PathBuf::from(data_dir), error);
    fs::create_dir_all(data_dir).map_err(unusable)?;
    let file = File::create(data_dir.join(LOCK_FILE)).map_err(unusable)?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // A child of a server that was killed has its files until it becomes its program.
            Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_WITHIN => {
                thread::sleep(LOCK_EVERY);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(RunnerError::DataDirInUse(PathBuf::from(data_dir)));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
    }
}

struct Worker {
    shared: Arc<Shared>,
    signal: QueueSignal,
    cancels: broadcast::Receiver<BenchmarkId>,
    stopping: CancellationToken,
    drivers: JoinSet<Result<(), DriveError>>,
    /// Runs in this worker's hands, by the task that carries each out.
    active: HashMap<Id, BenchmarkId>,
    /// The last look for what was left elsewhere.
    reaping: Option<AbortOnDropHandle<()>>,
    /// How many of them there were.
    looks_elsewhere: u32,
    /// The last removal of engines that nobody waits for any more.
    removing: Option<AbortOnDropHandle<()>>,
}

impl Worker {
    async fn work(mut self) {
        stop_strays(&self.shared, &BTreeSet::new()).await;
        let mut looks = interval(QUEUE_LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick comes at once: that is the recovery at the start.
        let mut orphan_looks = interval(self.shared.config.lease);
        orphan_looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => break,
                _ = orphan_looks.tick() => {
                    let active = self.active.values().copied().collect();
                    stop_strays(&self.shared, &active).await;
                    self.reap_elsewhere();
                    self.adopt_orphans().await;
                }
                Some(ended) = self.drivers.join_next_with_id() => {
                    self.note_end(ended);
                    self.remove_unwanted();
                }
                cancelled = self.cancels.recv() => if let Ok(id) = cancelled {
                    self.cancel_if_waiting(id).await;
                    self.remove_unwanted();
                },
                () = self.signal.wake.notified() => {}
                _ = looks.tick() => {}
            }
            self.claim().await;
        }
        self.wait_for_drivers().await;
    }

    /// Looks for what was left in places that may take their time to answer. One look at a time.
    fn reap_elsewhere(&mut self) {
        if self
            .reaping
            .as_ref()
            .is_some_and(|reaping| !reaping.is_finished())
        {
            return;
        }
        // Far machines are asked at the start and every few looks: each costs a sign-in.
        let with_machines = self.looks_elsewhere.is_multiple_of(MACHINES_EVERY);
        self.looks_elsewhere = self.looks_elsewhere.wrapping_add(1);
        let shared = Arc::clone(&self.shared);
        let reaping = tokio::spawn(async move { reap_elsewhere(&shared, with_machines).await });
        self.reaping = Some(AbortOnDropHandle::new(reaping));
    }

    /// Removes what is kept for runs that no longer come: the one that ended may have been the last to
    /// wait for it.
    fn remove_unwanted(&mut self) {
        let before = self.removing.take();
        let shared = Arc::clone(&self.shared);
        let removing = tokio::spawn(async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            remove_unwanted(&shared).await;
        });
        self.removing = Some(AbortOnDropHandle::new(removing));
    }

    /// Takes what waits, as long as there is room.
    async fn claim(&mut self) {
        while self.active.len() < self.shared.config.runs_max && !self.signal.is_paused() {
            let (now, until) = (self.shared.now(), self.shared.lease_until());
            let name = &self.shared.config.name;
            match self.shared.store.claim_next(name, now, until).await {
                Ok(Some(id)) => self.start(id, Entry::Claimed),
                Ok(None) => return,
                Err(error) => return warn("the queue cannot be looked at", &error),
            }
        }
    }

    /// Takes over runs that nobody carries out any more. There is no limit to how many: they only
    /// have to be cleaned up.
    async fn adopt_orphans(&mut self) {
        let (now, until) = (self.shared.now(), self.shared.lease_until());
        let name = self.shared.config.name.clone();
        let orphans = match self.shared.store.list_orphans(now, &name).await {
            Ok(orphans) => orphans,
            Err(error) => return warn("runs left behind cannot be listed", &error),
        };
        let active: BTreeSet<BenchmarkId> = self.active.values().copied().collect();
        for id in orphans.into_iter().filter(|id| !active.contains(id)) {
            match self.shared.store.adopt(id, &name, now, until).await {
                Ok(true) => self.start(id, Entry::Adopted),
                Ok(false) => {}
                Err(error) => warn("a run left behind cannot be taken over", &error),
            }
        }
    }

    fn start(&mut self, id: BenchmarkId, entry: Entry) {
        tracing::info!(run = %id, ?entry, "carrying out a run");
        let task = self.drivers.spawn(drive(
            Arc::clone(&self.shared),
            id,
            entry,
            self.signal.cancels.subscribe(),
            self.stopping.clone(),
        ));
        self.active.insert(task.id(), id);
    }

    fn note_end(&mut self, ended: Result<(Id, Result<(), DriveError>), tokio::task::JoinError>) {
        let (task, result) = match ended {
            Ok((task, result)) => (task, result.map_err(|error| format!("{:#}", Chain(&error)))),
            Err(error) => (error.id(), Err(error.to_string())),
        };
        let Some(id) = self.active.remove(&task) else {
            return;
        };
        match result {
            Ok(()) => tracing::info!(run = %id, "a run has ended"),
            Err(error) => tracing::error!(run = %id, error, "a run is out of this runner's hands"),
        }
    }

    /// Ends a waiting run that somebody asked to cancel. A claim would do the same, but only when
    /// there is room for one more run.
    async fn cancel_if_waiting(&self, id: BenchmarkId) {
        if let Err(error) = self.try_cancel_waiting(id).await {
            tracing::warn!(run = %id, error = %Chain(&error), "a waiting run is not cancelled yet");
        }
    }

    async fn try_cancel_waiting(&self, id: BenchmarkId) -> Result<(), DriveError> {
        let store = &self.shared.store;
        let benchmark = store.find_benchmark(id).await?.ok_or(DriveError::Gone)?;
        let Some(by) = store.cancel_request(id).await? else {
            return Ok(());
        };
        if benchmark.status != RunStatus::Queued {
            return Ok(());
        }
        // A runner that claims it in between finds the journal taken, or ended.
        let mut journal = Journal::open(Arc::clone(&self.shared), id).await?;
        if journal.state().is_started {
            return Ok(());
        }
        let step = step(journal.state(), &benchmark.plan, &Input::Cancel { by });
        journal.append(step.events).await?;
        Ok(())
    }

    async fn wait_for_drivers(&mut self) {
        let all = async {
            while let Some(ended) = self.drivers.join_next_with_id().await {
                self.note_end(ended);
            }
        };
        if timeout(STOP_WITHIN, all).await.is_err() {
            tracing::warn!("some runs did not end in time: they are recovered at the next start");
        }
        if timeout(STOP_WITHIN, remove_waiting(&self.shared))
            .await
            .is_err()
        {
            tracing::warn!("some kept engines were not removed in time: the next start does");
        }
    }
}

fn warn(what: &str, error: &store::StoreError) {
    tracing::warn!(error = %Chain(error), "{what}");
}
