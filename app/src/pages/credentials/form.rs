//! The form of a credential.

use domain::catalogue::{Credential, CredentialForm};
use domain::field::FieldErrors;
use leptos::form::ActionForm;
use leptos::prelude::*;
use ui::button::{Button, ButtonKind, LinkButton};
use ui::field::{FormErrors, InputKind, TextAreaField, TextField};

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
    let key_hint = if is_new {
        "One line. It is sealed, and never shown again."
    } else {
        "Leave this empty to keep the present key. Another address needs it again."
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
            <TextField
                name="base_url"
                label="Base URL"
                value=form.base_url
                placeholder="https://api.openai.com/v1"
                max_chars=500
                errors
                hint="The address the key is for. It is only ever sent to the same scheme, host and port."
            />
            <TextField
                name="secret"
                label="Key"
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
