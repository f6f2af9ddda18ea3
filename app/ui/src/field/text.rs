//! Fields one types into.

use domain::field::FieldErrors;
use leptos::prelude::*;

use super::frame::Frame;
use super::{Description, control_id, follow};

/// What a text field asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputKind {
    /// Any text.
    #[default]
    Text,
    /// A number. Sent as typed; the server parses it.
    Number,
    /// A secret: never shown, never filled in again.
    Password,
    /// A URL.
    Url,
    /// A search.
    Search,
}

impl InputKind {
    fn html_type(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Password => "password",
            Self::Url => "url",
            Self::Search => "search",
        }
    }
}

/// A field of one line.
#[component]
pub fn TextField(
    /// Name in the form.
    #[prop(into)]
    name: String,
    /// Its label.
    #[prop(into)]
    label: String,
    /// What it asks for.
    #[prop(optional)]
    kind: InputKind,
    /// What it holds at first.
    #[prop(into, optional)]
    value: Option<String>,
    /// A signal that follows, and leads, what is typed. Starts with its own value.
    #[prop(optional)]
    bind: Option<RwSignal<String>>,
    /// Messages of the form.
    #[prop(into, optional)]
    errors: Signal<FieldErrors>,
    /// What to know before answering.
    #[prop(into, optional)]
    hint: Option<String>,
    /// Unit shown beside the control.
    #[prop(into, optional)]
    unit: Option<String>,
    /// An example inside the empty control.
    #[prop(into, optional)]
    placeholder: Option<String>,
    /// Marks the label "optional".
    #[prop(optional)]
    is_optional: bool,
    /// Smallest number, as text.
    #[prop(into, optional)]
    min: Option<String>,
    /// Largest number, as text.
    #[prop(into, optional)]
    max: Option<String>,
    /// Step between numbers, as text; "any" for decimals.
    #[prop(into, optional)]
    step: Option<String>,
    /// Longest text, in characters.
    #[prop(optional)]
    max_chars: Option<u32>,
    /// The `autocomplete` token, such as "current-password".
    #[prop(into, optional)]
    autocomplete: Option<String>,
    /// Suggestions offered while typing.
    #[prop(optional)]
    suggestions: Vec<String>,
    /// Takes no answer now.
    #[prop(into, optional)]
    disabled: Signal<bool>,
    /// Tells the ids of this form's controls from those of another form on the page that has a field
    /// of the same name.
    #[prop(optional)]
    scope: Option<&'static str>,
) -> impl IntoView {
    let id_name = scope.map_or_else(|| name.clone(), |scope| format!("{scope}-{name}"));
    let description = Description::under(&id_name, &name, hint.as_deref(), errors);
    let described = description.clone();
    let invalid = description.clone();
    let initial = bind.map_or(value, |bind| Some(bind.get_untracked()));
    let initial = if kind == InputKind::Password {
        None
    } else {
        initial
    };
    let list_id = (!suggestions.is_empty()).then(|| format!("field-{id_name}-suggestions"));
    let input = view! {
        <input
            class="control"
            id=control_id(&id_name)
            name=name
            type=kind.html_type()
            value=initial
            placeholder=placeholder
            min=min
            max=max
            step=step
            maxlength=max_chars.map(|count| count.to_string())
            autocomplete=autocomplete.unwrap_or_else(|| "off".to_owned())
            list=list_id.clone()
            aria-describedby=move || described.described_by()
            aria-invalid=move || invalid.invalid()
            disabled=move || disabled.get()
            on:input=move |event| {
                if let Some(bind) = bind {
                    bind.set(event_target_value(&event));
                }
            }
        />
    };
    let input = follow(bind, input);
    let control = match unit {
        Some(unit) => {
            view! { <div class="control-unit">{input}<span>{unit}</span></div> }.into_any()
        }
        None => input.into_any(),
    };
    let datalist = list_id.map(|id| {
        let options = suggestions
            .into_iter()
            .map(|text| view! { <option value=text></option> });
        view! { <datalist id=id>{options.collect_view()}</datalist> }
    });
    Frame {
        name: id_name,
        label,
        hint,
        is_optional,
        description,
    }
    .around((control, datalist))
}

