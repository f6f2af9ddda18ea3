//! The head of a benchmark's page: what was run, its states, and what can be done with it.

use domain::access::Role;
use domain::history::{BenchmarkDetail, HistoryQuery};
use domain::id::BenchmarkId;
use domain::reruns::Purpose;
use domain::run::RunStatus;
use leptos::form::ActionForm;
use leptos::prelude::*;
use server_fn::ServerFn;
use ui::badge::{Badge, Tag};
use ui::button::{Button, ButtonKind};
use ui::dialog::Dialog;
use ui::field::TextField;
use ui::layout::PageHeader;
use ui::tone::Tone;

use super::care::{ArchiveButton, DeleteButton, PurposeEditor};
use crate::api::ApiError;
use crate::api::benchmarks::{
    CancelBenchmark, DeleteBenchmark, RerunBenchmark, SetArchived, SetPurpose, SetTags,
};
use crate::api::workflows::StartWorkflow;
use crate::pages::parts::{StatusBadge, action_failure, messages};
use crate::pages::rights::OnlyFor;
use crate::routes;

/// The head. `status` may be live.
#[component]
pub fn BenchmarkHeader(
    /// The benchmark.
    detail: BenchmarkDetail,
    /// Where it stands now.
    #[prop(into)]
    status: Signal<RunStatus>,
) -> impl IntoView {
    let id = detail.id;
    let start = ServerAction::<StartWorkflow>::new();
    let cancel = ServerAction::<CancelBenchmark>::new();
    let set_tags = ServerAction::<SetTags>::new();
    let rerun = ServerAction::<RerunBenchmark>::new();
    let set_purpose = ServerAction::<SetPurpose>::new();
    let set_archived = ServerAction::<SetArchived>::new();
    let delete = ServerAction::<DeleteBenchmark>::new();
    let first_purpose = detail.purpose;
    let purpose = latest(set_purpose, first_purpose);
    let is_archived = latest(set_archived, detail.archived_at.is_some());
    let saved = set_tags.value();
    let first_tags = detail.tags.clone();
    let tags = Signal::derive(move || {
        saved.with(|saved| match saved {
            Some(Ok(tags)) => tags.clone(),
            _ => first_tags.clone(),
        })
    });
    let subtitle = subtitle(&detail);
    let about = format!(
        "By {} on {}",
        detail.owner_name,
        detail.created_at.to_second_text()
    );
    let is_reference = detail.plan.deployment.is_reference();
    let is_sample = detail.is_sample;
    let badges = move || {
        view! {
            {move || view! { <StatusBadge status=status.get() /> }}
            {move || (purpose.get() == Purpose::Gating).then(|| view! { <Badge tone=Tone::Neutral label="Gating" title="Decides whether something goes to production" /> })}
            {move || is_archived.get().then(|| view! { <Badge tone=Tone::Neutral label="Archived" title="Left out of the history unless asked for" /> })}
            {is_reference.then(|| view! { <Badge tone=Tone::Neutral label="Reference engine" title="Answers on a schedule: its figures say nothing about any model" /> })}
            {is_sample.then(|| view! { <Badge tone=Tone::Neutral label="Sample" title="Made by demo mode, really run on this machine" /> })}
            {move || tags.get().into_iter().map(tag_link).collect_view()}
            <OnlyFor least=Role::Operator>
                <TagEditor id tags action=set_tags />
                <PurposeEditor id purpose action=set_purpose />
            </OnlyFor>
        }
    };
    let actions = move || {
        view! {
            <OnlyFor least=Role::Operator>
                {move || (!status.get().is_terminal()).then(|| view! { <Cancel id action=cancel /> })}
                <ActionForm action=start>
                    <input type="hidden" name="from" value=id.to_string() />
                    <Button busy=start.pending()>"Start from this"</Button>
                </ActionForm>
                {move || status.get().is_terminal().then(|| view! {
                    <ActionForm action=rerun>
                        <input type="hidden" name="id" value=id.to_string() />
                        <Button busy=rerun.pending()>"Run again"</Button>
                    </ActionForm>
                    <ArchiveButton id is_archived action=set_archived />
                    <DeleteButton id action=delete />
                })}
            </OnlyFor>
        }
    };
    let description = detail.plan.description.clone();
    view! {
        <PageHeader
            title=Signal::stored(detail.plan.name)
            subtitle=move || view! { {subtitle} <br /> <span class="note">{about}</span> }
            badges
            actions
            back=("Benchmarks", routes::HOME.to_owned())
        />
        {(!description.is_empty()).then(|| view! { <p class="description">{description}</p> })}
        {action_failure(start)}
        {action_failure(cancel)}
        {action_failure(set_tags)}
        {action_failure(rerun)}
        {action_failure(set_purpose)}
        {action_failure(set_archived)}
        {action_failure(delete)}
    }
}

