//! A JSON array taken apart into the texts of its elements, however large it is.
//!
//! Only what separates elements is judged here; an element's own text is for a JSON parser. Memory
//! is bounded by the longest element that is kept.

use super::ROW_BYTES_MAX;

/// What [`ArraySplitter::feed`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// All bytes were used: feed more.
    More,
    /// An element is complete; see [`ArraySplitter::element`].
    Element {
        /// Line where it begins, from 1.
        line: u32,
        /// Whether it is longer than [`ROW_BYTES_MAX`], so that its text was not kept.
        is_too_long: bool,
    },
}

/// Takes an array apart, piece by piece of its text.
#[derive(Clone, Debug)]
pub struct ArraySplitter {
    place: Place,
    line: u32,
    element: Vec<u8>,
    element_line: u32,
    is_too_long: bool,
    depth: u32,
    string: InString,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    BeforeArray,
    /// After `[`: an element or the end.
    AtFirst,
    /// After a comma: an element.
    AtNext,
    InElement,
    /// After an element: a comma or the end.
    AfterElement,
    AfterArray,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InString {
    No,
    Yes,
    /// After a backslash.
    Escaped,
}

impl Default for ArraySplitter {
    fn default() -> Self {
        Self {
            place: Place::BeforeArray,
            line: 1,
            element: Vec::new(),
            element_line: 1,
            is_too_long: false,
            depth: 0,
            string: InString::No,
        }
    }
}

impl ArraySplitter {
    /// Takes bytes of the text, up to the end of the next element. Gives how many were used.
    ///
    /// # Errors
    /// Says in a sentence, with its line, where the text is no array.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(usize, Fed), String> {
        for (place, byte) in bytes.iter().copied().enumerate() {
            let is_whole = self.take(byte)?;
            if byte == b'\n' {
                self.line = self.line.saturating_add(1);
            }
            if is_whole {
                let fed = Fed::Element {
                    line: self.element_line,
                    is_too_long: self.is_too_long,
                };
                return Ok((place + 1, fed));
            }
        }
        Ok((bytes.len(), Fed::More))
    }

    /// The text of the element that was completed last; empty when it was too long.
    pub fn element(&self) -> &[u8] {
        if self.is_too_long { &[] } else { &self.element }
    }

    /// Says that the text is over.
    ///
    /// # Errors
    /// When the array is not.
    pub fn finish(&self) -> Result<(), String> {
        match self.place {
            Place::AfterArray => Ok(()),
            Place::BeforeArray => Err("The file is empty.".to_owned()),
            Place::InElement => Err(format!(
                "The file ends inside the element that begins in line {}.",
                self.element_line
            )),
            _ => Err(format!(
                "The file ends in line {} before its array does: a “]” is missing.",
                self.line
            )),
        }
    }

