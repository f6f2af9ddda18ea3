//! What came back on one request: events folded into time stamps, counts and an outcome.

use domain::measure::chunk_times::ChunkTimes;
use domain::measure::record::{ERROR_CHARS_MAX, Outcome, TokenSource};

use crate::live::Previous;
use crate::openai::{Chunk, Usage};
use crate::sse::SseEvent;
use crate::template::Template;

/// Most time stamps that are reserved ahead for one answer.
const CHUNKS_RESERVED_MAX: u32 = 4_096;

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) outcome: Outcome,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(outcome: Outcome, text: impl Into<String>) -> Self {
        Self {
            outcome,
            text: text.into(),
        }
    }
}

/// The answer to one request as far as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Arrival of every event that carried output.
    pub(crate) chunk_at: ChunkTimes,
    usage: Option<Usage>,
    /// The text, kept only where it may have to be counted.
    text: Option<String>,
    template: Template,
    is_finished: bool,
    is_done: bool,
    failure: Option<Failure>,
}

/// How many tokens an answer has, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutputCount {
    pub(crate) tokens: u32,
    pub(crate) source: TokenSource,
}

impl Answer {
    /// An answer of about `expected_chunks` chunks; `keeps_text` where its tokens can be counted.
    pub(crate) fn new(expected_chunks: u32, keeps_text: bool) -> Self {
        Self {
            chunk_at: ChunkTimes::with_capacity(expected_chunks.min(CHUNKS_RESERVED_MAX) as usize),
            usage: None,
            text: keeps_text.then(String::new),
            template: Template::default(),
            is_finished: false,
            is_done: false,
            failure: None,
        }
    }

    /// Takes an event that arrived at `at_ns`.
    pub(crate) fn take_event(&mut self, event: SseEvent<'_>, at_ns: u64) {
        if self.failure.is_some() || self.is_done {
            return;
        }
        if event.is_error {
            let text = crate::openai::error_body_text(event.data);
            self.failure = Some(Failure::new(Outcome::StreamError, text));
        } else if event.data == b"[DONE]" {
            self.is_done = true;
        } else {
            self.take_json(event.data, at_ns);
        }
    }

    /// Takes a chunk, or the whole answer of a server that does not stream.
    pub(crate) fn take_json(&mut self, json: &[u8], at_ns: u64) {
        if let Some(text) = self.template.text_of(json) {
            self.chunk_at.push(at_ns);
            if let Some(kept) = &mut self.text {
                kept.push_str(text);
            }
            return;
        }
        let chunk = match Chunk::parse(json) {
            Ok(chunk) => chunk,
            Err(error) => {
                let text = format!("a part of the answer is not readable: {error}");
                self.failure = Some(Failure::new(Outcome::Protocol, text));
                return;
            }
        };
        if let Some(text) = chunk.error_text() {
            self.failure = Some(Failure::new(Outcome::StreamError, text));
            return;
        }
        if chunk.has_output() {
            self.chunk_at.push(at_ns);
            if let Some(kept) = &mut self.text {
                kept.extend(chunk.texts());
            }
        }
        if let Some(range) = chunk.sole_text_range(json) {
            self.template.learn(json, range);
        }
        self.is_finished |= chunk.is_finished();
        if let Some(usage) = chunk.usage {
            self.usage = Some(usage);
        }
    }

    /// What the time of the next chunk counts from, for a request sent at `sent_at`.
    pub(crate) fn previous(&self, sent_at: u64) -> Previous {
        self.chunk_at
            .last()
            .map_or(Previous::Sent(sent_at), Previous::Chunk)
    }

    /// Whether `[DONE]` came.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Whether the server said that the answer is whole.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_done || self.is_finished
    }

    /// Whether reading on makes no sense.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Tokens of the prompt as the server counted them.
    pub(crate) fn input_tokens(&self) -> Option<u32> {
        self.usage?.prompt_tokens
    }

    /// Tokens of the answer: by usage, else by the tokenizer, else one per chunk.
    pub(crate) fn count_output(&self, count: impl Fn(&str) -> Option<u32>) -> OutputCount {
        if let Some(tokens) = self.usage.and_then(|usage| usage.completion_tokens) {
            return OutputCount {
                tokens,
                source: TokenSource::Usage,
            };
        }
        if let Some(tokens) = self.text.as_deref().and_then(count) {
            return OutputCount {
                tokens,
                source: TokenSource::Tokenizer,
            };
        }
        let tokens = u32::try_from(self.chunk_at.len()).unwrap_or(u32::MAX);
        OutputCount {
            tokens,
            source: TokenSource::Chunks,
        }
    }

    /// The failure of an answer whose stream has ended, if it is one. `wanted_tokens` is what
    /// `ignore_eos` asked for: fewer are a truncated answer, provided the server itself counted. An
    /// answer of nothing is one in any case: there is no first token to wait for.
    pub(crate) fn verdict(
        &mut self,
        output: OutputCount,
        wanted_tokens: Option<u32>,
    ) -> Option<Failure> {
        if let Some(failure) = self.failure.take() {
            return Some(failure);
        }
        if !self.is_complete() {
            let text = "the stream ended without a finish reason and without [DONE]";
            return Some(Failure::new(Outcome::Truncated, text));
        }
        if output.tokens == 0 {
            return Some(Failure::new(Outcome::Truncated, "the answer is empty"));
        }
        let wanted = wanted_tokens.filter(|_| output.source == TokenSource::Usage)?;
        (output.tokens < wanted).then(|| {
            let text = format!(
                "{} of {wanted} tokens came although ignore_eos was set",
                output.tokens
            );
            Failure::new(Outcome::Truncated, text)
        })
    }
}

