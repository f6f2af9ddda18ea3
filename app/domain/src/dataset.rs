//! Datasets: imported sets of prompts, with their lengths and what was rejected.

mod elements;
mod form;
mod format;
mod lengths;
mod record;
mod rejection;
mod row;

use serde::{Deserialize, Serialize};

use crate::id::{DatasetId, ModelId};
use crate::time::Timestamp;

pub use elements::{ArraySplitter, Fed};
pub use form::{DatasetEdit, DatasetForm, DatasetQuery, NewDataset, TokenizerChoice};
pub use format::DatasetFormat;
pub use lengths::{LengthCounts, LengthSummary};
pub use record::{CsvColumns, RowDraft, Unreadable, row_of_json};
pub use rejection::{RejectReason, RejectedRow, Rejections};
pub use row::{ChatRole, DatasetRow, Message};

/// Largest file that is imported, in bytes.
pub const FILE_BYTES_MAX: u64 = 200_000_000;
/// Longest row of a file, in bytes as they stand there.
pub const ROW_BYTES_MAX: usize = 1_000_000;
/// Most rows of one dataset.
pub const ROWS_MAX: u32 = 1_000_000;
/// Most messages of one row.
pub const MESSAGES_MAX: usize = 200;
/// Rejected rows that are kept as examples, the first ones; all are counted.
pub const REJECTED_EXAMPLES_MAX: usize = 100;
/// Most datasets that one benchmark may draw from.
pub const DATASETS_OF_A_PLAN_MAX: usize = 10;

/// How a run draws its prompts, in words: for pages and the API's descriptions.
pub const DRAWING_IN_WORDS: &str = "All rows of the chosen datasets, in the order chosen, are \
     shuffled by the benchmark's seed and sent one after the other, without repeating any until \
     all were sent; then they are shuffled again. Warm-up takes the first ones. A conversation is \
     sent up to its last answered question, earlier answers included, and the server applies its \
     own chat template.";

/// Where a dataset stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatasetState {
    /// Its file is being read.
    Importing,
    /// It can be used.
    Ready,
    /// Its file was refused; nothing of it is kept but the reason.
    Failed,
}

impl DatasetState {
    /// The name used in the API and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Importing => "importing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    /// The state of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Importing, Self::Ready, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
    }

    /// For badges.
    pub fn label(self) -> &'static str {
        match self {
            Self::Importing => "Importing",
            Self::Ready => "Ready",
            Self::Failed => "Failed",
        }
    }
}

/// What counted the tokens of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum TokenizerUsed {
    /// One token for each word: no tokenizer was chosen.
    Estimate,
    /// The tokenizer of a model of the catalogue.
    Model {
        /// The model then.
        model_id: ModelId,
        /// Its name then.
        name: String,
    },
}

impl TokenizerUsed {
    /// In words, for tables.
    pub fn in_words(&self) -> String {
        match self {
            Self::Estimate => "estimate: one token for each word".to_owned(),
            Self::Model { name, .. } => format!("tokenizer of {name}"),
        }
    }
}

/// A dataset, as the registry shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its id.
    pub id: DatasetId,
    /// Name shown; unique among those that did not fail.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Format of the uploaded file.
    pub format: DatasetFormat,
    /// Where it stands.
    pub state: DatasetState,
    /// Why it failed, as a sentence.
    pub failure: Option<String>,
    /// Name of the uploaded file; empty when nobody told.
    pub file_name: String,
    /// SHA-256 of the uploaded file, lower-case hex.
    pub file_sha256: String,
    /// Size of the uploaded file.
    pub file_bytes: u64,
    /// How much of it was read so far.
    pub read_bytes: u64,
    /// SHA-256 of the canonical file, lower-case hex: what runs read and evidence cites. `None`
    /// until the dataset is ready.
    pub sha256: Option<String>,
    /// Size of the canonical file; 0 until the dataset is ready.
    pub bytes: u64,
    /// Rows that can be used (so far, while it is imported).
    pub row_count: u32,
    /// Rows that were rejected (so far).
    pub rejected_count: u32,
    /// Whether a row has more than one message of the user.
    pub has_multi_turn: bool,
    /// What counted its tokens.
    pub tokenizer: TokenizerUsed,
    /// Lengths of the prompts in tokens; `None` until the dataset is ready.
    pub input: Option<LengthSummary>,
    /// Lengths of the answers in tokens, of the rows that tell one; `None` when none does.
    pub output: Option<LengthSummary>,
    /// What was rejected, and why. Empty in lists.
    pub rejections: Rejections,
    /// Whether it came with the product.
    pub is_builtin: bool,
    /// Who imported it; `None` for those that came with the product.
    pub owner_name: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was archived; `None` while it is in use.
    pub archived_at: Option<Timestamp>,
}

impl Dataset {
    /// Whether a new benchmark may draw from it.
    pub fn is_usable(&self) -> bool {
        self.state == DatasetState::Ready && self.archived_at.is_none()
    }

    /// Share of the file that was read, 0 to 1.
    pub fn read_fraction(&self) -> f64 {
        if self.file_bytes == 0 {
            return 0.0;
        }
        (self.read_bytes as f64 / self.file_bytes as f64).min(1.0)
    }
}

/// A page of the registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetPage {
    /// The datasets, by name, the built-in ones first. Without their rejected rows.
    pub datasets: Vec<Dataset>,
    /// How many match in all.
    pub total_count: u32,
}

/// A page of a dataset's rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowPage {
    /// The rows, in the order of the file.
    pub rows: Vec<DatasetRow>,
    /// How many there are in all.
    pub total_count: u32,
}

/// Most rows of one page of the preview.
pub const PREVIEW_ROWS_MAX: u32 = 100;
