//! Step 2: prompts, load shape, stop rule, warm-up, seed.

use domain::workflow::form::EvaluationForm;
use domain::workflow::{Step, StepForm};
use domain::workload::EvaluationMethod;
use leptos::prelude::*;
use ui::field::{Choice, ChoiceCards, FieldSet, InputKind, TextField};

use super::dataset_prompts::DatasetPrompts;
use super::synthetic_prompts::SyntheticPrompts;
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
    let method = context.draft.method();
    let datasets = context.catalogue.datasets.clone();
    let read = |sent: &AnswerEvaluation| StepForm::Evaluation(sent.form.clone());
    step_form(
        &context,
        Step::Evaluation,
        "Continue",
        action,
        read,
        move |errors| {
            let prompts = match method {
                EvaluationMethod::Configuration => {
                    view! { <SyntheticPrompts form=form.clone() errors /> }.into_any()
                }
                EvaluationMethod::Dataset => {
                    view! { <DatasetPrompts form=form.clone() datasets errors /> }.into_any()
                }
            };
            view! {
            {prompts}
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
                    hint="Before the measured window; their prompts never return, unless a dataset is exhausted." />
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
