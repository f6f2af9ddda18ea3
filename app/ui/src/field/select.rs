//! One of a short list.

use domain::field::FieldErrors;
use leptos::prelude::*;

use super::frame::Frame;
use super::{Description, control_id, follow};

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectOption {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub label: String,
}

impl SelectOption {
    /// An entry.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            label: label.into(),
        }
    }
}

/// A list to choose one entry from.
#[component]
pub fn SelectField(
    /// Name in the form.
    #[prop(into)]
    name: String,
    /// Its label.
    #[prop(into)]
    label: String,
    /// The entries, in order.
    options: Vec<SelectOption>,
    /// The value chosen at first.
    #[prop(into, optional)]
    value: Option<String>,
    /// A signal that follows, and leads, the choice.
    #[prop(optional)]
    bind: Option<RwSignal<String>>,
    /// Messages of the form.
    #[prop(into, optional)]
    errors: Signal<FieldErrors>,
    /// What to know before answering.
    #[prop(into, optional)]
    hint: Option<String>,
    /// Marks the label "optional".
    #[prop(optional)]
    is_optional: bool,
    /// Takes no answer now.
    #[prop(into, optional)]
    disabled: Signal<bool>,
) -> impl IntoView {
    let description = Description::new(&name, hint.as_deref(), errors);
    let described = description.clone();
    let invalid = description.clone();
    let initial = bind
        .map_or(value, |bind| Some(bind.get_untracked()))
        .unwrap_or_default();
    let entries = options.into_iter().map(move |option| {
        let is_initial = option.value == initial;
        view! { <option value=option.value selected=is_initial>{option.label}</option> }
    });
    let frame = Frame {
        name: name.clone(),
        label,
        hint,
        is_optional,
        description,
    };
    let control = view! {
            <select
                class="control"
                id=control_id(&name)
                name=name
                aria-describedby=move || described.described_by()
                aria-invalid=move || invalid.invalid()
                disabled=move || disabled.get()
                on:change=move |event| {
                    if let Some(bind) = bind {
                        bind.set(event_target_value(&event));
                    }
                }
            >
                {entries.collect_view()}
            </select>
    };
    frame.around(follow(bind, control))
}
