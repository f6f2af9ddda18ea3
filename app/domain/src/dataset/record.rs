//! From a record of each format to a row, or to the reason why it is none.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::row::{ChatRole, Message};
use super::{DatasetFormat, MESSAGES_MAX, RejectReason};
use crate::workload::lengths::LENGTH_TOKENS_MAX;

/// A row whose tokens are not counted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowDraft {
    /// The prompt.
    pub messages: Vec<Message>,
    /// The reference answer; its tokens count when `output_tokens` is not given.
    pub answer: Option<String>,
    /// Tokens of the answer, as the row tells.
    pub output_tokens: Option<u32>,
}

/// Why a record is no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Why.
    pub reason: RejectReason,
    /// What exactly; may be empty.
    pub detail: String,
    /// Set when the text is no JSON at all, which makes a whole array unreadable: lines from the
    /// record's first to the error.
    pub syntax_error_at: Option<u32>,
}

impl Unreadable {
    /// A reason that says all.
    pub fn new(reason: RejectReason) -> Self {
        Self::with(reason, String::new())
    }

    fn with(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            syntax_error_at: None,
        }
    }
}

/// The row that the JSON text of a record holds.
///
/// # Errors
/// Says why it holds none.
pub fn row_of_json(format: DatasetFormat, text: &[u8]) -> Result<RowDraft, Unreadable> {
    let text = std::str::from_utf8(text).map_err(|_| Unreadable::new(RejectReason::NotUtf8))?;
    let value: Value = serde_json::from_str(text).map_err(|error| not_json(text, &error))?;
    let Value::Object(record) = value else {
        return Err(Unreadable::new(RejectReason::NotAnObject));
    };
    match format {
        DatasetFormat::ShareGpt => of_conversation(&record),
        DatasetFormat::Alpaca => of_instruction(&record),
        DatasetFormat::Jsonl | DatasetFormat::Csv => of_prompt(&record),
    }
}

/// Escapes of half a character are well-formed JSON that no text can hold.
fn not_json(text: &str, error: &serde_json::Error) -> Unreadable {
    if serde_json::from_str::<IgnoredAny>(text).is_ok() {
        return Unreadable::with(
            RejectReason::NotUtf8,
            "An escape stands for half a character.",
        );
    }
    let said = error.to_string();
    let what = said.split(" at line ").next().unwrap_or_default();
    let lines = error.line().saturating_sub(1);
    Unreadable {
        syntax_error_at: Some(u32::try_from(lines).unwrap_or(u32::MAX)),
        ..Unreadable::with(
            RejectReason::NotJson,
            format!("Column {}: {what}.", error.column()),
        )
    }
}

/// `{"prompt", "output_tokens"?}` or `{"messages", "output_tokens"?}`.
fn of_prompt(record: &Map<String, Value>) -> Result<RowDraft, Unreadable> {
    let output_tokens = output_tokens(record.get("output_tokens"))?;
    if let Some(prompt) = record.get("prompt").filter(|value| !value.is_null()) {
        let Value::String(prompt) = prompt else {
            return Err(Unreadable::new(RejectReason::PromptNotText));
        };
        return of_text(prompt.clone(), None, output_tokens);
    }
    let Some(messages) = record.get("messages") else {
        let hint = if record.contains_key("conversations") {
            "It looks like ShareGPT: import the file in that format."
        } else if record.contains_key("instruction") {
            "It looks like Alpaca: import the file in that format."
        } else {
            "Expected “prompt” or “messages”."
        };
        return Err(Unreadable::with(RejectReason::NoPrompt, hint));
    };
    let messages = spoken(messages, "role", "content")?;
    let row = of_messages(messages, EndsWith::LastQuestion)?;
    Ok(RowDraft {
        output_tokens,
        ..row
    })
}

/// `{"conversations": [{"from", "value"}]}`.
fn of_conversation(record: &Map<String, Value>) -> Result<RowDraft, Unreadable> {
    let Some(turns) = record.get("conversations") else {
        return Err(Unreadable::with(
            RejectReason::NoPrompt,
            "Expected “conversations”.",
        ));
    };
    of_messages(spoken(turns, "from", "value")?, EndsWith::AnsweredQuestion)
}

