//! One's own password.

use domain::field::FieldErrors;
use leptos::form::ActionForm;
use leptos::prelude::*;
use ui::banner::Banner;
use ui::button::Button;
use ui::card::Card;
use ui::field::{FormErrors, InputKind, TextField};
use ui::tone::Tone;

use crate::api::session::ChangePassword;
use crate::pages::parts::{action_failure, check_before_sending, messages};
use crate::pages::people::form::PasswordFields;

/// The form that changes it.
#[component]
pub fn PasswordCard() -> impl IntoView {
    let change = ServerAction::<ChangePassword>::new();
    let own = RwSignal::new(FieldErrors::default());
    let errors = messages(change, own);
    let check = check_before_sending(own, |sent: ChangePassword| sent.form.validate());
    let done = move || {
        let is_done = change.value().with(|value| matches!(value, Some(Ok(()))));
        is_done.then(|| {
            view! {
                <Banner tone=Tone::Good title="Your password is changed.">
                    " You are signed out everywhere else."
                </Banner>
            }
        })
    };
    view! {
        <Card title="Password">
            {done}
            {action_failure(change)}
            <FormErrors errors />
            <ActionForm action=change attr:class="form" on:submit:capture=check>
                <TextField
                    name="present_password"
                    label="Present password"
                    kind=InputKind::Password
                    autocomplete="current-password"
                    errors
                />
                <PasswordFields errors />
                <div class="actions">
                    <Button busy=change.pending()>"Change the password"</Button>
                </div>
            </ActionForm>
        </Card>
    }
}
