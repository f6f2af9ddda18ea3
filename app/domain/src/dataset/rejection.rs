//! Rows that were not taken, and why.

use serde::{Deserialize, Serialize};

use super::REJECTED_EXAMPLES_MAX;

/// Why a row was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// Bytes that are no UTF-8 text, or escapes of half a character.
    NotUtf8,
    /// Longer than [`super::ROW_BYTES_MAX`].
    TooLong,
    /// No JSON.
    NotJson,
    /// JSON, but no object.
    NotAnObject,
    /// The field of the prompt is missing.
    NoPrompt,
    /// The field of the prompt holds no text.
    PromptNotText,
    /// The prompt, or a message before it, is empty.
    EmptyPrompt,
    /// `output_tokens` is no count.
    BadOutputTokens,
    /// The messages are no list of a role and a text each.
    BadMessages,
    /// A role that is not known.
    UnknownRole,
    /// Nobody asks anything.
    NoUserMessage,
    /// The user and the assistant do not speak in turn.
    NotInTurn,
    /// More than [`super::MESSAGES_MAX`] messages.
    TooManyMessages,
    /// Another number of columns than the heading.
    WrongColumns,
}

impl RejectReason {
    /// The name used in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotUtf8 => "not_utf8",
            Self::TooLong => "too_long",
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::NoPrompt => "no_prompt",
            Self::PromptNotText => "prompt_not_text",
            Self::EmptyPrompt => "empty_prompt",
            Self::BadOutputTokens => "bad_output_tokens",
            Self::BadMessages => "bad_messages",
            Self::UnknownRole => "unknown_role",
            Self::NoUserMessage => "no_user_message",
            Self::NotInTurn => "not_in_turn",
            Self::TooManyMessages => "too_many_messages",
            Self::WrongColumns => "wrong_columns",
        }
    }

    /// What is wrong, as a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::NotUtf8 => "The text is not valid UTF-8.",
            Self::TooLong => "The row is longer than 1 MB.",
            Self::NotJson => "The row is not valid JSON.",
            Self::NotAnObject => "The row is not a JSON object.",
            Self::NoPrompt => "The field of the prompt is missing.",
            Self::PromptNotText => "The prompt is not a text.",
            Self::EmptyPrompt => "The prompt, or a message before it, is empty.",
            Self::BadOutputTokens => {
                "The output tokens are not a whole number from 1 to 1,000,000."
            }
            Self::BadMessages => "The messages are not a list of a role and a text each.",
            Self::UnknownRole => "A role is none of system, user and assistant.",
            Self::NoUserMessage => "No message is the user's.",
            Self::NotInTurn => "The user and the assistant do not speak in turn.",
            Self::TooManyMessages => "The row has more than 200 messages.",
            Self::WrongColumns => "The row has another number of columns than the heading.",
        }
    }
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedRow {
    /// Line of the uploaded file where it begins, from 1.
    pub line: u32,
    /// Why.
    pub reason: RejectReason,
    /// What exactly, when there is more to say; may be empty.
    pub detail: String,
}

impl RejectedRow {
    /// Why, with the detail.
    pub fn in_words(&self) -> String {
        if self.detail.is_empty() {
            self.reason.in_words().to_owned()
        } else {
            format!("{} {}", self.reason.in_words(), self.detail)
        }
    }
}

/// All that was rejected: every row counted, the first ones kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejections {
    /// How many for each reason, in the order first met.
    pub counts: Vec<(RejectReason, u32)>,
    /// The first [`REJECTED_EXAMPLES_MAX`] rows, in order.
    pub examples: Vec<RejectedRow>,
}

impl Rejections {
    /// Counts a row, and keeps it when there is room.
    pub fn add(&mut self, row: RejectedRow) {
        match self
            .counts
            .iter_mut()
            .find(|(reason, _)| *reason == row.reason)
        {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.counts.push((row.reason, 1)),
        }
        if self.examples.len() < REJECTED_EXAMPLES_MAX {
            self.examples.push(row);
        }
    }

    /// How many rows were rejected.
    pub fn total(&self) -> u32 {
        let counts = self.counts.iter().map(|(_, count)| *count);
        counts.fold(0, u32::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_kept() {
        let mut rejections = Rejections::default();
        for line in 1..=250 {
            let reason = if line % 2 == 0 {
                RejectReason::NotJson
            } else {
                RejectReason::EmptyPrompt
            };
            rejections.add(RejectedRow {
                line,
                reason,
                detail: String::new(),
            });
        }
        assert_eq!(rejections.total(), 250);
        assert_eq!(
            rejections.counts,
            [
                (RejectReason::EmptyPrompt, 125),
                (RejectReason::NotJson, 125)
            ]
        );
        assert_eq!(rejections.examples.len(), REJECTED_EXAMPLES_MAX);
        assert_eq!(rejections.examples.last().unwrap().line, 100);
    }

    #[test]
    fn the_words_name_the_limits() {
        assert_eq!(super::super::ROW_BYTES_MAX, 1_000_000);
        assert_eq!(super::super::MESSAGES_MAX, 200);
        assert_eq!(crate::workload::lengths::LENGTH_TOKENS_MAX, 1_000_000);
    }
}
