//! Where prompts come from, and how long answers to rows of datasets may be.

use serde::{Deserialize, Serialize};

use super::LengthSpec;
use crate::id::DatasetId;

/// Where prompts come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Prompts {
    /// Rows of words, made to the planned lengths.
    #[default]
    Synthetic,
    /// Rows of datasets. All rows of all of them are shuffled by the seed and drawn without
    /// replacement until none is left; then all are shuffled again. The warm-up takes the first.
    Datasets {
        /// The datasets in the order chosen; never none.
        datasets: Vec<PlannedDataset>,
        /// How long answers may be.
        #[serde(default)]
        answer_lengths: AnswerLengths,
    },
}

/// A dataset as it was when the plan was confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedDataset {
    /// Its id.
    pub id: DatasetId,
    /// Name shown.
    pub name: String,
    /// SHA-256 of the file of its rows, lower-case hex.
    pub sha256: String,
    /// Its rows.
    pub row_count: u32,
}

/// How long an answer to a row of a dataset may be (`max_tokens`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerLengths {
    /// As long as the row says; the planned answer length where it says nothing.
    #[default]
    Rows,
    /// As long as the row says, but never above the planned answer length.
    Capped,
    /// The planned answer length, whatever the row says.
    Planned,
}

impl Prompts {
    /// The datasets, if it is these.
    pub fn datasets(&self) -> &[PlannedDataset] {
        match self {
            Self::Synthetic => &[],
            Self::Datasets { datasets, .. } => datasets,
        }
    }

    /// Rows of all datasets together; 0 for synthetic prompts.
    pub fn row_count(&self) -> u64 {
        self.datasets()
            .iter()
            .map(|dataset| u64::from(dataset.row_count))
            .sum()
    }

    /// `512 in / 256 out`, or `620 rows of 2 datasets, answers as long as theirs`.
    pub fn in_words(&self, input: LengthSpec, output: LengthSpec) -> String {
        match self {
            Self::Synthetic => format!("{input} in / {output} out"),
            Self::Datasets {
                datasets,
                answer_lengths,
            } => {
                let of = match datasets.as_slice() {
                    [only] => only.name.clone(),
                    several => format!("{} datasets", several.len()),
                };
                let rows = match self.row_count() {
                    1 => "1 row".to_owned(),
                    count => format!("{count} rows"),
                };
                let answers = match answer_lengths {
                    AnswerLengths::Rows => "answers as long as theirs".to_owned(),
                    AnswerLengths::Capped => format!("answers as long as theirs, at most {output}"),
                    AnswerLengths::Planned => format!("{output} out"),
                };
                format!("{rows} of {of}, {answers}")
            }
        }
    }
}

impl AnswerLengths {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 3] = [Self::Rows, Self::Capped, Self::Planned];

    /// The name in forms and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Capped => "capped",
            Self::Planned => "planned",
        }
    }

    /// The choice of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == text)
    }

    /// `max_tokens` of a request, from the row's own length and the planned one, both in tokens.
    pub fn max_tokens(self, row: Option<u32>, planned: u32) -> u32 {
        match self {
            Self::Rows => row.unwrap_or(planned),
            Self::Capped => row.map_or(planned, |row| row.min(planned)),
            Self::Planned => planned,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn dataset(name: &str, row_count: u32) -> PlannedDataset {
        PlannedDataset {
            id: DatasetId(Uuid::from_u128(1)),
            name: name.to_owned(),
            sha256: "ab".repeat(32),
            row_count,
        }
    }

    #[test]
    fn a_row_says_how_long_its_answer_is_unless_it_is_capped_or_overruled() {
        let of = |lengths: AnswerLengths| {
            [Some(20), Some(200), None].map(|row| lengths.max_tokens(row, 100))
        };
        assert_eq!(of(AnswerLengths::Rows), [20, 200, 100]);
        assert_eq!(of(AnswerLengths::Capped), [20, 100, 100]);
        assert_eq!(of(AnswerLengths::Planned), [100, 100, 100]);
    }

    #[test]
    fn prompts_are_said_in_words() {
        let (input, output) = (
            LengthSpec::Fixed { tokens: 512 },
            LengthSpec::Fixed { tokens: 256 },
        );
        assert_eq!(
            Prompts::Synthetic.in_words(input, output),
            "512 in / 256 out"
        );
        let one = Prompts::Datasets {
            datasets: vec![dataset("chat", 1)],
            answer_lengths: AnswerLengths::Planned,
        };
        assert_eq!(one.in_words(input, output), "1 row of chat, 256 out");
        let two = Prompts::Datasets {
            datasets: vec![dataset("chat", 400), dataset("code", 220)],
            answer_lengths: AnswerLengths::Capped,
        };
        assert_eq!(
            two.in_words(input, output),
            "620 rows of 2 datasets, answers as long as theirs, at most 256"
        );
    }
}
