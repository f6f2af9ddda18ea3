//! Step 5: the model, and the engine where one is to be started.

use domain::catalogue::{Cluster, ClusterKind, Model, ModelSource};
use domain::engine::{ContainerForm, EngineForm, EnginePreset, RunsAs};
use domain::field::FieldErrors;
use domain::workflow::form::ModelChoiceForm;
use domain::workflow::{Step, StepForm};
use leptos::prelude::*;
use ui::feedback::EmptyState;
use ui::field::{Choice, ChoiceCards, FieldSet, InputKind, TextAreaField, TextField};
use ui::tone::Tone;

use crate::api::workflows::AnswerModel;
use crate::pages::new::step_form::{StepContext, step_form};
use crate::routes;

/// The step.
#[component]
pub fn ModelStep(
    /// What it is shown with.
    context: StepContext,
) -> impl IntoView {
    let action = ServerAction::<AnswerModel>::new();
    let form = match context.draft.form(Step::Model) {
        Some(StepForm::Model(form)) => form,
        _ => ModelChoiceForm::default(),
    };
    let cluster = context
        .draft
        .cluster_id
        .and_then(|id| context.catalogue.cluster(id));
    let starts_engine = cluster.is_some_and(|cluster| cluster.kind.starts_engines());
    let is_far = cluster
        .is_some_and(|cluster| cluster.kind == ClusterKind::Machines && !cluster.is_docker_only());
    let is_docker_only = cluster.is_some_and(Cluster::is_docker_only);
    let mut choices: Vec<Choice> = context
        .catalogue
        .models
        .iter()
        .map(|model| choice_of(model, cluster))
        .collect();
    // What can be chosen stands first; the order of the catalogue is kept otherwise.
    choices.sort_by_key(|choice| choice.blocked_because.is_some());
    let model_id = suggested_model(&form.model_id, &choices);
    let engine = suggested_engine(form.engine, &model_id, &context.catalogue.models);
    let read = |sent: &AnswerModel| {
        StepForm::Model(ModelChoiceForm {
            model_id: sent.model_id.clone(),
            engine: sent.engine.clone(),
        })
    };
    step_form(
        &context,
        Step::Model,
        "Continue",
        action,
        read,
        move |errors| {
            let models = if choices.is_empty() {
                view! { <EmptyState title="No model yet" text="Add the model this engine is to serve." /> }
                .into_any()
            } else {
                let chosen = vec![model_id];
                view! { <ChoiceCards name="model_id" legend="Model" choices chosen errors /> }
                    .into_any()
            };
            view! {
            {models}
            <p class="note">
                "Is it missing? " <a href=routes::NEW_MODEL>"Add a model"</a> ", then come back: this draft is kept."
            </p>
            {starts_engine.then(|| view! { <EngineFields form=engine is_far is_docker_only errors /> })}
        }
        .into_any()
        },
    )
}

