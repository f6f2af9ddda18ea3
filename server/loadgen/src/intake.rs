//! Takes what a connection brings: the head of an answer, then its body or the words of a refusal.

use domain::measure::record::Outcome;
use http::StatusCode;

use crate::answer::{Answer, Failure};
use crate::chunk::error_body_text;
use crate::http1::{Head, ResponseDecoder, Sink};
use crate::live::LiveShard;
use crate::reader::{BodyReader, unpacked};

/// Most bytes read of an error answer.
const ERROR_BODY_BYTES_MAX: usize = 64 << 10;

/// Whether to read on.
#[derive(Debug)]
pub(crate) enum Reading {
    /// Yes.
    On,
    /// What more may come is of no use.
    Enough,
    /// What came cannot be read.
    Failed(Failure),
}

/// Takes one answer.
pub(crate) struct Intake<'a> {
    answer: &'a mut Answer,
    /// Status of the answer, once its head has come.
    status: &'a mut Option<u16>,
    body: Body,
    /// When the bytes that are being read came.
    at_ns: u64,
}

enum Body {
    None,
    Answer(BodyReader),
    Refusal { head: Head, words: Vec<u8> },
    Failed(Failure),
}

impl<'a> Intake<'a> {
    /// Fills in an answer and its status.
    pub(crate) fn new(answer: &'a mut Answer, status: &'a mut Option<u16>) -> Self {
        Self {
            answer,
            status,
            body: Body::None,
            at_ns: 0,
        }
    }

    /// Whether the end of the body is all that may be missing: `[DONE]` came, or a refusal.
    pub(crate) fn is_at_end(&self) -> bool {
        self.answer.is_done() || self.is_refusal()
    }

    /// Whether the server refused.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.body, Body::Refusal { .. })
    }

    /// Whether what came is a whole answer, even if its body has no end.
    pub(crate) fn is_complete(&self) -> bool {
        self.answer.is_complete() || self.is_refusal()
    }

    /// Takes the bytes of one read.
    pub(crate) fn take_read(
        &mut self,
        bytes: &[u8],
        decoder: &mut ResponseDecoder,
        at_ns: u64,
        sent_at: u64,
        live: &LiveShard,
    ) -> Reading {
        self.at_ns = at_ns;
        let (previous, before) = (self.answer.previous(sent_at), self.answer.chunk_at.len());
        let decoded = decoder.push(bytes, self);
        live.note_chunks(previous, at_ns, self.answer.chunk_at.len() - before);
        match (&self.body, decoded) {
            (Body::Failed(failure), _) => Reading::Failed(failure.clone()),
            (Body::Refusal { words, .. }, decoded)
                if decoded.is_err() || words.len() >= ERROR_BODY_BYTES_MAX =>
            {
                Reading::Enough
            }
            // What breaks after the end of the answer does no harm.
            (_, Err(_)) if self.answer.is_complete() && !self.answer.has_failed() => {
                Reading::Enough
            }
            (_, Err(malformed)) => {
                let text = format!("the answer is not readable: {malformed}");
                Reading::Failed(Failure::new(Outcome::Protocol, text))
            }
            _ if self.answer.has_failed() => Reading::Enough,
            _ => Reading::On,
        }
    }

    /// The answer has ended: reads what is left of it. The failure of a server that refused.
    pub(crate) fn finish(&mut self, sent_at: u64, live: &LiveShard) -> Result<(), Failure> {
        let (previous, before) = (self.answer.previous(sent_at), self.answer.chunk_at.len());
        match &mut self.body {
            Body::None => {}
            Body::Answer(reader) => reader.finish(self.at_ns, self.answer),
            Body::Refusal { head, words } => {
                return Err(refusal(head, std::mem::take(words)));
            }
            Body::Failed(failure) => return Err(failure.clone()),
        }
        live.note_chunks(previous, self.at_ns, self.answer.chunk_at.len() - before);
        Ok(())
    }
}

impl Sink for Intake<'_> {
    fn take_head(&mut self, head: Head) {
        *self.status = Some(head.status.as_u16());
        self.body = if head.status.is_success() {
            BodyReader::new(&head.headers).map_or_else(Body::Failed, Body::Answer)
        } else {
            Body::Refusal {
                head,
                words: Vec::new(),
            }
        };
    }

    fn take_body(&mut self, bytes: &[u8]) {
        match &mut self.body {
            Body::Answer(reader) => {
                if let Err(failure) = reader.push(bytes, self.at_ns, self.answer) {
                    self.body = Body::Failed(failure);
                }
            }
            Body::Refusal { words, .. } => {
                let room = ERROR_BODY_BYTES_MAX.saturating_sub(words.len());
                words.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
            }
            Body::None | Body::Failed(_) => {}
        }
    }
}

/// An answer that is no success, with the server's own words.
fn refusal(head: &Head, body: Vec<u8>) -> Failure {
    let outcome = match head.status {
        StatusCode::TOO_MANY_REQUESTS => Outcome::Http429,
        status if status.is_client_error() => Outcome::Http4xx,
        status if status.is_server_error() => Outcome::Http5xx,
        _ => Outcome::Protocol,
    };
    let words = error_body_text(&unpacked(&head.headers, body));
    if words.trim().is_empty() {
        return Failure::new(outcome, head.status.to_string());
    }
    Failure::quoting(outcome, words)
}
