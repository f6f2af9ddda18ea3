//! Extra headers of requests, whose values are secrets.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::secret::Secret;

/// Most extra headers of one plan.
pub const HEADERS_MAX: usize = 20;
/// Longest value in bytes.
const VALUE_BYTES_MAX: usize = 8_192;
/// Headers that the client itself decides, or whose value has a way of its own.
const OWN_HEADERS: [&str; 9] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "accept-encoding",
];

/// A header sent with every request. Its value may well be a key: it is read with a plan, and never
/// printed, logged or written with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Secret<String>,
}

impl Header {
    /// The header of a text `Name: value`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once(':')
            .ok_or("Give a header as Name: value.")?;
        let header = Self {
            name: name.trim().to_owned(),
            value: Secret::new(value.trim().to_owned()),
        };
        header.check().map(|()| header)
    }

    /// Whether it can be sent. The message never quotes the value.
    pub fn check(&self) -> Result<(), String> {
        let Self { name, value } = self;
        // Up to where it stops being a name: the value may follow without a colon.
        let is_of_name = |letter: &char| letter.is_ascii_alphanumeric() || "-_.".contains(*letter);
        let shown: String = name.chars().take_while(is_of_name).take(60).collect();
        let known = http::HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("“{shown}” is no name of a header."))?;
        if OWN_HEADERS.contains(&known.as_str()) {
            return Err(format!(
                "Leave the header {shown} out: the client sets it itself."
            ));
        }
        let value = value.expose();
        if value.is_empty() {
            return Err(format!(
                "Give the header {shown} a value; plans that were written have none in them."
            ));
        }
        let fits = http::HeaderValue::from_str(value).is_ok()
            && value.is_ascii()
            && value.len() <= VALUE_BYTES_MAX;
        if !fits {
            return Err(format!(
                "The value of the header {shown} is not one line of visible ASCII characters, at most {VALUE_BYTES_MAX}."
            ));
        }
        Ok(())
    }
}

impl Serialize for Header {
    /// The name alone.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut header = serializer.serialize_struct("Header", 1)?;
        header.serialize_field("name", &self.name)?;
        header.end()
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Read {
            name: String,
            #[serde(default)]
            value: String,
        }
        let Read { name, value } = Read::deserialize(deserializer)?;
        Ok(Self {
            name,
            value: Secret::new(value),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_and_never_written() {
        let header: Header = serde_json::from_str(r#"{"name":"X-Key","value":"s3cret"}"#).unwrap();
        assert_eq!(header, Header::parse("X-Key:  s3cret ").unwrap());
        let (json, debug) = (
            serde_json::to_string(&header).unwrap(),
            format!("{header:?}"),
        );
        assert_eq!(json, r#"{"name":"X-Key"}"#);
        assert!(!debug.contains("s3cret"), "{debug}");
        let read_back: Header = serde_json::from_str(&json).unwrap();
        assert!(
            read_back
                .check()
                .unwrap_err()
                .contains("Give the header X-Key a value")
        );
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_its_value() {
        for (text, expected) in [
            ("X-Key", "Name: value"),
            ("X Key: s3cret", "no name"),
            (": s3cret", "no name"),
            ("X-Key: ", "a value"),
            ("Content-Length: 3", "sets it itself"),
            ("X-Key: s3\ncret", "one line"),
            ("X-Key: s3crét", "visible ASCII"),
            (
                "Authorization Bearer s3cret: x",
                "“Authorization” is no name",
            ),
        ] {
            let why = Header::parse(text).unwrap_err();
            assert!(
                why.contains(expected) && !why.contains("s3"),
                "{text}: {why}"
            );
        }
    }
}
