//! How answers travel: as JSON that is read as text.
//!
//! Pages read the data they were rendered with as text too. With one way to read, the browser half
//! carries one reader for each type instead of two.

use serde::Serialize;
use serde::de::DeserializeOwned;
use server_fn::codec::Post;
use server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType};

/// JSON in UTF-8.
pub struct JsonText;

/// Takes JSON, and answers with JSON, in the body of a `POST`.
pub type Json = Post<JsonText>;

/// Why an answer could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JsonTextError {
    /// It is not UTF-8.
    #[error("the answer is not UTF-8")]
    NotUtf8(#[from] std::str::Utf8Error),
    /// It is not the JSON expected.
    #[error("the answer is not the JSON expected")]
    Json(#[from] serde_json::Error),
}

impl ContentType for JsonText {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for JsonText {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for JsonText {
    type Error = JsonTextError;

    fn encode(output: &T) -> Result<Bytes, Self::Error> {
        Ok(serde_json::to_string(output)?.into())
    }
}

impl<T: DeserializeOwned> Decodes<T> for JsonText {
    type Error = JsonTextError;

    fn decode(bytes: Bytes) -> Result<T, Self::Error> {
        Ok(serde_json::from_str(std::str::from_utf8(&bytes)?)?)
    }
}
