//! One step of a workflow, with the others around it.

use domain::id::WorkflowId;
use domain::workflow::{Catalogue, Draft, Step, Workflow, WorkflowState};
use domain::workload::EvaluationMethod;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use ui::banner::Banner;
use ui::button::{Button, ButtonKind, LinkButton};
use ui::feedback::Skeleton;
use ui::layout::PageHeader;
use ui::stepper::{Step as ShownStep, StepState, Stepper};
use ui::tone::Tone;

use super::step_form::StepContext;
use super::steps::basic::BasicStep;
use super::steps::cluster::ClusterStep;
use super::steps::confirm::ConfirmStep;
use super::steps::credential::CredentialStep;
use super::steps::evaluation::EvaluationStep;
use super::steps::execute::ExecuteStep;
use super::steps::model::ModelStep;
use super::steps::nodes::NodesStep;
use crate::api::workflows::{DiscardWorkflow, get_catalogue, get_workflow};
use crate::pages::parts::{load_failed, no_such};
use crate::routes;

/// The page.
#[component]
pub fn WizardPage() -> impl IntoView {
    let params = use_params_map();
    let asked = Memo::new(move |_| {
        params.with(|params| {
            let id = params
                .get_str("workflow_id")
                .and_then(|text| text.parse::<WorkflowId>().ok());
            let step = params.get_str("step").and_then(|text| text.parse().ok());
            id.zip(step.and_then(Step::from_number))
        })
    });
    // Loaded anew for each step: the answer before it has changed the draft.
    let loaded = Resource::new(
        move || asked.get(),
        |asked| async move {
            let Some((id, step)) = asked else {
                return Err(no_such("step"));
            };
            Ok((get_workflow(id).await?, get_catalogue().await?, step))
        },
    );
    view! {
        <Transition fallback=|| view! { <Skeleton rows=8 label="Loading the step" /> }>
            {move || Suspend::new(async move {
                match loaded.await {
                    Ok((workflow, catalogue, step)) => wizard(workflow, catalogue, step),
                    Err(error) => load_failed("The draft", &error),
                }
            })}
        </Transition>
    }
    .into_any()
}

fn wizard(workflow: Workflow, catalogue: Catalogue, step: Step) -> AnyView {
    let id = workflow.id;
    let title = workflow
        .draft
        .basic
        .as_ref()
        .map_or_else(|| "New benchmark".to_owned(), |basic| basic.name.clone());
    let subtitle = format!(
        "Step {} of {}: {}",
        step.number(),
        Step::ALL.len(),
        heading(step)
    );
    let steps = shown_steps(id, &workflow.draft, &catalogue, step);
    if let WorkflowState::Executed { benchmark_id } = workflow.state {
        return view! {
            <PageHeader title=Signal::stored(title) back=("Drafts", routes::NEW.to_owned()) />
            <Banner
                tone=Tone::Neutral
                title="This plan was executed."
                actions=move || view! { <LinkButton href=routes::benchmark(benchmark_id)>"Show the benchmark"</LinkButton> }
            />
        }
        .into_any();
    }
    let open = workflow.draft.first_open_step(&catalogue);
    let context = StepContext::of(&workflow, catalogue);
    let is_skipped =
        step == Step::Credential && !context.draft.needs_credential(&context.catalogue);
    let body = if step > open {
        too_early(&context, open)
    } else if is_skipped {
        not_needed(&context)
    } else {
        step_view(step, context)
    };
    view! {
        <Title text=title.clone() />
        <PageHeader
            title=Signal::stored(title)
            subtitle=move || subtitle
            back=("Drafts", routes::NEW.to_owned())
            actions=move || view! { <Discard id /> }
        />
        <div class="wizard">
            <Stepper steps=Signal::stored(steps) />
            <section class="wizard-body stack" aria-label=heading(step)>{body}</section>
        </div>
    }
    .into_any()
}

fn step_view(step: Step, context: StepContext) -> AnyView {
    match step {
        Step::BasicInfo => view! { <BasicStep context /> }.into_any(),
        Step::Evaluation => view! { <EvaluationStep context /> }.into_any(),
        Step::Cluster => view! { <ClusterStep context /> }.into_any(),
        Step::Nodes => view! { <NodesStep context /> }.into_any(),
        Step::Model => view! { <ModelStep context /> }.into_any(),
        Step::Credential => view! { <CredentialStep context /> }.into_any(),
        Step::Confirm => view! { <ConfirmStep context /> }.into_any(),
        Step::Execute => view! { <ExecuteStep context /> }.into_any(),
    }
}

/// What the step asks, in a few words.
fn heading(step: Step) -> &'static str {
    match step {
        Step::BasicInfo => "what it is called, and how much at once",
        Step::Evaluation => "what is sent, and for how long",
        Step::Cluster => "where it runs",
        Step::Nodes => "on which nodes",
        Step::Model => "which model and engine",
        Step::Credential => "which credential the provider gets",
        Step::Confirm => "read the plan",
        Step::Execute => "run it",
    }
}

fn too_early(context: &StepContext, open: Step) -> AnyView {
    let href = context.href(open);
    let label = format!("Go to step {}", open.number());
    let title = format!("Step {} comes first: {}.", open.number(), heading(open));
    view! {
        <Banner
            tone=Tone::Neutral
            title
            actions=move || view! { <LinkButton href kind=ButtonKind::Primary>{label}</LinkButton> }
        />
    }
    .into_any()
}

