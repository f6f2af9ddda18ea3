//! Step 2 with the configuration method: lengths of synthetic prompts.

use domain::field::FieldErrors;
use domain::workflow::form::EvaluationForm;
use domain::workflow::preset::TRAFFIC_PRESETS;
use leptos::prelude::*;
use ui::field::{FieldSet, InputKind, TextField};

use super::answer_fields::AnswerFields;

/// Lengths of prompts and answers.
#[component]
pub fn SyntheticPrompts(
    /// As answered so far.
    form: EvaluationForm,
    /// Messages of the form.
    errors: Signal<FieldErrors>,
) -> impl IntoView {
    let (input, output) = (
        RwSignal::new(form.input_tokens.clone()),
        RwSignal::new(form.output_tokens.clone()),
    );
    // What the other method was given is kept, should one go back to it.
    let datasets = form.dataset_ids.iter().map(|id| {
        view! { <input type="hidden" name="dataset_ids[]" value=id.clone() /> }
    });
    view! {
        {datasets.collect_view()}
        <input type="hidden" name="answer_lengths" value=form.answer_lengths.clone() />
        <FieldSet legend="Lengths">
            <Presets input output />
            <div class="form-row">
                <TextField name="input_tokens" label="Prompt length" bind=input errors unit="tokens"
                    hint="512, uniform:100..900, normal:512,64 or lognormal:512,0.6" />
                <TextField name="output_tokens" label="Answer length" bind=output errors unit="tokens"
                    hint="In the same forms." />
                <TextField name="shared_prefix_tokens" label="Shared prefix" kind=InputKind::Number step="any"
                    value=form.shared_prefix_tokens.clone() errors unit="tokens"
                    hint="Equal at the start of every prompt, as a system prompt is. 0 defeats prefix caches." />
            </div>
            <AnswerFields form=form.clone() errors />
        </FieldSet>
    }
}

/// Shapes people know by name: each fills both lengths.
#[component]
fn Presets(
    /// The prompt length.
    input: RwSignal<String>,
    /// The answer length.
    output: RwSignal<String>,
) -> impl IntoView {
    let buttons = TRAFFIC_PRESETS.iter().map(|preset| {
        let is_chosen = move || {
            let fits = input.with(|text| text == preset.input_tokens)
                && output.with(|text| text == preset.output_tokens);
            if fits { "true" } else { "false" }
        };
        let choose = move |_| {
            input.set(preset.input_tokens.to_owned());
            output.set(preset.output_tokens.to_owned());
        };
        view! {
            <button type="button" class="button small preset" aria-pressed=is_chosen on:click=choose>
                {preset.label}
            </button>
        }
    });
    view! {
        <div class="presets needs-script" role="group" aria-label="Traffic presets">{buttons.collect_view()}</div>
    }
}
