//! An incremental decoder of Server-Sent Events. Pure: bytes in, events out.

/// Longest event that is read, in bytes.
pub(crate) const EVENT_BYTES_MAX: usize = 8 << 20;
/// A stream may begin with one; it belongs to no line.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One event of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SseEvent<'a> {
    /// Its data lines, joined by line feeds.
    pub(crate) data: &'a [u8],
    /// Whether the server named it an error: `event: error`, or an `error:` field as older
    /// llama.cpp servers send it.
    pub(crate) is_error: bool,
}

/// An event is longer than [`EVENT_BYTES_MAX`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EventTooLong;

/// The decoder. Any split of the same bytes gives the same events.
#[derive(Debug, Default)]
pub(crate) struct SseDecoder {
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    event: EventBuffer,
    /// The last byte was a carriage return: a line feed that follows belongs to it.
    is_after_cr: bool,
}

#[derive(Debug, Default)]
struct EventBuffer {
    data: Vec<u8>,
    /// Whether a line of it has come.
    is_begun: bool,
    has_data: bool,
    is_error: bool,
    /// Whether any line of the stream has come.
    has_lines: bool,
    has_foreign_line: bool,
}

impl SseDecoder {
    /// Reads more bytes and hands over each event that they complete.
    pub(crate) fn push(
        &mut self,
        mut bytes: &[u8],
        mut on_event: impl FnMut(SseEvent<'_>),
    ) -> Result<(), EventTooLong> {
        while !bytes.is_empty() {
            if self.is_between_events()
                && let Some((data, rest)) = whole_event(bytes)
            {
                self.event.has_lines = true;
                on_event(SseEvent {
                    data,
                    is_error: false,
                });
                bytes = rest;
                continue;
            }
            if std::mem::take(&mut self.is_after_cr) {
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
            let end = memchr::memchr2(b'\n', b'\r', bytes);
            let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            if self.event.data.len() + self.line.len() + line.len() > EVENT_BYTES_MAX {
                return Err(EventTooLong);
            }
            if end.is_none() {
                self.line.extend_from_slice(line);
                break;
            }
            self.is_after_cr = rest.first() == Some(&b'\r');
            bytes = rest.get(1..).unwrap_or_default();
            if self.line.is_empty() {
                self.event.take_line(line, &mut on_event);
            } else {
                self.line.extend_from_slice(line);
                self.event.take_line(&self.line, &mut on_event);
                self.line.clear();
            }
        }
        Ok(())
    }

    fn is_between_events(&self) -> bool {
        self.line.is_empty() && !self.is_after_cr && !self.event.is_begun
    }

    /// Whether a line came that no event stream has: then it may be none at all.
    pub(crate) fn has_foreign_line(&self) -> bool {
        self.event.has_foreign_line
    }

    /// The stream ended: hands over an event that lacks its blank line, as some servers leave it
    /// out after the last one.
    pub(crate) fn finish(&mut self, mut on_event: impl FnMut(SseEvent<'_>)) {
        let line = std::mem::take(&mut self.line);
        self.event.take_line(&line, &mut on_event);
        self.event.dispatch(&mut on_event);
    }
}

/// The data of an event that is one `data` line and stands whole at the front of `bytes`, as nearly all
/// do, and what follows it.
fn whole_event(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = bytes.strip_prefix(b"data:")?;
    let (data, rest) = line.split_at(memchr::memchr2(b'\n', b'\r', line)?);
    let rest = rest
        .strip_prefix(b"\n\n")
        .or_else(|| rest.strip_prefix(b"\r\n\r\n"))?;
    // Others are refused, line by line.
    let is_short = data.len() <= EVENT_BYTES_MAX / 2;
    is_short.then_some((data.strip_prefix(b" ").unwrap_or(data), rest))
}

impl EventBuffer {
    fn take_line(&mut self, mut line: &[u8], on_event: &mut impl FnMut(SseEvent<'_>)) {
        if !std::mem::replace(&mut self.has_lines, true) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            return self.dispatch(on_event);
        }
        self.is_begun = true;
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => {
                let (name, rest) = line.split_at(colon);
                let value = rest.get(1..).unwrap_or_default();
                (name, value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &b""[..]),
        };
        match name {
            b"data" => self.append(value),
            b"error" => {
                self.is_error = true;
                self.append(value);
            }
            b"event" => self.is_error = value == b"error",
            // Comments (an empty name), `id` and `retry` carry no output.
            b"" | b"id" | b"retry" => {}
            _ => self.has_foreign_line = true,
        }
    }

    fn append(&mut self, value: &[u8]) {
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(value);
    }

    fn dispatch(&mut self, on_event: &mut impl FnMut(SseEvent<'_>)) {
        if self.has_data {
            on_event(SseEvent {
                data: &self.data,
                is_error: self.is_error,
            });
        }
        self.data.clear();
        self.is_begun = false;
        self.has_data = false;
        self.is_error = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<(String, bool)> {
        let mut decoder = SseDecoder::default();
        let mut events = Vec::new();
        let mut keep = |event: SseEvent<'_>| {
            events.push((
                String::from_utf8_lossy(event.data).into_owned(),
                event.is_error,
            ));
        };
        for part in parts {
            decoder.push(part, &mut keep).unwrap();
        }
        decoder.finish(&mut keep);
        events
    }

    fn texts(stream: &str) -> Vec<String> {
        decode([stream.as_bytes()])
            .into_iter()
            .map(|(text, _)| text)
            .collect()
    }

    #[test]
    fn several_events_in_one_read() {
        assert_eq!(
            texts("data: a\n\ndata:b\n\ndata: [DONE]\n\n"),
            ["a", "b", "[DONE]"]
        );
    }

    #[test]
    fn comments_ids_and_blank_lines_are_no_events() {
        assert_eq!(
            texts(": ping\n\n\n\nid: 7\nretry: 10\n\ndata: a\n\n"),
            ["a"]
        );
    }

    #[test]
    fn data_lines_are_joined_and_every_line_end_works() {
        assert_eq!(
            texts("data: a\r\ndata: b\r\n\r\ndata: c\r\rdata\n\n"),
            ["a\nb", "c", ""]
        );
    }

    #[test]
    fn one_space_after_the_colon_is_dropped() {
        assert_eq!(texts("data:  a: b\n\n"), [" a: b"]);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        let stream = b"\xEF\xBB\xBFdata: a\n\ndata: b\n\n";
        let events = [("a".to_owned(), false), ("b".to_owned(), false)];
        assert_eq!(decode([&stream[..]]), events);
        assert_eq!(decode(stream.chunks(1)), events);
    }

    #[test]
    fn what_is_no_event_stream_is_noticed() {
        let is_foreign = |stream: &str| {
            let mut decoder = SseDecoder::default();
            decoder.push(stream.as_bytes(), |_| {}).unwrap();
            decoder.has_foreign_line()
        };
        assert!(is_foreign("<html>\n<body>\n"));
        assert!(!is_foreign(
            ": hello\nid: 1\nretry: 2\nevent: a\ndata: b\nerror: c\n\n"
        ));
    }

    #[test]
    fn errors_are_told_apart() {
        let events = decode([&b"event: error\ndata: a\n\nerror: b\n\ndata: c\n\n"[..]]);
        assert_eq!(
            events,
            [("a".into(), true), ("b".into(), true), ("c".into(), false)]
        );
    }

    #[test]
    fn the_last_event_may_lack_its_blank_line() {
        assert_eq!(texts("data: a\n\ndata: [DONE]"), ["a", "[DONE]"]);
    }

    #[test]
    fn an_event_is_refused_by_its_length_and_not_by_its_split() {
        let mut line = b"data:".to_vec();
        line.resize(EVENT_BYTES_MAX, b'x');
        line.push(b'\n');
        let mut one_more = line.clone();
        one_more.insert(5, b'x');
        for part_bytes in [EVENT_BYTES_MAX / 2, usize::MAX] {
            let is_read = |event: &[u8]| {
                let mut decoder = SseDecoder::default();
                event
                    .chunks(part_bytes)
                    .all(|part| decoder.push(part, |_| {}).is_ok())
            };
            assert!(is_read(&line));
            assert!(!is_read(&one_more), "a line");
            assert!(
                !is_read(&[&line[..], b"data: 123456\n"].concat()),
                "several lines"
            );
        }
    }

    fn any_stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just("data: {\"a\":1}".to_owned()),
            Just("data:x".to_owned()),
            Just("data".to_owned()),
            Just("event: error".to_owned()),
            Just(": comment".to_owned()),
            Just("\n".to_owned()),
            Just("\r".to_owned()),
            Just("\r\n".to_owned()),
            Just("\n\n".to_owned()),
            Just("\u{feff}".to_owned()),
            "[a-zé:\r\n ]{0,8}",
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_events(stream in any_stream(), cuts in prop::collection::vec(0usize..200, 0..12)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let parts = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
            prop_assert_eq!(decode(parts), decode([&stream[..]]));
            prop_assert_eq!(decode(stream.chunks(1)), decode([&stream[..]]));
        }
    }
}
