//! Step 4: which nodes of the cluster.

use domain::catalogue::Node;
use domain::workflow::form::NodesForm;
use domain::workflow::{Step, StepForm};
use leptos::prelude::*;
use ui::field::{Choice, ChoiceCards, SelectField, SelectOption};
use ui::format;
use ui::tone::Tone;

use crate::api::workflows::AnswerNodes;
use crate::pages::new::step_form::{StepContext, at_brackets, step_form};

/// Name of the check boxes: the brackets make a list of them in form encoding.
const FIELD: &str = "node_ids[]";

/// The step.
#[component]
pub fn NodesStep(
    /// What it is shown with.
    context: StepContext,
) -> impl IntoView {
    let action = ServerAction::<AnswerNodes>::new();
    let draft = &context.draft;
    let cluster = draft
        .cluster_id
        .and_then(|id| context.catalogue.cluster(id));
    let nodes: &[Node] = cluster.map_or(&[], |cluster| &cluster.nodes);
    let mut chosen: Vec<String> = draft.node_ids.iter().map(ToString::to_string).collect();
    // The only node is the likely answer.
    if let ([only], true) = (nodes, chosen.is_empty()) {
        chosen.push(only.id.to_string());
    }
    let choices: Vec<Choice> = nodes.iter().map(choice_of).collect();
    let legend = cluster.map_or_else(
        || "Nodes".to_owned(),
        |cluster| format!("Nodes of {}", cluster.name),
    );
    let machines = cluster.map(|cluster| context.catalogue.load_machines(cluster));
    let machines: Vec<SelectOption> = machines
        .into_iter()
        .flatten()
        .map(|node| SelectOption::new(node.id.to_string(), node.name.clone()))
        .collect();
    let load_from = draft.load_from.map(|id| id.to_string()).unwrap_or_default();
    let read = |sent: &AnswerNodes| {
        StepForm::Nodes(NodesForm {
            node_ids: sent.node_ids.clone(),
            load_from: sent.load_from.clone(),
        })
    };
    step_form(
        &context,
        Step::Nodes,
        "Continue",
        action,
        read,
        move |errors| {
            let load = (!machines.is_empty()).then(|| {
                let server = SelectOption::new("", "This server");
                let options = [server].into_iter().chain(machines).collect();
                view! {
                    <SelectField name="load_from" label="The load comes from" value=load_from errors options
                        hint="From the engine’s own node, requests do not go through the SSH link, whose round trip is a part of every latency otherwise; the engine and the load share its processors then. For any other machine the engine listens on the private address of its node instead of on loopback alone." />
                }
            });
            let errors =
                Signal::derive(move || errors.with(|errors| at_brackets(errors, "node_ids")));
            view! {
            <ChoiceCards name=FIELD legend choices chosen is_multiple=true errors
                hint="The run holds the chosen nodes while it lasts; runs that want the same node wait for each other." />
            {load}
        }
        .into_any()
        },
    )
}

fn choice_of(node: &Node) -> Choice {
    let mut choice = Choice::new(node.id.to_string(), node.name.clone());
    match &node.inventory {
        Some(inventory) => {
            let machine = format!(
                "{} · {} cores · {}",
                inventory.cpu_model,
                inventory.cpu_core_count,
                format::bytes(inventory.memory_bytes)
            );
            choice = choice
                .with_detail(machine)
                .with_detail(inventory.os.clone());
            for accelerator in &inventory.accelerators {
                let memory = format::bytes(accelerator.memory_bytes);
                choice = choice.with_detail(format!("{} · {memory}", accelerator.name));
            }
            if inventory.accelerators.is_empty() {
                choice = choice.with_detail("No accelerator");
            }
        }
        None => choice = choice.with_detail("Its hardware is not known."),
    }
    if node.held_by.is_some() {
        choice
            .with_badge(Tone::Running, "In use")
            .with_detail("Another run holds it: this one will wait for its turn.")
    } else {
        choice.with_badge(Tone::Good, "Free")
    }
}