    /// Takes one byte; true when it completes an element.
    fn take(&mut self, byte: u8) -> Result<bool, String> {
        if self.place == Place::InElement {
            return self.take_inside(byte);
        }
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            return Ok(false);
        }
        match (self.place, byte) {
            (Place::BeforeArray, b'[') => self.place = Place::AtFirst,
            (Place::BeforeArray, _) => {
                return Err(self.wrong("the file should begin with “[”"));
            }
            (Place::AtFirst | Place::AfterElement, b']') => self.place = Place::AfterArray,
            (Place::AfterElement, b',') => self.place = Place::AtNext,
            (Place::AfterElement, _) => {
                return Err(self.wrong("a comma is missing between two elements"));
            }
            (Place::AtFirst | Place::AtNext, b',' | b']' | b'}') => {
                return Err(self.wrong("an element is missing"));
            }
            (Place::AfterArray, _) => return Err(self.wrong("something follows the array")),
            (Place::AtFirst | Place::AtNext, _) => {
                self.begin();
                return self.take_inside(byte);
            }
            (Place::InElement, _) => {}
        }
        Ok(false)
    }

    fn begin(&mut self) {
        self.place = Place::InElement;
        self.element.clear();
        self.element_line = self.line;
        self.is_too_long = false;
        self.depth = 0;
        self.string = InString::No;
    }

    fn take_inside(&mut self, byte: u8) -> Result<bool, String> {
        if self.string == InString::No {
            match byte {
                b'"' => self.string = InString::Yes,
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b',' | b']' | b'}' if self.depth == 0 => {
                    // A bare number or word ends where the next thing begins.
                    self.place = Place::AfterElement;
                    self.take(byte)?;
                    return Ok(true);
                }
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.keep(byte);
                        self.place = Place::AfterElement;
                        return Ok(true);
                    }
                }
                _ => {}
            }
        } else {
            self.string = match (self.string, byte) {
                (InString::Yes, b'\\') => InString::Escaped,
                (InString::Yes, b'"') => InString::No,
                _ => InString::Yes,
            };
        }
        self.keep(byte);
        Ok(false)
    }

    fn keep(&mut self, byte: u8) {
        if self.element.len() < ROW_BYTES_MAX {
            self.element.push(byte);
        } else {
            self.is_too_long = true;
        }
    }

    fn wrong(&self, what: &str) -> String {
        format!("Line {}: {what}.", self.line)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Lines and texts of all elements, fed in pieces of `piece` bytes.
    fn split(text: &str, piece: usize) -> Result<Vec<(u32, String)>, String> {
        let mut splitter = ArraySplitter::default();
        let mut found = Vec::new();
        for chunk in text.as_bytes().chunks(piece) {
            let mut rest = chunk;
            while !rest.is_empty() {
                let (used, fed) = splitter.feed(rest)?;
                rest = &rest[used..];
                if let Fed::Element { line, .. } = fed {
                    let text = String::from_utf8(splitter.element().to_vec()).unwrap();
                    found.push((line, text));
                }
            }
        }
        splitter.finish()?;
        Ok(found)
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            r#"[a-z\[\]{}",:\\\n é]{0,12}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"{]{0,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn elements_are_those_of_a_json_parser(
            elements in prop::collection::vec(any_json(), 0..6),
            piece in 1usize..40,
            is_pretty: bool,
        ) {
            let array = Value::Array(elements.clone());
            let text = if is_pretty {
                serde_json::to_string_pretty(&array).unwrap()
            } else {
                array.to_string()
            };
            let found = split(&text, piece).unwrap();
            let parsed: Vec<Value> = found
                .iter()
                .map(|(_, text)| serde_json::from_str(text).unwrap())
                .collect();
            prop_assert_eq!(parsed, elements);
            for (line, element) in &found {
                let before: String = text.lines().take(*line as usize).collect::<Vec<_>>().join("\n");
                let first = element.lines().next().unwrap();
                prop_assert!(before.contains(first), "line {} of {}", line, text);
            }
        }

        #[test]
        fn anything_at_all_is_taken_or_refused(text in ".{0,60}", piece in 1usize..9) {
            let whole = serde_json::from_str::<Vec<Value>>(&text);
            if split(&text, piece).is_err() {
                prop_assert!(whole.is_err());
            }
        }
    }

    #[test]
    fn lines_are_those_where_elements_begin() {
        let text = "[\n  {\"a\": \"x\n\"},\n\n\n  7, {\n}\n]\n";
        let found = split(text, 3).unwrap();
        let lines: Vec<u32> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 6, 6]);
    }

    #[test]
    fn what_is_no_array_is_refused_with_its_line() {
        let cases = [
            ("", "The file is empty."),
            ("{}", "Line 1: the file should begin with “[”."),
            (
                "[\n{}\n{}]",
                "Line 3: a comma is missing between two elements.",
            ),
            ("[{},\n]", "Line 2: an element is missing."),
            ("[{}] x", "Line 1: something follows the array."),
            (
                "[{}\n",
                "The file ends in line 2 before its array does: a “]” is missing.",
            ),
            (
                "[\n{\"a\": \"]\n",
                "The file ends inside the element that begins in line 2.",
            ),
        ];
        for (text, message) in cases {
            assert_eq!(split(text, 2).unwrap_err(), message, "{text}");
        }
    }

    #[test]
    fn an_element_that_is_too_long_is_passed_over() {
        let long = "x".repeat(ROW_BYTES_MAX);
        let text = json!([{ "a": long }, { "b": 1 }]).to_string();
        let mut splitter = ArraySplitter::default();
        let (used, fed) = splitter.feed(text.as_bytes()).unwrap();
        let is_too_long = true;
        assert_eq!(
            fed,
            Fed::Element {
                line: 1,
                is_too_long
            }
        );
        assert!(splitter.element().is_empty());
        let (_, fed) = splitter.feed(&text.as_bytes()[used..]).unwrap();
        assert!(matches!(
            fed,
            Fed::Element {
                is_too_long: false,
                ..
            }
        ));
        assert_eq!(splitter.element(), br#"{"b":1}"#);
    }
}
