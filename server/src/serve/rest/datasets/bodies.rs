//! What the routes of datasets take and answer.

use domain::catalogue::Shown;
use domain::dataset::{
    ChatRole, Dataset, DatasetFormat, DatasetPage, DatasetQuery, DatasetRow, DatasetState,
    LengthSummary, RejectedRow, Rejections, RowPage, TokenizerUsed,
};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The bytes of a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct FileBody(Vec<u8>);

/// Format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FormatName {
    /// One JSON object a line, with `prompt` or `messages` and perhaps `output_tokens`.
    Jsonl,
    /// Objects with `conversations`, as an array or one a line.
    #[serde(rename = "sharegpt")]
    ShareGpt,
    /// Objects with `instruction`, `input` and `output`, as an array or one a line.
    Alpaca,
    /// With a heading: `prompt` and perhaps `output_tokens`, or `instruction`, `input` and `output`.
    Csv,
}

impl FormatName {
    /// As forms name it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => DatasetFormat::Jsonl.as_str(),
            Self::ShareGpt => DatasetFormat::ShareGpt.as_str(),
            Self::Alpaca => DatasetFormat::Alpaca.as_str(),
            Self::Csv => DatasetFormat::Csv.as_str(),
        }
    }
}

impl From<DatasetFormat> for FormatName {
    fn from(format: DatasetFormat) -> Self {
        match format {
            DatasetFormat::Jsonl => Self::Jsonl,
            DatasetFormat::ShareGpt => Self::ShareGpt,
            DatasetFormat::Alpaca => Self::Alpaca,
            DatasetFormat::Csv => Self::Csv,
        }
    }
}

/// Whether archived ones are listed.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ShownName {
    /// Those in use.
    InUse,
    /// Those that were archived.
    Archived,
    /// All of them.
    All,
}

impl ShownName {
    /// As queries name it.
    pub(super) fn shown(self) -> Shown {
        match self {
            Self::InUse => Shown::InUse,
            Self::Archived => Shown::Archived,
            Self::All => Shown::All,
        }
    }
}

/// Where a dataset stands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StateName {
    /// Its file is being read.
    Importing,
    /// It can be used.
    Ready,
    /// Its file was refused.
    Failed,
}

impl From<DatasetState> for StateName {
    fn from(state: DatasetState) -> Self {
        match state {
            DatasetState::Importing => Self::Importing,
            DatasetState::Ready => Self::Ready,
            DatasetState::Failed => Self::Failed,
        }
    }
}

/// Lengths in tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LengthsBody {
    /// Rows that tell one.
    count: u64,
    /// Shortest.
    min: f64,
    /// Arithmetic mean.
    mean: f64,
    /// Half are at most this long.
    median: f64,
    /// 95 of 100 are at most this long.
    p95: f64,
    /// Longest.
    max: f64,
    /// Edges of the histogram's bins, one more than bins.
    edges: Vec<f64>,
    /// Rows in each bin, its lower edge included; the last bin's upper edge too.
    counts: Vec<u32>,
}

impl LengthsBody {
    fn of(lengths: LengthSummary) -> Self {
        let LengthSummary {
            distribution,
            histogram,
        } = lengths;
        Self {
            count: distribution.count,
            min: distribution.min.get(),
            mean: distribution.mean.get(),
            median: distribution.median.get(),
            p95: distribution.p95.get(),
            max: distribution.max.get(),
            edges: histogram.edges.iter().map(|edge| edge.get()).collect(),
            counts: histogram.counts,
        }
    }
}

/// A row that was not taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RejectedBody {
    /// Line of the file where it begins, from 1.
    line: u32,
    /// Name of the reason.
    reason: &'static str,
    /// Why, in words.
    message: String,
}

impl From<RejectedRow> for RejectedBody {
    fn from(row: RejectedRow) -> Self {
        Self {
            line: row.line,
            reason: row.reason.as_str(),
            message: row.in_words(),
        }
    }
}

/// How many rows were rejected for a reason.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RejectedCount {
    /// Name of the reason.
    reason: &'static str,
    /// Why, in words.
    message: &'static str,
    /// How many rows.
    count: u32,
}

/// A dataset.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DatasetBody {
    /// Its id.
    id: Uuid,
    /// Name.
    name: String,
    /// Free text.
    description: String,
    /// Format of the file.
    format: FormatName,
    /// Where it stands.
    state: StateName,
    /// Why it failed, in a sentence.
    reason: Option<String>,
    /// Name of the file; empty when nobody told.
    file_name: String,
    /// SHA-256 of the file.
    file_sha256: String,
    /// Size of the file in bytes.
    file_bytes: u64,
    /// Bytes of it that were read so far.
    read_bytes: u64,
    /// SHA-256 of the rows as they are kept: what runs read and evidence cites.
    sha256: Option<String>,
    /// Rows that can be used; so far, while it is imported.
    row_count: u32,
    /// Rows that were rejected; so far, while it is imported.
    rejected_count: u32,
    /// Whether a row is a conversation with several questions.
    has_multi_turn: bool,
    /// What counted the tokens, in words.
    tokenizer: String,
    /// The model whose tokenizer counted; `null` for the estimate of one token for each word.
    tokenizer_model_id: Option<Uuid>,
    /// Lengths of the prompts.
    input: Option<LengthsBody>,
    /// Lengths of the answers, of the rows that tell one.
    output: Option<LengthsBody>,
    /// How many rows were rejected for each reason. Empty in lists.
    rejected: Vec<RejectedCount>,
    /// The first rejected rows, at most 100. Empty in lists.
    rejected_rows: Vec<RejectedBody>,
    /// Whether it comes with the product.
    is_builtin: bool,
    /// Who imported it.
    created_user: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was archived; `null` while it is in use.
    #[schema(format = DateTime)]
    archived_at: Option<String>,
}