/// A text from outside, made one line, without the key and not longer than a record may hold.
pub(crate) fn bounded_error(text: &str, key: Option<&str>) -> String {
    let text = match key.filter(|key| !key.is_empty()) {
        Some(key) => text.replace(key, "[key]"),
        None => text.to_owned(),
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(ERROR_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer_of(events: &[&str]) -> Answer {
        let mut answer = Answer::new(4, true);
        for (index, data) in events.iter().enumerate() {
            let event = SseEvent {
                data: data.as_bytes(),
                is_error: false,
            };
            answer.take_event(event, (index as u64 + 1) * 10);
        }
        answer
    }

    fn verdict(answer: &mut Answer, wanted: Option<u32>) -> Option<Outcome> {
        let output = answer.count_output(|_| None);
        answer
            .verdict(output, wanted)
            .map(|failure| failure.outcome)
    }

    const ROLE: &str = r#"{"choices":[{"delta":{"role":"assistant","content":null}}]}"#;
    const TEXT: &str = r#"{"choices":[{"delta":{"content":"a b"}}]}"#;
    const FINISH: &str = r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#;
    const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}"#;

    #[test]
    fn a_whole_answer() {
        let mut answer = answer_of(&[ROLE, TEXT, TEXT, FINISH, USAGE, "[DONE]"]);
        assert_eq!(answer.chunk_at, [20, 30], "events with output alone");
        assert_eq!(answer.input_tokens(), Some(9));
        let output = answer.count_output(|_| Some(1));
        assert_eq!(
            output,
            OutputCount {
                tokens: 4,
                source: TokenSource::Usage
            }
        );
        assert_eq!(verdict(&mut answer, Some(4)), None);
        assert_eq!(verdict(&mut answer, Some(5)), Some(Outcome::Truncated));
    }

    #[test]
    fn without_usage_the_tokenizer_counts_and_then_the_chunks() {
        let mut answer = answer_of(&[TEXT, TEXT, "[DONE]"]);
        let count = |text: &str| u32::try_from(text.len()).ok();
        assert_eq!(
            answer.count_output(count),
            OutputCount {
                tokens: 6,
                source: TokenSource::Tokenizer
            }
        );
        assert_eq!(
            answer.count_output(|_| None),
            OutputCount {
                tokens: 2,
                source: TokenSource::Chunks
            }
        );
        assert_eq!(
            verdict(&mut answer, Some(9)),
            None,
            "chunks are no count of tokens"
        );
    }

    #[test]
    fn either_finish_or_done_is_an_end_and_neither_is_truncated() {
        assert_eq!(verdict(&mut answer_of(&[TEXT, FINISH]), None), None);
        assert_eq!(verdict(&mut answer_of(&[TEXT, "[DONE]"]), None), None);
        assert_eq!(
            verdict(&mut answer_of(&[TEXT]), None),
            Some(Outcome::Truncated)
        );
        assert_eq!(verdict(&mut answer_of(&[]), None), Some(Outcome::Truncated));
    }

    #[test]
    fn an_empty_answer_is_no_success() {
        for events in [&["[DONE]"][..], &[ROLE, FINISH, "[DONE]"]] {
            let mut answer = answer_of(events);
            assert_eq!(verdict(&mut answer, None), Some(Outcome::Truncated));
        }
    }

    #[test]
    fn an_error_inside_the_stream_fails_it_and_nothing_after_counts() {
        let mut answer = answer_of(&[TEXT, r#"{"error":{"message":"oom"}}"#, TEXT, "[DONE]"]);
        assert_eq!(answer.chunk_at, [10]);
        assert_eq!(verdict(&mut answer, None), Some(Outcome::StreamError));
        assert_eq!(
            verdict(&mut answer_of(&["{"]), None),
            Some(Outcome::Protocol)
        );
    }

    #[test]
    fn error_texts_are_bounded_and_never_hold_the_key() {
        let text = bounded_error(&format!("bad key\n sk-1 {}", "x".repeat(900)), Some("sk-1"));
        assert!(text.starts_with("bad key [key] xx"));
        assert_eq!(text.chars().count(), ERROR_CHARS_MAX);
    }
}
