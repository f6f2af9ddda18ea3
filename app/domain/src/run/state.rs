//! The state of a run, folded from its journal: the same fold on the server and in the browser.

use serde::{Deserialize, Serialize};

use super::event::{JournalEntry, LOG_LINES_MAX, RunEvent, RunOutcome, Stage, StageProgress};
use super::warm::TakenOver;
use crate::catalogue::EngineIdentity;
use crate::load::{LiveSample, PromptSource};
use crate::time::Timestamp;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Waits for its nodes.
    Queued,
    /// Before the load: connection, transfer, engine.
    Provisioning,
    /// Warm-up.
    Warming,
    /// The measured window.
    Running,
    /// Results are being stored.
    Collecting,
    /// The engine is being stopped.
    CleaningUp,
    /// Ended with a result.
    Completed,
    /// Ended without, or could not clean up.
    Failed,
    /// Cancelled.
    Cancelled,
}

impl RunStatus {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Provisioning,
        Self::Warming,
        Self::Running,
        Self::Collecting,
        Self::CleaningUp,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name in storage, URLs and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Provisioning => "provisioning",
            Self::Warming => "warming",
            Self::Running => "running",
            Self::Collecting => "collecting",
            Self::CleaningUp => "cleaning_up",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// The words of pages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Provisioning => "Starting",
            Self::Warming => "Warming up",
            Self::Running => "Running",
            Self::Collecting => "Collecting",
            Self::CleaningUp => "Cleaning up",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Whether nothing more will happen.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// Where a stage stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum StageStatus {
    /// Not begun.
    Pending,
    /// Going on.
    Running,
    /// Ended well, with a note.
    Done {
        /// What came of it; may be empty.
        note: String,
    },
    /// Does not apply, or was not reached.
    Skipped {
        /// Why.
        reason: String,
    },
    /// Failed.
    Failed {
        /// Why.
        reason: String,
    },
    /// Cancelled.
    Cancelled,
}

/// A stage with its times and its log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageState {
    /// Which.
    pub stage: Stage,
    /// Where it stands.
    pub status: StageStatus,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How far it is, while it goes on and moves bytes.
    #[serde(default)]
    pub progress: Option<StageProgress>,
    /// Its log lines with their times.
    pub log: Vec<(Timestamp, String)>,
}

/// Live samples kept for the chart: ten minutes at two a second.
pub const LIVE_SAMPLES_MAX: usize = 1_200;

/// A run as its journal tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Sequence number of the last entry folded; 0 before the first.
    pub seq: i64,
    /// Whether a runner took it.
    pub is_started: bool,
    /// The stages, in order.
    pub stages: Vec<StageState>,
    /// Who asked to cancel, if somebody did.
    pub cancel_requested_by: Option<String>,
    /// Where the engine comes from, when it was taken over warm from an earlier run of the group.
    #[serde(default)]
    pub taken_over: Option<TakenOver>,
    /// Process id of the engine the runner started.
    pub engine_process_id: Option<u32>,
    /// The container of the engine the runner started.
    #[serde(default)]
    pub engine_container: Option<String>,
    /// Where the engine answers, when the runner started it.
    pub engine_base_url: Option<String>,
    /// What was started, as one would type it.
    pub engine_command: Option<String>,
    /// What the engine says it is.
    pub engine: Option<EngineIdentity>,
    /// How prompt lengths were made exact.
    pub prompt_source: Option<PromptSource>,
    /// Recent live samples, oldest first.
    pub live: Vec<LiveSample>,
    /// SHA-256 of the stored records.
    pub records_sha256: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<RunOutcome>,
}

impl Default for RunState {
    fn default() -> Self {
        let pending = |stage| StageState {
            stage,
            status: StageStatus::Pending,
            started_at: None,
            ended_at: None,
            progress: None,
            log: Vec::new(),
        };
        Self {
            seq: 0,
            is_started: false,
            stages: Stage::ALL.into_iter().map(pending).collect(),
            cancel_requested_by: None,
            taken_over: None,
            engine_process_id: None,
            engine_container: None,
            engine_base_url: None,
            engine_command: None,
            engine: None,
            prompt_source: None,
            live: Vec::new(),
            records_sha256: None,
            started_at: None,
            ended_at: None,
            outcome: None,
        }
    }
}

