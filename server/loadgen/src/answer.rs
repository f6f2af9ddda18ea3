//! What came back on one request: events folded into time stamps, counts and an outcome.

use domain::measure::chunk_times::ChunkTimes;
use domain::measure::record::{ERROR_CHARS_MAX, Outcome, TokenSource};
use domain::visible::visible;

use crate::chunk::{ChoiceEnds, Chunk, Usage, error_body_text};
use crate::live::Previous;
use crate::sse::SseEvent;
use crate::template::Template;

/// Most time stamps that are reserved ahead for one answer.
const CHUNKS_RESERVED_MAX: u32 = 4_096;

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) outcome: Outcome,
    pub(crate) text: String,
    /// Whether words of the server are in the text: it may have repeated a secret.
    pub(crate) is_quoting: bool,
}

impl Failure {
    /// In the client's own words.
    pub(crate) fn new(outcome: Outcome, text: impl Into<String>) -> Self {
        Self {
            outcome,
            text: text.into(),
            is_quoting: false,
        }
    }

    /// In words that are, or hold, the server's.
    pub(crate) fn quoting(outcome: Outcome, text: impl Into<String>) -> Self {
        Self {
            is_quoting: true,
            ..Self::new(outcome, text)
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
    has_events: bool,
    choices: ChoiceEnds,
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
            has_events: false,
            choices: ChoiceEnds::default(),
            is_done: false,
            failure: None,
        }
    }

    /// Takes an event that arrived at `at_ns`.
    pub(crate) fn take_event(&mut self, event: SseEvent<'_>, at_ns: u64) {
        if self.failure.is_some() || self.is_done {
            return;
        }
        self.has_events = true;
        match event.data.trim_ascii() {
            data if event.is_error => {
                let text = error_body_text(data);
                self.failure = Some(Failure::quoting(Outcome::StreamError, text));
            }
            // A keep-alive of servers that send no comments.
            b"" => {}
            b"[DONE]" => self.is_done = true,
            json => self.take_json(json, at_ns),
        }
    }

    fn take_json(&mut self, json: &[u8], at_ns: u64) {
        if let Some(text) = self.template.text_of(json) {
            self.chunk_at.push(at_ns);
            if let Some(kept) = &mut self.text {
                kept.push_str(text);
            }
            return;
        }
        match Chunk::parse(json) {
            Ok(chunk) => {
                self.take_chunk(&chunk, at_ns);
                if let Some(range) = chunk.sole_text_range(json) {
                    self.template.learn(json, range);
                }
            }
            Err(error) => self.failure = Some(unreadable(&error)),
        }
    }

    /// Takes the last event of a stream that ended without the blank line after it: whole, or what
    /// came of it before the stream broke off.
    pub(crate) fn take_last_event(&mut self, event: SseEvent<'_>, at_ns: u64) {
        if self.failure.is_some() {
            return;
        }
        self.take_event(event, at_ns);
        if self
            .failure
            .take_if(|failure| failure.outcome == Outcome::Protocol)
            .is_some()
            && !self.is_complete()
        {
            self.fail(Outcome::Truncated, "the stream ended inside an event");
        }
    }

    /// Takes the whole answer of a server that does not stream.
    pub(crate) fn take_document(&mut self, document: &[u8], at_ns: u64) {
        match Chunk::parse(document) {
            Ok(chunk) => {
                self.take_chunk(&chunk, at_ns);
                self.is_done = true;
                if self.failure.is_none() && !chunk.has_choices() {
                    let text = String::from_utf8_lossy(document);
                    let text = format!("the answer has no choices: {text}");
                    self.failure = Some(Failure::quoting(Outcome::Protocol, text));
                }
            }
            Err(error) if error.is_eof() => {
                self.fail(Outcome::Truncated, "the answer ended in its middle");
            }
            Err(error) => self.failure = Some(unreadable(&error)),
        }
    }

    /// The stream held lines that no event stream has. Among events they are nothing to fail for.
    pub(crate) fn note_foreign_lines(&mut self) {
        if self.failure.is_none() && !self.has_events {
            self.fail(Outcome::Protocol, "the answer is no stream of events");
        }
    }

    fn take_chunk(&mut self, chunk: &Chunk<'_>, at_ns: u64) {
        if let Some(text) = chunk.error_text() {
            self.failure = Some(Failure::quoting(Outcome::StreamError, text));
            return;
        }
        if chunk.has_output() {
            self.chunk_at.push(at_ns);
            if let Some(kept) = &mut self.text {
                kept.extend(chunk.texts());
            }
        }
        chunk.note_ends(&mut self.choices);
        if let Some(reason) = chunk.breakdown() {
            let text = format!("the server ended the answer with the finish reason {reason:?}");
            self.fail(Outcome::StreamError, text);
        }
        if let Some(usage) = chunk.usage {
            self.usage = Some(usage.or(self.usage));
        }
    }

