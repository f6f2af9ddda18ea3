//! Fields added to the JSON body of every request.

use serde_json::{Map, Value};

/// Most bytes of the added fields as compact JSON.
pub const EXTRA_BODY_BYTES_MAX: usize = 16 << 10;

/// Fields that the plan itself decides; what is measured would no longer be what was planned.
pub const OWN_FIELDS: [&str; 8] = [
    "model",
    "messages",
    "prompt",
    "max_tokens",
    "max_completion_tokens",
    "stream",
    "stream_options",
    "ignore_eos",
];

/// The fields from a JSON object as text; an empty text is no fields.
pub fn parse(text: &str) -> Result<Map<String, Value>, String> {
    const HELP: &str = "Give the extra fields as a JSON object such as {\"temperature\": 0}";
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => check(&fields).map(|()| fields),
        Ok(_) => Err(format!("{HELP}.")),
        Err(error) => Err(format!("{HELP} ({error}).")),
    }
}

/// The fields as text for a form: compact JSON, or empty where there are none.
pub fn to_text(fields: &Map<String, Value>) -> String {
    if fields.is_empty() {
        return String::new();
    }
    Value::Object(fields.clone()).to_string()
}

/// Whether requests may carry these fields.
pub fn check(fields: &Map<String, Value>) -> Result<(), String> {
    if let Some(own) = OWN_FIELDS.iter().find(|own| fields.contains_key(**own)) {
        return Err(format!(
            "Leave “{own}” out of the extra fields: it follows from the plan (as do {}).",
            OWN_FIELDS.join(", ")
        ));
    }
    let bytes = to_text(fields).len();
    if bytes > EXTRA_BODY_BYTES_MAX {
        return Err(format!(
            "Shorten the extra fields: {bytes} bytes, at most {EXTRA_BODY_BYTES_MAX} are sent."
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_taken_and_written_back() {
        let fields = parse(r#" {"temperature": 0, "chat_template_kwargs": {"x": [1]}} "#).unwrap();
        assert_eq!(fields.len(), 2);
        assert_eq!(parse(&to_text(&fields)).unwrap(), fields);
        assert_eq!(parse("  ").unwrap(), Map::new());
        assert_eq!(to_text(&Map::new()), "");
    }

    #[test]
    fn what_the_plan_decides_and_what_is_no_object_is_refused() {
        for own in OWN_FIELDS {
            let why = parse(&format!(r#"{{"{own}": 1}}"#)).unwrap_err();
            assert!(why.contains(&format!("“{own}”")), "{why}");
        }
        for bad in ["3", "[]", "{", "temperature=0", "null"] {
            assert!(parse(bad).unwrap_err().contains("JSON object"), "{bad}");
        }
        let long = format!(r#"{{"x": "{}"}}"#, "y".repeat(EXTRA_BODY_BYTES_MAX));
        assert!(parse(&long).unwrap_err().contains("Shorten"));
    }
}