impl RunState {
    /// The state after a whole journal.
    pub fn of_journal<'a>(entries: impl IntoIterator<Item = &'a JournalEntry>) -> Self {
        let mut state = Self::default();
        for entry in entries {
            state.apply(entry);
        }
        state
    }

    /// Folds one entry. An entry that was folded already (a replay) changes nothing.
    pub fn apply(&mut self, entry: &JournalEntry) {
        if entry.seq <= self.seq {
            return;
        }
        self.seq = entry.seq;
        let at = entry.at;
        match &entry.event {
            RunEvent::Started { .. } => {
                self.is_started = true;
                self.started_at = Some(at);
            }
            RunEvent::StageStarted { stage } => self.begin(*stage, at),
            RunEvent::StageDone { stage, note } => {
                self.end(*stage, at, StageStatus::Done { note: note.clone() });
            }
            RunEvent::StageSkipped { stage, reason } => {
                if let Some(state) = self.stage_mut(*stage) {
                    state.status = StageStatus::Skipped {
                        reason: reason.clone(),
                    };
                }
            }
            RunEvent::StageFailed { stage, reason } => {
                self.end(
                    *stage,
                    at,
                    StageStatus::Failed {
                        reason: reason.clone(),
                    },
                );
            }
            RunEvent::StageCancelled { stage } => self.end(*stage, at, StageStatus::Cancelled),
            RunEvent::CancelRequested { by } => self.cancel_requested_by = Some(by.clone()),
            RunEvent::EngineStarted {
                process_id,
                container,
                command,
                base_url,
            } => {
                self.taken_over = None;
                self.note_engine(*process_id, container.as_ref(), command, base_url);
            }
            RunEvent::EngineTakenOver {
                from,
                process_id,
                container,
                command,
                base_url,
            } => {
                self.taken_over = Some(*from);
                self.note_engine(*process_id, container.as_ref(), command, base_url);
            }
            RunEvent::EngineVerified { engine, .. } => self.engine.clone_from(engine),
            RunEvent::LoadPrepared { prompt_source, .. } => {
                self.prompt_source = Some(*prompt_source);
                // What had to be brought there for the load is there.
                if let Some(state) = self.stage_mut(Stage::RunBenchmark) {
                    state.progress = None;
                }
            }
            RunEvent::Live { sample } => {
                if self.live.len() >= LIVE_SAMPLES_MAX {
                    self.live.remove(0);
                }
                self.live.push(sample.clone());
            }
            RunEvent::Progress { stage, progress } => {
                if let Some(state) = self.stage_mut(*stage) {
                    state.progress = Some(progress.clone());
                }
            }
            RunEvent::Log { stage, line } => {
                let line = (at, line.clone());
                if let Some(state) = self.stage_mut(*stage)
                    && state.log.len() < LOG_LINES_MAX
                {
                    state.log.push(line);
                }
            }
            RunEvent::ResultStored { records_sha256 } => {
                self.records_sha256 = Some(records_sha256.clone());
            }
            RunEvent::Finished { outcome } => {
                self.outcome = Some(outcome.clone());
                self.ended_at = Some(at);
            }
        }
    }

    /// The state of one stage.
    pub fn stage(&self, stage: Stage) -> Option<&StageState> {
        self.stages.iter().find(|state| state.stage == stage)
    }

    /// The stage going on, if any.
    pub fn running_stage(&self) -> Option<Stage> {
        let running = self
            .stages
            .iter()
            .find(|state| state.status == StageStatus::Running);
        running.map(|state| state.stage)
    }

    /// The first stage not begun.
    pub fn next_stage(&self) -> Option<Stage> {
        let pending = self
            .stages
            .iter()
            .find(|state| state.status == StageStatus::Pending);
        pending.map(|state| state.stage)
    }

    /// Why it failed: the first failed stage and its reason.
    pub fn failure(&self) -> Option<(Stage, &str)> {
        self.stages.iter().find_map(|state| match &state.status {
            StageStatus::Failed { reason } => Some((state.stage, reason.as_str())),
            _ => None,
        })
    }

    /// Where the run stands.
    pub fn status(&self) -> RunStatus {
        match (&self.outcome, self.is_started) {
            (Some(RunOutcome::Completed), _) => return RunStatus::Completed,
            (Some(RunOutcome::Failed { .. }), _) => return RunStatus::Failed,
            (Some(RunOutcome::Cancelled { .. }), _) => return RunStatus::Cancelled,
            (None, false) => return RunStatus::Queued,
            (None, true) => {}
        }
        match self.running_stage().or_else(|| self.next_stage()) {
            Some(Stage::WarmUp) => RunStatus::Warming,
            Some(Stage::RunBenchmark) => RunStatus::Running,
            Some(Stage::Collect) => RunStatus::Collecting,
            Some(Stage::CleanUp) | None => RunStatus::CleaningUp,
            Some(_) => RunStatus::Provisioning,
        }
    }

    fn note_engine(
        &mut self,
        process_id: u32,
        container: Option<&String>,
        command: &str,
        base_url: &str,
    ) {
        self.engine_process_id = (process_id > 0).then_some(process_id);
        self.engine_container = container.cloned();
        self.engine_command = Some(command.to_owned());
        self.engine_base_url = Some(base_url.to_owned());
    }

    fn begin(&mut self, stage: Stage, at: Timestamp) {
        if let Some(state) = self.stage_mut(stage) {
            state.status = StageStatus::Running;
            state.started_at.get_or_insert(at);
        }
    }

    fn end(&mut self, stage: Stage, at: Timestamp, status: StageStatus) {
        if let Some(state) = self.stage_mut(stage) {
            state.status = status;
            state.progress = None;
            state.ended_at = Some(at);
        }
    }

    fn stage_mut(&mut self, stage: Stage) -> Option<&mut StageState> {
        self.stages.iter_mut().find(|state| state.stage == stage)
    }
}
