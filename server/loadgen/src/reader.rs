//! From the bytes of a body to an answer: the content coding, then events or one document. Pure:
//! any split of the same bytes gives the same answer.

use std::io::Write;

use domain::measure::record::Outcome;
use flate2::write::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};

use crate::answer::{Answer, Failure};
use crate::sse::SseDecoder;

/// Most bytes read of an answer that is not a stream.
const WHOLE_BODY_BYTES_MAX: usize = 32 << 20;
/// Compressed bytes that are unpacked at once: a byte can become a thousand.
const PACKED_BYTES: usize = 4 << 10;

/// Reads the body of an answer with status 200.
pub(crate) struct BodyReader {
    form: Form,
    /// Of a body that is compressed.
    gzip: Option<Box<MultiGzDecoder<Vec<u8>>>>,
}

/// What a body is. Servers are not always right about it, so the first byte decides.
enum Form {
    /// Only blanks came so far.
    Unknown {
        is_json: bool,
    },
    Events(SseDecoder),
    /// The one document of a server that does not stream.
    Document(Vec<u8>),
}

impl BodyReader {
    /// A reader of a body with these headers. Refuses a coding that nobody asked for.
    pub(crate) fn new(headers: &HeaderMap) -> Result<Self, Failure> {
        let is_json = text_of(headers, &CONTENT_TYPE).starts_with("application/json");
        Ok(Self {
            form: Form::Unknown { is_json },
            gzip: gzip_decoder(headers)?,
        })
    }

    /// Takes bytes that arrived at `at_ns`.
    pub(crate) fn push(
        &mut self,
        bytes: &[u8],
        at_ns: u64,
        answer: &mut Answer,
    ) -> Result<(), Failure> {
        let Some(gzip) = &mut self.gzip else {
            return self.form.push(bytes, at_ns, answer);
        };
        for packed in bytes.chunks(PACKED_BYTES) {
            let unpacked = unpack(gzip, packed);
            self.form.push(gzip.get_ref(), at_ns, answer)?;
            gzip.get_mut().clear();
            unpacked?;
        }
        Ok(())
    }

    /// The body has ended; the last byte came at `at_ns`.
    pub(crate) fn finish(&mut self, at_ns: u64, answer: &mut Answer) {
        match &mut self.form {
            Form::Unknown { is_json: false } => {}
            Form::Unknown { is_json: true } => answer.take_document(b"", at_ns),
            Form::Document(document) => answer.take_document(document, at_ns),
            Form::Events(decoder) => {
                decoder.finish(|event| answer.take_last_event(event, at_ns));
                if decoder.has_foreign_line() {
                    answer.note_foreign_lines();
                }
            }
        }
    }
}

impl Form {
    fn push(&mut self, mut bytes: &[u8], at_ns: u64, answer: &mut Answer) -> Result<(), Failure> {
        if let Self::Unknown { .. } = self {
            bytes = bytes.trim_ascii_start();
            match bytes.first() {
                None => return Ok(()),
                // No field of an event begins like this.
                Some(b'{' | b'[') => *self = Self::Document(Vec::new()),
                Some(_) => *self = Self::Events(SseDecoder::default()),
            }
        }
        match self {
            Self::Unknown { .. } => Ok(()),
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
}

/// A part of a body that is not a success, unpacked where that can be done.
pub(crate) fn unpacked(headers: &HeaderMap, body: Vec<u8>) -> Vec<u8> {
    let Ok(Some(mut gzip)) = gzip_decoder(headers) else {
        return body;
    };
    let mut text = Vec::new();
    for packed in body.chunks(PACKED_BYTES) {
        let is_read = unpack(&mut gzip, packed).is_ok();
        text.append(gzip.get_mut());
        if !is_read || text.len() > body.len().max(PACKED_BYTES) * 64 {
            break;
        }
    }
    text
}

fn gzip_decoder(headers: &HeaderMap) -> Result<Option<Box<MultiGzDecoder<Vec<u8>>>>, Failure> {
    match text_of(headers, &CONTENT_ENCODING).as_str() {
        "" | "identity" => Ok(None),
        "gzip" | "x-gzip" => Ok(Some(Box::new(MultiGzDecoder::new(Vec::new())))),
        other => {
            let text = format!("the answer is encoded as {other:?}, which was not asked for");
            Err(Failure::quoting(Outcome::Protocol, text))
        }
    }
}

/// Unpacks all that these bytes make known, so that no event waits for later ones.
fn unpack(gzip: &mut MultiGzDecoder<Vec<u8>>, packed: &[u8]) -> Result<(), Failure> {
    let written = gzip.write_all(packed);
    // What came before bytes that cannot be unpacked counts as well.
    let flushed = gzip.flush();
    written
        .and(flushed)
        .map_err(|error| protocol(&format!("the answer cannot be unpacked: {error}")))
}

fn protocol(text: &str) -> Failure {
    Failure::new(Outcome::Protocol, text)
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;
    use crate::answer::OutputCount;

    /// What a record says of an answer, beside its instants.
    #[derive(Debug, PartialEq)]
    struct Read {
        chunks: usize,
        input_tokens: Option<u32>,
        output: OutputCount,
        failure: Option<Failure>,
    }

    fn read<'a>(headers: &HeaderMap, parts: impl IntoIterator<Item = &'a [u8]>) -> Read {
        let mut answer = Answer::new(4, true);
        let failure = read_into(&mut answer, headers, parts).err();
        let output = answer.count_output(|text| u32::try_from(text.len()).ok());
        Read {
            chunks: answer.chunk_at.len(),
            input_tokens: answer.input_tokens(),
            output,
            failure: failure.or_else(|| answer.verdict(output, None)),
        }
    }

    fn read_into<'a>(
        answer: &mut Answer,
        headers: &HeaderMap,
        parts: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), Failure> {
        let mut reader = BodyReader::new(headers)?;
        for part in parts {
            reader.push(part, 1, answer)?;
            if answer.has_failed() {
                break;
            }
        }
        reader.finish(1, answer);
        Ok(())
    }

