//! Yes or no.

use domain::field::FieldErrors;
use leptos::prelude::*;

use super::frame::message;
use super::{Description, control_id};

/// A check box. Sends `name=value` when checked and nothing otherwise, as HTML does.
#[component]
pub fn Checkbox(
    /// Name in the form.
    #[prop(into)]
    name: String,
    /// What is sent when checked.
    #[prop(into, default = "true".into())]
    value: String,
    /// Its label.
    #[prop(into)]
    label: String,
    /// Checked at first.
    #[prop(optional)]
    is_checked: bool,
    /// A signal that follows, and leads, the box.
    #[prop(optional)]
    bind: Option<RwSignal<bool>>,
    /// Messages of the form.
    #[prop(into, optional)]
    errors: Signal<FieldErrors>,
    /// What to know before answering.
    #[prop(into, optional)]
    hint: Option<String>,
) -> impl IntoView {
    let description = Description::new(&name, None, errors);
    let described = description.clone();
    let invalid = description.clone();
    let is_checked = bind.map_or(is_checked, |bind| bind.get_untracked());
    view! {
        <div class="field">
            <label class="check">
                <input
                    type="checkbox"
                    id=control_id(&name)
                    name=name
                    value=value
                    checked=is_checked
                    prop:checked=move || bind.map_or(is_checked, |bind| bind.get())
                    aria-describedby=move || described.described_by()
                    aria-invalid=move || invalid.invalid()
                    on:change=move |event| {
                        if let Some(bind) = bind {
                            bind.set(event_target_checked(&event));
                        }
                    }
                />
                <span>{label} {hint.map(|hint| view! { <small>{hint}</small> })}</span>
            </label>
            {message(description.error_id, description.error)}
        </div>
    }
    .into_any()
}
