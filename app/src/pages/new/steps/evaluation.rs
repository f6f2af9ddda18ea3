//! Step 2: prompts, load shape, stop rule, warm-up, seed.

use domain::workflow::form::EvaluationForm;
use domain::workflow::{Step, StepForm};
use domain::workload::EvaluationMethod;
use leptos::form::FromFormData;
use leptos::prelude::*;
use ui::field::{
    Checkbox, Choice, ChoiceCards, FieldSet, InputKind, SelectField, SelectOption, TextAreaField,
    TextField,
};
use wasm_bindgen::JsCast;

use super::dataset_prompts::DatasetPrompts;
use super::load_preview::LoadPreviewPanel;
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
    let catalogue = context.catalogue.clone();
    let typed = RwSignal::new(form.clone());
    let is_fresh = form.fresh_connections == "on";
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
            <div class="contents" on:input=move |event| read_typed(&event, typed)
                on:change=move |event| read_typed(&event, typed)
                on:click=move |event| read_later(&event, typed)>
            {prompts}
            <ChoiceCards name="arrival" legend="Load shape" choices=load_shapes(users)
                chosen=vec![form.arrival] errors />
            <div class="stack only-open-loop">
                <TextField name="rate_per_s" label="Rate" kind=InputKind::Number step="any" value=form.rate_per_s errors
                    unit="requests/s" hint="Mean arrivals per second, sent whether or not earlier ones are answered." />
                <div class="form-row">
                    <div class="only-gamma">
                        <TextField name="burstiness" label="Burstiness" kind=InputKind::Number step="any"
                            value=form.burstiness errors
                            hint="1 is Poisson, less comes in bursts, more is calmer." />
                    </div>
                    <TextField name="in_flight_max" label="Most in flight" kind=InputKind::Number step="any"
                        value=form.in_flight_max errors unit="requests" is_optional=true
                        hint="Arrivals beyond it are sent late and counted, never dropped." />
                </div>
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
                <TextField name="ramp_s" label="Ramp" kind=InputKind::Number step="any" value=form.ramp_s errors unit="s"
                    hint="The load rises to its height over it. Part of the measured window, not of its steady state." />
            </div>
            <div class="form-row">
                <SelectField name="warmup" label="Warm-up by" value=form.warmup errors
                    options=vec![
                        SelectOption::new("requests", "A number of requests"),
                        SelectOption::new("time", "A time"),
                    ]
                    hint="Sent before the measured window and not counted." />
                <div class="only-warmup-requests">
                    <TextField name="warmup_requests" label="Warm-up" kind=InputKind::Number step="any"
                        value=form.warmup_requests errors unit="requests"
                        hint="Their prompts never return, unless a dataset is exhausted." />
                </div>
                <div class="only-warmup-time">
                    <TextField name="warmup_s" label="Warm-up time" kind=InputKind::Number step="any"
                        value=form.warmup_s errors unit="s" hint="Their prompts never return, unless a dataset is exhausted." />
                </div>
            </div>
            <TextAreaField name="slos" label="Objectives" value=form.slos errors is_optional=true
                placeholder="ttft_ms<=200@p99"
                hint="What the run has to hold, one a line: ttft_ms<=200@p99, tpot_ms<=50, e2e_ms<=3000@p95, output_tok_per_s>=500, error_rate<=0.01. In open loop TTFT and E2E latency count from the schedule. Goodput counts the requests that meet all of them." />
            <FieldSet legend="Details">
                <div class="form-row">
                    <TextField name="seed" label="Seed" kind=InputKind::Number step="any" value=form.seed errors
                        hint="The same seed sends the same prompts at the same times." />
                    <TextField name="request_timeout_s" label="Request timeout" kind=InputKind::Number step="any"
                        value=form.request_timeout_s errors unit="s"
                        hint="A request without its last byte by then has failed." />
                </div>
                <Checkbox name="fresh_connections" value="on" label="Open a connection for every request"
                    is_checked=is_fresh errors
                    hint="Kept connections are the rule. Fresh ones show what their set-up costs the server." />
            </FieldSet>
            </div>
            <LoadPreviewPanel typed users method catalogue />
        }
        .into_any()
        },
    )
}

/// Takes what the form around a control says now.
fn read_typed(event: &web_sys::Event, typed: RwSignal<EvaluationForm>) {
    if let Some(form) = form_around(event) {
        read_form(&form, typed);
    }
}

/// The same once buttons in the form have done their work: presets fill fields without an event.
fn read_later(event: &web_sys::Event, typed: RwSignal<EvaluationForm>) {
    if let Some(form) = form_around(event) {
        request_animation_frame(move || read_form(&form, typed));
    }
}

fn form_around(event: &web_sys::Event) -> Option<web_sys::HtmlFormElement> {
    let element = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    let form = element.closest("form").ok()??;
    form.dyn_into().ok()
}

fn read_form(form: &web_sys::HtmlFormElement, typed: RwSignal<EvaluationForm>) {
    let Ok(data) = web_sys::FormData::new_with_form(form) else {
        return;
    };
    // What cannot be read leaves the preview as it was.
    if let Ok(sent) = AnswerEvaluation::from_form_data(&data) {
        let is_new = typed.with_untracked(|typed| *typed != sent.form);
        if is_new {
            typed.set(sent.form);
        }
    }
}

fn load_shapes(users: u32) -> Vec<Choice> {
    let closed = format!("{users} in flight at any time, as answered in step 1.");
    vec![
        Choice::new("closed", "Closed loop").with_detail(closed),
        Choice::new("constant", "Open loop, constant").with_detail("At a rate, with equal gaps."),
        Choice::new("poisson", "Open loop, Poisson")
            .with_detail("At a rate, with the gaps of independent users."),
        Choice::new("gamma", "Open loop, gamma")
            .with_detail("At a rate, burstier or calmer than independent users."),
    ]
}
