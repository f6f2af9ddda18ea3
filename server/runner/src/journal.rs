//! The journal of a run while it is being carried out: appended, folded, and shown in the history.

use std::sync::Arc;

use domain::id::BenchmarkId;
use domain::run::event::LOG_LINES_MAX;
use domain::run::{JournalEntry, RunEvent, RunState, RunStatus};
use domain::time::Timestamp;
use store::StoreError;
use tokio::time::{Duration, sleep};

use crate::config::{Chain, Shared};

/// Entries read at once.
const PAGE_ENTRIES: u32 = 1_000;
/// How often a write that the database refused is tried again before the run is given up.
const WRITES_MAX: u32 = 6;
/// Wait before the second try; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Why a journal cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// Somebody else wrote to it: another runner has taken the run over.
    #[error("another runner has taken the run over")]
    TakenOver,
    /// The database did not take it, even after several tries.
    #[error("the journal cannot be read or written")]
    Store(#[from] StoreError),
}

/// The journal of one run, written by this runner alone.
pub(crate) struct Journal {
    shared: Arc<Shared>,
    id: BenchmarkId,
    state: RunState,
    log_count: usize,
    /// What the history shows of it.
    published: Option<(RunStatus, Option<String>)>,
}

impl Journal {
    /// Reads and folds it.
    pub(crate) async fn open(shared: Arc<Shared>, id: BenchmarkId) -> Result<Self, JournalError> {
        let mut state = RunState::default();
        loop {
            let page = shared
                .store
                .read_journal(id, state.seq, PAGE_ENTRIES)
                .await?;
            if page.is_empty() {
                break;
            }
            for entry in &page {
                state.apply(entry);
            }
        }
        let log_count = state.stages.iter().map(|stage| stage.log.len()).sum();
        Ok(Self {
            shared,
            id,
            state,
            log_count,
            published: None,
        })
    }

    /// The run as far as it is written.
    pub(crate) fn state(&self) -> &RunState {
        &self.state
    }

    /// A log line for the stage going on; `None` when there are too many already.
    pub(crate) fn log_event(&mut self, line: String) -> Option<RunEvent> {
        let stage = self.state.running_stage()?;
        self.log_count += 1;
        match self.log_count {
            ..LOG_LINES_MAX => Some(RunEvent::Log { stage, line }),
            LOG_LINES_MAX => Some(RunEvent::Log {
                stage,
                line: "The log is cut here; further lines are only in the engine's log.".to_owned(),
            }),
            _ => None,
        }
    }

    /// Appends, folds, and brings the history up to date. Returns when it is written.
    pub(crate) async fn append(&mut self, events: Vec<RunEvent>) -> Result<(), JournalError> {
        if events.is_empty() {
            return Ok(());
        }
        let at = self.shared.now();
        let events: Vec<(Timestamp, RunEvent)> =
            events.into_iter().map(|event| (at, event)).collect();
        let first_seq = self.state.seq + 1;
        self.write(first_seq, &events).await?;
        for (seq, (at, event)) in (first_seq..).zip(events) {
            self.state.apply(&JournalEntry { seq, at, event });
        }
        // The journal is the truth; the history follows at the next event, or at the end.
        if let Err(error) = self.publish().await {
            tracing::warn!(run = %self.id, error = %Chain(&error), "the history is not up to date");
        }
        Ok(())
    }

    /// Shows the run's status in the history if that has changed.
    pub(crate) async fn publish(&mut self) -> Result<(), JournalError> {
        let engine = self.state.engine.as_ref();
        let engine_name = engine.map(domain::catalogue::EngineIdentity::in_words);
        let now = (self.state.status(), engine_name);
        if self.published.as_ref() == Some(&now) {
            return Ok(());
        }
        self.shared
            .store
            .update_status(self.id, &self.state, self.shared.now())
            .await?;
        self.published = Some(now);
        Ok(())
    }

    /// Removes what is only good while the run goes on.
    pub(crate) async fn prune(&self) -> Result<(), JournalError> {
        Ok(self.shared.store.prune_live(self.id).await?)
    }

    async fn write(
        &self,
        first_seq: i64,
        events: &[(Timestamp, RunEvent)],
    ) -> Result<(), JournalError> {
        let mut wait = FIRST_WAIT;
        for _ in 1..WRITES_MAX {
            match self.write_once(first_seq, events).await {
                Err(JournalError::Store(error)) => {
                    tracing::warn!(run = %self.id, error = %Chain(&error), "the journal is not written yet");
                }
                result => return result,
            }
            sleep(wait).await;
            wait *= 2;
        }
        self.write_once(first_seq, events).await
    }

    async fn write_once(
        &self,
        first_seq: i64,
        events: &[(Timestamp, RunEvent)],
    ) -> Result<(), JournalError> {
        match self
            .shared
            .store
            .append_journal(self.id, first_seq, events)
            .await
        {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict(_)) => Err(JournalError::TakenOver),
            Err(error) => Err(JournalError::Store(error)),
        }
    }
}
