//! The creation wizard as a state machine: steps, their forms, and the draft they fill.
//!
//! The browser and the server run the same [`Draft::answer`]: what passes here passes there.

pub mod call;
pub mod draft;
pub mod form;
pub mod planning;
pub mod preset;
pub mod preview;

use serde::{Deserialize, Serialize};

pub use call::{ContainerCall, EngineCall, LoadCall, MissingAnswer, NodeCall, WorkflowCall};
pub use draft::{Catalogue, Draft};
pub use form::StepForm;
pub use planning::build_plan;

use crate::id::{BenchmarkId, UserId, WorkflowId};
use crate::time::Timestamp;

/// A step of the wizard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Name, tags, description, concurrency, evaluation method.
    BasicInfo,
    /// Lengths, load shape, stop rule, warm-up, seed.
    Evaluation,
    /// Where.
    Cluster,
    /// Which nodes of it.
    Nodes,
    /// The model, and the engine where one is to be started.
    Model,
    /// The credential of a cloud model; not asked for otherwise.
    Credential,
    /// The complete plan in plain words.
    Confirm,
    /// Run it.
    Execute,
}

impl Step {
    /// All steps in order.
    pub const ALL: [Self; 8] = [
        Self::BasicInfo,
        Self::Evaluation,
        Self::Cluster,
        Self::Nodes,
        Self::Model,
        Self::Credential,
        Self::Confirm,
        Self::Execute,
    ];

    /// Its number, from 1.
    pub fn number(self) -> u32 {
        (1u32..)
            .zip(Self::ALL)
            .find(|(_, step)| *step == self)
            .map_or(1, |(number, _)| number)
    }

    /// The step of that number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.number() == number)
    }

    /// The label of the stepper.
    pub fn label(self) -> &'static str {
        match self {
            Self::BasicInfo => "Basic info",
            Self::Evaluation => "Evaluation",
            Self::Cluster => "Cluster",
            Self::Nodes => "Nodes",
            Self::Model => "Model",
            Self::Credential => "Credential",
            Self::Confirm => "Confirm",
            Self::Execute => "Execute",
        }
    }

    /// The step after this one.
    pub fn next(self) -> Option<Self> {
        Self::from_number(self.number() + 1)
    }

    /// The step before this one.
    pub fn previous(self) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|step| *step < self)
    }
}

/// What became of a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum WorkflowState {
    /// It can be gone on with.
    Open,
    /// It was executed.
    Executed {
        /// The benchmark it made.
        benchmark_id: BenchmarkId,
    },
}

/// A saved wizard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// Its id.
    pub id: WorkflowId,
    /// Who made it; only they and administrators go on with it.
    pub owner_id: UserId,
    /// Their name.
    pub owner_name: String,
    /// What was answered so far.
    pub draft: Draft,
    /// Counts saves: a save that names an older revision is a conflict.
    pub revision: i64,
    /// What became of it.
    pub state: WorkflowState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last saved.
    pub updated_at: Timestamp,
}
