//! The `OpenAPI` document: its frame, and what all operations have in common.

use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::VERSIONED;
use super::answer::ErrorBody;

/// What stands before and around the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Assay",
        description = "Benchmarks of LLM serving engines: run them, follow them, read their evidence.\n\n\
            Every route is also served without `/api/v1` where the reference API has it; new clients use `/api/v1`.\n\n\
            Aggregates named `*_ms` are milliseconds, `*_s` seconds, throughputs per second. The rows of single requests \
            (`ttft`, `tpot`, `itl`, `latency`) are seconds at full precision. What was not measured is `null`.\n\n\
            Unknown fields and parameters are refused, so that a misspelt one is not lost.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "Benchmarks", description = "The history, and one benchmark of it."),
        (name = "Results", description = "Figures and requests of a run, read from its evidence."),
        (name = "Workflows", description = "From the first answer to a queued benchmark."),
        (name = "Catalogue", description = "What benchmarks are made of."),
        (name = "Selftests", description = "How far the load generators of this installation can be trusted."),
        (name = "Access", description = "Accounts and API tokens."),
    ),
    components(schemas(ErrorBody)),
)]
struct Frame;

/// The document without routes.
pub(super) fn frame() -> utoipa::openapi::OpenApi {
    let mut frame = Frame::openapi();
    env!("CARGO_PKG_VERSION").clone_into(&mut frame.info.version);
    frame
}

/// A refusal that routes share: status, name among the components, and what it means.
const REFUSALS: [(&str, &str, &str); 11] = [
    ("400", "NotRead", "The body is not JSON."),
    ("401", "SignedOut", "No valid token, and no session."),
    (
        "403",
        "Forbidden",
        "Known, but not allowed: the role is too low, or the request comes from another site's page.",
    ),
    ("404", "NotFound", "There is no such thing."),
    (
        "409",
        "Conflict",
        "Something else happened first, or stands in the way.",
    ),
    ("413", "TooLarge", "The body is too long."),
    (
        "415",
        "NotTaken",
        "The body is of a type that this route does not take.",
    ),
    (
        "422",
        "Invalid",
        "Some fields need another value; `errors` names all of them.",
    ),
    (
        "429",
        "TooMany",
        "Too many wrong tokens from this address, or too many requests: try again after `Retry-After` seconds.",
    ),
    (
        "500",
        "Fault",
        "A fault of the server; its log has the cause.",
    ),
    (
        "503",
        "Unavailable",
        "Something this needs does not answer.",
    ),
];

/// The document as it is served: with what holds for every operation.
pub(super) fn finish(document: utoipa::openapi::OpenApi) -> Value {
    // A value of these types is always JSON.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    let schemes = json!({
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "A token made in Settings or by `assay token create`.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "assay_session",
            "description": "The session of a signed-in browser, for pages of this server.",
        },
        "runner": {
            "type": "apiKey",
            "in": "header",
            "name": "x-assay-runner-key",
            "description": "The key of the server's own runner. It never leaves the server's process.",
        },
    });
    let responses = REFUSALS.iter().map(|(_, name, text)| {
        let response = json!({
            "description": text,
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/ErrorBody" } } },
        });
        ((*name).to_owned(), response)
    });
    let responses = Value::Object(responses.collect());
    if let Some(components) = document
        .get_mut("components")
        .and_then(Value::as_object_mut)
    {
        components.insert("securitySchemes".to_owned(), schemes);
        components.insert("responses".to_owned(), responses);
    }
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            finish_operation(path, method, operation);
        }
    }
    document
}

fn finish_operation(path: &str, method: &str, operation: &mut Value) {
    if !path.starts_with(VERSIONED)
        && let Some(id) = operation["operationId"].as_str()
    {
        operation["operationId"] = Value::from(format!("unversioned_{id}"));
    }
    let parameters = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    let mut names_something = path.contains('{');
    let mut has_query = false;
    for parameter in parameters.into_iter().flatten() {
        let is_query = parameter["in"] == "query";
        has_query |= is_query;
        let name = parameter["name"].as_str();
        names_something |= name.is_some_and(|name| name.ends_with("_id"));
        // In a URL a value is there or not; there is no null.
        if let Some(schema) = parameter.get_mut("schema") {
            drop_null(schema);
        }
    }
    if operation["security"].is_null() {
        operation["security"] = json!([{ "token": [] }, { "session": [] }]);
    }
    let is_open = operation["security"].as_array().is_some_and(Vec::is_empty);
    let has_body = !operation["requestBody"].is_null();
    let applies = |status: &str| match status {
        "400" | "413" | "415" => has_body,
        "401" | "403" | "429" => !is_open,
        "404" => names_something || has_body,
        "409" => method != "get",
        "422" => has_query || has_body,
        "500" | "503" => true,
        _ => false,
    };
    let mut responses = operation["responses"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    for (status, name, _) in REFUSALS {
        let is_declared = responses.contains_key(status);
        if is_declared || applies(status) {
            let reference = json!({ "$ref": format!("#/components/responses/{name}") });
            responses.insert(status.to_owned(), reference);
        }
    }
    operation["responses"] = Value::Object(responses);
}

fn drop_null(schema: &mut Value) {
    if let Some(types) = schema["type"].as_array() {
        let rest: Vec<Value> = types
            .iter()
            .filter(|kind| *kind != "null")
            .cloned()
            .collect();
        if let [only] = rest.as_slice() {
            schema["type"] = only.clone();
        }
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let rest: Vec<Value> = choices
            .iter()
            .filter(|choice| choice["type"] != "null")
            .cloned()
            .collect();
        if let [only] = rest.as_slice() {
            let mut merged: Map<String, Value> = schema.as_object().cloned().unwrap_or_default();
            merged.remove("oneOf");
            merged.extend(only.as_object().cloned().unwrap_or_default());
            *schema = Value::Object(merged);
        }
    }
}
