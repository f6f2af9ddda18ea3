//! What stands around controls: labels, hints, messages, groups.

use domain::field::FieldErrors;
use leptos::prelude::*;

use super::{Description, control_id};

/// What stands around a control, in words.
pub(super) struct Frame {
    /// Name of the field.
    pub(super) name: String,
    /// Its label.
    pub(super) label: String,
    /// What to know before answering.
    pub(super) hint: Option<String>,
    /// Marks the label "optional".
    pub(super) is_optional: bool,
    /// Ids and message.
    pub(super) description: Description,
}

impl Frame {
    /// Label, control, message and hint of one field, in reading order.
    pub(super) fn around(self, control: impl IntoView) -> impl IntoView {
        let Description {
            hint_id,
            error_id,
            error,
            ..
        } = self.description;
        view! {
            <div class="field">
                <label class="field-label" for=control_id(&self.name)>
                    {self.label}
                    {self.is_optional.then(|| view! { <span class="field-optional">"optional"</span> })}
                </label>
                {control}
                {message(error_id, error)}
                {self.hint.map(|hint| view! { <p class="field-hint" id=hint_id>{hint}</p> })}
            </div>
        }
        .into_any()
    }
}

/// The message at a field, if any.
pub(super) fn message(id: String, error: Signal<Option<String>>) -> impl IntoView {
    move || {
        error
            .get()
            .map(|text| view! { <p class="field-error" id=id.clone()>{text}</p> })
    }
}

/// A group of fields under a heading.
#[component]
pub fn FieldSet(
    /// The heading.
    #[prop(into)]
    legend: String,
    /// The fields.
    children: Children,
) -> impl IntoView {
    view! {
        <fieldset class="field-set">
            <legend>{legend}</legend>
            {children()}
        </fieldset>
    }
    .into_any()
}

/// Everything wrong with a form, each message linked to its field. Stands above the form, so that
/// a page rendered after a refused submission says so first.
#[component]
pub fn FormErrors(
    /// The messages.
    #[prop(into)]
    errors: Signal<FieldErrors>,
) -> impl IntoView {
    move || {
        let errors = errors.get().0;
        (!errors.is_empty()).then(|| {
            let title = match errors.len() {
                1 => "One answer needs another look".to_owned(),
                count => format!("{count} answers need another look"),
            };
            let items = errors.into_iter().map(|error| {
                view! { <li><a href=format!("#{}", control_id(&error.field))>{error.message}</a></li> }
            });
            view! {
                <div class="form-errors" role="alert">
                    <h2>{title}</h2>
                    <ul>{items.collect_view()}</ul>
                </div>
            }
        })
    }
}
