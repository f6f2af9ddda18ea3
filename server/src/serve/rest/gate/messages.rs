//! What a schema has against a value, in words, at the field it is about.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

/// Most characters of one message.
const MESSAGE_CHARS_MAX: usize = 300;

/// The messages of one error with their fields; a set of unexpected fields is one message each.
pub(super) fn message_of(error: &ValidationError<'_>) -> Vec<(String, String)> {
    let place = error.instance_path().to_string();
    let field = field_of(&place);
    let inside = |name: &str| {
        if field.is_empty() {
            name.to_owned()
        } else {
            format!("{field}.{name}")
        }
    };
    let message = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let unknown = |name: &String| (inside(name), "There is no such field here.".to_owned());
            return unexpected.iter().map(unknown).collect();
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            return vec![(inside(name), "Give this field: it is required.".to_owned())];
        }
        ValidationErrorKind::Type { kind } => format!("Give {}.", type_in_words(kind)),
        ValidationErrorKind::Enum { options } => format!("Give one of {}.", list(options)),
        ValidationErrorKind::Constant { expected_value } => format!("Give {expected_value}."),
        ValidationErrorKind::Minimum { limit } => format!("Give at least {limit}."),
        ValidationErrorKind::Maximum { limit } => format!("Give at most {limit}."),
        ValidationErrorKind::ExclusiveMinimum { limit } => format!("Give more than {limit}."),
        ValidationErrorKind::ExclusiveMaximum { limit } => format!("Give less than {limit}."),
        ValidationErrorKind::MinLength { limit } => format!("Give at least {limit} characters."),
        ValidationErrorKind::MaxLength { limit } => format!("Give at most {limit} characters."),
        ValidationErrorKind::MinItems { limit } => format!("Give at least {limit} entries."),
        ValidationErrorKind::MaxItems { limit } => format!("Give at most {limit} entries."),
        ValidationErrorKind::UniqueItems => "Give each entry once.".to_owned(),
        ValidationErrorKind::Format { format } if format == "uuid" => {
            "Give an id such as 018f4e9c-7b1a-7c3e-9f00-0123456789ab.".to_owned()
        }
        ValidationErrorKind::Format { format } => format!("Give it in the format {format}."),
        ValidationErrorKind::Pattern { pattern } => {
            format!("Give a text of the form {pattern}.")
        }
        other => format!("It does not fit the schema ({}).", other.keyword()),
    };
    vec![(field, message.chars().take(MESSAGE_CHARS_MAX).collect())]
}

/// `/body/nodes/0/id` is `nodes.0.id`, `/query/page` is `page`.
fn field_of(place: &str) -> String {
    let parts = place.split('/').skip(2);
    let plain = parts.map(|part| part.replace("~1", "/").replace("~0", "~"));
    plain.collect::<Vec<_>>().join(".")
}

fn type_in_words(kind: &TypeKind) -> String {
    let names: Vec<String> = match kind {
        TypeKind::Single(kind) => vec![kind.to_string()],
        TypeKind::Multiple(kinds) => kinds.iter().map(|kind| kind.to_string()).collect(),
    };
    let words = names.iter().map(|name| match name.as_str() {
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "string" => "a text",
        "array" => "a list",
        "object" => "an object",
        _ => "null",
    });
    words.collect::<Vec<_>>().join(" or ")
}

fn list(options: &Value) -> String {
    let options = options.as_array().into_iter().flatten();
    let words = options.map(|option| match option {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    words.collect::<Vec<_>>().join(", ")
}
