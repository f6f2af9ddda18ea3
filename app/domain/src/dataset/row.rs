//! A row of a dataset, as it is kept and sent.

use serde::{Deserialize, Serialize};

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatRole {
    /// What frames the conversation; only the first message may.
    System,
    /// Who asks.
    User,
    /// Who answers.
    Assistant,
}

impl ChatRole {
    /// The name the OpenAI API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: ChatRole,
    /// What.
    pub content: String,
}

impl Message {
    /// A message.
    pub fn new(role: ChatRole, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
        }
    }
}

/// One row of the canonical file: UTF-8 JSON Lines, a row a line, keys in this order. The file is
/// named by its SHA-256, so the form must not change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetRow {
    /// Line of the uploaded file where the row begins, from 1.
    pub line: u32,
    /// The prompt: perhaps a system message, then the user and the assistant in turn, the user last.
    pub messages: Vec<Message>,
    /// Tokens of all contents together, by the dataset's tokenizer.
    pub input_tokens: u32,
    /// Tokens of the answer: as the row tells, else those of its reference answer.
    pub output_tokens: Option<u32>,
}

impl DatasetRow {
    /// The prompt as one text, contents joined by blank lines: what the completions API is sent.
    pub fn joined_text(&self) -> String {
        let contents: Vec<&str> = self
            .messages
            .iter()
            .map(|message| message.content.as_str())
            .collect();
        contents.join("\n\n")
    }

    /// Whether the user speaks more than once.
    pub fn is_multi_turn(&self) -> bool {
        let of_user = |message: &&Message| message.role == ChatRole::User;
        self.messages.iter().filter(of_user).count() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_form_does_not_change() {
        let row = DatasetRow {
            line: 12,
            messages: vec![
                Message::new(ChatRole::System, "Be brief."),
                Message::new(ChatRole::User, "Why \"is\" it?\n"),
            ],
            input_tokens: 34,
            output_tokens: Some(56),
        };
        let text = r#"{"line":12,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Why \"is\" it?\n"}],"input_tokens":34,"output_tokens":56}"#;
        assert_eq!(serde_json::to_string(&row).unwrap(), text);
        assert_eq!(serde_json::from_str::<DatasetRow>(text).unwrap(), row);
        assert_eq!(row.joined_text(), "Be brief.\n\nWhy \"is\" it?\n");
        let unknown = DatasetRow {
            output_tokens: None,
            ..row
        };
        let text = serde_json::to_string(&unknown).unwrap();
        assert!(text.ends_with(r#","output_tokens":null}"#), "{text}");
    }
}
