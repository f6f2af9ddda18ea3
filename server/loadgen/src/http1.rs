//! An incremental decoder of HTTP/1.1 answers (RFC 9112). Pure: bytes in, a head and pieces of the body
//! out, nothing copied but what a read has cut in two.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Longest head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Most fields of a head.
const FIELDS_MAX: usize = 100;
/// Longest part of a chunked body that is not data, in bytes: a size line or the trailer.
const CHUNK_OVERHEAD_MAX: u32 = 16 << 10;

/// The head of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

/// Takes what is decoded.
pub(crate) trait Sink {
    /// The head of the final answer; those of interim ones (1xx) are skipped.
    fn take_head(&mut self, head: Head);
    /// The next bytes of the body.
    fn take_body(&mut self, bytes: &[u8]);
}

/// The bytes are no HTTP/1.1 answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid HTTP: {0}")]
pub(crate) struct Malformed(&'static str);

/// The decoder of one answer. Any split of the same bytes gives the same.
#[derive(Debug, Default)]
pub(crate) struct ResponseDecoder {
    state: State,
    /// The beginning of a head whose end has not come yet.
    head: Vec<u8>,
    /// Whether the server means to keep the connection open.
    keeps_open: bool,
    /// Whether bytes came after the end of the answer.
    has_surplus: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    Length(u64),
    UntilClose,
    Chunked(Chunked),
    Done,
}

/// Where in a chunked body the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunked {
    /// In the digits of a size.
    Size {
        size: u64,
        digits: u32,
    },
    /// In what follows the size on its line, up to the line feed.
    Extension {
        size: u64,
        length: u32,
    },
    Data(u64),
    /// At the carriage return after the data.
    DataEnd,
    /// At the line feed after it.
    DataLineFeed,
    /// In the trailer: `line` bytes of the present line came, carriage returns aside.
    Trailer {
        line: u32,
        length: u32,
    },
}

impl Chunked {
    const START: Self = Self::Size { size: 0, digits: 0 };
}

impl ResponseDecoder {
    /// Reads more bytes.
    pub(crate) fn push(&mut self, mut bytes: &[u8], sink: &mut impl Sink) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Head => bytes = self.push_head(bytes, sink)?,
                State::Length(left) => {
                    let count = bytes
                        .len()
                        .min(usize::try_from(*left).unwrap_or(usize::MAX));
                    let (data, rest) = bytes.split_at(count);
                    sink.take_body(data);
                    bytes = rest;
                    *left -= count as u64;
                    if *left == 0 {
                        self.state = State::Done;
                    }
                }
                State::UntilClose => {
                    sink.take_body(bytes);
                    return Ok(());
                }
                State::Chunked(chunked) => {
                    let (next, rest) = chunked.push(bytes, sink)?;
                    bytes = rest;
                    self.state = next.map_or(State::Done, State::Chunked);
                }
                State::Done => {
                    self.has_surplus = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Whether the answer has come to its end.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the end of the connection is the end of the answer.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.state == State::UntilClose
    }

    /// Whether another request can go out on the connection.
    pub(crate) fn is_reusable(&self) -> bool {
        self.is_done() && self.keeps_open && !self.has_surplus
    }

    fn push_head<'a>(
        &mut self,
        bytes: &'a [u8],
        sink: &mut impl Sink,
    ) -> Result<&'a [u8], Malformed> {
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut fields);
        let length = match response.parse(&self.head) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if self.head.len() <= HEAD_BYTES_MAX => return Ok(&[]),
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return Err(Malformed("the head of the answer is too long"));
            }
            Err(_) => return Err(Malformed("the head of the answer is not readable")),
        };
        let status = response
            .code
            .and_then(|code| StatusCode::from_u16(code).ok())
            .ok_or(Malformed("the status is no status"))?;
        let is_interim = status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS;
        if !is_interim {
            let fields = Fields(response.headers);
            self.state = fields.framing(status)?;
            self.keeps_open = fields.keeps_open(response.version == Some(1))
                && !matches!(self.state, State::UntilClose);
            sink.take_head(Head {
                status,
                headers: fields.to_map(),
            });
        }
        self.head = Vec::new();
        Ok(bytes.get(length - before..).unwrap_or_default())
    }
}

