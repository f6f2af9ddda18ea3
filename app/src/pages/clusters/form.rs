//! The form of an endpoint.

use domain::catalogue::{Cluster, ClusterKind, Credential, CredentialKind, EndpointForm};
use domain::field::FieldErrors;
use domain::id::CredentialId;
use leptos::form::ActionForm;
use leptos::prelude::*;
use ui::button::{Button, ButtonKind, LinkButton};
use ui::field::{
    Checkbox, FormErrors, InputKind, SelectField, SelectOption, TextAreaField, TextField,
};

use crate::api::catalogue::SaveEndpoint;
use crate::pages::parts::{action_failure, check_before_sending, messages};
use crate::routes;

/// The form of a new endpoint, or of `cluster`. A key is never shown again.
#[component]
pub fn EndpointFormView(
    /// The endpoint to change.
    cluster: Option<Cluster>,
    /// The credentials there are.
    credentials: Vec<Credential>,
) -> impl IntoView {
    let save = ServerAction::<SaveEndpoint>::new();
    let own = RwSignal::new(FieldErrors::default());
    let errors = messages(save, own);
    let check = check_before_sending(own, |sent: SaveEndpoint| {
        let form = EndpointForm {
            name: sent.name,
            base_url: sent.base_url,
            api_key: sent.api_key,
            remove_key: sent.remove_key,
            credential_id: sent.credential_id,
            description: sent.description,
        };
        form.validate().map(drop)
    });
    let is_new = cluster.is_none();
    let (id, name, description, kind) = cluster.map_or_else(Default::default, |cluster| {
        let id = cluster.id.to_string();
        (id, cluster.name, cluster.description, Some(cluster.kind))
    });
    let base_url = kind.as_ref().and_then(ClusterKind::base_url);
    let base_url = base_url.unwrap_or_default().to_owned();
    let present = kind.as_ref().and_then(ClusterKind::credential_id);
    let has_own_key = credentials
        .iter()
        .any(|credential| Some(credential.id) == present && credential.endpoint_id.is_some());
    let key_hint = if has_own_key {
        "A key is kept, sealed. Leave this empty to keep it."
    } else {
        "Only where the endpoint asks for one. It is sealed, and never shown again."
    };
    let remove_key = has_own_key.then(|| {
        view! { <Checkbox name="remove_key" value="on" label="Remove the key that is kept" errors /> }
    });
    let options = credential_options(&credentials, present);
    let chosen = present.filter(|_| !has_own_key).map(|id| id.to_string());
    let choice = (options.len() > 1).then(|| {
        view! {
            <SelectField
                name="credential_id"
                label="Credential"
                options
                value=chosen.unwrap_or_default()
                errors
                hint="Sent to the address it was given for, and nowhere else: only one that fits the base URL is taken."
            />
        }
    });
    view! {
        {action_failure(save)}
        <FormErrors errors />
        <ActionForm action=save attr:class="form catalogue-form" on:submit:capture=check>
            <input type="hidden" name="id" value=id />
            <TextField name="name" label="Name" value=name max_chars=200 errors hint="How the history calls it." />
            <TextField
                name="base_url"
                label="Base URL"
                value=base_url
                placeholder="http://127.0.0.1:8000"
                max_chars=2_000
                errors
                hint="With or without /v1 at its end."
            />
            {choice}
            <div class="when-own-key stack">
            <TextField
                name="api_key"
                label="API key"
                kind=InputKind::Password
                autocomplete="off"
                is_optional=true
                errors
                hint=key_hint
            />
            {remove_key}
            </div>
            <TextAreaField
                name="description"
                label="Description"
                value=description
                max_chars=2_000
                is_optional=true
                errors
            />
            <div class="actions">
                <Button kind=ButtonKind::Primary busy=save.pending()>
                    {if is_new { "Add the endpoint" } else { "Save" }}
                </Button>
                <LinkButton href=routes::CLUSTERS>"Cancel"</LinkButton>
            </div>
        </ActionForm>
    }
}

/// The choice between a key of its own and the credentials of the registry that can be chosen, or
/// are.
fn credential_options(
    credentials: &[Credential],
    present: Option<CredentialId>,
) -> Vec<SelectOption> {
    let offered = credentials.iter().filter(|credential| {
        credential.endpoint_id.is_none()
            && credential.kind == CredentialKind::ProviderKey
            && (credential.archived_at.is_none() || Some(credential.id) == present)
    });
    let named = offered.map(|credential| {
        let label = format!("{} ({})", credential.name, credential.origin_in_words());
        SelectOption::new(credential.id.to_string(), label)
    });
    std::iter::once(SelectOption::new("", "A key of its own, or none"))
        .chain(named)
        .collect()
}
