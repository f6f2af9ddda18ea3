//! The form of an endpoint.

use domain::catalogue::{Cluster, ClusterKind, EndpointForm};
use domain::field::FieldErrors;
use leptos::form::ActionForm;
use leptos::prelude::*;
use ui::button::{Button, ButtonKind, LinkButton};
use ui::field::{Checkbox, FormErrors, InputKind, TextAreaField, TextField};

use crate::api::catalogue::SaveEndpoint;
use crate::pages::parts::{action_failure, check_before_sending, messages};
use crate::routes;

/// The form of a new endpoint, or of `cluster`. A key is never shown again.
#[component]
pub fn EndpointFormView(
    /// The endpoint to change.
    cluster: Option<Cluster>,
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
    let (base_url, has_key) = match kind {
        Some(ClusterKind::Endpoint {
            base_url,
            credential_id,
        }) => (base_url, credential_id.is_some()),
        _ => Default::default(),
    };
    let key_hint = if has_key {
        "A key is kept, sealed. Leave this empty to keep it."
    } else {
        "Only where the endpoint asks for one. It is sealed, and never shown again."
    };
    let remove_key = has_key.then(|| {
        view! { <Checkbox name="remove_key" value="on" label="Remove the key that is kept" errors /> }
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
