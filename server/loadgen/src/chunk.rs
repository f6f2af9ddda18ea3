//! The OpenAI-compatible wire format: what comes back, in the words of many servers.

mod lenient;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A chunk of a stream, or a whole answer of a server that does not stream.
#[derive(Debug, Deserialize)]
pub(crate) struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    /// Token counts, wherever they come.
    #[serde(default, deserialize_with = "lenient::usage")]
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
    #[serde(default, deserialize_with = "lenient::count")]
    index: Option<u32>,
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
    #[serde(borrow, default)]
    refusal: Text<'a>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
    /// What tool calls were before.
    #[serde(borrow, default)]
    function_call: Option<FunctionCall<'a>>,
}

#[derive(Debug, Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow, default)]
    function: Option<FunctionCall<'a>>,
}

#[derive(Debug, Deserialize)]
struct FunctionCall<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    arguments: Text<'a>,
}

impl<'a> Delta<'a> {
    fn texts(&self) -> impl Iterator<Item = &Text<'a>> {
        let reasoning = (!self.has_reasoning_twice()).then_some(&self.reasoning);
        let of_tools = self.tool_calls.iter().flatten();
        let calls = of_tools.filter_map(|call| call.function.as_ref());
        let of_calls = calls
            .chain(&self.function_call)
            .flat_map(|call| [&call.name, &call.arguments]);
        [&self.reasoning_content, &self.content, &self.refusal]
            .into_iter()
            .chain(reasoning)
            .chain(of_calls)
    }

    /// Some servers send reasoning under both of its names.
    fn has_reasoning_twice(&self) -> bool {
        !self.reasoning.0.is_empty() && !self.reasoning_content.0.is_empty()
    }

    fn has_call(&self) -> bool {
        self.function_call.is_some()
            || self
                .tool_calls
                .as_ref()
                .is_some_and(|calls| !calls.is_empty())
    }
}

/// Which choices of an answer have begun and which are finished, a bit for each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChoiceEnds {
    begun: u64,
    finished: u64,
}

impl ChoiceEnds {
    /// Whether every choice that began is finished, and there is one.
    pub(crate) fn are_finished(self) -> bool {
        self.finished != 0 && self.begun == self.finished
    }
}

/// Token counts of a request as the server made them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) prompt_tokens: Option<u32>,
    pub(crate) completion_tokens: Option<u32>,
}

impl Usage {
    /// These counts, completed by earlier ones.
    pub(crate) fn or(self, earlier: Option<Self>) -> Self {
        let earlier = earlier.unwrap_or_default();
        Self {
            prompt_tokens: self.prompt_tokens.or(earlier.prompt_tokens),
            completion_tokens: self.completion_tokens.or(earlier.completion_tokens),
        }
    }
}

impl<'a> Chunk<'a> {
    /// Reads one.
    pub(crate) fn parse(json: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }

    /// Whether it carries output: text, reasoning text or a tool call.
    pub(crate) fn has_output(&self) -> bool {
        self.texts().next().is_some() || self.deltas().any(Delta::has_call)
    }

    /// Its pieces of text that are not empty, those of tool calls included.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let of_deltas = self.deltas().flat_map(Delta::texts);
        let of_choices = self.choices().map(|choice| &choice.text);
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
            || self
                .deltas()
                .any(|delta| delta.has_call() || delta.has_reasoning_twice())
            || self
                .choices()
                .any(|choice| !choice.finish_reason.0.is_empty())
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

    /// Whether it has choices, as every answer but an error has somewhere.
    pub(crate) fn has_choices(&self) -> bool {
        self.choices().next().is_some()
    }

    /// Notes which choices begin and end with it.
    pub(crate) fn note_ends(&self, ends: &mut ChoiceEnds) {
        for choice in self.choices() {
            let bit = 1 << choice.index.unwrap_or_default().min(u64::BITS - 1);
            ends.begun |= bit;
            if !choice.finish_reason.0.is_empty() {
                ends.finished |= bit;
            }
        }
    }

    /// The finish reason of a choice that the server gave up.
    pub(crate) fn breakdown(&self) -> Option<&str> {
        self.choices()
            .map(|choice| choice.finish_reason.0.as_ref())
            .find(|reason| matches!(*reason, "abort" | "error"))
    }

    /// The server's error, if it is one.
    pub(crate) fn error_text(&self) -> Option<String> {
        match self.error.as_ref().filter(|error| is_said(error)) {
            Some(error) => Some(error_value_text(error)),
            None if self.object.0 == "error" => Some(self.message.0.clone().into_owned()),
            None => None,
        }
    }

    fn choices(&self) -> impl Iterator<Item = &Choice<'a>> {
        self.choices.iter().flatten()
    }

    fn deltas(&self) -> impl Iterator<Item = &Delta<'a>> {
        self.choices()
            .flat_map(|choice| choice.delta.iter().chain(&choice.message))
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

