//! Form fields: plain HTML controls with a label, a hint and a message.
//!
//! Every field works as an ordinary form control under its `name`, before and without the page's
//! script. A signal may be bound to it besides. Messages come from the same
//! [`FieldErrors`] that the server answers with, looked up by `name`.

pub mod check;
pub mod choice;
pub mod file;
pub mod frame;
pub mod select;
pub mod text;

pub use check::Checkbox;
pub use choice::{Choice, ChoiceCards};
pub use file::FileField;
pub use frame::{FieldSet, FormErrors};
pub use select::{SelectField, SelectOption};
pub use text::{InputKind, TextAreaField, TextField};

use domain::field::FieldErrors;
use leptos::prelude::*;
use leptos::tachys::html::property::prop;

/// The id of a field's control: where a message's link leads.
pub fn control_id(name: &str) -> String {
    format!("field-{name}")
}

/// Lets a bound signal lead what a control holds. A control without one is left to the person: what
/// was typed before the page's script ran stays.
fn follow(bind: Option<RwSignal<String>>, control: impl IntoView) -> AnyView {
    match bind {
        Some(bind) => control
            .add_any_attr(prop("value", move || bind.get()))
            .into_any(),
        None => control.into_any(),
    }
}

/// Ids of the texts that describe a control, and the message at it.
#[derive(Clone)]
struct Description {
    hint_id: String,
    error_id: String,
    has_hint: bool,
    error: Signal<Option<String>>,
}

impl Description {
    fn new(name: &str, hint: Option<&str>, errors: Signal<FieldErrors>) -> Self {
        Self::under(name, name, hint, errors)
    }

    /// Of a control whose ids are made of another name than the form's.
    fn under(id_name: &str, name: &str, hint: Option<&str>, errors: Signal<FieldErrors>) -> Self {
        let field = name.to_owned();
        Self {
            hint_id: format!("field-{id_name}-hint"),
            error_id: format!("field-{id_name}-error"),
            has_hint: hint.is_some(),
            error: Signal::derive(move || {
                errors.with(|errors| errors.at(&field).map(str::to_owned))
            }),
        }
    }

    /// Value of `aria-describedby`.
    fn described_by(&self) -> Option<String> {
        let hint = self.has_hint.then_some(self.hint_id.as_str());
        let error = self
            .error
            .with(Option::is_some)
            .then_some(self.error_id.as_str());
        let ids: Vec<&str> = [error, hint].into_iter().flatten().collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    /// Value of `aria-invalid`.
    fn invalid(&self) -> Option<&'static str> {
        self.error.with(Option::is_some).then_some("true")
    }
}