/// `{"instruction", "input"?, "output"?}`.
fn of_instruction(record: &Map<String, Value>) -> Result<RowDraft, Unreadable> {
    let text = |key: &str| match record.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Unreadable::with(
            RejectReason::PromptNotText,
            format!("“{key}” holds something else."),
        )),
    };
    let Some(instruction) = text("instruction")? else {
        return Err(Unreadable::with(
            RejectReason::NoPrompt,
            "Expected “instruction”.",
        ));
    };
    of_text(
        instruction_text(instruction, text("input")?.unwrap_or_default()),
        text("output")?.map(str::to_owned),
        output_tokens(record.get("output_tokens"))?,
    )
}

fn instruction_text(instruction: &str, input: &str) -> String {
    if input.trim().is_empty() {
        instruction.to_owned()
    } else {
        format!("{instruction}\n\n{input}")
    }
}

/// One question.
fn of_text(
    prompt: String,
    answer: Option<String>,
    output_tokens: Option<u32>,
) -> Result<RowDraft, Unreadable> {
    if prompt.trim().is_empty() {
        return Err(Unreadable::new(RejectReason::EmptyPrompt));
    }
    Ok(RowDraft {
        messages: vec![Message::new(ChatRole::User, prompt)],
        answer: answer.filter(|answer| !answer.is_empty()),
        output_tokens,
    })
}

fn output_tokens(value: Option<&Value>) -> Result<Option<u32>, Unreadable> {
    let value = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value,
    };
    let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
    match count {
        Some(count @ 1..=LENGTH_TOKENS_MAX) => Ok(Some(count)),
        _ => Err(Unreadable::new(RejectReason::BadOutputTokens)),
    }
}

/// The messages of a list whose elements have these two keys.
fn spoken(list: &Value, role_key: &str, text_key: &str) -> Result<Vec<Message>, Unreadable> {
    let bad = || Unreadable::new(RejectReason::BadMessages);
    let list = list.as_array().ok_or_else(bad)?;
    if list.len() > MESSAGES_MAX {
        return Err(Unreadable::new(RejectReason::TooManyMessages));
    }
    list.iter()
        .map(|element| {
            let role = element.get(role_key).and_then(Value::as_str);
            let role = role.ok_or_else(bad)?;
            let role = role_of(role).ok_or_else(|| {
                let shown: String = role.chars().take(40).collect();
                Unreadable::with(RejectReason::UnknownRole, format!("Found “{shown}”."))
            })?;
            let content = element.get(text_key).and_then(text_of).ok_or_else(bad)?;
            Ok(Message { role, content })
        })
        .collect()
}

/// A content is a text, or a list of parts that are all texts.
fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => parts
            .iter()
            .map(|part| part.get("text").and_then(Value::as_str))
            .collect(),
        _ => None,
    }
}

fn role_of(name: &str) -> Option<ChatRole> {
    match name {
        "system" | "developer" => Some(ChatRole::System),
        "user" | "human" => Some(ChatRole::User),
        "assistant" | "gpt" | "chatgpt" | "bing" | "bard" | "model" => Some(ChatRole::Assistant),
        _ => None,
    }
}

/// Where the prompt of a conversation ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EndsWith {
    /// With the last message of the user.
    LastQuestion,
    /// With the last one that has an answer; when none has, with the last.
    AnsweredQuestion,
}