/// The engine's fields.
#[component]
fn EngineFields(
    /// What was answered.
    form: EngineForm,
    /// Whether it is started on a machine over SSH.
    is_far: bool,
    /// Whether nothing but containers runs there.
    is_docker_only: bool,
    /// Messages of the form.
    errors: Signal<FieldErrors>,
) -> impl IntoView {
    let presets: Vec<Choice> = EnginePreset::ALL.into_iter().map(preset_choice).collect();
    let runs_as: Vec<Choice> = RunsAs::ALL
        .into_iter()
        .filter(|way| !is_docker_only || *way == RunsAs::Container)
        .map(|way| Choice::new(way.as_str(), way.label()).with_detail(detail_of_way(way)))
        .collect();
    let chosen_way = if is_docker_only {
        RunsAs::Container.as_str().to_owned()
    } else {
        form.runs_as
    };
    view! {
        <ChoiceCards name="preset" legend="Engine" choices=presets chosen=vec![form.preset] errors
            hint="Started on the chosen node for this run and stopped after it, with everything it started." />
        <ChoiceCards name="runs_as" legend="It runs as" choices=runs_as chosen=vec![chosen_way] errors />
        <div class="only-container">
            <ContainerFields form=form.container errors />
        </div>
        {is_far.then(|| view! {
            <div class="only-process">
                <TextField name="archive" label="Engine archive" value=form.archive errors is_optional=true
                    placeholder="/opt/engines/llama-server.tar.gz"
                    hint="A tar archive on this server with the engine. It is brought to the machine once, compared by SHA-256 and unpacked: a program that is named without a folder is looked for in it, and {engine} stands for its folder. Left empty, the machine has the engine." />
            </div>
        })}
        <div class="only-litellm">
            <FieldSet legend="Provider">
                <TextField name="upstream_model" label="Model as litellm knows it" value=form.upstream_model errors
                    is_optional=true placeholder="anthropic/claude-sonnet-4-5"
                    hint="provider/model. Left empty: anthropic/… where that is the model's provider, else openai/…, which is any OpenAI-compatible API. The provider's address is that of the credential in step 6." />
                <p class="note">
                    "As a program, litellm must be installed on the node (" <code>"pip install 'litellm[proxy]'"</code>
                    "); where it is not on the search path there, give its folder as PATH in the environment below. In a container its image brings it. It asks nobody but the provider: prices come from its own package."
                </p>
            </FieldSet>
        </div>
        <FieldSet legend="Engine settings">
            <TextAreaField name="arguments" label="Arguments" value=form.arguments errors is_optional=true is_mono=true
                rows=2 placeholder="--ctx-size 8192 --parallel 8"
                hint="Added after the preset's own, quoted as in a shell; no shell is started. For a custom command: the whole command, with {port} where it takes its port; {host}, {model} and {served_name} are filled in too. A custom image starts as its makers meant it: give what follows its entrypoint, or nothing." />
            <div class="form-row">
                <TextAreaField name="environment" label="Environment" value=form.environment errors is_optional=true
                    is_mono=true rows=2 placeholder="NAME=value" hint="One variable a line. Not for secrets: it is part of the manifest." />
                <TextField name="readiness_timeout_s" label="Must answer within" kind=InputKind::Number step="any"
                    value=form.readiness_timeout_s errors unit="s" hint="Loading a large model takes minutes." />
            </div>
        </FieldSet>
    }
}

/// What a container is made from, and what it may use of its node.
#[component]
fn ContainerFields(
    /// What was answered.
    form: ContainerForm,
    /// Messages of the form.
    errors: Signal<FieldErrors>,
) -> impl IntoView {
    let images = EnginePreset::ALL
        .into_iter()
        .filter_map(EnginePreset::usual_image)
        .map(str::to_owned)
        .collect();
    view! {
        <FieldSet legend="Container">
            <div class="form-row">
                <TextField name="image" label="Image" value=form.image errors is_optional=true suggestions=images
                    placeholder="the engine's usual one"
                    hint="With tag or digest: a tag may mean another image tomorrow. Left empty, the one named at the engine above. Pulled unless the node has it, with the login of its registry where the credentials have one." />
                <TextField name="container_port" label="Port inside" kind=InputKind::Number step="any" value=form.port errors
                    hint="Where the engine listens in its container. On the node it gets a free port of a private address." />
            </div>
            <div class="form-row">
                <TextField name="cpus" label="CPUs" value=form.cpus errors is_optional=true placeholder="all, or 0-3,8"
                    hint="The CPUs of the node it may use." />
                <TextField name="memory_gib" label="Memory" kind=InputKind::Number step="any" value=form.memory_gib errors
                    is_optional=true unit="GiB" placeholder="all" hint="More than this ends the engine." />
                <TextField name="accelerators" label="Accelerators" value=form.accelerators errors is_optional=true
                    placeholder="none" hint="“all”, or numbers such as 0,1. Left empty, it sees none." />
            </div>
            <p class="note">"The folder of a model with a local path is seen inside, read-only. Nothing else of the node is."</p>
        </FieldSet>
    }
}

fn preset_choice(preset: EnginePreset) -> Choice {
    let choice = Choice::new(preset.as_str(), preset.label()).with_detail(detail_of(preset));
    match preset.usual_image() {
        Some(image) => choice.with_detail(format!("Image {image}")),
        None => choice,
    }
}

fn detail_of_way(way: RunsAs) -> &'static str {
    match way {
        RunsAs::Process => "What is installed there is started directly.",
        RunsAs::Container => {
            "An image is started by the node's Docker Engine, and its container removed after the run."
        }
    }
}

