//! A body that some server sends, and the record it must become however its bytes are split.

use std::io::Write;

use domain::measure::record::{Outcome, RequestRecord, TokenSource};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::harness::{plan, run, word_tokenizer};
use crate::scripted::{Script, ScriptedServer, Step, good};

/// Bodies longer than this are not sent byte by byte.
const BYTEWISE_BYTES_MAX: usize = 8 << 10;

/// An answer with status 200.
#[derive(Clone)]
pub(crate) struct Oddity {
    /// Header lines but those that say how long the body is.
    headers: String,
    body: Vec<u8>,
    /// The end of the body is the end of the connection: no length, no chunks.
    ends_with_connection: bool,
    expected: Shape,
}

/// What a record says beside its instants.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape {
    outcome: Outcome,
    chunks: usize,
    input_tokens: u32,
    output_tokens: u32,
    token_source: TokenSource,
}

impl Shape {
    fn of(record: &RequestRecord) -> Self {
        Self {
            outcome: record.outcome,
            chunks: record.chunk_at.len(),
            input_tokens: record.input_tokens,
            output_tokens: record.output_tokens,
            token_source: record.token_source,
        }
    }
}

impl Oddity {
    /// A stream of events. Expected are two chunks with output and two tokens by usage.
    pub(crate) fn stream(body: impl Into<Vec<u8>>) -> Self {
        Self {
            headers: "content-type: text/event-stream\r\n".to_owned(),
            body: body.into(),
            ends_with_connection: false,
            expected: Shape {
                outcome: Outcome::Ok,
                chunks: 2,
                input_tokens: 11,
                output_tokens: 2,
                token_source: TokenSource::Usage,
            },
        }
    }

    /// A stream of events with these data.
    pub(crate) fn events(data: &[&str]) -> Self {
        let events: Vec<String> = data
            .iter()
            .map(|data| format!("data: {data}\n\n"))
            .collect();
        Self::stream(events.concat())
    }

    pub(crate) fn with_header(mut self, line: &str) -> Self {
        self.headers.extend([line, "\r\n"]);
        self
    }

    pub(crate) fn of_type(mut self, content_type: &str) -> Self {
        self.headers = format!("content-type: {content_type}\r\n");
        self
    }

    pub(crate) fn ends_with_connection(mut self) -> Self {
        self.ends_with_connection = true;
        self
    }

    /// The same in gzip, flushed after every line as proxies do.
    pub(crate) fn gzipped(mut self) -> Self {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        for line in self.body.split_inclusive(|byte| *byte == b'\n') {
            gzip.write_all(line).unwrap();
            gzip.flush().unwrap();
        }
        self.body = gzip.finish().unwrap();
        self.with_header("content-encoding: gzip")
    }

    pub(crate) fn cut_at(mut self, bytes: usize) -> Self {
        self.body.truncate(bytes);
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.body.len()
    }

    pub(crate) fn chunks(mut self, chunks: usize) -> Self {
        self.expected.chunks = chunks;
        self
    }

    pub(crate) fn tokens(mut self, output_tokens: u32) -> Self {
        self.expected.output_tokens = output_tokens;
        self
    }

    /// Without usage: the tokenizer counts.
    pub(crate) fn uncounted(mut self, output_tokens: u32) -> Self {
        self.expected.token_source = TokenSource::Tokenizer;
        self.expected.output_tokens = output_tokens;
        self.expected.input_tokens = 8;
        self
    }

    pub(crate) fn counts_the_prompt(mut self, input_tokens: u32) -> Self {
        self.expected.input_tokens = input_tokens;
        self
    }

    /// Fails with this outcome, so many chunks with a word each before it, and no usage.
    pub(crate) fn fails(self, outcome: Outcome, chunks: usize) -> Self {
        let words = u32::try_from(chunks).unwrap();
        let mut failed = self.chunks(chunks).uncounted(words);
        failed.expected.outcome = outcome;
        failed
    }

    /// The answer with its body in pieces that end at these places.
    pub(crate) fn script(&self, cuts: impl IntoIterator<Item = usize>) -> Script {
        let mut script = Vec::new();
        let framing = if self.ends_with_connection {
            ""
        } else {
            "transfer-encoding: chunked\r\n"
        };
        let head = format!("HTTP/1.1 200 OK\r\n{}{framing}\r\n", self.headers);
        script.push(Step::Send(head.into_bytes()));
        let mut start = 0;
        for end in cuts.into_iter().chain([self.body.len()]) {
            let piece = &self.body[start..end];
            start = end;
            if piece.is_empty() {
                continue;
            }
            script.push(Step::Send(if self.ends_with_connection {
                piece.to_vec()
            } else {
                [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
            }));
        }
        script.push(if self.ends_with_connection {
            Step::Close
        } else {
            Step::Send(b"0\r\n\r\n".to_vec())
        });
        script
    }

    /// Sends it in one piece, line by line and byte by byte.
    pub(crate) async fn check(&self) {
        let after_lines = self
            .body
            .iter()
            .zip(1..)
            .filter(|(byte, _)| **byte == b'\n');
        let mut scripts = vec![
            self.script([]),
            self.script(after_lines.map(|(_, after)| after)),
        ];
        if self.body.len() <= BYTEWISE_BYTES_MAX {
            scripts.push(self.script(1..self.body.len()));
        }
        self.check_scripts(scripts).await;
    }

    /// Sends these scripts of it.
    pub(crate) async fn check_scripts(&self, scripts: Vec<Script>) {
        let count = scripts.len();
        let server = ScriptedServer::start(scripts, good()).await;
        let tokenizer = word_tokenizer();
        let mut plan = plan(&server.url, &tokenizer);
        plan.workload.stop = domain::workload::StopRule::Requests {
            count: u32::try_from(count).unwrap(),
        };
        let outcome = run(&plan).await.unwrap();
        assert_eq!((outcome.records.len(), server.seen().len()), (count, count));
        for record in &outcome.records {
            assert_eq!(Shape::of(record), self.expected, "{}", record.error);
            assert_eq!(record.error.is_empty(), record.outcome == Outcome::Ok);
            assert!(!record.reconnected);
            let mut instants = vec![record.scheduled_at, record.sent_at];
            instants.extend(&record.chunk_at);
            instants.push(record.finished_at);
            assert!(instants.is_sorted(), "{instants:?}");
        }
    }
}