/// What an action answered last; before that, what the page came with.
fn latest<S>(action: ServerAction<S>, first: S::Output) -> Signal<S::Output>
where
    S: ServerFn<Error = ApiError> + Send + Sync + Clone + 'static,
    S::Output: Copy + Send + Sync + 'static,
{
    let answer = action.value();
    Signal::derive(move || {
        answer.with(|answer| match answer {
            Some(Ok(value)) => *value,
            _ => first,
        })
    })
}

/// `model · engine · cluster / node · workload`.
fn subtitle(detail: &BenchmarkDetail) -> String {
    let plan = &detail.plan;
    let told = detail
        .result
        .as_ref()
        .and_then(|result| result.manifest.engine.as_ref());
    let engine = told.map_or_else(
        || plan.deployment.in_words(),
        domain::catalogue::EngineIdentity::in_words,
    );
    let nodes: Vec<&str> = plan
        .cluster
        .nodes
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    // An endpoint's one node is the endpoint itself.
    let place = match &plan.cluster.kind {
        domain::catalogue::ClusterKind::Endpoint { .. } => plan.cluster.name.clone(),
        domain::catalogue::ClusterKind::ThisMachine | domain::catalogue::ClusterKind::Machines => {
            format!("{} / {}", plan.cluster.name, nodes.join(", "))
        }
    };
    format!(
        "{} · {engine} · {place} · {}",
        plan.model.name,
        plan.workload.in_words()
    )
}

fn tag_link(tag: String) -> impl IntoView {
    let query = HistoryQuery {
        tags: vec![tag.clone()],
        ..HistoryQuery::default()
    };
    view! { <Tag label=tag href=routes::history(&query) /> }
}

/// Opens in place, without script too.
#[component]
fn TagEditor(
    /// Whose tags.
    id: BenchmarkId,
    /// The tags as they are.
    tags: Signal<Vec<String>>,
    /// Saves them.
    action: ServerAction<SetTags>,
) -> impl IntoView {
    let errors = messages(action, RwSignal::new(domain::field::FieldErrors::default()));
    let text = tags.get_untracked().join(", ");
    view! {
        <details class="tag-editor">
            <summary>"Edit tags"</summary>
            <ActionForm action attr:class="tag-form">
                <input type="hidden" name="id" value=id.to_string() />
                <TextField name="tags" label="Tags, separated by commas" value=text errors />
                <Button is_small=true busy=action.pending()>"Save tags"</Button>
            </ActionForm>
        </details>
    }
}

/// Cancels, after a question.
#[component]
fn Cancel(
    /// Which benchmark.
    id: BenchmarkId,
    /// Cancels it.
    action: ServerAction<CancelBenchmark>,
) -> impl IntoView {
    let is_asking = RwSignal::new(false);
    let ask = Callback::new(move |()| is_asking.set(true));
    let keep = Callback::new(move |()| is_asking.set(false));
    let answer = action.value();
    let was_asked = Signal::derive(move || answer.with(|answer| matches!(answer, Some(Ok(())))));
    // The question has been answered once the server has it.
    Effect::new(move |_| {
        if was_asked.get() {
            is_asking.set(false);
        }
    });
    view! {
        <span class="needs-script">
            <Button on_press=ask disabled=was_asked>
                {move || if was_asked.get() { "Cancelling…" } else { "Cancel run" }}
            </Button>
        </span>
        <Dialog open=is_asking id="cancel-run" title="Cancel this run?">
            <p>"The load stops, the engine that was started for it is stopped, and no result is kept. The log stays."</p>
            <ActionForm action attr:class="actions end">
                <input type="hidden" name="id" value=id.to_string() />
                <Button on_press=keep>"Let it run"</Button>
                <Button kind=ButtonKind::Danger busy=action.pending()>"Cancel the run"</Button>
            </ActionForm>
        </Dialog>
    }
}
