//! One operation of the document: what its query and body must look like.

use std::sync::{Arc, OnceLock};

use axum::extract::Query;
use axum::http::Uri;
use domain::field::FieldErrors;
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use service::ServiceError;

use super::messages::message_of;
use crate::serve::rest::answer::Refusal;
use crate::serve::rest::extract::Checked;

/// Most messages of one refusal.
const ERRORS_MAX: usize = 50;

/// One operation.
pub(super) struct Operation {
    /// Whom it answers.
    pub(super) callers: Callers,
    /// Whether it takes a JSON body.
    pub(super) takes_json: bool,
    /// Whether it cannot do without.
    pub(super) needs_body: bool,
    parameters: Vec<Parameter>,
    /// Of `{"query": …, "body": …}`.
    schema: Value,
    /// Made with the first request: most routes are not used between two starts.
    validator: OnceLock<Result<Validator, String>>,
}

/// Whom an operation answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callers {
    /// Whoever asks.
    Anyone,
    /// Whoever is known, by token or session.
    SignedIn,
    /// The runner of this process.
    Runner,
}

impl Callers {
    /// As the document says; what says nothing is for those who are known.
    fn of(security: Option<&Vec<Value>>) -> Self {
        match security.map(Vec::as_slice) {
            Some([]) => Self::Anyone,
            Some([only]) if only.get("runner").is_some() => Self::Runner,
            _ => Self::SignedIn,
        }
    }
}

struct Parameter {
    name: String,
    kind: Kind,
    is_list: bool,
}

/// How the text of a parameter is read.
#[derive(Clone, Copy)]
enum Kind {
    Integer,
    Number,
    Boolean,
    Text,
}

impl Operation {
    /// From the document.
    pub(super) fn of(operation: &Value, components: Arc<Value>) -> Self {
        let body = &operation["requestBody"];
        let body_schema = body.pointer("/content/application~1json/schema");
        let takes_json = body_schema.is_some();
        let needs_body = takes_json && body["required"] == true;
        let mut properties = Map::new();
        let mut required = Vec::new();
        let mut parameters = Vec::new();
        let in_query = operation["parameters"].as_array().into_iter().flatten();
        for parameter in in_query.filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            let schema = &parameter["schema"];
            let resolved = resolve(schema, &components);
            let is_list = resolved["type"] == "array";
            let item = if is_list {
                resolve(&resolved["items"], &components)
            } else {
                resolved
            };
            if parameter["required"] == true {
                required.push(Value::from(name.clone()));
            }
            properties.insert(name.clone(), schema.clone());
            parameters.push(Parameter {
                name,
                kind: Kind::of(item),
                is_list,
            });
        }
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "query": {
                    "type": "object",
                    "properties": properties,
                    "required": required,
                    "additionalProperties": false,
                },
                "body": body_schema.cloned().unwrap_or(Value::Bool(true)),
            },
            "components": *components,
        });
        let security = operation["security"].as_array();
        Self {
            callers: Callers::of(security),
            takes_json,
            needs_body,
            parameters,
            schema,
            validator: OnceLock::new(),
        }
    }

    /// The parameters of a query in the types of the document. What cannot be read stays text, for
    /// the schema to refuse; a parameter given twice is refused here.
    pub(super) fn read_query(&self, uri: &Uri) -> (Map<String, Value>, FieldErrors) {
        let mut values = Map::new();
        let mut errors = FieldErrors::default();
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
        for (name, text) in pairs.map(|Query(pairs)| pairs).unwrap_or_default() {
            let parameter = self.parameters.iter().find(|known| known.name == name);
            let value =
                parameter.map_or_else(|| Value::from(&*text), |known| known.kind.read(&text));
            if parameter.is_some_and(|known| known.is_list) {
                let list = values.entry(name).or_insert_with(|| json!([]));
                if let Value::Array(list) = list {
                    list.push(value);
                }
            } else if values.contains_key(&name) {
                errors.add(name, "Give it once.");
            } else {
                values.insert(name, value);
            }
        }
        (values, errors)
    }

    /// Adds what the document has against the query and the body.
    pub(super) fn check(&self, checked: &Checked, errors: &mut FieldErrors) -> Result<(), Refusal> {
        let validator = self.validator.get_or_init(|| self.compile()).as_ref();
        let validator = validator.map_err(|cause| ServiceError::internal(cause.clone()))?;
        let mut instance = Map::new();
        instance.insert("query".to_owned(), Value::Object(checked.query.clone()));
        if let Some(body) = &checked.body {
            instance.insert("body".to_owned(), body.clone());
        }
        let instance = Value::Object(instance);
        for error in validator.iter_errors(&instance) {
            for (field, message) in message_of(&error) {
                if errors.0.len() < ERRORS_MAX && errors.at(&field) != Some(&message) {
                    errors.add(field, message);
                }
            }
        }
        Ok(())
    }

    /// The validator of the schema, or why it is none.
    pub(super) fn compile(&self) -> Result<Validator, String> {
        let options = jsonschema::options()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(true);
        options
            .build(&self.schema)
            .map_err(|error| error.to_string())
    }
}

impl Kind {
    fn of(schema: &Value) -> Self {
        match schema["type"].as_str() {
            Some("integer") => Self::Integer,
            Some("number") => Self::Number,
            Some("boolean") => Self::Boolean,
            _ => Self::Text,
        }
    }

    fn read(self, text: &str) -> Value {
        let read = match self {
            Self::Integer => text.parse::<i64>().ok().map(Value::from),
            Self::Number => text
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite())
                .map(Value::from),
            Self::Boolean => text.parse::<bool>().ok().map(Value::from),
            Self::Text => None,
        };
        read.unwrap_or_else(|| Value::from(text))
    }
}

fn resolve<'a>(schema: &'a Value, components: &'a Value) -> &'a Value {
    let name = schema["$ref"]
        .as_str()
        .and_then(|reference| reference.strip_prefix("#/components/"));
    name.and_then(|name| components.pointer(&format!("/{name}")))
        .unwrap_or(schema)
}