    fn headers(content_type: &'static str, content_encoding: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
        headers.insert(
            CONTENT_ENCODING,
            http::HeaderValue::from_static(content_encoding),
        );
        headers
    }

    const STREAM: &str = "text/event-stream";
    const BODY: &[u8] = b"data: {\"choices\":[{\"text\":\"a\"}]}\n\ndata: [DONE]\n\n";

    fn gzip(parts: &[&[u8]]) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        for part in parts {
            gzip.write_all(part).unwrap();
            gzip.flush().unwrap();
        }
        gzip.finish().unwrap()
    }

    #[test]
    fn gzip_of_one_part_of_many_and_of_several_members() {
        let expected = read(&headers(STREAM, ""), [BODY]);
        assert_eq!((expected.chunks, expected.failure.is_none()), (1, true));
        let (first, second) = BODY.split_at(20);
        let lines: Vec<&[u8]> = BODY.chunks(7).collect();
        let members = [gzip(&[first]), gzip(&[second])].concat();
        for packed in [gzip(&[BODY]), gzip(&lines), members] {
            for coding in ["gzip", " GZIP ", "x-gzip"] {
                assert_eq!(read(&headers(STREAM, coding), [&packed[..]]), expected);
                assert_eq!(read(&headers(STREAM, coding), packed.chunks(1)), expected);
            }
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_the_memory() {
        let zeros = vec![b' '; 1 << 20];
        let bomb = gzip(&vec![&zeros[..]; 64]);
        let line = [&b"data:"[..], &zeros].concat();
        let packed = gzip(&[&[&line[..]], &vec![&zeros[..]; 16][..]].concat());
        assert!(packed.len() < 100_000 && bomb.len() < 200_000);
        let failure = read(&headers(STREAM, "gzip"), [&packed[..]])
            .failure
            .unwrap();
        assert_eq!(failure.outcome, Outcome::Protocol);
        let words = unpacked(&headers(STREAM, "gzip"), bomb.clone());
        assert!(
            words.len() <= bomb.len() * 64 + PACKED_BYTES * 1_100,
            "{}",
            words.len()
        );
    }

    /// Lines and pieces of lines that streams are made of, good and bad.
    fn any_body() -> impl Strategy<Value = Vec<u8>> {
        let pieces = [
            r#"data: {"choices":[{"delta":{"role":"assistant","content":null}}]}"#,
            r#"data: {"choices":[{"index":0,"delta":{"content":"a"}}]}"#,
            r#"data: {"choices":[{"index":1,"delta":{"content":"é"},"finish_reason":null}]}"#,
            r#"data:{"choices":[{"delta":{"reasoning_content":"b"}}],"usage":null}"#,
            r#"data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{}"}}]}}]}"#,
            r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            r#"data: {"choices":[{"index":1,"text":"c","finish_reason":"abort"}]}"#,
            r#"data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}"#,
            r#"data: {"choices":[],"usage":{"prompt_tokens":7}}"#,
            r#"data: {"choices":"#,
            r#"data: [{"text":"d"}]}"#,
            r#"data: {"error":{"message":"oom"}}"#,
            "event: error",
            "error: oom",
            "data: [DONE]",
            "data: ",
            "data",
            ": ping",
            "id: 1",
            "<html>",
            r#"{"choices":[{"message":{"content":"e"},"finish_reason":"stop"}]}"#,
            "\u{feff}",
            " ",
        ];
        let ends = ["\n\n", "\n\n", "\n\n", "\n", "\r\n\r\n", "\r\r", "\r\n", ""];
        let piece = prop::sample::select(pieces.to_vec());
        let end = prop::sample::select(ends.to_vec());
        prop::collection::vec((piece, end), 0..12).prop_map(|lines| {
            let lines = lines
                .into_iter()
                .map(|(piece, end)| format!("{piece}{end}"));
            lines.collect::<Vec<_>>().concat().into_bytes()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn any_split_gives_the_same_record(
            plain in any_body(),
            is_json in any::<bool>(),
            is_packed in any::<bool>(),
            kept in any::<prop::sample::Index>(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let packed = gzip(&plain.chunks(16).collect::<Vec<_>>());
            let mut body = if is_packed { packed } else { plain };
            // Half of them are cut off somewhere.
            body.truncate(kept.index(2 * body.len() + 1));
            let content_type = if is_json { "application/json" } else { STREAM };
            let headers = headers(content_type, if is_packed { "gzip" } else { "" });
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let whole = read(&headers, [&body[..]]);
            let parts = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]);
            prop_assert_eq!(&read(&headers, parts), &whole);
            prop_assert_eq!(&read(&headers, body.chunks(1)), &whole);
        }
    }
}
