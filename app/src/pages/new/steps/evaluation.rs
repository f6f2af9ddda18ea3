//! Step 2: lengths, load shape, stop rule, warm-up, seed.

use domain::workflow::form::EvaluationForm;
use domain::workflow::preset::TRAFFIC_PRESETS;
use domain::workflow::{Step, StepForm};
use leptos::prelude::*;
use ui::field::{Choice, ChoiceCards, FieldSet, InputKind, SelectField, SelectOption, TextField};

use crate::api::workflows::AnswerEvaluation;
use crate::pages::new::step_form::{StepContext, step_form};

/// The step.
#[component]
pub fn EvaluationStep(
    /// What it is shown with.
    context: StepContext,
) -> impl IntoView {
    let action = ServerAction::<AnswerEvaluation>::new();
    let form = match context.draft.form(Step::Evaluation) {
        Some(StepForm::Evaluation(form)) => form,
        _ => EvaluationForm::default(),
    };
    let basic = context.draft.basic.as_ref();
    let users = basic.map_or(1, |basic| basic.concurrent_requests);
    let read = |sent: &AnswerEvaluation| StepForm::Evaluation(sent.form.clone());
    step_form(
        &context,
        Step::Evaluation,
        "Continue",
        action,
        read,
        move |errors| {
            let (input, output) = (
                RwSignal::new(form.input_tokens.clone()),
                RwSignal::new(form.output_tokens.clone()),
            );
            view! {
            <FieldSet legend="Lengths">
                <Presets input output />
                <div class="form-row">
                    <TextField name="input_tokens" label="Prompt length" bind=input errors unit="tokens"
                        hint="512, uniform:100..900, normal:512,64 or lognormal:512,0.6" />
                    <TextField name="output_tokens" label="Answer length" bind=output errors unit="tokens"
                        hint="In the same forms." />
                    <TextField name="shared_prefix_tokens" label="Shared prefix" kind=InputKind::Number step="any"
                        value=form.shared_prefix_tokens errors unit="tokens"
                        hint="Equal at the start of every prompt, as a system prompt is. 0 defeats prefix caches." />
                </div>
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
            </FieldSet>
            <ChoiceCards name="arrival" legend="Load shape" choices=load_shapes(users)
                chosen=vec![form.arrival] errors />
            <div class="only-open-loop">
                <TextField name="rate_per_s" label="Rate" kind=InputKind::Number step="any" value=form.rate_per_s errors
                    unit="requests/s" hint="Mean arrivals per second, sent whether or not earlier ones are answered." />
            </div>
            <ChoiceCards name="stop" legend="The run ends" chosen=vec![form.stop] errors
                choices=vec![
                    Choice::new("requests", "After a number of requests"),
                    Choice::new("duration", "After a time"),
                ] />
            <div class="form-row">
                <div class="only-stop-requests">
                    <TextField name="request_count" label="Measured requests" kind=InputKind::Number step="any"
                        value=form.request_count errors unit="requests"
                        hint="p90 needs 100, p95 200, p99 1,000." />
                </div>
                <div class="only-stop-duration">
                    <TextField name="duration_s" label="Measured time" kind=InputKind::Number step="any"
                        value=form.duration_s errors unit="s"
                        hint="What is in flight at the end is drained and not counted." />
                </div>
                <TextField name="warmup_requests" label="Warm-up" kind=InputKind::Number step="any"
                    value=form.warmup_requests errors unit="requests"
                    hint="Before the measured window; their prompts never return." />
            </div>
            <FieldSet legend="Details">
                <div class="form-row">
                    <TextField name="seed" label="Seed" kind=InputKind::Number step="any" value=form.seed errors
                        hint="The same seed sends the same prompts at the same times." />
                    <TextField name="request_timeout_s" label="Request timeout" kind=InputKind::Number step="any"
                        value=form.request_timeout_s errors unit="s"
                        hint="A request without its last byte by then has failed." />
                </div>
            </FieldSet>
        }
        .into_any()
        },
    )
}

fn load_shapes(users: u32) -> Vec<Choice> {
    let closed = format!("{users} in flight at any time, as answered in step 1.");
    vec![
        Choice::new("closed", "Closed loop").with_detail(closed),
        Choice::new("constant", "Open loop, constant").with_detail("At a rate, with equal gaps."),
        Choice::new("poisson", "Open loop, Poisson")
            .with_detail("At a rate, with the gaps of independent users."),
    ]
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
