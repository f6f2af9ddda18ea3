//! Step 3: where.

use domain::catalogue::{Cluster, ClusterKind};
use domain::workflow::form::ClusterChoiceForm;
use domain::workflow::{Step, StepForm};
use leptos::prelude::*;
use ui::feedback::EmptyState;
use ui::field::{Choice, ChoiceCards};
use ui::format;
use ui::tone::Tone;

use crate::api::workflows::AnswerCluster;
use crate::pages::new::step_form::{StepContext, step_form};
use crate::routes;

/// The step.
#[component]
pub fn ClusterStep(
    /// What it is shown with.
    context: StepContext,
) -> impl IntoView {
    let action = ServerAction::<AnswerCluster>::new();
    let chosen = context.draft.cluster_id.map(|id| id.to_string());
    let choices: Vec<Choice> = context.catalogue.clusters.iter().map(choice_of).collect();
    let read = |sent: &AnswerCluster| {
        StepForm::Cluster(ClusterChoiceForm {
            cluster_id: sent.cluster_id.clone(),
        })
    };
    step_form(
        &context,
        Step::Cluster,
        "Continue",
        action,
        read,
        move |errors| {
            if choices.is_empty() {
                return view! { <EmptyState title="No cluster yet" text="Add the endpoint that serves your model." /> }
                .into_any();
            }
            view! {
            <ChoiceCards name="cluster_id" legend="Cluster" choices chosen=chosen.into_iter().collect() errors
                hint="An endpoint serves already; on this machine the engine is started for the run and stopped after it." />
            <p class="note">
                "Is the engine somewhere else? " <a href=routes::NEW_CLUSTER>"Add an endpoint"</a>
                ", then come back: this draft is kept."
            </p>
        }
        .into_any()
        },
    )
}

fn choice_of(cluster: &Cluster) -> Choice {
    let kind = match &cluster.kind {
        ClusterKind::ThisMachine => "Engines are started on this machine".to_owned(),
        ClusterKind::Machines if cluster.is_docker_only() => {
            "Engines are started as containers, through Docker".to_owned()
        }
        ClusterKind::Machines => "Engines are started over SSH".to_owned(),
        ClusterKind::Endpoint { base_url, .. } => format!("Endpoint {base_url}"),
    };
    let mut choice = Choice::new(cluster.id.to_string(), cluster.name.clone()).with_detail(kind);
    let node_count = cluster.nodes.len() as u64;
    let held_count = cluster
        .nodes
        .iter()
        .filter(|node| node.held_by.is_some())
        .count() as u64;
    if cluster.kind.starts_engines() {
        choice = choice.with_detail(format::plural(node_count, "node", "nodes"));
    }
    if held_count > 0 {
        let text = format!("{held_count} of {node_count} in use: the run will wait for its turn");
        choice = choice.with_detail(text);
    }
    match &cluster.last_check {
        Some(check) if check.is_reachable => choice
            .with_detail(check.message.clone())
            .with_badge(Tone::Good, "Reachable"),
        Some(check) => choice
            .with_detail(check.message.clone())
            .with_badge(Tone::Bad, "Not reachable"),
        None if matches!(cluster.kind, ClusterKind::ThisMachine) => choice,
        None => choice.with_badge(Tone::Neutral, "Not checked yet"),
    }
}