struct Fields<'a>(&'a [httparse::Header<'a>]);

impl Fields<'_> {
    fn values(&self, name: &'static str) -> impl Iterator<Item = &str> {
        let named = self
            .0
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.filter_map(|field| std::str::from_utf8(field.value).ok())
    }

    fn to_map(&self) -> HeaderMap {
        let fields = self.0.iter().filter_map(|field| {
            let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_bytes(field.value).ok()?))
        });
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value);
        }
        headers
    }

    fn has_token(&self, name: &'static str, token: &str) -> bool {
        self.values(name)
            .flat_map(|value| value.split(','))
            .any(|part| part.trim().eq_ignore_ascii_case(token))
    }

    fn keeps_open(&self, is_http_1_1: bool) -> bool {
        if is_http_1_1 {
            !self.has_token("connection", "close")
        } else {
            self.has_token("connection", "keep-alive")
        }
    }

    /// How the end of the body is told: RFC 9112, section 6.3.
    fn framing(&self, status: StatusCode) -> Result<State, Malformed> {
        if status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        {
            return Ok(State::Done);
        }
        let codings = self
            .values("transfer-encoding")
            .flat_map(|value| value.split(','));
        if let Some(last) = codings.last() {
            let is_chunked = last.trim().eq_ignore_ascii_case("chunked");
            return Ok(if is_chunked {
                State::Chunked(Chunked::START)
            } else {
                State::UntilClose
            });
        }
        let mut length = None;
        let lengths = self
            .values("content-length")
            .flat_map(|value| value.split(','));
        for text in lengths.map(str::trim) {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let value: u64 = Some(text)
                .filter(|_| is_number)
                .and_then(|text| text.parse().ok())
                .ok_or(Malformed("the content length is no number"))?;
            if length.is_some_and(|length| length != value) {
                return Err(Malformed("there are two content lengths"));
            }
            length = Some(value);
        }
        Ok(match length {
            None => State::UntilClose,
            Some(0) => State::Done,
            Some(length) => State::Length(length),
        })
    }
}

impl Chunked {
    /// Reads on, as far as the state stays the same. The next state is `None` at the end of the body.
    fn push<'a>(
        self,
        bytes: &'a [u8],
        sink: &mut impl Sink,
    ) -> Result<(Option<Self>, &'a [u8]), Malformed> {
        if let Self::Data(left) = self {
            let count = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let (data, rest) = bytes.split_at(count);
            sink.take_body(data);
            let left = left - count as u64;
            let next = if left == 0 {
                Self::DataEnd
            } else {
                Self::Data(left)
            };
            return Ok((Some(next), rest));
        }
        let (mut state, mut rest) = (self, bytes);
        while let Some((byte, after)) = rest.split_first() {
            rest = after;
            match state.step(*byte)? {
                Some(next @ Self::Data(_)) => return Ok((Some(next), rest)),
                Some(next) => state = next,
                None => return Ok((None, rest)),
            }
        }
        Ok((Some(state), rest))
    }

    /// The state after a byte that is not data; `None` at the end of the body.
    fn step(self, byte: u8) -> Result<Option<Self>, Malformed> {
        Ok(Some(match self {
            Self::Size { size, digits } => match hex_digit(byte) {
                Some(digit) => Self::Size {
                    size: size
                        .checked_mul(16)
                        .and_then(|size| size.checked_add(digit))
                        .ok_or(Malformed("the size of a chunk is too large"))?,
                    digits: digits + 1,
                },
                None if digits > 0 && matches!(byte, b'\r' | b'\n' | b';' | b' ' | b'\t') => {
                    return Self::Extension { size, length: 0 }.step(byte);
                }
                None => return Err(Malformed("the size of a chunk is no number")),
            },
            Self::Extension { size: 0, .. } if byte == b'\n' => {
                Self::Trailer { line: 0, length: 0 }
            }
            Self::Extension { size, .. } if byte == b'\n' => Self::Data(size),
            Self::Extension { size, length } => Self::Extension {
                size,
                length: bounded(length)?,
            },
            Self::DataEnd if byte == b'\r' => Self::DataLineFeed,
            Self::DataEnd | Self::DataLineFeed if byte == b'\n' => Self::START,
            Self::DataEnd | Self::DataLineFeed => {
                return Err(Malformed("a chunk is longer than its size"));
            }
            Self::Trailer { line: 0, .. } if byte == b'\n' => return Ok(None),
            Self::Trailer { line, length } => Self::Trailer {
                line: match byte {
                    b'\n' => 0,
                    b'\r' => line,
                    _ => line + 1,
                },
                length: bounded(length)?,
            },
            Self::Data(_) => return Err(Malformed("data are no overhead")),
        }))
    }
}

fn bounded(length: u32) -> Result<u32, Malformed> {
    if length >= CHUNK_OVERHEAD_MAX {
        return Err(Malformed("a chunk says too much beside its data"));
    }
    Ok(length + 1)
}