/// A field of several lines.
#[component]
pub fn TextAreaField(
    /// Name in the form.
    #[prop(into)]
    name: String,
    /// Its label.
    #[prop(into)]
    label: String,
    /// What it holds at first.
    #[prop(into, optional)]
    value: Option<String>,
    /// A signal that follows, and leads, what is typed.
    #[prop(optional)]
    bind: Option<RwSignal<String>>,
    /// Messages of the form.
    #[prop(into, optional)]
    errors: Signal<FieldErrors>,
    /// What to know before answering.
    #[prop(into, optional)]
    hint: Option<String>,
    /// An example inside the empty control.
    #[prop(into, optional)]
    placeholder: Option<String>,
    /// Marks the label "optional".
    #[prop(optional)]
    is_optional: bool,
    /// Lines shown.
    #[prop(default = 3)]
    rows: u32,
    /// Longest text, in characters.
    #[prop(optional)]
    max_chars: Option<u32>,
    /// For arguments, prompts and keys: equal widths.
    #[prop(optional)]
    is_mono: bool,
) -> impl IntoView {
    let description = Description::new(&name, hint.as_deref(), errors);
    let described = description.clone();
    let invalid = description.clone();
    let initial = bind
        .map_or(value, |bind| Some(bind.get_untracked()))
        .unwrap_or_default();
    let frame = Frame {
        name: name.clone(),
        label,
        hint,
        is_optional,
        description,
    };
    let control = view! {
            <textarea
                class=if is_mono { "control mono" } else { "control" }
                id=control_id(&name)
                name=name
                rows=rows.to_string()
                placeholder=placeholder
                maxlength=max_chars.map(|count| count.to_string())
                spellcheck=is_mono.then_some("false")
                aria-describedby=move || described.described_by()
                aria-invalid=move || invalid.invalid()
                on:input=move |event| {
                    if let Some(bind) = bind {
                        bind.set(event_target_value(&event));
                    }
                }
            >
                {as_raw_child(initial)}
            </textarea>
    };
    frame.around(follow(bind, control))
}

/// The text as a child of `<textarea>`. On the server leptos writes such children without escaping
/// them, so that text could end the element; in the browser they are text nodes and need nothing.
fn as_raw_child(text: String) -> String {
    if cfg!(target_arch = "wasm32") {
        return text;
    }
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
    // The parser drops a line break that comes first.
    if escaped.starts_with('\n') {
        format!("\n{escaped}")
    } else {
        escaped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_owner<T>(test: impl FnOnce() -> T) -> T {
        Owner::new().with(test)
    }

    #[test]
    fn a_message_is_wired_to_its_control() {
        let html = with_owner(|| {
            let errors = RwSignal::new(FieldErrors::one("concurrency", "Give at least 1."));
            view! {
                <TextField name="concurrency" label="Concurrent requests" kind=InputKind::Number
                    value="0" errors hint="Requests in flight at once." />
            }
            .to_html()
        });
        assert!(html.contains(r#"for="field-concurrency""#), "{html}");
        assert!(html.contains(r#"id="field-concurrency""#), "{html}");
        assert!(html.contains(r#"aria-invalid="true""#), "{html}");
        let described = r#"aria-describedby="field-concurrency-error field-concurrency-hint""#;
        assert!(html.contains(described), "{html}");
        assert!(html.contains("Give at least 1."), "{html}");
        assert!(html.contains(r#"value="0""#), "{html}");
    }

    #[test]
    fn a_field_without_a_message_claims_none() {
        let html = with_owner(|| {
            let errors = RwSignal::new(FieldErrors::one("other", "wrong"));
            view! { <TextField name="name" label="Name" errors /> }.to_html()
        });
        assert!(
            !html.contains("aria-invalid") && !html.contains("aria-describedby"),
            "{html}"
        );
    }

    #[test]
    fn a_secret_is_never_filled_in() {
        let html = with_owner(|| {
            view! { <TextField name="key" label="Key" kind=InputKind::Password value="hunter2" /> }
                .to_html()
        });
        assert!(!html.contains("hunter2"), "{html}");
    }

    #[test]
    fn text_is_escaped() {
        let html = with_owner(|| {
            view! { <TextAreaField name="text" label="Text" value="</textarea><b>" /> }.to_html()
        });
        assert!(html.contains("&lt;/textarea>&lt;b></textarea>"), "{html}");
    }
}
