//! HTTP/1.1 as far as the engine needs it.

use std::io::Write;
use std::ops::Range;

use serde_json::Value;

/// Largest request, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 64 << 20;
/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 100;

/// The head of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    /// Whether the answer must not be chunked: HTTP/1.0.
    pub(crate) is_old: bool,
    /// Whether the connection ends after the answer.
    pub(crate) closes: bool,
    pub(crate) expects_continue: bool,
    /// The engine's own headers.
    pub(crate) fault: Option<String>,
    pub(crate) usage: Option<String>,
    pub(crate) asks_to_close: bool,
    length: usize,
    body: BodyKind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum BodyKind {
    #[default]
    Length,
    Chunked,
}

/// What the bytes read so far are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed<T> {
    Incomplete,
    Complete(T),
    /// Not to be answered in any other way than this.
    Refused {
        status: u16,
        text: &'static str,
    },
}

/// Reads a head and says how long it is.
pub(crate) fn parse_head(bytes: &[u8]) -> Parsed<(Head, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() > HEAD_BYTES_MAX => {
            return Parsed::Refused {
                status: 431,
                text: "The head of the request is too long.",
            };
        }
        Ok(httparse::Status::Partial) => return Parsed::Incomplete,
        Err(_) => {
            return Parsed::Refused {
                status: 400,
                text: "This is no HTTP request.",
            };
        }
    };
    let path = request.path.unwrap_or_default();
    let is_old = request.version == Some(0);
    let mut head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        path: path.split('?').next().unwrap_or_default().to_owned(),
        is_old,
        closes: is_old,
        ..Head::default()
    };
    for header in request.headers {
        let value = String::from_utf8_lossy(header.value);
        let value = value.trim();
        match header.name.to_ascii_lowercase().as_str() {
            "content-length" => match value.parse() {
                Ok(length) => head.length = length,
                Err(_) => {
                    return Parsed::Refused {
                        status: 400,
                        text: "The length of the request is no number.",
                    };
                }
            },
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => {
                head.body = BodyKind::Chunked;
            }
            "connection" => head.closes |= value.eq_ignore_ascii_case("close"),
            "expect" => head.expects_continue = value.eq_ignore_ascii_case("100-continue"),
            "x-assay-fault" => head.fault = Some(value.to_owned()),
            "x-assay-usage" => head.usage = Some(value.to_owned()),
            "x-assay-close" => head.asks_to_close = value == "1",
            _ => {}
        }
    }
    if head.length > BODY_BYTES_MAX {
        return TOO_LONG;
    }
    Parsed::Complete((head, length))
}

const TOO_LONG: Parsed<(Head, usize)> = Parsed::Refused {
    status: 413,
    text: "The request is too long.",
};

impl Head {
    /// Takes the body out of the bytes after the head and says how many of them it took.
    pub(crate) fn body(&self, bytes: &[u8]) -> Parsed<(Vec<u8>, usize)> {
        match self.body {
            BodyKind::Length => match bytes.get(..self.length) {
                Some(body) => Parsed::Complete((body.to_vec(), self.length)),
                None => Parsed::Incomplete,
            },
            BodyKind::Chunked => chunked_body(bytes),
        }
    }
}

fn chunked_body(bytes: &[u8]) -> Parsed<(Vec<u8>, usize)> {
    let refused = Parsed::Refused {
        status: 400,
        text: "The chunks of the request cannot be read.",
    };
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let (data, next) = match next_chunk(rest) {
            Parsed::Incomplete => return Parsed::Incomplete,
            Parsed::Refused { .. } => return refused,
            Parsed::Complete(chunk) => chunk,
        };
        let data = rest.get(data).unwrap_or_default();
        if data.is_empty() {
            return Parsed::Complete((body, at + next));
        }
        body.extend_from_slice(data);
        if body.len() > BODY_BYTES_MAX {
            return refused;
        }
        at += next;
    }
}

