//! A file to choose.

use domain::field::FieldErrors;
use leptos::prelude::*;

use super::frame::Frame;
use super::{Description, control_id};

/// A field for one file. Its form needs `enctype="multipart/form-data"`; put it last, so that a
/// server that reads the form as it comes knows the other answers first.
#[component]
pub fn FileField(
    /// Name in the form.
    #[prop(into)]
    name: String,
    /// Its label.
    #[prop(into)]
    label: String,
    /// What the browser offers to choose from: ".csv,.json".
    #[prop(into, optional)]
    accept: Option<String>,
    /// Messages of the form.
    #[prop(into, optional)]
    errors: Signal<FieldErrors>,
    /// What to know before choosing.
    #[prop(into, optional)]
    hint: Option<String>,
) -> impl IntoView {
    let description = Description::new(&name, hint.as_deref(), errors);
    let described = description.clone();
    let invalid = description.clone();
    let frame = Frame {
        name: name.clone(),
        label,
        hint,
        is_optional: false,
        description,
    };
    frame.around(view! {
        <input
            class="control file"
            type="file"
            id=control_id(&name)
            name=name
            accept=accept
            aria-describedby=move || described.described_by()
            aria-invalid=move || invalid.invalid()
        />
    })
}
