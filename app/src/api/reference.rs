//! The REST API as its document describes it, for the page that shows it.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::ApiError;
use super::codec::Json;
#[cfg(feature = "ssr")]
use super::context::signed_in;

/// The API, ready to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiReference {
    /// What holds for all of it.
    pub text: String,
    /// Version of the product.
    pub version: String,
    /// Its operations by topic.
    pub groups: Vec<ApiGroup>,
    /// The shapes of bodies and answers.
    pub schemas: Vec<ApiSchema>,
}

/// Operations of one topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiGroup {
    /// The topic.
    pub name: String,
    /// What it is about.
    pub text: String,
    /// The operations.
    pub operations: Vec<ApiOperation>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiOperation {
    /// Its id, which is its anchor.
    pub id: String,
    /// `GET`, `POST`, …
    pub method: String,
    /// Its path.
    pub path: String,
    /// The reference's path, where it has one.
    pub also_at: Option<String>,
    /// What it does, in a line.
    pub title: String,
    /// More of it.
    pub text: String,
    /// Parameters of path and query.
    pub parameters: Vec<ApiField>,
    /// Media types of the body, each with its schema; none when it takes no body.
    pub bodies: Vec<(String, ApiKind)>,
    /// What it may answer.
    pub answers: Vec<ApiAnswer>,
    /// A call of it, after the address of the server: its method, path and body.
    pub example_body: Option<String>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiAnswer {
    /// The status.
    pub status: String,
    /// What it means.
    pub text: String,
    /// Its body.
    pub body: Option<ApiKind>,
}

/// The shape of an object, or the words of a choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiSchema {
    /// Its name.
    pub name: String,
    /// What it is.
    pub text: String,
    /// What it is made of, when it is no object.
    pub kind: Option<ApiKind>,
    /// Its fields.
    pub fields: Vec<ApiField>,
}

/// A field or parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiField {
    /// Its name.
    pub name: String,
    /// `path`, `query` or empty for a field.
    pub place: String,
    /// Whether it must be there.
    pub is_required: bool,
    /// What is taken.
    pub kind: ApiKind,
    /// What it means.
    pub text: String,
}

/// What a value looks like: words, with the schema they name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKind {
    /// `whole number, 1 to 100`, `list of`, …
    pub words: String,
    /// A schema of the list, named after the words.
    pub schema: Option<String>,
}

/// The API as this server serves it.
#[server(endpoint = "reference/api", output = Json)]
pub async fn get_api_reference() -> Result<ApiReference, ApiError> {
    signed_in()?;
    let reference = use_context::<std::sync::Arc<ApiReference>>();
    Ok(reference.as_deref().cloned().unwrap_or_default())
}
