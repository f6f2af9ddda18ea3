//! The document as the page “API reference” shows it.

use std::fmt::Write as _;

use app::api::reference::{
    ApiAnswer, ApiField, ApiGroup, ApiKind, ApiOperation, ApiReference, ApiSchema,
};
use serde_json::Value;

use super::VERSIONED;

/// Most characters of a pattern that is shown.
const PATTERN_CHARS_MAX: usize = 60;

/// What the page shows of a finished document: the versioned routes, each with the reference's path
/// where it has one.
pub(super) fn of_document(document: &Value) -> ApiReference {
    let paths = document["paths"].as_object();
    let groups = document["tags"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|tag| {
            let name = text(&tag["name"]);
            let in_group = |operation: &Value| at(operation, "/tags/0") == name.as_str();
            let operations = paths
                .into_iter()
                .flatten()
                .filter(|(path, _)| path.starts_with(VERSIONED))
                .flat_map(|(path, item)| {
                    let methods = item.as_object().into_iter().flatten();
                    methods.map(move |(method, operation)| (path, method, operation))
                })
                .filter(|(_, _, operation)| in_group(operation))
                .map(|(path, method, operation)| operation_of(document, path, method, operation));
            ApiGroup {
                text: text(&tag["description"]),
                operations: operations.collect(),
                name,
            }
        });
    let schemas = document.pointer("/components/schemas");
    let schemas = schemas.and_then(Value::as_object).into_iter().flatten();
    ApiReference {
        text: text(at(document, "/info/description")),
        version: text(at(document, "/info/version")),
        groups: groups
            .filter(|group| !group.operations.is_empty())
            .collect(),
        schemas: schemas
            .map(|(name, schema)| schema_of(name, schema))
            .collect(),
    }
}