/// The prompt of a conversation, with the answer that follows it as reference. What the assistant
/// says before anybody asks is left out.
fn of_messages(mut messages: Vec<Message>, end: EndsWith) -> Result<RowDraft, Unreadable> {
    let has_system = messages
        .first()
        .is_some_and(|message| message.role == ChatRole::System);
    let start = usize::from(has_system);
    while messages
        .get(start)
        .is_some_and(|message| message.role == ChatRole::Assistant)
    {
        messages.remove(start);
    }
    let is_question = |place: usize| {
        messages
            .get(place)
            .is_some_and(|message| message.role == ChatRole::User)
    };
    let is_answered = |place: usize| {
        messages
            .get(place + 1)
            .is_some_and(|message| message.role == ChatRole::Assistant)
    };
    let last = (0..messages.len()).rev().find(|place| is_question(*place));
    let answered = (0..messages.len())
        .rev()
        .find(|place| is_question(*place) && is_answered(*place));
    let last = match end {
        EndsWith::LastQuestion => last,
        EndsWith::AnsweredQuestion => answered.or(last),
    };
    let Some(last) = last else {
        return Err(Unreadable::new(RejectReason::NoUserMessage));
    };
    let mut rest = messages.split_off(last + 1);
    let is_answer = rest
        .first()
        .is_some_and(|message| message.role == ChatRole::Assistant);
    let answer = is_answer.then(|| rest.swap_remove(0).content);
    let turns = messages.iter().skip(start);
    for (place, message) in turns.enumerate() {
        let expected = if place % 2 == 0 {
            ChatRole::User
        } else {
            ChatRole::Assistant
        };
        if message.role != expected {
            return Err(Unreadable::new(RejectReason::NotInTurn));
        }
    }
    if messages
        .iter()
        .any(|message| message.content.trim().is_empty())
    {
        return Err(Unreadable::new(RejectReason::EmptyPrompt));
    }
    Ok(RowDraft {
        messages,
        answer: answer.filter(|answer| !answer.is_empty()),
        output_tokens: None,
    })
}

/// Which columns of a CSV file hold what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvColumns {
    count: usize,
    prompt: usize,
    input: Option<usize>,
    answer: Option<usize>,
    output_tokens: Option<usize>,
}

impl CsvColumns {
    /// Reads the heading: `prompt` and perhaps `output_tokens`, or `instruction` and perhaps `input`,
    /// `output` and `output_tokens`. Other columns are passed over.
    ///
    /// # Errors
    /// Says in a sentence what the heading lacks.
    pub fn of_heading(names: &[&[u8]]) -> Result<Self, String> {
        let place = |wanted: &str| {
            names.iter().position(|name| {
                std::str::from_utf8(name).is_ok_and(|name| name.trim().eq_ignore_ascii_case(wanted))
            })
        };
        let count = names.len();
        let output_tokens = place("output_tokens");
        if let Some(prompt) = place("prompt") {
            return Ok(Self {
                count,
                prompt,
                input: None,
                answer: None,
                output_tokens,
            });
        }
        if let Some(prompt) = place("instruction") {
            return Ok(Self {
                count,
                prompt,
                input: place("input"),
                answer: place("output"),
                output_tokens,
            });
        }
        Err("Line 1: the heading names no column “prompt” or “instruction”.".to_owned())
    }

    /// The row that a record holds.
    ///
    /// # Errors
    /// Says why it holds none.
    pub fn row(&self, fields: &[&[u8]]) -> Result<RowDraft, Unreadable> {
        if fields.len() != self.count {
            let detail = format!("It has {}, the heading {}.", fields.len(), self.count);
            return Err(Unreadable::with(RejectReason::WrongColumns, detail));
        }
        let text = |place: Option<usize>| {
            let bytes = place.and_then(|place| fields.get(place)).copied();
            std::str::from_utf8(bytes.unwrap_or_default())
                .map_err(|_| Unreadable::new(RejectReason::NotUtf8))
        };
        let tokens = text(self.output_tokens)?.trim();
        let output_tokens = match tokens.parse::<u32>() {
            _ if tokens.is_empty() => None,
            Ok(count @ 1..=LENGTH_TOKENS_MAX) => Some(count),
            _ => return Err(Unreadable::new(RejectReason::BadOutputTokens)),
        };
        let prompt = instruction_text(text(Some(self.prompt))?, text(self.input)?);
        of_text(prompt, Some(text(self.answer)?.to_owned()), output_tokens)
    }
}

#[cfg(test)]
mod tests;
