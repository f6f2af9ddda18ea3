//! The OpenAI-compatible wire format: requests out, chunks in.
//!
//! A request says what a plain client says: no temperature, no seed, no `cache_prompt`. How the
//! server samples is part of what is measured; the length of the answer is fixed by `max_tokens`
//! and, when asked for, `ignore_eos`.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use domain::dataset::Message;
use domain::workload::Api;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Serialize)]
struct RequestBody<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Messages<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<Cow<'a, str>>,
    max_tokens: u32,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignore_eos: Option<bool>,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Messages<'a> {
    One([UserMessage<'a>; 1]),
    Many(&'a [Message]),
}

#[derive(Serialize)]
struct UserMessage<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// What a request asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Prompt<'a> {
    /// One text of the user.
    Text(&'a str),
    /// A conversation, the user last.
    Messages(&'a [Message]),
}

impl<'a> Prompt<'a> {
    /// As the chat API takes it.
    fn messages(self) -> Messages<'a> {
        match self {
            Self::Text(content) => Messages::One([UserMessage {
                role: "user",
                content,
            }]),
            Self::Messages(messages) => Messages::Many(messages),
        }
    }

    /// As the completions API takes it: contents joined by blank lines.
    pub(crate) fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text.into(),
            Self::Messages(messages) => {
                let contents = messages.iter().map(|message| message.content.as_str());
                contents.collect::<Vec<_>>().join("\n\n").into()
            }
        }
    }
}

/// The body of a streaming request.
pub(crate) fn request_body(
    api: Api,
    model: &str,
    prompt: Prompt<'_>,
    max_tokens: u32,
    ignore_eos: bool,
    extra: &Map<String, Value>,
) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&RequestBody {
        model,
        messages: (api == Api::Chat).then(|| prompt.messages()),
        prompt: (api == Api::Completions).then(|| prompt.text()),
        max_tokens,
        stream: true,
        stream_options: StreamOptions {
            include_usage: true,
        },
        // Servers that do not know it may refuse it, so it is sent only when wanted.
        ignore_eos: ignore_eos.then_some(true),
        extra,
    })
}

/// A chunk of a stream, or a whole answer of a server that does not stream.
#[derive(Debug, Deserialize)]
pub(crate) struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    /// Token counts, wherever they come.
    #[serde(default)]
    pub(crate) usage: Option<Usage>,
    #[serde(default)]
    error: Option<Value>,
    /// vLLM of old writes errors as `{"object": "error", "message": …}`.
    #[serde(borrow, default)]
    object: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
}

#[derive(Debug, Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    /// In an answer that does not stream.
    #[serde(borrow, default)]
    message: Option<Delta<'a>>,
    #[serde(borrow, default)]
    text: Text<'a>,
    #[serde(borrow, default)]
    finish_reason: Text<'a>,
}

#[derive(Debug, Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Text<'a>,
    #[serde(borrow, default)]
    reasoning_content: Text<'a>,
    #[serde(borrow, default)]
    reasoning: Text<'a>,
    #[serde(default)]
    tool_calls: Presence,
}

/// Token counts of a request as the server made them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Usage {
    #[serde(default)]
    pub(crate) prompt_tokens: Option<u32>,
    #[serde(default)]
    pub(crate) completion_tokens: Option<u32>,
}

impl<'a> Chunk<'a> {
    /// Reads one.
    pub(crate) fn parse(json: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }

    /// Whether it carries output: text, reasoning text or a tool call.
    pub(crate) fn has_output(&self) -> bool {
        self.texts().next().is_some() || self.deltas().any(|delta| delta.tool_calls.0)
    }

    /// Its pieces of text that are not empty.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let of_deltas = self
            .deltas()
            .flat_map(|delta| [&delta.reasoning_content, &delta.reasoning, &delta.content]);
        let of_choices = self.choices.iter().flatten().map(|choice| &choice.text);
        of_deltas
            .chain(of_choices)
            .map(|text| text.0.as_ref())
            .filter(|text| !text.is_empty())
    }

    /// Where in `json`, which it was parsed from, its text lies, if one text without escapes is all that
    /// it says.
    pub(crate) fn sole_text_range(&self, json: &[u8]) -> Option<Range<usize>> {
        let mut texts = self.texts();
        let text = texts.next()?;
        let says_more = texts.next().is_some()
            || self.deltas().any(|delta| delta.tool_calls.0)
            || self.is_finished()
            || self.usage.is_some()
            || self.error_text().is_some();
        if says_more {
            return None;
        }
        // A text with escapes was unescaped into memory of its own.
        let start = text.as_ptr().addr().checked_sub(json.as_ptr().addr())?;
        let range = start..start.checked_add(text.len())?;
        (json.get(range.clone())? == text.as_bytes()).then_some(range)
    }

    /// Whether a choice is finished.
    pub(crate) fn is_finished(&self) -> bool {
        self.choices
            .iter()
            .flatten()
            .any(|choice| !choice.finish_reason.0.is_empty())
    }

    /// The server's error, if it is one.
    pub(crate) fn error_text(&self) -> Option<String> {
        match &self.error {
            Some(error) => Some(error_value_text(error)),
            None if self.object.0 == "error" => Some(self.message.0.clone().into_owned()),
            None => None,
        }
    }

    fn deltas(&self) -> impl Iterator<Item = &Delta<'a>> {
        let choices = self.choices.iter().flatten();
        choices.flat_map(|choice| choice.delta.iter().chain(&choice.message))
    }
}