/// Where the data of the first chunk are, and how long the chunk is. The last one has no data;
/// trailers, which nobody sends, are not read.
fn next_chunk(bytes: &[u8]) -> Parsed<(Range<usize>, usize)> {
    let refused = Parsed::Refused {
        status: 400,
        text: "",
    };
    match httparse::parse_chunk_size(bytes) {
        Ok(httparse::Status::Partial) => Parsed::Incomplete,
        Ok(httparse::Status::Complete((start, length))) => {
            let Some(length) = usize::try_from(length)
                .ok()
                .filter(|length| *length <= BODY_BYTES_MAX)
            else {
                return refused;
            };
            let end = start + length;
            match bytes.get(end..end + 2) {
                None => Parsed::Incomplete,
                Some(b"\r\n") => Parsed::Complete((start..end, end + 2)),
                Some(_) => refused,
            }
        }
        Err(_) => refused,
    }
}

/// A whole answer of JSON.
pub(crate) fn write_json(out: &mut Vec<u8>, status: u16, value: &Value, closes: bool) {
    write_document(out, status, value.to_string().as_bytes(), closes);
}

/// A whole answer of bytes that are meant to be JSON.
pub(crate) fn write_document(out: &mut Vec<u8>, status: u16, body: &[u8], closes: bool) {
    let connection = if closes { "connection: close\r\n" } else { "" };
    // Writing to memory cannot fail, here and below.
    let _ = write!(
        out,
        "HTTP/1.1 {status} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{connection}\r\n",
        reason(status),
        body.len(),
    );
    out.extend_from_slice(body);
}

/// The head of a streamed answer.
pub(crate) fn stream_head(is_chunked: bool, closes: bool) -> Vec<u8> {
    let mut head =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
            .to_vec();
    if is_chunked {
        head.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
    if closes {
        head.extend_from_slice(b"connection: close\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// A piece of a streamed body, given in parts.
pub(crate) fn write_piece(out: &mut Vec<u8>, is_chunked: bool, parts: &[&[u8]]) {
    if is_chunked {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let _ = write!(out, "{length:x}\r\n");
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    if is_chunked {
        out.extend_from_slice(b"\r\n");
    }
}

/// The end of a streamed body.
pub(crate) fn write_end(out: &mut Vec<u8>, is_chunked: bool) {
    if is_chunked {
        out.extend_from_slice(b"0\r\n\r\n");
    }
}

/// What asks a client to go on with its body.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REQUEST: &[u8] =
        b"POST /v1/completions?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nX-Assay-Fault: stall\r\n\r\nbodyGET ";

    #[test]
    fn a_request_is_read_and_no_more() {
        let Parsed::Complete((head, length)) = parse_head(REQUEST) else {
            panic!("incomplete");
        };
        assert_eq!(
            (head.method.as_str(), head.path.as_str()),
            ("POST", "/v1/completions")
        );
        assert_eq!(head.fault.as_deref(), Some("stall"));
        assert!(!head.closes && !head.is_old);
        assert_eq!(
            head.body(&REQUEST[length..]),
            Parsed::Complete((b"body".to_vec(), 4))
        );
    }

    #[test]
    fn chunks_of_a_request_are_put_together() {
        let bytes = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nrest";
        let Parsed::Complete((head, length)) = parse_head(bytes) else {
            panic!("incomplete");
        };
        let Parsed::Complete((body, taken)) = head.body(&bytes[length..]) else {
            panic!("incomplete");
        };
        assert_eq!(
            (body.as_slice(), &bytes[length + taken..]),
            (&b"abcde"[..], &b"rest"[..])
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let status = |bytes: &[u8]| match parse_head(bytes) {
            Parsed::Refused { status, .. } => status,
            _ => 0,
        };
        assert_eq!(status(b"\x16\x03\x01 TLS"), 400);
        assert_eq!(
            status(b"POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n"),
            400
        );
        assert_eq!(
            status(b"POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n"),
            413
        );
        let long = [
            b"GET / HTTP/1.1\r\nx: ".to_vec(),
            vec![b'a'; HEAD_BYTES_MAX],
        ]
        .concat();
        assert_eq!(status(&long), 431);
    }

    proptest! {
        #[test]
        fn a_part_of_a_request_is_never_more_than_incomplete(end in 0..REQUEST.len()) {
            let part = &REQUEST[..end];
            if let Parsed::Complete((head, length)) = parse_head(part) {
                let whole = part.len() - length >= 4;
                prop_assert_eq!(matches!(head.body(&part[length..]), Parsed::Complete(_)), whole);
            }
        }
    }
}
