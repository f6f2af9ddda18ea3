//! Messages at the fields: what every form of the product answers to bad input.

use serde::{Deserialize, Serialize};

/// One message at one field. `field` is the form's field name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Name of the field, as in the form and the API.
    pub field: String,
    /// What is wrong and what would be right, as a sentence fragment a person can act on.
    pub message: String,
}

/// All messages of one form. Collect them, so that a person sees everything at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldErrors(pub Vec<FieldError>);

impl FieldErrors {
    /// A set with one message.
    pub fn one(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(field, message);
        errors
    }

    /// Adds a message.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError {
            field: field.into(),
            message: message.into(),
        });
    }

    /// Keeps the value, or notes the message and gives `None`.
    pub fn check<T>(&mut self, field: &str, result: Result<T, String>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(message) => {
                self.add(field, message);
                None
            }
        }
    }

    /// The first message at `field`.
    pub fn at(&self, field: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|error| error.field == field)
            .map(|error| error.message.as_str())
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `Err(self)` when there is a message, else `Ok(value)`.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

/// Text between 1 and `max_chars` characters after trimming, without control characters.
pub fn required_text(text: &str, what: &str, max_chars: u32) -> Result<String, String> {
    let text = optional_text(text, what, max_chars)?;
    if text.is_empty() {
        Err(format!("Give {what}."))
    } else {
        Ok(text)
    }
}

/// Like [`required_text`], but may be empty. New lines and tabs are kept.
pub fn optional_text(text: &str, what: &str, max_chars: u32) -> Result<String, String> {
    let text = text.trim();
    let count = text.chars().count();
    if u32::try_from(count).unwrap_or(u32::MAX) > max_chars {
        return Err(format!(
            "Shorten {what}: {count} characters, at most {max_chars} are kept."
        ));
    }
    if text
        .chars()
        .any(|c| c.is_control() && c != '\n' && c != '\t' && c != '\r')
    {
        return Err(format!("Remove the control characters from {what}."));
    }
    Ok(text.to_owned())
}

/// A whole number in `min..=max`.
pub fn whole_number(text: &str, what: &str, min: u64, max: u64) -> Result<u64, String> {
    let range = || format!("Give {what} as a whole number from {min} to {max}.");
    let value: u64 = text.trim().parse().map_err(|_| range())?;
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(range())
    }
}

/// A finite number in `min..=max`.
pub fn decimal_number(text: &str, what: &str, min: f64, max: f64) -> Result<f64, String> {
    let range = || format!("Give {what} as a number from {min} to {max}.");
    let value: f64 = text.trim().parse().map_err(|_| range())?;
    if value >= min && value <= max {
        Ok(value)
    } else {
        Err(range())
    }
}

/// Most tags a benchmark may carry.
pub const TAGS_MAX: usize = 20;
/// Most characters of one tag.
pub const TAG_CHARS_MAX: usize = 64;

/// Tags from a comma- or newline-separated text: lower case, trimmed, without repeats, in order.
pub fn parse_tags(text: &str) -> Result<Vec<String>, String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in text.split([',', '\n']) {
        let tag = tag.trim().to_lowercase();
        if tag.is_empty() || tags.contains(&tag) {
            continue;
        }
        if tag.chars().count() > TAG_CHARS_MAX {
            return Err(format!(
                "Shorten the tag “{tag}”: at most {TAG_CHARS_MAX} characters."
            ));
        }
        if tag.chars().any(char::is_control) {
            return Err("Remove the control characters from the tags.".to_owned());
        }
        tags.push(tag);
    }
    if tags.len() > TAGS_MAX {
        return Err(format!(
            "Remove some tags: {} given, at most {TAGS_MAX} are kept.",
            tags.len()
        ));
    }
    Ok(tags)
}

/// Longest secret in bytes.
pub const SECRET_BYTES_MAX: usize = 4_096;

/// A secret without the blanks around it, or empty: it has to fit into a header.
pub fn secret_text(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.len() > SECRET_BYTES_MAX || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err("A key is one line of visible ASCII characters, at most 4,096.".to_owned());
    }
    Ok(text.to_owned())
}

/// Longest base URL.
const BASE_URL_BYTES_MAX: usize = 500;

/// An HTTP or HTTPS base URL without query or fragment, normalised without a trailing slash.
/// User information is refused: a password in a URL would end up in logs.
pub fn base_url(text: &str) -> Result<String, String> {
    const HELP: &str = "Give a base URL such as http://127.0.0.1:8000 or https://host/v1.";
    let text = text.trim().trim_end_matches('/');
    if text.len() > BASE_URL_BYTES_MAX {
        return Err(format!(
            "Give a base URL of at most {BASE_URL_BYTES_MAX} characters."
        ));
    }
    let uri: http::Uri = text.parse().map_err(|_| HELP.to_owned())?;
    let has_bad_port = uri.authority().is_some_and(|authority| {
        authority.as_str().len() > authority.host().len()
            && authority.port_u16().is_none_or(|port| port == 0)
    });
    if has_bad_port && !text.contains('@') {
        return Err("Give a port from 1 to 65535 in the base URL.".to_owned());
    }
    let scheme_fits = matches!(uri.scheme_str(), Some("http" | "https"));
    let host_fits = uri.host().is_some_and(|host| !host.is_empty());
    if !scheme_fits || !host_fits {
        return Err(HELP.to_owned());
    }
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return Err("Put the key into its own field, not into the URL.".to_owned());
    }
    if uri.query().is_some() || text.contains('#') {
        let help = "Leave out what follows ? or # in the base URL: requests go to paths below it.";
        return Err(help.to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_normalised_and_bounded() {
        assert_eq!(
            parse_tags(" Gate, chat,gate ,\n RAG").unwrap(),
            ["gate", "chat", "rag"]
        );
        assert_eq!(parse_tags("").unwrap(), Vec::<String>::new());
        assert!(parse_tags(&"x".repeat(65)).is_err());
        let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
        assert!(parse_tags(&many.join(",")).is_err());
    }

    #[test]
    fn base_urls_are_normalised_and_keep_no_secret() {
        assert_eq!(
            base_url(" http://127.0.0.1:8000/v1/ ").unwrap(),
            "http://127.0.0.1:8000/v1"
        );
        assert!(base_url("http://[::1]:8000").is_ok());
        assert!(base_url("https://[::1]").is_ok());
        for bad in [
            "",
            "localhost:8000",
            "ftp://x",
            "http://",
            "http://a?b=c",
            "http://a/v1#a",
            "http://u:p@h",
            "http://a:",
            "http://a:0",
            "http://a:99999",
            &format!("http://{}", "a".repeat(BASE_URL_BYTES_MAX)),
        ] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_name_their_range() {
        assert_eq!(whole_number(" 5 ", "the concurrency", 1, 10), Ok(5));
        let message = whole_number("0", "the concurrency", 1, 10).unwrap_err();
        assert_eq!(
            message,
            "Give the concurrency as a whole number from 1 to 10."
        );
        assert!(decimal_number("NaN", "the rate", 0.0, 1.0).is_err());
    }
}
