//! The form of a model.

use domain::catalogue::{Model, ModelForm, ModelSource};
use domain::field::FieldErrors;
use leptos::form::ActionForm;
use leptos::prelude::*;
use ui::button::{Button, ButtonKind, LinkButton};
use ui::field::{FormErrors, SelectField, SelectOption, TextAreaField, TextField};

use crate::api::catalogue::SaveModel;
use crate::pages::parts::{action_failure, check_before_sending, messages};
use crate::routes;

/// The form of a new model, or of `model`. Fields that do not apply to the chosen source are hidden
/// by the style sheet, so that the form works without script.
#[component]
pub fn ModelFormView(
    /// The model to change.
    model: Option<Model>,
    /// The name a new model starts with.
    #[prop(into, optional)]
    name: String,
) -> impl IntoView {
    let save = ServerAction::<SaveModel>::new();
    let own = RwSignal::new(FieldErrors::default());
    let errors = messages(save, own);
    let check = check_before_sending(own, |sent: SaveModel| sent.form.validate().map(drop));
    let id = model.as_ref().map(|model| model.id.to_string());
    let is_reference = model
        .as_ref()
        .is_some_and(|model| model.source == ModelSource::Reference);
    let form = model.as_ref().map_or_else(|| new_form(name), ModelForm::of);
    let mut sources = vec![
        SelectOption::new("served", "Served by an endpoint"),
        SelectOption::new("hugging_face", "Hugging Face repository"),
        SelectOption::new("local_path", "File or folder on the node"),
        SelectOption::new("cloud", "Cloud provider"),
    ];
    if is_reference {
        sources.push(SelectOption::new(
            "reference",
            "Reference engine (no model)",
        ));
    }
    let save_label = if model.is_some() {
        "Save"
    } else {
        "Add the model"
    };
    view! {
        {action_failure(save)}
        <FormErrors errors />
        <ActionForm action=save attr:class="form catalogue-form" on:submit:capture=check>
            <input type="hidden" name="id" value=id.unwrap_or_default() />
            <TextField name="name" label="Name" value=form.name max_chars=200 errors hint="How the history calls it." />
            <TextField
                name="served_name"
                label="Name in requests"
                value=form.served_name
                max_chars=300
                is_optional=true
                errors
                hint="What the API expects as “model”. Empty means the same as the name."
            />
            <SelectField name="source" label="Source" options=sources value=form.source errors />
            <div class="form-row when-hugging-face">
                <TextField
                    name="repository"
                    label="Repository"
                    value=form.repository
                    placeholder="organisation/name"
                    max_chars=200
                    errors
                />
                <TextField
                    name="revision"
                    label="Revision"
                    value=form.revision
                    max_chars=100
                    is_optional=true
                    errors
                    hint="Branch, tag or commit."
                />
            </div>
            <div class="form-row when-cloud">
                <TextField
                    name="provider"
                    label="Provider"
                    value=form.provider
                    placeholder="openai"
                    max_chars=100
                    errors
                />
                <TextField
                    name="cloud_model"
                    label="Model at the provider"
                    value=form.cloud_model
                    placeholder="gpt-4o-mini"
                    max_chars=300
                    errors
                    hint="Reached at an endpoint with the provider's address or through a litellm proxy, with a credential."
                />
            </div>
            <div class="form-row when-cloud">
                <TextField name="input_price" label="Price of prompts" value=form.input_price is_optional=true
                    placeholder="0.15" unit="$ / 1M tokens" errors />
                <TextField name="output_price" label="Price of answers" value=form.output_price is_optional=true
                    placeholder="0.60" unit="$ / 1M tokens" errors
                    hint="What a plan may cost is shown before it runs." />
            </div>
            <div class="when-local-path">
                <TextField
                    name="path"
                    label="Path on the node"
                    value=form.path
                    placeholder="/models/model.gguf"
                    max_chars=1_000
                    errors
                    hint="On this machine the files are read when you save: architecture, parameters, digest."
                />
            </div>
            <TextField
                name="tokenizer_path"
                label="Tokenizer"
                value=form.tokenizer_path
                placeholder="/models/tokenizer.json"
                max_chars=1_000
                is_optional=true
                errors
                hint="Path of tokenizer.json or its folder on this machine: makes prompt lengths exact. Without it, the engine is asked."
            />
            <TextAreaField
                name="description"
                label="Description"
                value=form.description
                max_chars=2_000
                is_optional=true
                errors
            />
            <div class="actions">
                <Button kind=ButtonKind::Primary busy=save.pending()>{save_label}</Button>
                <LinkButton href=routes::MODELS>"Cancel"</LinkButton>
            </div>
        </ActionForm>
    }
}

fn new_form(name: String) -> ModelForm {
    ModelForm {
        name,
        source: "served".to_owned(),
        ..ModelForm::default()
    }
}
