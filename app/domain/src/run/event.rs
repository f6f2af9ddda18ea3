//! What happened, in the order it happened. The journal is the truth about a run.

use serde::{Deserialize, Serialize};

use super::warm::TakenOver;
use crate::catalogue::EngineIdentity;
use crate::load::{LiveSample, PromptSource};
use crate::size::bytes_in_words;
use crate::time::Timestamp;

/// A stage of a run, in the order they are gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Can the node or endpoint be reached at all?
    VerifyConnection,
    /// Bring the model to the node.
    TransferModel,
    /// Start the engine.
    DeployEngine,
    /// Wait until it answers and is the one that was asked for.
    VerifyDeployment,
    /// Requests before the measured window.
    WarmUp,
    /// The measured window.
    RunBenchmark,
    /// Store records and figures.
    Collect,
    /// Stop the engine and free the node.
    CleanUp,
}

impl RunEvent {
    /// Whether it is only good while the run goes on.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Live { .. } | Self::Progress { .. })
    }
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Self; 8] = [
        Self::VerifyConnection,
        Self::TransferModel,
        Self::DeployEngine,
        Self::VerifyDeployment,
        Self::WarmUp,
        Self::RunBenchmark,
        Self::Collect,
        Self::CleanUp,
    ];

    /// The label of pages.
    pub fn label(self) -> &'static str {
        match self {
            Self::VerifyConnection => "Verify cluster connection",
            Self::TransferModel => "Transfer model",
            Self::DeployEngine => "Deploy engine",
            Self::VerifyDeployment => "Verify deployment",
            Self::WarmUp => "Warm-up",
            Self::RunBenchmark => "Run benchmark",
            Self::Collect => "Collect results",
            Self::CleanUp => "Clean up",
        }
    }

    /// The name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VerifyConnection => "verify_connection",
            Self::TransferModel => "transfer_model",
            Self::DeployEngine => "deploy_engine",
            Self::VerifyDeployment => "verify_deployment",
            Self::WarmUp => "warm_up",
            Self::RunBenchmark => "run_benchmark",
            Self::Collect => "collect",
            Self::CleanUp => "clean_up",
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum RunOutcome {
    /// A result was stored.
    Completed,
    /// It failed; the reason is one a person can act on.
    Failed {
        /// Where.
        stage: Stage,
        /// Why, and what to do.
        reason: String,
    },
    /// Somebody cancelled it.
    Cancelled {
        /// Who.
        by: String,
    },
}

/// How far a stage is that moves bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageProgress {
    /// What is moved, such as the name of a file or an image.
    pub what: String,
    /// Bytes moved.
    pub done_bytes: u64,
    /// Bytes to move, as far as is known by now; it may still grow.
    pub total_bytes: u64,
    /// Parts that are there, such as layers or files.
    pub done_parts: u32,
    /// Parts known so far.
    pub parts: u32,
}

impl StageProgress {
    /// The share that is moved, 0 to 1; `None` while the size is not known.
    pub fn share(&self) -> Option<f64> {
        (self.total_bytes > 0).then(|| (self.done_bytes as f64 / self.total_bytes as f64).min(1.0))
    }

    /// `llama.gguf: 1.20 of 4.58 GiB`.
    pub fn in_words(&self) -> String {
        let bytes = match self.total_bytes {
            0 => String::new(),
            total => format!(
                ": {} of {}",
                bytes_in_words(self.done_bytes),
                bytes_in_words(total)
            ),
        };
        let parts = match self.parts {
            0 | 1 => String::new(),
            parts => format!(", {} of {parts} parts", self.done_parts),
        };
        format!("{}{bytes}{parts}", self.what)
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum RunEvent {
    /// A runner took it from the queue.
    Started {
        /// Name of the runner's process.
        runner: String,
    },
    /// A stage began.
    StageStarted {
        /// Which.
        stage: Stage,
    },
    /// A stage ended well.
    StageDone {
        /// Which.
        stage: Stage,
        /// What came of it, in a sentence; may be empty.
        note: String,
    },
    /// A stage does not apply or was not reached.
    StageSkipped {
        /// Which.
        stage: Stage,
        /// Why.
        reason: String,
    },
    /// A stage failed.
    StageFailed {
        /// Which.
        stage: Stage,
        /// Why, and what to do.
        reason: String,
    },
    /// A stage was cancelled.
    StageCancelled {
        /// Which.
        stage: Stage,
    },
    /// Somebody asked to cancel.
    CancelRequested {
        /// Who.
        by: String,
    },
    /// The engine's process or container was started.
    EngineStarted {
        /// Its process id on its node; 0 for a container.
        process_id: u32,
        /// The container it runs in.
        #[serde(default)]
        container: Option<String>,
        /// What was started, as one would type it.
        command: String,
        /// Where it will answer.
        base_url: String,
    },
    /// The engine of an earlier run of the group was taken over, warm: none was started.
    EngineTakenOver {
        /// The runs it comes from.
        from: TakenOver,
        /// Its process id on its node; 0 for a container.
        process_id: u32,
        /// The container it runs in.
        container: Option<String>,
        /// What was started then, as one would type it.
        command: String,
        /// Where it answers.
        base_url: String,
    },
    /// The engine answered and is the one that was asked for.
    EngineVerified {
        /// What it says it is.
        engine: Option<EngineIdentity>,
        /// The models it serves.
        served_models: Vec<String>,
    },
    /// The load process has made its prompts.
    LoadPrepared {
        /// How lengths were made exact.
        prompt_source: PromptSource,
        /// How many, warm-up included.
        prompt_count: u32,
    },
    /// Twice a second during load; removed from the journal when the run has ended.
    Live {
        /// The figures.
        sample: LiveSample,
    },
    /// How far a stage is; removed from the journal when the run has ended.
    Progress {
        /// Which stage.
        stage: Stage,
        /// How far.
        progress: StageProgress,
    },
    /// A line of the log.
    Log {
        /// The stage it belongs to.
        stage: Stage,
        /// The line, bounded.
        line: String,
    },
    /// Records and figures are stored.
    ResultStored {
        /// SHA-256 of the raw records.
        records_sha256: String,
    },
    /// The run ended.
    Finished {
        /// How.
        outcome: RunOutcome,
    },
}

/// An event with its place in the journal of its run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Number from 1, without gaps when written (live samples are removed later).
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: RunEvent,
}

/// Most characters of one log line.
pub const LOG_LINE_CHARS_MAX: usize = 2_000;
/// Most log lines of one run; what comes later is only in the engine's log file.
pub const LOG_LINES_MAX: usize = 2_000;
