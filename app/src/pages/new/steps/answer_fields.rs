//! How answers end and which API is called: the same for both methods of step 2.

use domain::field::FieldErrors;
use domain::workflow::form::EvaluationForm;
use leptos::prelude::*;
use ui::field::{SelectField, SelectOption};

/// The two choices, in a row.
#[component]
pub fn AnswerFields(
    /// As answered so far.
    form: EvaluationForm,
    /// Messages of the form.
    errors: Signal<FieldErrors>,
) -> impl IntoView {
    view! {
        <div class="form-row">
            <SelectField name="ignore_eos" label="Answers end" value=form.ignore_eos errors
                options=vec![
                    SelectOption::new("on", "At the full length (ignore_eos)"),
                    SelectOption::new("", "Where the model stops"),
                ]
                hint="Equal work in every run needs the full length." />
            <SelectField name="api" label="API" value=form.api errors
                options=vec![
                    SelectOption::new("chat", "Chat completions"),
                    SelectOption::new("completions", "Completions"),
                ] />
        </div>
    }
}