impl DatasetBody {
    /// As the API shows it.
    pub(super) fn of(dataset: Dataset) -> Self {
        let Rejections { counts, examples } = dataset.rejections;
        let rejected = counts.into_iter().map(|(reason, count)| RejectedCount {
            reason: reason.as_str(),
            message: reason.in_words(),
            count,
        });
        Self {
            id: dataset.id.0,
            name: dataset.name,
            description: dataset.description,
            format: dataset.format.into(),
            state: dataset.state.into(),
            reason: dataset.failure,
            file_name: dataset.file_name,
            file_sha256: dataset.file_sha256,
            file_bytes: dataset.file_bytes,
            read_bytes: dataset.read_bytes,
            sha256: dataset.sha256,
            row_count: dataset.row_count,
            rejected_count: dataset.rejected_count,
            has_multi_turn: dataset.has_multi_turn,
            tokenizer: dataset.tokenizer.in_words(),
            tokenizer_model_id: match dataset.tokenizer {
                TokenizerUsed::Estimate => None,
                TokenizerUsed::Model { model_id, .. } => Some(model_id.0),
            },
            input: dataset.input.map(LengthsBody::of),
            output: dataset.output.map(LengthsBody::of),
            rejected: rejected.collect(),
            rejected_rows: examples.into_iter().map(RejectedBody::from).collect(),
            is_builtin: dataset.is_builtin,
            created_user: dataset.owner_name,
            created_at: dataset.created_at.to_rfc3339(),
            archived_at: dataset.archived_at.map(Timestamp::to_rfc3339),
        }
    }
}

/// One dataset.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DatasetAnswer {
    /// Always `dataset`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The dataset.
    dataset: DatasetBody,
}

impl DatasetAnswer {
    /// With what was done.
    pub(super) fn of(message: &'static str, dataset: Dataset) -> Self {
        Self {
            object: "dataset",
            message,
            dataset: DatasetBody::of(dataset),
        }
    }
}

/// A page of the registry.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DatasetList {
    /// Always `datasets.list`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The page, from 1.
    page: u32,
    /// Datasets of a page.
    limit: u32,
    /// Datasets that match in all.
    total_record: u32,
    /// Pages of them.
    total_pages: u32,
    /// The datasets.
    datasets: Vec<DatasetBody>,
}

impl DatasetList {
    /// The answer to a query.
    pub(super) fn of(query: &DatasetQuery, page: DatasetPage) -> Self {
        Self {
            object: "datasets.list",
            message: "Successfully list all datasets",
            page: query.page,
            limit: query.page_size,
            total_record: page.total_count,
            total_pages: page.total_count.div_ceil(query.page_size.max(1)),
            datasets: page.datasets.into_iter().map(DatasetBody::of).collect(),
        }
    }
}

/// Something was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DoneAnswer {
    /// Always `dataset`.
    object: &'static str,
    /// What was done.
    message: &'static str,
}

impl DoneAnswer {
    /// With what was done.
    pub(super) fn new(message: &'static str) -> Self {
        Self {
            object: "dataset",
            message,
        }
    }
}

/// A page of rows.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RowList {
    /// Always `dataset.rows`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The page, from 1.
    page: u32,
    /// Rows of a page.
    limit: u32,
    /// Rows in all.
    total_record: u32,
    /// Pages of them.
    total_pages: u32,
    /// The rows.
    rows: Vec<RowBody>,
}

impl RowList {
    /// A page as the API shows it.
    pub(super) fn of(page: u32, limit: u32, rows: RowPage) -> Self {
        Self {
            object: "dataset.rows",
            message: "Successfully list the rows",
            page,
            limit,
            total_record: rows.total_count,
            total_pages: rows.total_count.div_ceil(limit.max(1)),
            rows: rows.rows.into_iter().map(RowBody::from).collect(),
        }
    }
}

/// A row.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RowBody {
    /// Line of the file where it begins, from 1.
    line: u32,
    /// The prompt.
    messages: Vec<MessageBody>,
    /// Tokens of the prompt.
    input_tokens: u32,
    /// Tokens of the answer, when the row tells.
    output_tokens: Option<u32>,
}

impl From<DatasetRow> for RowBody {
    fn from(row: DatasetRow) -> Self {
        let messages = row.messages.into_iter().map(|message| MessageBody {
            role: message.role.into(),
            content: message.content,
        });
        Self {
            line: row.line,
            messages: messages.collect(),
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
        }
    }
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageBody {
    /// Who says it.
    role: RoleName,
    /// What.
    content: String,
}

/// Who says a message.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RoleName {
    /// What frames the conversation.
    System,
    /// Who asks.
    User,
    /// Who answers.
    Assistant,
}

impl From<ChatRole> for RoleName {
    fn from(role: ChatRole) -> Self {
        match role {
            ChatRole::System => Self::System,
            ChatRole::User => Self::User,
            ChatRole::Assistant => Self::Assistant,
        }
    }
}