fn operation_of(document: &Value, path: &str, method: &str, operation: &Value) -> ApiOperation {
    let bare = path.trim_start_matches(VERSIONED);
    let is_reference = document["paths"].get(bare).is_some();
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let content = at(operation, "/requestBody/content").as_object();
    let answers = operation["responses"].as_object().into_iter().flatten();
    ApiOperation {
        id: text(&operation["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        also_at: is_reference.then(|| bare.to_owned()),
        title: text(&operation["summary"]),
        text: text(&operation["description"]),
        parameters: parameters.map(parameter_of).collect(),
        bodies: content
            .into_iter()
            .flatten()
            .map(|(media_type, body)| (media_type.clone(), kind_of(&body["schema"])))
            .collect(),
        answers: answers
            .map(|(status, answer)| answer_of(document, status, answer))
            .collect(),
        example_body: example_of(document, operation),
    }
}

/// The example of a JSON body, as one line.
fn example_of(document: &Value, operation: &Value) -> Option<String> {
    let schema = operation.pointer("/requestBody/content/application~1json/schema")?;
    let example = resolve(document, schema).get("example")?;
    Some(example.to_string())
}

fn parameter_of(parameter: &Value) -> ApiField {
    ApiField {
        name: text(&parameter["name"]),
        place: text(&parameter["in"]),
        is_required: parameter["required"] == true,
        kind: kind_of(&parameter["schema"]),
        text: text(&parameter["description"]),
    }
}

fn answer_of(document: &Value, status: &str, answer: &Value) -> ApiAnswer {
    let answer = resolve(document, answer);
    let mut bodies = answer["content"].as_object().into_iter().flatten();
    ApiAnswer {
        status: status.to_owned(),
        text: text(&answer["description"]),
        body: bodies.next().map(|(_, body)| kind_of(&body["schema"])),
    }
}

fn schema_of(name: &str, schema: &Value) -> ApiSchema {
    let is_required = |field: &str| {
        let mut names = schema["required"].as_array().into_iter().flatten();
        names.any(|name| name == field)
    };
    let properties = schema["properties"].as_object();
    let fields = properties
        .into_iter()
        .flatten()
        .map(|(field, value)| ApiField {
            name: field.clone(),
            place: String::new(),
            is_required: is_required(field),
            kind: kind_of(value),
            text: text(&value["description"]),
        });
    ApiSchema {
        name: name.to_owned(),
        text: text(&schema["description"]),
        kind: properties.is_none().then(|| kind_of(schema)),
        fields: fields.collect(),
    }
}

/// A schema in words; what it refers to is linked.
fn kind_of(schema: &Value) -> ApiKind {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().map(str::to_owned);
        return ApiKind {
            words: String::new(),
            schema: name,
        };
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[choice].as_array() {
            return choice_of(choices);
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if types.contains(&"array") {
        let item = kind_of(&schema["items"]);
        return ApiKind {
            words: format!("list of {}{}", item.words, or_null(&types))
                .trim_end()
                .to_owned(),
            schema: item.schema,
        };
    }
    let base = match types.iter().find(|name| **name != "null") {
        Some(&"string") => text_in_words(schema),
        Some(&"integer") => format!("whole number{}", range_of(schema)),
        Some(&"number") => format!("number{}", range_of(schema)),
        Some(&"boolean") => "true or false".to_owned(),
        Some(&"object") => "object".to_owned(),
        _ => "anything".to_owned(),
    };
    ApiKind {
        words: format!("{base}{}", or_null(&types)),
        schema: None,
    }
}

/// One of several: words of all, and the last schema of them as the link.
fn choice_of(choices: &[Value]) -> ApiKind {
    let is_null = |choice: &&Value| choice["type"] == "null";
    let kinds: Vec<ApiKind> = choices
        .iter()
        .filter(|c| !is_null(c))
        .map(kind_of)
        .collect();
    let mut words: Vec<String> = kinds
        .iter()
        .filter(|kind| !kind.words.is_empty())
        .map(|kind| kind.words.clone())
        .collect();
    let mut names = kinds.into_iter().filter_map(|kind| kind.schema);
    let schema = names.next();
    words.extend(names);
    if choices.iter().any(|choice| is_null(&choice)) {
        words.push("null".to_owned());
    }
    let mut words = words.join(" or ");
    if schema.is_some() && !words.is_empty() {
        words.push_str(" or");
    }
    ApiKind { words, schema }
}

fn or_null(types: &[&str]) -> &'static str {
    if types.len() > 1 && types.contains(&"null") {
        " or null"
    } else {
        ""
    }
}

fn text_in_words(schema: &Value) -> String {
    if let Some(values) = schema["enum"].as_array() {
        let words: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        return words.join(", ");
    }
    let base = match schema["format"].as_str() {
        Some("uuid") => "id (UUID)",
        Some("date-time") => "time (RFC 3339)",
        Some("binary") => "file",
        _ => "text",
    };
    // Writing to a string cannot fail.
    let mut words = base.to_owned();
    if let Some(max) = schema["maxLength"].as_u64() {
        let _ = write!(words, ", at most {max} characters");
    }
    let pattern = schema["pattern"].as_str();
    if let Some(pattern) = pattern.filter(|text| text.chars().count() <= PATTERN_CHARS_MAX) {
        let _ = write!(words, ", of the form {pattern}");
    }
    words
}

fn range_of(schema: &Value) -> String {
    let (min, max) = (&schema["minimum"], &schema["maximum"]);
    match (min.is_number(), max.is_number()) {
        (true, true) => format!(", {min} to {max}"),
        (true, false) => format!(", at least {min}"),
        (false, true) => format!(", at most {max}"),
        (false, false) => String::new(),
    }
}

/// What stands at a pointer; `null` when nothing does.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// What a `$ref` names, else the value itself.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"]
        .as_str()
        .map(|text| text.trim_start_matches('#'));
    pointer
        .and_then(|pointer| document.pointer(pointer))
        .unwrap_or(value)
}

/// A text on one line, paragraphs kept apart.
fn text(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    let paragraphs = text
        .split("\n\n")
        .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}