fn detail_of(preset: EnginePreset) -> String {
    match preset {
        EnginePreset::Reference => {
            "Answers on an exact schedule and runs no model: for trying things out and for checking the load generator.".to_owned()
        }
        EnginePreset::Litellm => {
            "Passes requests on to the provider of a cloud model. Its key reaches the proxy by its environment only.".to_owned()
        }
        EnginePreset::Ollama => {
            "ollama serve; the run has it pull and load the model, which stays in its store.".to_owned()
        }
        EnginePreset::Custom => "Any command or image that serves an OpenAI-compatible API.".to_owned(),
        preset => {
            let words: Vec<&str> = preset.template().iter().copied().take(3).collect();
            format!("{} …", words.join(" "))
        }
    }
}

/// What was answered, else the only model that can be chosen, else what the endpoint serves.
fn suggested_model(answered: &str, choices: &[Choice]) -> String {
    if !answered.is_empty() {
        return answered.to_owned();
    }
    let open = || {
        choices
            .iter()
            .filter(|choice| choice.blocked_because.is_none())
    };
    let served = open().find(|choice| choice.badge.is_some());
    let only = (open().count() == 1).then(|| open().next()).flatten();
    served
        .or(only)
        .map(|choice| choice.value.clone())
        .unwrap_or_default()
}

/// The reference entry wants the reference engine, and a cloud model the proxy.
fn suggested_engine(mut form: EngineForm, model_id: &str, models: &[Model]) -> EngineForm {
    let model = models.iter().find(|model| model.id.to_string() == model_id);
    let only = model.and_then(|model| match model.source {
        ModelSource::Reference => Some(EnginePreset::Reference),
        ModelSource::Cloud { .. } => Some(EnginePreset::Litellm),
        _ => None,
    });
    if let Some(only) = only.filter(|_| form.preset.is_empty()) {
        only.as_str().clone_into(&mut form.preset);
    }
    form
}

fn choice_of(model: &Model, cluster: Option<&Cluster>) -> Choice {
    let mut choice =
        Choice::new(model.id.to_string(), model.name.clone()).with_detail(model.source.in_words());
    if model.served_name != model.name {
        choice = choice.with_detail(format!("asked for as {}", model.served_name));
    }
    let Some(cluster) = cluster else {
        return choice;
    };
    match (&cluster.kind, &model.source) {
        (ClusterKind::Endpoint { .. }, ModelSource::Reference) => {
            choice.blocked("Stands for the reference engine, which a run starts itself: choose a machine in step 3.")
        }
        (ClusterKind::ThisMachine | ClusterKind::Machines, ModelSource::Cloud { .. }) => choice.with_detail(
            "Goes through the litellm proxy, and wants a credential, which step 6 asks for.",
        ),
        (ClusterKind::Endpoint { .. }, source) => {
            if source.is_cloud() {
                choice = choice.with_detail("Wants a credential, which step 6 asks for.");
            }
            let check = cluster.last_check.as_ref();
            let is_served =
                check.is_some_and(|check| check.served_models.contains(&model.served_name));
            if is_served {
                choice.with_badge(Tone::Good, "Served here")
            } else {
                choice
            }
        }
        (ClusterKind::ThisMachine | ClusterKind::Machines, ModelSource::Served) => {
            choice.with_detail("Has no files of its own: Ollama pulls it by its name, or a custom command or image brings it.")
        }
        (ClusterKind::Machines, ModelSource::LocalPath { .. }) if cluster.is_docker_only() => {
            choice.with_detail("Is not sent through Docker: it has to lie at the same path on the machine.")
        }
        (ClusterKind::ThisMachine | ClusterKind::Machines, _) => choice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_and_a_served_model_is_suggested() {
        let choices = vec![
            Choice::new("a", "A"),
            Choice::new("b", "B").with_badge(Tone::Good, "Served here"),
            Choice::new("c", "C").blocked("no"),
        ];
        assert_eq!(suggested_model("c", &choices), "c");
        assert_eq!(suggested_model("", &choices), "b");
        assert_eq!(suggested_model("", choices.get(..1).unwrap()), "a");
        assert_eq!(suggested_model("", &[]), "");
    }
}
