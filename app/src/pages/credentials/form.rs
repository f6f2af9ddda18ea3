//! The form of a credential.

use domain::catalogue::{Credential, CredentialForm, CredentialKind};
use domain::field::FieldErrors;
use leptos::form::ActionForm;
use leptos::prelude::*;
use ui::button::{Button, ButtonKind, LinkButton};
use ui::field::{FormErrors, InputKind, SelectField, SelectOption, TextAreaField, TextField};

use crate::api::credentials::SaveCredential;
use crate::pages::parts::{action_failure, check_before_sending, messages};
use crate::routes;

/// The form of a new credential, or of `credential`. The key is never shown again.
#[component]
pub fn CredentialFormView(
    /// The credential to change.
    credential: Option<Credential>,
) -> impl IntoView {
    let save = ServerAction::<SaveCredential>::new();
    let own = RwSignal::new(FieldErrors::default());
    let errors = messages(save, own);
    let present = credential.clone();
    let check = check_before_sending(own, move |sent: SaveCredential| {
        sent.form.validate(present.as_ref()).map(drop)
    });
    let id = credential
        .as_ref()
        .map(|credential| credential.id.to_string());
    let is_new = credential.is_none();
    let form = credential
        .as_ref()
        .map(CredentialForm::of)
        .unwrap_or_default();
    let is_login = credential
        .as_ref()
        .map(|credential| credential.kind == CredentialKind::RegistryLogin);
    let key_hint = if is_new {
        "One line. It is sealed, and never shown again."
    } else {
        "Leave this empty to keep the present one. Another address needs it again."
    };
    let key_label = match is_login {
        None => "Key, password or token",
        Some(true) => "Password or token",
        Some(false) => "Key",
    };
    // What is there stays what it is.
    let kind = match is_login {
        None => {
            let options = CredentialKind::REGISTERED.into_iter();
            let options = options.map(|kind| SelectOption::new(kind.as_str(), kind.form_label()));
            view! {
                <SelectField
                    name="kind"
                    label="For"
                    options=options.collect()
                    value=CredentialKind::default().as_str().to_owned()
                    errors
                />
            }
            .into_any()
        }
        Some(_) => view! { <input type="hidden" name="kind" value=form.kind /> }.into_any(),
    };
    let user = (is_login != Some(false)).then(|| {
        view! {
            <div class="when-registry-login">
                <TextField
                    name="user"
                    label="User"
                    value=form.user
                    max_chars=200
                    autocomplete="off"
                    errors
                    hint="Of the registry. Images with this registry in their name are pulled with this login."
                />
            </div>
        }
    });
    let (address, address_hint) = match is_login {
        Some(true) => (
            "ghcr.io",
            "The registry, as it stands in the names of its images. The password is only ever sent there.",
        ),
        Some(false) => (
            "https://api.openai.com/v1",
            "The address the key is for. It is only ever sent to the same scheme, host and port.",
        ),
        None => (
            "https://api.openai.com/v1",
            "The address it is for, a registry as it stands in the names of its images, such as ghcr.io. It is only ever sent to the same scheme, host and port.",
        ),
    };
    let address_label = if is_login == Some(true) {
        "Registry"
    } else {
        "Base URL"
    };
    let (save_label, cancel) = match &credential {
        None => ("Add the credential", routes::CREDENTIALS.to_owned()),
        Some(credential) => ("Save", routes::credential(credential.id)),
    };
    view! {
        {action_failure(save)}
        <FormErrors errors />
        <ActionForm action=save attr:class="form catalogue-form" on:submit:capture=check>
            <input type="hidden" name="id" value=id.unwrap_or_default() />
            <TextField name="name" label="Name" value=form.name max_chars=200 errors hint="How the wizard offers it." />
            {kind}
            <TextField
                name="base_url"
                label=address_label
                value=form.base_url
                placeholder=address
                max_chars=500
                errors
                hint=address_hint
            />
            {user}
            <TextField
                name="secret"
                label=key_label
                kind=InputKind::Password
                autocomplete="off"
                is_optional=!is_new
                errors
                hint=key_hint
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
                <LinkButton href=cancel>"Cancel"</LinkButton>
            </div>
        </ActionForm>
    }
}
