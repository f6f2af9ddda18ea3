//! The formats that are imported, and how one is told from another.

use serde::{Deserialize, Serialize};

/// Format of an uploaded file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatasetFormat {
    /// One JSON object a line: `{"prompt": "…", "output_tokens": 56}` or `{"messages": […]}`.
    Jsonl,
    /// `ShareGPT`: objects with `conversations` of `{"from", "value"}`, as a JSON array or one a line.
    #[serde(rename = "sharegpt")]
    ShareGpt,
    /// Alpaca: objects with `instruction`, `input` and `output`, as a JSON array or one a line.
    Alpaca,
    /// Comma-separated with a heading: `prompt` and perhaps `output_tokens`, or `instruction`,
    /// `input` and `output`.
    Csv,
}

impl DatasetFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Jsonl, Self::ShareGpt, Self::Alpaca, Self::Csv];

    /// The name used in forms, in the API and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::ShareGpt => "sharegpt",
            Self::Alpaca => "alpaca",
            Self::Csv => "csv",
        }
    }

    /// The format of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }

    /// In words, for tables.
    pub fn label(self) -> &'static str {
        match self {
            Self::Jsonl => "JSON Lines",
            Self::ShareGpt => "ShareGPT",
            Self::Alpaca => "Alpaca",
            Self::Csv => "CSV",
        }
    }

    /// The format that a file's name and its first bytes suggest. `None` when they suggest none.
    pub fn detect(file_name: &str, head: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(head);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if file_name.to_lowercase().ends_with(".csv") {
            return Some(Self::Csv);
        }
        if text.starts_with(['[', '{']) {
            return Self::detect_json(text);
        }
        let heading = text.lines().next().unwrap_or_default().to_lowercase();
        let is_heading = heading
            .split(',')
            .map(|name| name.trim().trim_matches('"'))
            .any(|name| name == "prompt" || name == "instruction");
        is_heading.then_some(Self::Csv)
    }

    /// By the key that stands first among those that tell the formats apart.
    fn detect_json(text: &str) -> Option<Self> {
        let is_array = text.starts_with('[');
        let found = [
            ("\"conversations\"", Self::ShareGpt),
            ("\"instruction\"", Self::Alpaca),
            ("\"prompt\"", Self::Jsonl),
            ("\"messages\"", Self::Jsonl),
        ]
        .into_iter()
        .filter_map(|(key, format)| Some((text.find(key)?, format)))
        .min_by_key(|(place, _)| *place)
        .map(|(_, format)| format);
        match found {
            // A file of lines may begin with broken ones.
            None | Some(Self::Jsonl) if is_array => None,
            None => Some(Self::Jsonl),
            found => found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart() {
        let cases = [
            (
                "a.jsonl",
                "{\"prompt\": \"x\"}\n",
                Some(DatasetFormat::Jsonl),
            ),
            (
                "a",
                "\u{feff}\n {\"messages\": []}",
                Some(DatasetFormat::Jsonl),
            ),
            ("a.jsonl", "{oops\n", Some(DatasetFormat::Jsonl)),
            (
                "a.json",
                "[\n{\"id\": \"1\", \"conversations\": [",
                Some(DatasetFormat::ShareGpt),
            ),
            (
                "a.json",
                "[{\"instruction\": \"say \\\"prompt\\\"\"",
                Some(DatasetFormat::Alpaca),
            ),
            ("a.CSV", "x", Some(DatasetFormat::Csv)),
            ("a.txt", "id,\"prompt\"\r\n1,x", Some(DatasetFormat::Csv)),
            ("a.txt", "plain words", None),
            ("a.json", "[{\"question\": 1}]", None),
            ("a.json", "", None),
        ];
        for (name, head, format) in cases {
            assert_eq!(
                DatasetFormat::detect(name, head.as_bytes()),
                format,
                "{name} {head}"
            );
        }
    }

    #[test]
    fn names_round_trip() {
        for format in DatasetFormat::ALL {
            assert_eq!(DatasetFormat::parse(format.as_str()), Some(format));
            let json = serde_json::to_string(&format).unwrap();
            assert_eq!(json, format!("\"{}\"", format.as_str()));
        }
    }
}
