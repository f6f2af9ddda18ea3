//! Carrying out one run: input, step, journal, effect, and its result as the next input.

use std::sync::Arc;
use std::time::Duration;

use domain::id::BenchmarkId;
use domain::run::{Effect, Input, RunEvent, step};
use tokio::sync::{Mutex, Notify, broadcast, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::config::{Chain, Shared};
use crate::effects::{Found, Message, Run, perform, stop_all_here};
use crate::journal::{Journal, JournalError};

/// Messages of an effect that wait for the journal; an effect that tells more waits itself.
const MESSAGES_MAX: usize = 1_024;
/// Messages written to the journal at once.
const BATCH_MAX: usize = 256;
/// How often it is looked whether somebody asked to cancel: requests of another server come only
/// through the database.
const CANCEL_LOOK_EVERY: Duration = Duration::from_millis(250);
/// What a person reads of a stage that ended by a fault of this program.
const FAULT: &str = "A fault of Assay ended this stage: the server's log has the cause.";
/// A lease is renewed this many times before it would run out.
const RENEWALS_PER_LEASE: u32 = 3;

/// Why a run is no longer carried out here, although it has not ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriveError {
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The database cannot be asked.
    #[error("the run cannot be looked up")]
    Store(#[from] store::StoreError),
    /// The lease ran out.
    #[error("the lease on the run was lost")]
    LeaseLost,
    /// There is no such benchmark.
    #[error("the benchmark is gone")]
    Gone,
    /// The state machine stopped short of an end.
    #[error("nothing follows from the run's state")]
    Stuck,
}

/// How a run comes into this runner's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Claimed from the queue.
    Claimed,
    /// Found in the hands of a runner that is gone.
    Adopted,
}

/// What breaks into an effect.
enum Interruption {
    Cancel { by: String },
    Stopping,
}

/// One run in this runner's hands.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    id: BenchmarkId,
    run: Arc<Run>,
    journal: Journal,
    messages: mpsc::Receiver<Message>,
    cancels: broadcast::Receiver<BenchmarkId>,
    stopping: CancellationToken,
    /// When the lease runs out if it is not renewed.
    lease_ends: Instant,
}

/// Carries a run out to its end; the store frees its nodes with its last status.
pub(crate) async fn drive(
    shared: Arc<Shared>,
    id: BenchmarkId,
    entry: Entry,
    cancels: broadcast::Receiver<BenchmarkId>,
    stopping: CancellationToken,
) -> Result<(), DriveError> {
    let benchmark = shared
        .store
        .find_benchmark(id)
        .await?
        .ok_or(DriveError::Gone)?;
    let (sender, messages) = mpsc::channel(MESSAGES_MAX);
    let run = Arc::new(Run {
        shared: Arc::clone(&shared),
        id,
        plan: benchmark.plan,
        rerun: benchmark.rerun,
        folder: shared.run_folder(id),
        is_adopted: entry == Entry::Adopted,
        messages: sender,
        found: Mutex::new(Found::default()),
        link: Mutex::new(None),
        failures: Notify::new(),
        link_is_lost: Notify::new(),
    });
    let driver = Driver {
        journal: Journal::open(Arc::clone(&shared), id).await?,
        lease_ends: Instant::now() + shared.config.lease,
        shared: Arc::clone(&shared),
        id,
        run: Arc::clone(&run),
        messages,
        cancels,
        stopping,
    };
    let result = driver.carry_out(entry).await;
    if result.is_err() {
        // Somebody else has it now, or will have. What it started here must not disturb them.
        if let Err(reason) = stop_all_here(&run).await {
            tracing::error!(run = %id, reason, "something of a lost run is left");
        }
    }
    result
}

impl Driver {
    async fn carry_out(mut self, entry: Entry) -> Result<(), DriveError> {
        let mut input = self.first_input(entry).await?;
        while self.journal.state().outcome.is_none() {
            let step = step(self.journal.state(), &self.run.plan, &input);
            let is_idle = step.events.is_empty() && step.effect.is_none();
            self.journal.append(step.events).await?;
            input = match step.effect {
                Some(effect) => self.perform(effect).await?,
                None if is_idle => return Err(DriveError::Stuck),
                // A cancel that was waiting when a run left in clean-up was taken over.
                None => Input::Recover,
            };
        }
        self.journal.publish().await?;
        self.journal.prune().await?;
        Ok(())
    }

    async fn first_input(&mut self, entry: Entry) -> Result<Input, DriveError> {
        if let Some(by) = self.cancel_request().await? {
            return Ok(Input::Cancel { by });
        }
        Ok(match entry {
            Entry::Adopted if self.journal.state().is_started => Input::Recover,
            Entry::Claimed | Entry::Adopted => Input::Start {
                runner: self.shared.config.name.clone(),
            },
        })
    }