/// The step of a credential, for a model that needs none.
fn not_needed(context: &StepContext) -> AnyView {
    let href = context.href(Step::Confirm);
    let label = format!("Go to step {}", Step::Confirm.number());
    view! {
        <Banner
            tone=Tone::Neutral
            title="Nothing to choose here."
            actions=move || view! { <LinkButton href kind=ButtonKind::Primary>{label}</LinkButton> }
        >
            " Only a cloud model asks for a credential."
        </Banner>
    }
    .into_any()
}

/// The steps as the stepper shows them: what is answered can be visited, what is ahead not yet.
fn shown_steps(
    id: WorkflowId,
    draft: &Draft,
    catalogue: &Catalogue,
    current: Step,
) -> Vec<ShownStep> {
    let open = draft.first_open_step(catalogue);
    let shown = Step::ALL.into_iter().map(|step| {
        let is_needed = step != Step::Credential || draft.needs_credential(catalogue);
        let state = if step == current {
            StepState::Current
        } else if !is_needed && step < open {
            StepState::NotNeeded
        } else if step < open {
            StepState::Done
        } else if step == open && was_answered(draft, step) {
            StepState::Attention
        } else {
            StepState::Ahead
        };
        ShownStep {
            label: step.label().to_owned(),
            state,
            href: (is_needed && step <= open).then(|| routes::wizard(id, step)),
            summary: if is_needed {
                (step < open)
                    .then(|| summary(draft, catalogue, step))
                    .flatten()
            } else {
                Some("only for cloud models".to_owned())
            },
        }
    });
    shown.collect()
}

/// Whether there was an answer that no longer holds.
fn was_answered(draft: &Draft, step: Step) -> bool {
    match step {
        Step::Evaluation => draft.evaluation.is_some(),
        Step::Cluster => draft.cluster_id.is_some(),
        Step::Model => draft.model.is_some(),
        Step::Credential => draft.credential_id.is_some(),
        _ => false,
    }
}

/// The answer of a step in a few words.
fn summary(draft: &Draft, catalogue: &Catalogue, step: Step) -> Option<String> {
    let cluster = || draft.cluster_id.and_then(|id| catalogue.cluster(id));
    match step {
        Step::BasicInfo => draft
            .basic
            .as_ref()
            .map(|basic| format!("{} at once", basic.concurrent_requests)),
        Step::Evaluation => draft
            .evaluation
            .as_ref()
            .map(|answers| match draft.method() {
                EvaluationMethod::Configuration => {
                    format!("{} in / {} out", answers.input, answers.output)
                }
                EvaluationMethod::Dataset => {
                    let names: Vec<&str> = answers
                        .dataset_ids
                        .iter()
                        .filter_map(|id| catalogue.dataset(*id))
                        .map(|dataset| dataset.name.as_str())
                        .collect();
                    names.join(", ")
                }
            }),
        Step::Cluster => cluster().map(|cluster| cluster.name.clone()),
        Step::Nodes => {
            let nodes = cluster()?.nodes.iter();
            let names: Vec<&str> = nodes
                .filter(|node| draft.node_ids.contains(&node.id))
                .map(|node| node.name.as_str())
                .collect();
            Some(names.join(", "))
        }
        Step::Model => {
            let answers = draft.model.as_ref()?;
            catalogue
                .model(answers.model_id)
                .map(|model| model.name.clone())
        }
        Step::Credential => {
            let credential = draft.credential_id.and_then(|id| catalogue.credential(id));
            credential.map(|credential| credential.name.clone())
        }
        Step::Confirm => Some("confirmed".to_owned()),
        Step::Execute => None,
    }
}

/// Throws a draft away.
#[component]
pub fn Discard(
    /// Which.
    id: WorkflowId,
    /// Called once it is gone, for a page that stays open.
    #[prop(optional)]
    on_done: Option<Callback<()>>,
) -> impl IntoView {
    let action = ServerAction::<DiscardWorkflow>::new();
    let answer = action.value();
    Effect::new(move |_| {
        let is_gone = answer.with(|answer| matches!(answer, Some(Ok(()))));
        if let (true, Some(on_done)) = (is_gone, on_done) {
            on_done.run(());
        }
    });
    view! {
        // The question is part of the page, so that it is asked without script too.
        <details class="discard">
            <summary class="button quiet">"Discard…"</summary>
            <ActionForm action>
                <input type="hidden" name="id" value=id.to_string() />
                <Button kind=ButtonKind::Danger is_small=true busy=action.pending()>"Discard this draft"</Button>
            </ActionForm>
        </details>
    }
}

#[cfg(test)]
mod tests {
    use domain::workflow::form::BasicForm;

    use super::*;

    #[test]
    fn the_steps_say_what_is_done_and_what_comes_next() {
        let id: WorkflowId = "00000000-0000-0000-0000-000000000007".parse().unwrap();
        let form = BasicForm {
            name: "smoke".to_owned(),
            ..BasicForm::default()
        };
        let draft = Draft {
            basic: Some(form.validate().unwrap()),
            ..Draft::default()
        };
        let steps = shown_steps(id, &draft, &Catalogue::default(), Step::Evaluation);
        let states: Vec<StepState> = steps.iter().map(|step| step.state).collect();
        assert_eq!(
            states[..3],
            [StepState::Done, StepState::Current, StepState::Ahead]
        );
        assert_eq!(steps[0].summary.as_deref(), Some("8 at once"));
        assert!(steps[1].href.is_some() && steps[2].href.is_none());
    }
}
