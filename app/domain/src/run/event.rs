//! What happened, in the order it happened. The journal is the truth about a run.

use serde::{Deserialize, Serialize};

use crate::catalogue::EngineIdentity;
use crate::load::{LiveSample, PromptSource};
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
    /// The engine's process was started.
    EngineStarted {
        /// Its process id on its node.
        process_id: u32,
        /// What was started, as one would type it.
        command: String,
        /// Where it will answer.
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
