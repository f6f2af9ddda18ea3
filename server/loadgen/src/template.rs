//! Chunks that differ from the one before in nothing but their text. A stream's chunks are alike to the
//! byte except for that, so that most need no JSON parser.

/// The bytes around the text of a chunk that was parsed.
///
/// A chunk with the same bytes before and after one plain string in the same place is the same document with
/// another text: JSON has no way to tell otherwise, since a string without escapes ends at its next quote.
#[derive(Debug, Default)]
pub(crate) struct Template {
    /// What stands before the text and what stands after it, in one piece of memory.
    around: Vec<u8>,
    before_bytes: usize,
}

impl Template {
    /// Learns from a parsed chunk whose text lies at `range` of `json`, between its quotes and
    /// without an escape.
    pub(crate) fn learn(&mut self, json: &[u8], range: std::ops::Range<usize>) {
        self.forget();
        if let (Some(before), Some(after)) = (json.get(..range.start), json.get(range.end..))
            && before.ends_with(b"\"")
            && after.starts_with(b"\"")
        {
            self.around.extend_from_slice(before);
            self.around.extend_from_slice(after);
            self.before_bytes = before.len();
        }
    }

    /// Forgets what it learnt.
    pub(crate) fn forget(&mut self) {
        self.around.clear();
    }

    /// The text of `json`, where it is the chunk that was learnt with another text that is plain and
    /// not empty.
    pub(crate) fn text_of<'a>(&self, json: &'a [u8]) -> Option<&'a str> {
        if self.around.is_empty() {
            return None;
        }
        let (before, after) = self.around.split_at_checked(self.before_bytes)?;
        let text = json.strip_prefix(before)?.strip_suffix(after)?;
        let is_plain = text
            .iter()
            .all(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f));
        if text.is_empty() || !is_plain {
            return None;
        }
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt(json: &str, text: &str) -> Template {
        let mut template = Template::default();
        let start = json.find(text).unwrap();
        template.learn(json.as_bytes(), start..start + text.len());
        template
    }

    #[test]
    fn only_another_plain_text_is_recognised() {
        let template = learnt(r#"{"choices":[{"delta":{"content":"one"}}],"id":1}"#, "one");
        for text in ["one", "two", " é", ":{}"] {
            let json = format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}],"id":1}}"#);
            assert_eq!(template.text_of(json.as_bytes()), Some(text));
        }
        for text in ["", r"\n", r#"a","x":"b"#, "a\u{1}", "\\"] {
            let json = format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}],"id":1}}"#);
            assert_eq!(template.text_of(json.as_bytes()), None, "{text}");
        }
        for json in [
            r#"{"choices":[{"delta":{"content":"one"}}],"id":2}"#,
            r#"{"choices":[{"delta":{"reasoning":"one"}}],"id":1}"#,
            r#"{"choices":[{"delta":{"content":"#,
            "",
        ] {
            assert_eq!(template.text_of(json.as_bytes()), None, "{json}");
        }
        let bytes = b"{\"choices\":[{\"delta\":{\"content\":\"\xff\"}}],\"id\":1}";
        assert_eq!(template.text_of(bytes), None, "no UTF-8");
    }

    #[test]
    fn overlapping_ends_are_no_text() {
        let template = learnt(r#""a""a"#, "a");
        assert_eq!(template.text_of(br#""a""#), None);
    }

    #[test]
    fn nothing_learnt_recognises_nothing() {
        let mut template = learnt(r#"{"a":"b"}"#, "b");
        template.forget();
        assert_eq!(template.text_of(br#"{"a":"b"}"#), None);
        assert_eq!(Template::default().text_of(b""), None);
    }
}
