//! From the bytes of a body to an answer: events of a stream, or the one document of a server that does not
//! stream. Pure: any split of the same bytes gives the same answer.

use domain::measure::record::Outcome;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};

use crate::answer::{Answer, Failure};
use crate::sse::SseDecoder;

/// Most bytes read of an answer that is not a stream.
const WHOLE_BODY_BYTES_MAX: usize = 32 << 20;

/// Reads the body of an answer with status 200.
pub(crate) enum BodyReader {
    Events(SseDecoder),
    Document(Vec<u8>),
}

impl BodyReader {
    /// A reader of a body with these headers. Refuses a coding that nobody asked for.
    pub(crate) fn new(headers: &HeaderMap) -> Result<Self, Failure> {
        let coding = text_of(headers, &CONTENT_ENCODING);
        if !matches!(coding.as_str(), "" | "identity") {
            let text = format!("the answer is encoded as {coding:?}, which was not asked for");
            return Err(Failure::new(Outcome::Protocol, text));
        }
        Ok(
            if text_of(headers, &CONTENT_TYPE).starts_with("application/json") {
                Self::Document(Vec::new())
            } else {
                Self::Events(SseDecoder::default())
            },
        )
    }

    /// Takes bytes that arrived at `at_ns`.
    pub(crate) fn push(
        &mut self,
        bytes: &[u8],
        at_ns: u64,
        answer: &mut Answer,
    ) -> Result<(), Failure> {
        let protocol = |text: &str| Failure::new(Outcome::Protocol, text);
        match self {
            Self::Events(decoder) => decoder
                .push(bytes, |event| answer.take_event(event, at_ns))
                .map_err(|_| protocol("an event of the stream is too long")),
            Self::Document(document) if document.len() + bytes.len() > WHOLE_BODY_BYTES_MAX => {
                Err(protocol("the answer is too long"))
            }
            Self::Document(document) => {
                document.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// The body has ended; the last byte came at `at_ns`.
    pub(crate) fn finish(&mut self, at_ns: u64, answer: &mut Answer) {
        match self {
            Self::Events(decoder) => decoder.finish(|event| answer.take_event(event, at_ns)),
            Self::Document(document) => answer.take_json(document, at_ns),
        }
    }
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().trim().to_ascii_lowercase()
}