    /// Performs an effect and answers with what came of it, or of what broke into it.
    async fn perform(&mut self, effect: Effect) -> Result<Input, DriveError> {
        let run = Arc::clone(&self.run);
        let state = self.journal.state().clone();
        // A task of its own, never a branch that waits unpolled: it may hold the database's one
        // writing connection while this one waits for it.
        let work = tokio::spawn(async move { Box::pin(perform(&run, effect, &state)).await });
        let mut work = AbortOnDropHandle::new(work);
        let is_clean_up = effect == Effect::CleanUp;
        // Both are short, and a result is worth the wait.
        let is_last_part = is_clean_up || effect == Effect::Collect;
        let mut cancel_looks = interval(CANCEL_LOOK_EVERY);
        cancel_looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let renew_every = self.shared.config.lease / RENEWALS_PER_LEASE;
        let mut renewals = interval_at(Instant::now() + renew_every, renew_every);
        let mut batch = Vec::new();
        let interruption = loop {
            tokio::select! {
                ended = &mut work => {
                    self.take_rest().await?;
                    return Ok(match ended {
                        Ok(Ok(note)) => Input::EffectDone { note },
                        Ok(Err(reason)) => Input::EffectFailed { reason },
                        Err(error) => {
                            tracing::error!(run = %self.id, %error, "a stage broke off");
                            Input::EffectFailed { reason: FAULT.to_owned() }
                        }
                    });
                }
                count = self.messages.recv_many(&mut batch, BATCH_MAX) => {
                    if count > 0 {
                        self.take_messages(&mut batch).await?;
                    }
                }
                () = self.stopping.cancelled(), if !is_last_part => break Interruption::Stopping,
                _ = renewals.tick() => self.renew_lease().await?,
                () = until_cancel_look(&mut cancel_looks, &mut self.cancels, self.id) => {
                    if let Some(by) = self.look_for_cancel().await {
                        if !is_clean_up {
                            break Interruption::Cancel { by };
                        }
                        // Clean-up goes on; the request is noted.
                        let input = Input::Cancel { by };
                        let step = step(self.journal.state(), &self.run.plan, &input);
                        self.journal.append(step.events).await?;
                    }
                }
            }
        };
        work.abort();
        // What it held is free, and what it told is there, once it is gone.
        let _ = work.await;
        self.take_rest().await?;
        Ok(match interruption {
            Interruption::Cancel { by } => Input::Cancel { by },
            Interruption::Stopping => Input::Recover,
        })
    }

    /// Who asked to cancel, unless that is known already.
    async fn cancel_request(&self) -> Result<Option<String>, DriveError> {
        if self.journal.state().cancel_requested_by.is_some() {
            return Ok(None);
        }
        Ok(self.shared.store.cancel_request(self.id).await?)
    }

    /// The same for a look among many: the next one is soon.
    async fn look_for_cancel(&self) -> Option<String> {
        self.cancel_request().await.unwrap_or_else(|error| {
            tracing::warn!(run = %self.id, error = %Chain(&error), "cannot look for a cancel");
            None
        })
    }

    async fn renew_lease(&mut self) -> Result<(), DriveError> {
        let until = self.shared.lease_until();
        let name = &self.shared.config.name;
        match self.shared.store.renew_lease(self.id, name, until).await {
            Ok(true) => {
                self.lease_ends = Instant::now() + self.shared.config.lease;
                Ok(())
            }
            Err(_) if Instant::now() < self.lease_ends => Ok(()),
            Ok(false) | Err(_) => Err(DriveError::LeaseLost),
        }
    }

    /// Takes what an effect told before it ended or was dropped.
    async fn take_rest(&mut self) -> Result<(), DriveError> {
        let mut batch = Vec::new();
        while let Ok(message) = self.messages.try_recv() {
            batch.push(message);
        }
        self.take_messages(&mut batch).await
    }

    async fn take_messages(&mut self, batch: &mut Vec<Message>) -> Result<(), DriveError> {
        let mut events: Vec<RunEvent> = Vec::new();
        for message in batch.drain(..) {
            match message {
                Message::Event(event) => events.push(event),
                Message::Log(line) => events.extend(self.journal.log_event(line)),
                Message::MeasuringBegan => {
                    self.journal.append(std::mem::take(&mut events)).await?;
                    let input = Input::MeasuringBegan;
                    events = step(self.journal.state(), &self.run.plan, &input).events;
                    self.journal.append(std::mem::take(&mut events)).await?;
                }
            }
        }
        Ok(self.journal.append(events).await?)
    }
}

/// Waits for the next moment to look whether somebody asked to cancel.
async fn until_cancel_look(
    looks: &mut tokio::time::Interval,
    cancels: &mut broadcast::Receiver<BenchmarkId>,
    id: BenchmarkId,
) {
    let of_this_run = async {
        loop {
            match cancels.recv().await {
                Ok(cancelled) if cancelled != id => {}
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
                // No signals any more: the looks remain.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    };
    tokio::select! {
        _ = looks.tick() => {}
        () = of_this_run => {}
    }
}
