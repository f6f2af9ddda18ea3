//! The server functions of the app.

use domain::history::HistoryQuery;
use domain::requests::RequestQuery;
use domain::workflow::form::EvaluationForm;
use leptos::server_fn::axum::server_fn_paths;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::visitor::Visitor;
use super::{Kind, Way};

/// Every field that some function cannot do without. Ids name nothing, and what would be made lacks
/// something, so that nothing is changed by whoever is let in. A function that needs another field
/// answers 400, and the test says so: add it here.
const FIELDS: [(&str, &str); 20] = [
    ("id", NOBODY),
    ("revision", "1"),
    ("name", ""),
    ("base_url", ""),
    ("role", ""),
    ("new_role", ""),
    ("password", "x"),
    ("password_again", "x"),
    ("present_password", "x"),
    ("token", ""),
    ("after_seq", "0"),
    ("limit", "1"),
    ("is_archived", "false"),
    ("source", "served"),
    ("secret", ""),
    ("description", ""),
    ("host", "nowhere"),
    ("node_id", NOBODY),
    ("hop", "node"),
    ("fingerprint", ""),
];

/// The id of nothing.
pub(super) const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// What the functions get that take JSON instead of a form.
fn json_body(path: &str) -> Option<Value> {
    let body = match path {
        "/api/models/list"
        | "/api/clusters/list"
        | "/api/credentials/list"
        | "/api/datasets/list" => json!({ "query": {} }),
        "/api/datasets/rows" => json!({ "id": NOBODY, "offset": 0, "limit": 1 }),
        "/api/benchmarks/list" => json!({ "query": HistoryQuery::default() }),
        "/api/benchmarks/requests" => json!({ "id": NOBODY, "query": RequestQuery::default() }),
        "/api/benchmarks/scatter" => json!({ "id": NOBODY, "x": "ttft", "y": "latency" }),
        "/api/benchmarks/lengths" => json!({ "id": NOBODY, "side": "input", "bin_count": 5 }),
        _ => return None,
    };
    Some(body)
}

/// All of them.
pub(super) fn all() -> Vec<Way> {
    // Names something of the app, so that its server functions are part of this program too.
    std::hint::black_box(app::App as fn() -> _);
    let paths: Vec<&str> = server_fn_paths().map(|(path, _)| path).collect();
    assert!(paths.len() > 40, "{paths:?}");
    let way = |path: &str| Way {
        key: path.to_owned(),
        kind: Kind::Function {
            path: path.to_owned(),
        },
    };
    paths.into_iter().map(way).collect()
}

pub(super) fn request(visitor: &Visitor, path: &str) -> RequestBuilder {
    let request = visitor
        .request(Method::POST, path)
        .header("accept", "application/json");
    if let Some(body) = json_body(path) {
        return request
            .header("content-type", "application/json")
            .body(body.to_string());
    }
    let mut fields: Vec<String> = FIELDS
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    // The one form of the wizard that cannot do without its fields.
    let evaluation = serde_json::to_value(EvaluationForm::default()).unwrap();
    for (name, value) in evaluation.as_object().unwrap() {
        if let Some(text) = value.as_str() {
            fields.push(format!("{name}={text}"));
        }
    }
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(fields.join("&"))
}
