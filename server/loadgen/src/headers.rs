//! Extra headers of requests, and keeping their values out of texts.

use domain::load::Header;
use domain::secret::Secret;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::error::LoadError;

/// A shorter value is no secret, and leaving it out would tear other words apart.
const SECRET_CHARS_MIN: usize = 4;

/// The headers of a plan as they go out.
pub(crate) fn header_map(headers: &[Header]) -> Result<HeaderMap, LoadError> {
    let mut map = HeaderMap::new();
    for header in headers {
        header.check().map_err(LoadError::Plan)?;
        let refused = || LoadError::Plan(format!("the header {} cannot be sent", header.name));
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| refused())?;
        let mut value = HeaderValue::from_str(header.value.expose()).map_err(|_| refused())?;
        value.set_sensitive(true);
        map.insert(name, value);
    }
    Ok(map)
}

/// The words of the headers' values that no text of a server may bring into a record.
pub(crate) fn secrets(headers: &[Header]) -> Vec<Secret<String>> {
    let words = headers
        .iter()
        .flat_map(|header| header.value.expose().split_whitespace());
    let schemes = ["bearer", "basic", "token"];
    words
        .filter(|word| word.len() >= SECRET_CHARS_MIN)
        .filter(|word| !schemes.contains(&word.to_lowercase().as_str()))
        .map(|word| Secret::new(word.to_owned()))
        .collect()
}

/// The text without these words.
pub(crate) fn without_secrets(text: String, secrets: &[Secret<String>]) -> String {
    secrets.iter().fold(text, |text, secret| {
        text.replace(secret.expose().as_str(), "[header]")
    })
}