/// Whether a value under `error` says that there is one.
fn is_said(error: &Value) -> bool {
    !(error.is_null() || error == false || error == "")
}

fn error_value_text(error: &Value) -> String {
    let message = error.as_str().or_else(|| error.get("message")?.as_str());
    message.map_or_else(|| error.to_string(), str::to_owned)
}

/// A text that may be missing or null, or a list of parts with a text each, which are joined. Anything
/// else is an empty text. Borrowed from the chunk where it has no escapes.
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
        let mut joined = String::new();
        while let Some(lenient::Part(text)) = seq.next_element()? {
            joined.push_str(&text);
        }
        Ok(Text(Cow::Owned(joined)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Chunk<'_> {
        Chunk::parse(json.as_bytes()).unwrap()
    }

    fn is_finished(chunk: &Chunk<'_>) -> bool {
        let mut ends = ChoiceEnds::default();
        chunk.note_ends(&mut ends);
        ends.are_finished()
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
            r#"{"choices":[{"delta":{"function_call":{"name":"f"}}}]}"#,
            r#"{"choices":[{"delta":{"refusal":"no"}}]}"#,
            r#"{"choices":[{"delta":{}},{"delta":{"content":"a"},"index":1}]}"#,
            r#"{"choices":[{"text":" a","index":0}]}"#,
            r#"{"choices":[{"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}]}"#,
        ];
        for json in loud {
            assert!(parse(json).has_output(), "{json}");
        }
    }

    #[test]
    fn reasoning_under_two_names_is_one_text_and_calls_are_text() {
        let text = |delta: &str| {
            let json = format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#);
            parse(&json).texts().collect::<String>()
        };
        assert_eq!(text(r#"{"reasoning":"a","reasoning_content":"a"}"#), "a");
        assert_eq!(text(r#"{"reasoning":"a","reasoning_content":null}"#), "a");
        let call = r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}"#;
        assert_eq!(text(call), "f{}");
    }

    #[test]
    fn finish_and_usage_are_found_wherever_they_come() {
        let chunk = parse(
            r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#,
        );
        assert!(is_finished(&chunk) && chunk.has_output());
        let usage = Usage {
            prompt_tokens: Some(3),
            completion_tokens: Some(2),
        };
        assert_eq!(chunk.usage, Some(usage));
        assert_eq!(chunk.texts().collect::<String>(), "a");
        let unfinished = r#"{"choices":[{"delta":{},"finish_reason":null}],"usage":null}"#;
        assert!(!is_finished(&parse(unfinished)));
    }

    #[test]
    fn counts_in_other_forms_are_read_and_nonsense_is_no_count() {
        let usage = |json: &str| {
            let chunk = format!(r#"{{"choices":[],"usage":{json}}}"#);
            let usage = parse(&chunk).usage;
            usage.map(|usage| (usage.prompt_tokens, usage.completion_tokens))
        };
        let of = |count: &str| {
            usage(&format!(
                r#"{{"prompt_tokens":9,"completion_tokens":{count}}}"#
            ))
        };
        for count in ["3", "3.0", "\"3\"", "\" 3 \"", "3e0"] {
            assert_eq!(of(count), Some((Some(9), Some(3))), "{count}");
        }
        for count in [
            "-3",
            "3.5",
            "\"three\"",
            "\"\"",
            "null",
            "true",
            "[3]",
            "{\"n\":3}",
            "4294967296",
            "1e99",
        ] {
            assert_eq!(of(count), Some((Some(9), None)), "{count}");
        }
        for nonsense in ["3", "\"3\"", "[]", "[[9,3]]", "false"] {
            assert_eq!(usage(nonsense), None, "{nonsense}");
        }
        let chunk = parse(r#"{"choices":[{"index":"0","text":"a","finish_reason":"stop"}]}"#);
        assert!(is_finished(&chunk));
    }

    #[test]
    fn a_list_of_parts_is_their_text() {
        let text = |content: &str| {
            let json = format!(r#"{{"choices":[{{"delta":{{"content":{content}}}}}]}}"#);
            parse(&json).texts().collect::<String>()
        };
        let parts = r#"[{"type":"text","text":"a \n"},"b",{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"c","annotations":[]}]"#;
        assert_eq!(text(parts), "a \nbc");
        for silent in ["[]", "[1,null]", r#"{"text":"a"}"#, r#"[{"text":7}]"#] {
            assert_eq!(text(silent), "", "{silent}");
        }
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
            (r#"{"error":"","choices":[]}"#, None),
        ];
        for (json, text) in cases {
            assert_eq!(parse(json).error_text().as_deref(), text, "{json}");
        }
        assert_eq!(error_body_text(br#"{"detail":"Not Found"}"#), "Not Found");
        assert_eq!(error_body_text(b"<html>"), "<html>");
    }
}
