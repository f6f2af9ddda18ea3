//! Step 1: name, tags, description, concurrency, evaluation method.

use domain::catalogue::ClusterKind;
use domain::reruns::Purpose;
use domain::workflow::form::BasicForm;
use domain::workflow::{Step, StepForm};
use leptos::prelude::*;
use ui::field::{Checkbox, Choice, ChoiceCards, InputKind, TextAreaField, TextField};

use crate::api::workflows::AnswerBasicInfo;
use crate::pages::new::step_form::{StepContext, step_form};

const KEEP_HINT: &str = "The first run starts it, the next take it over: its caches are warm then, and what a start costs is measured once. Runs that took it over are marked as warm. Unchecked, each run starts a fresh engine. It concerns engines that Assay starts, proxies aside.";

/// The step.
#[component]
pub fn BasicStep(
    /// What it is shown with.
    context: StepContext,
) -> impl IntoView {
    let action = ServerAction::<AnswerBasicInfo>::new();
    let form = match context.draft.form(Step::BasicInfo) {
        Some(StepForm::BasicInfo(form)) => form,
        _ => BasicForm::default(),
    };
    let mut dataset_method = Choice::new("dataset", "Dataset")
        .with_detail("Prompts of datasets: built in, or imported by you.");
    if context.catalogue.datasets.is_empty() {
        dataset_method = dataset_method.blocked("No dataset is ready: import one first.");
    }
    let reruns = RwSignal::new(form.reruns.clone());
    let is_kept = !form.keep_engine.is_empty();
    let cluster = context.draft.cluster_id;
    let cluster = cluster.and_then(|id| context.catalogue.cluster(id));
    // Nothing is started there: it serves every run.
    let is_endpoint = cluster.is_some_and(|one| matches!(one.kind, ClusterKind::Endpoint { .. }));
    let can_keep = Memo::new(move |_| {
        let several = reruns.with(|text| text.trim().parse().is_ok_and(|runs: u32| runs > 1));
        several && !is_endpoint
    });
    let read = |sent: &AnswerBasicInfo| StepForm::BasicInfo(sent.form.clone());
    step_form(
        &context,
        Step::BasicInfo,
        "Continue",
        action,
        read,
        move |errors| {
            let methods = vec![
                Choice::new("configuration", "Configuration")
                    .with_detail("Synthetic prompts of exact token lengths, made from a seed."),
                dataset_method,
            ];
            view! {
            <TextField name="name" label="Name" value=form.name errors max_chars=200
                hint="What you will look for in the history." placeholder="nightly chat 512/256" />
            <TextField name="tags" label="Tags" value=form.tags errors is_optional=true
                hint="Separated by commas." placeholder="gate, chat" />
            <TextAreaField name="description" label="Description" value=form.description errors
                is_optional=true hint="What this run is to find out." />
            <TextField name="concurrent_requests" label="Concurrent requests" kind=InputKind::Number step="any"
                value=form.concurrent_requests errors unit="requests"
                hint="Users of a closed loop: each sends its next request as soon as its answer is complete. An open loop, chosen in the next step, has a rate instead." />
            <ChoiceCards name="eval_with" legend="Evaluation method" choices=methods
                chosen=vec![form.eval_with] errors />
            <ChoiceCards name="purpose" legend="Purpose" choices=purposes()
                chosen=vec![form.purpose] errors />
            <TextField name="reruns" label="Runs of this plan" kind=InputKind::Number step="any"
                bind=reruns errors unit="runs"
                hint="One after another, 1 to 20. Three or more show how far equal runs differ." />
            {move || can_keep.get().then(|| view! {
                <Checkbox name="keep_engine" value="on" label="Keep the engine between the runs" is_checked=is_kept errors
                    hint=KEEP_HINT />
            })}
        }
        .into_any()
        },
    )
}

fn purposes() -> Vec<Choice> {
    Purpose::ALL
        .map(|purpose| {
            let detail = match purpose {
                Purpose::Exploratory => "To find something out.",
                Purpose::Gating => "To decide whether something goes to production.",
            };
            Choice::new(purpose.as_str(), purpose.label()).with_detail(detail)
        })
        .into()
}
