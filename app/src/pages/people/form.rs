//! The form of a new account.

use domain::access::{PASSWORD_CHARS_MIN, Role};
use domain::field::FieldErrors;
use leptos::form::ActionForm;
use leptos::prelude::*;
use ui::button::{Button, ButtonKind, LinkButton};
use ui::field::{FormErrors, InputKind, SelectField, SelectOption, TextField};

use crate::api::people::CreateAccount;
use crate::pages::parts::{action_failure, check_before_sending, messages};
use crate::routes;

/// The form. Fields of a password are hidden for a service by the style sheet, so that it works
/// without script.
#[component]
pub fn NewAccountFields() -> impl IntoView {
    let create = ServerAction::<CreateAccount>::new();
    let own = RwSignal::new(FieldErrors::default());
    let errors = messages(create, own);
    let check = check_before_sending(own, |sent: CreateAccount| sent.form.validate().map(drop));
    let kinds = vec![
        SelectOption::new("person", "Person: signs in with a password"),
        SelectOption::new("service", "Service: comes with tokens only"),
    ];
    view! {
        {action_failure(create)}
        <FormErrors errors />
        <ActionForm action=create attr:class="form catalogue-form" on:submit:capture=check>
            <SelectField name="kind" label="Kind" options=kinds value="person" errors />
            <TextField
                name="name"
                label="Name"
                max_chars=64
                errors
                hint="Letters, digits and . - _ @. A person signs in with it."
            />
            <SelectField
                name="role"
                label="Role"
                options=role_options(Role::Administrator)
                value=Role::Viewer.as_str()
                errors
                hint="Each role includes the ones before it."
            />
            <div class="form-row when-person">
                <PasswordFields errors />
            </div>
            <div class="actions">
                <Button kind=ButtonKind::Primary busy=create.pending()>"Add the account"</Button>
                <LinkButton href=routes::PEOPLE>"Cancel"</LinkButton>
            </div>
        </ActionForm>
    }
}

/// A new password, typed twice.
#[component]
pub fn PasswordFields(
    /// Messages of the form.
    errors: Signal<FieldErrors>,
) -> impl IntoView {
    let hint = format!("At least {PASSWORD_CHARS_MIN} characters.");
    view! {
        <TextField
            name="password"
            label="New password"
            kind=InputKind::Password
            autocomplete="new-password"
            hint
            errors
        />
        <TextField
            name="password_again"
            label="New password again"
            kind=InputKind::Password
            autocomplete="new-password"
            errors
        />
    }
}

/// The roles up to `most`, each with what it may do.
pub fn role_options(most: Role) -> Vec<SelectOption> {
    Role::ALL
        .into_iter()
        .filter(|role| *role <= most)
        .map(|role| {
            let name = role.as_str();
            SelectOption::new(name, format!("{name}: {}", role.in_words()))
        })
        .collect()
}