    fn fail(&mut self, outcome: Outcome, text: impl Into<String>) {
        self.failure = Some(Failure::new(outcome, text));
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
        self.is_done || self.choices.are_finished()
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
        let counted = self.usage.and_then(|usage| usage.completion_tokens);
        // A server that says 0 beside a text has not counted.
        if let Some(tokens) = counted.filter(|tokens| *tokens > 0 || self.chunk_at.is_empty()) {
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

/// The parser's message may quote what it read.
fn unreadable(error: &serde_json::Error) -> Failure {
    let text = format!("a part of the answer is not readable: {error}");
    Failure::quoting(Outcome::Protocol, text)
}

/// A text from outside, made one line of visible characters, without the key and not longer than a record
/// may hold.
pub(crate) fn bounded_error(text: &str, key: Option<&str>) -> String {
    let text = match key.filter(|key| !key.is_empty()) {
        Some(key) => text.replace(key, "[key]"),
        None => text.to_owned(),
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = visible(&words.join(" "));
    line.chars().take(ERROR_CHARS_MAX).collect()
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
    fn every_choice_that_began_has_to_finish() {
        let of = |index: u32, reason: &str| {
            format!(r#"{{"choices":[{{"index":{index},"text":"a","finish_reason":{reason}}}]}}"#)
        };
        let [first, second] = [of(0, "null"), of(1, "null")];
        let [first_end, second_end] = [of(0, r#""stop""#), of(1, r#""length""#)];
        let mut half = answer_of(&[&first, &second, &first_end]);
        assert_eq!(verdict(&mut half, None), Some(Outcome::Truncated));
        let mut whole = answer_of(&[&first, &second, &first_end, &second, &second_end]);
        assert_eq!(
            whole.chunk_at.len(),
            5,
            "one stamp for each event of either"
        );
        assert_eq!(verdict(&mut whole, None), None);
    }

    #[test]
    fn a_choice_that_the_server_gave_up_is_a_failure() {
        for reason in ["abort", "error"] {
            let given_up = FINISH.replace("length", reason);
            let mut answer = answer_of(&[TEXT, &given_up, "[DONE]"]);
            let output = answer.count_output(|_| None);
            let failure = answer.verdict(output, None).unwrap();
            assert_eq!(failure.outcome, Outcome::StreamError);
            assert!(failure.text.contains(reason), "{}", failure.text);
        }
    }

    #[test]
    fn later_usage_completes_earlier_and_none_of_0_tokens_beside_a_text() {
        let first = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#;
        let last = r#"{"choices":[],"usage":{"completion_tokens":4}}"#;
        let answer = answer_of(&[first, TEXT, last]);
        assert_eq!(answer.input_tokens(), Some(9));
        assert_eq!(answer.count_output(|_| None).tokens, 4);
        let none = r#"{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}}"#;
        let counted = answer_of(&[TEXT, none, "[DONE]"]).count_output(|_| None);
        assert_eq!((counted.tokens, counted.source), (1, TokenSource::Chunks));
    }

    #[test]
    fn keep_alives_without_a_word_are_nothing() {
        let mut answer = answer_of(&["", TEXT, " ", r#"{"type":"ping"}"#, FINISH, " [DONE] "]);
        assert_eq!((answer.chunk_at.len(), answer.is_done()), (1, true));
        assert_eq!(verdict(&mut answer, None), None);
    }

    #[test]
    fn a_last_event_that_broke_off_is_a_truncated_answer() {
        let cases = [
            (vec![TEXT], r#"{"choi"#, Some(Outcome::Truncated)),
            (vec![TEXT, FINISH], r#"{"choi"#, None),
            (vec![TEXT], "[DONE]", None),
            (vec![TEXT], r#"{"error":"oom"}"#, Some(Outcome::StreamError)),
            (vec!["{"], "[DONE]", Some(Outcome::Protocol)),
        ];
        for (events, last, outcome) in cases {
            let mut answer = answer_of(&events);
            let data = last.as_bytes();
            let is_error = false;
            answer.take_last_event(SseEvent { data, is_error }, 99);
            assert_eq!(verdict(&mut answer, None), outcome, "{last}");
        }
    }

    #[test]
    fn a_document_is_whole_or_says_what_is_wrong() {
        let cases = [
            (r#"{"choices":[{"message":{"content":"a"}}]}"#, None),
            (r#"{"choices":[{"message":{"con"#, Some(Outcome::Truncated)),
            ("", Some(Outcome::Truncated)),
            (r#"{"error":{"message":"oom"}}"#, Some(Outcome::StreamError)),
            (r#"{"choices":[{"message":{}}]}"#, Some(Outcome::Truncated)),
            (r#"{"status":"ok"}"#, Some(Outcome::Protocol)),
            ("{} {}", Some(Outcome::Protocol)),
        ];
        for (document, outcome) in cases {
            let mut answer = Answer::new(1, false);
            answer.take_document(document.as_bytes(), 10);
            assert_eq!(verdict(&mut answer, None), outcome, "{document}");
        }
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