/// The server's own words in an error answer of any shape, not yet shortened.
pub(crate) fn error_body_text(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => {
            let inner = ["error", "message", "detail"]
                .into_iter()
                .find_map(|key| object.get(key));
            inner.map_or_else(
                || String::from_utf8_lossy(body).into_owned(),
                error_value_text,
            )
        }
        _ => String::from_utf8_lossy(body).into_owned(),
    }
}

fn error_value_text(error: &Value) -> String {
    let message = error.as_str().or_else(|| error.get("message")?.as_str());
    message.map_or_else(|| error.to_string(), str::to_owned)
}

/// A text that may be missing, null or (in servers that answer in parts) something else: then it is
/// empty. Borrowed from the chunk where it has no escapes.
#[derive(Debug, Default)]
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Text::default())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Text::default())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Text::default())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Text::default())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Text::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }
}

/// Whether a list is there and holds something.
#[derive(Debug, Default)]
struct Presence(bool);

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = Option::<Vec<IgnoredAny>>::deserialize(deserializer)?;
        Ok(Self(items.is_some_and(|items| !items.is_empty())))
    }
}

#[cfg(test)]
mod tests {
    use domain::dataset::ChatRole;

    use super::*;

    fn parse(json: &str) -> Chunk<'_> {
        Chunk::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn bodies_hold_what_a_plain_client_sends() {
        let body = |api, prompt, ignore_eos| {
            let body = request_body(api, "m", prompt, 7, ignore_eos, &Map::new());
            String::from_utf8(body.unwrap()).unwrap()
        };
        let text = Prompt::Text("say \"a\"");
        assert_eq!(
            body(Api::Chat, text, true),
            r#"{"model":"m","messages":[{"role":"user","content":"say \"a\""}],"max_tokens":7,"stream":true,"stream_options":{"include_usage":true},"ignore_eos":true}"#
        );
        assert_eq!(
            body(Api::Completions, text, false),
            r#"{"model":"m","prompt":"say \"a\"","max_tokens":7,"stream":true,"stream_options":{"include_usage":true}}"#
        );
        let messages = [
            Message::new(ChatRole::System, "Be brief."),
            Message::new(ChatRole::User, "Why?"),
        ];
        assert_eq!(
            body(Api::Chat, Prompt::Messages(&messages), false),
            r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Why?"}],"max_tokens":7,"stream":true,"stream_options":{"include_usage":true}}"#
        );
        assert_eq!(
            body(Api::Completions, Prompt::Messages(&messages), false),
            r#"{"model":"m","prompt":"Be brief.\n\nWhy?","max_tokens":7,"stream":true,"stream_options":{"include_usage":true}}"#
        );
        let extra = domain::workload::extra_body::parse(r#"{"temperature":0}"#).unwrap();
        let with_extra = request_body(Api::Completions, "m", text, 7, false, &extra).unwrap();
        assert_eq!(
            String::from_utf8(with_extra).unwrap(),
            r#"{"model":"m","prompt":"say \"a\"","max_tokens":7,"stream":true,"stream_options":{"include_usage":true},"temperature":0}"#
        );
    }

    #[test]
    fn only_output_counts_as_output() {
        let silent = [
            r#"{"choices":[{"delta":{"role":"assistant","content":null}}]}"#,
            r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
            r#"{"choices":[{"delta":{"tool_calls":[]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":null,"content":[1,{"a":2}]}}]}"#,
            r#"{"choices":null}"#,
            r#"{"timings":{"n":1}}"#,
        ];
        for json in silent {
            assert!(!parse(json).has_output(), "{json}");
        }
        let loud = [
            r#"{"choices":[{"delta":{"content":"a"}}]}"#,
            r#"{"choices":[{"delta":{"content":"\n"}}]}"#,
            r#"{"choices":[{"delta":{"content":null,"reasoning_content":"a"}}]}"#,
            r#"{"choices":[{"delta":{"reasoning":"a"}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}}]}"#,
            r#"{"choices":[{"text":" a","index":0}]}"#,
            r#"{"choices":[{"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}]}"#,
        ];
        for json in loud {
            assert!(parse(json).has_output(), "{json}");
        }
    }

    #[test]
    fn finish_and_usage_are_found_wherever_they_come() {
        let chunk = parse(
            r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#,
        );
        assert!(chunk.is_finished() && chunk.has_output());
        let usage = Usage {
            prompt_tokens: Some(3),
            completion_tokens: Some(2),
        };
        assert_eq!(chunk.usage, Some(usage));
        assert_eq!(chunk.texts().collect::<String>(), "a");
        assert!(
            !parse(r#"{"choices":[{"delta":{},"finish_reason":null}],"usage":null}"#).is_finished()
        );
    }

    #[test]
    fn errors_in_every_known_shape_are_told() {
        let cases = [
            (
                r#"{"error":{"message":"out of memory","code":500}}"#,
                Some("out of memory"),
            ),
            (r#"{"error":"busy"}"#, Some("busy")),
            (
                r#"{"object":"error","message":"too long","code":400}"#,
                Some("too long"),
            ),
            (r#"{"error":null,"choices":[]}"#, None),
        ];
        for (json, text) in cases {
            assert_eq!(parse(json).error_text().as_deref(), text, "{json}");
        }
        assert_eq!(error_body_text(br#"{"detail":"Not Found"}"#), "Not Found");
        assert_eq!(error_body_text(b"<html>"), "<html>");
    }
}