fn hex_digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Kept {
        head: Option<Head>,
        body: Vec<u8>,
    }

    impl Sink for Kept {
        fn take_head(&mut self, head: Head) {
            self.head = Some(head);
        }

        fn take_body(&mut self, bytes: &[u8]) {
            self.body.extend_from_slice(bytes);
        }
    }

    fn decode<'a>(
        parts: impl IntoIterator<Item = &'a [u8]>,
    ) -> (Result<(), Malformed>, Kept, ResponseDecoder) {
        let (mut decoder, mut kept) = (ResponseDecoder::default(), Kept::default());
        for part in parts {
            if let Err(malformed) = decoder.push(part, &mut kept) {
                return (Err(malformed), kept, decoder);
            }
        }
        (Ok(()), kept, decoder)
    }

    fn body(answer: &str) -> (String, ResponseDecoder) {
        let (decoded, kept, decoder) = decode([answer.as_bytes()]);
        decoded.unwrap();
        (String::from_utf8(kept.body).unwrap(), decoder)
    }

    #[test]
    fn a_chunked_body_with_extensions_and_a_trailer() {
        let (text, decoder) = body(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0A \r\n0123456789\r\n0\r\nX: y\r\n\r\n",
        );
        assert_eq!(text, "abc0123456789");
        assert!(decoder.is_done() && decoder.is_reusable());
    }

    #[test]
    fn a_length_a_close_and_no_body() {
        let (text, decoder) =
            body("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nconnection: Close\r\n\r\nabc");
        assert!(decoder.is_done() && !decoder.is_reusable());
        assert_eq!(text, "abc");
        let (text, decoder) = body("HTTP/1.1 200 OK\r\n\r\nabc");
        assert!(!decoder.is_done() && decoder.ends_with_connection());
        assert_eq!(text, "abc");
        let (_, decoder) = body("HTTP/1.1 204 No Content\r\n\r\n");
        assert!(decoder.is_reusable());
        let (_, decoder) = body("HTTP/1.1 429 Busy\r\ncontent-length: 0\r\n\r\n");
        assert!(decoder.is_reusable());
    }

    #[test]
    fn interim_answers_are_skipped() {
        let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nContent-Length: 1\r\n\r\nx";
        let (_, kept, decoder) = decode([answer.as_bytes()]);
        let head = kept.head.unwrap();
        assert_eq!(
            (head.status.as_u16(), &head.headers["content-type"]),
            (
                200,
                &HeaderValue::from_static("text/event-stream; charset=utf-8")
            )
        );
        assert!(decoder.is_reusable());
    }

    #[test]
    fn an_old_version_closes_unless_it_says_otherwise_and_a_surplus_spoils_the_connection() {
        let (_, decoder) = body("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx");
        assert!(!decoder.is_reusable());
        let (_, decoder) =
            body("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx");
        assert!(decoder.is_reusable());
        let (_, decoder) = body("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP/1.1");
        assert!(decoder.is_done() && !decoder.is_reusable());
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let many = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(HEAD_BYTES_MAX));
        let endless = format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;{}",
            "y".repeat(CHUNK_OVERHEAD_MAX as usize + 1)
        );
        for answer in [
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            &many,
            &endless,
        ] {
            assert!(decode([answer.as_bytes()]).0.is_err(), "{answer:.60}");
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_answer(
            pieces in prop::collection::vec("[a-z\r\n]{1,40}", 0..8),
            framing in 0usize..3,
            cuts in prop::collection::vec(0usize..600, 0..12),
        ) {
            let whole = pieces.concat();
            let answer = match framing {
                0 => {
                    let chunks: Vec<String> = pieces.iter().map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len())).collect();
                    format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", chunks.concat())
                }
                1 => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{whole}", whole.len()),
                _ => format!("HTTP/1.1 200 OK\r\n\r\n{whole}"),
            }.into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(answer.len())).collect();
            cuts.extend([0, answer.len()]);
            cuts.sort_unstable();
            let parts = cuts.windows(2).map(|pair| &answer[pair[0]..pair[1]]);
            let (decoded, kept, decoder) = decode(parts);
            prop_assert_eq!(decoded, Ok(()));
            prop_assert_eq!(&kept.body, whole.as_bytes());
            prop_assert_eq!(decoder.is_done(), framing < 2);
            let (_, by_bytes, _) = decode(answer.chunks(1));
            prop_assert_eq!(by_bytes, kept);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            answer.extend(&bytes);
            let (one, kept, _) = decode([&answer[..]]);
            let (other, by_bytes, _) = decode(answer.chunks(1));
            prop_assert_eq!((one, kept), (other, by_bytes));
        }
    }
}
