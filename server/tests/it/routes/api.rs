//! The operations of the REST API, from the document that the running server serves.

use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};

use super::functions::NOBODY;
use super::pages::filled;
use super::visitor::Visitor;
use super::{Kind, Way};
use crate::house::Browser;

/// One operation and what it is sent.
pub(crate) struct Operation {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Option<Value>,
}

/// All of them. The reference's paths without a version count as the versioned ones.
pub(super) async fn all(url: &str) -> Vec<Way> {
    let request = Browser::new(url).request(Method::GET, "/openapi.json");
    let document: Value = request.send().await.unwrap().json().await.unwrap();
    let mut ways: Vec<Way> = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let key = format!("{method} {}", path.trim_start_matches("/api/v1"));
            let operation = Operation {
                method,
                path: path.clone(),
                query: query_of(operation, &document),
                body: body_of(operation, &document),
            };
            ways.push(Way {
                key,
                kind: Kind::Operation(operation),
            });
        }
    }
    assert!(ways.len() > 5);
    ways
}

impl Operation {
    pub(super) fn request(&self, visitor: &Visitor) -> RequestBuilder {
        let mut path = filled(&self.path);
        let pairs: Vec<String> = self
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !pairs.is_empty() {
            path = format!("{path}?{}", pairs.join("&"));
        }
        let request = visitor
            .request(self.method.clone(), &path)
            .header("accept", "application/json");
        match &self.body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string()),
            None => request,
        }
    }
}

/// The parameters it cannot do without.
fn query_of(operation: &Value, document: &Value) -> Vec<(String, String)> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters
        .filter(|parameter| parameter["in"] == "query" && parameter["required"] == true)
        .map(|parameter| {
            let name = parameter["name"].as_str().unwrap().to_owned();
            let value = match sample(&parameter["schema"], document) {
                Value::String(text) => text,
                Value::Array(items) => items.first().map(Value::to_string).unwrap_or_default(),
                other => other.to_string(),
            };
            (name, value.trim_matches('"').to_owned())
        })
        .collect()
}

/// The smallest JSON body that fits its schema.
fn body_of(operation: &Value, document: &Value) -> Option<Value> {
    let schema = operation.pointer("/requestBody/content/application~1json/schema")?;
    Some(sample(schema, document))
}

/// The smallest value that fits a schema.
fn sample(schema: &Value, document: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#'));
        return sample(target.unwrap(), document);
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    if !schema["const"].is_null() {
        return schema["const"].clone();
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[choice].as_array() {
            let some = choices.iter().find(|one| one["type"] != "null");
            return some.map_or(Value::Null, |one| sample(one, document));
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut all = Map::new();
        for part in parts {
            if let Value::Object(object) = sample(part, document) {
                all.extend(object);
            }
        }
        return Value::Object(all);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().cloned().unwrap_or_default(),
        kind => kind.clone(),
    };
    match kind.as_str().unwrap_or("object") {
        "string" => Value::from(sample_text(schema)),
        "integer" | "number" => match &schema["minimum"] {
            Value::Null => json!(1),
            least => least.clone(),
        },
        "boolean" => json!(false),
        "array" => {
            let count = schema["minItems"].as_u64().unwrap_or(0);
            (0..count)
                .map(|_| sample(&schema["items"], document))
                .collect()
        }
        "null" => Value::Null,
        _ => sample_object(schema, document),
    }
}

fn sample_text(schema: &Value) -> String {
    match schema["format"].as_str() {
        Some("uuid") => NOBODY.to_owned(),
        Some("date-time") => "2026-01-01T00:00:00Z".to_owned(),
        _ => {
            let count = schema["minLength"].as_u64().unwrap_or(1).max(1);
            "x".repeat(usize::try_from(count).unwrap())
        }
    }
}

fn sample_object(schema: &Value, document: &Value) -> Value {
    let required = schema["required"].as_array().into_iter().flatten();
    let fields = required.map(|name| {
        let name = name.as_str().unwrap();
        (
            name.to_owned(),
            sample(&schema["properties"][name], document),
        )
    });
    Value::Object(fields.collect())
}
