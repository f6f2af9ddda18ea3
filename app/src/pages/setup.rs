//! The first administrator, made by whoever holds the link that the server printed.

use domain::access::{AccountForm, PASSWORD_CHARS_MIN};
use domain::field::FieldErrors;
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use ui::banner::Banner;
use ui::button::{Button, ButtonKind, LinkButton};
use ui::field::{FormErrors, InputKind, TextField};
use ui::layout::PlainPage;
use ui::tone::Tone;

use crate::api::session::{CreateFirstAdministrator, needs_first_administrator};
use crate::pages::parts::{action_failure, check_before_sending, messages};
use crate::routes;

/// The page: the form, as long as it is of use.
#[component]
pub fn SetupPage() -> impl IntoView {
    let is_fresh = Resource::new(|| (), |()| needs_first_administrator());
    let body = move || {
        Suspend::new(async move {
            match is_fresh.await {
                Ok(false) => too_late().into_any(),
                // Whether it is too late is asked again when the form is sent.
                Ok(true) | Err(_) => view! { <AccountFields /> }.into_any(),
            }
        })
    };
    view! {
        <Title text="Create the first administrator" />
        <PlainPage>
            <h1>"Create the first administrator"</h1>
            <Suspense>{body}</Suspense>
        </PlainPage>
    }
}

fn too_late() -> impl IntoView {
    let actions = || view! { <LinkButton href=routes::SIGN_IN>"Sign in"</LinkButton> };
    view! {
        <Banner tone=Tone::Neutral title="There is an administrator already." actions>
            " This link has done its work."
        </Banner>
    }
}

/// The form of the first account. Works without script.
#[component]
fn AccountFields() -> impl IntoView {
    let create = ServerAction::<CreateFirstAdministrator>::new();
    let query = use_query_map();
    let token = move || query.read().get("token").unwrap_or_default();
    let own = RwSignal::new(FieldErrors::default());
    let errors = messages(create, own);
    let check = check_before_sending(own, |form: CreateFirstAdministrator| {
        let form = AccountForm {
            name: form.name,
            password: form.password,
            password_again: form.password_again,
        };
        form.validate().map(drop)
    });
    let hint = format!("At least {PASSWORD_CHARS_MIN} characters.");
    view! {
        <p class="muted">"This account can do everything, and lets other people in later."</p>
        {action_failure(create)}
        <FormErrors errors />
        <ActionForm action=create attr:class="form" on:submit:capture=check>
            <input type="hidden" name="token" value=token />
            <TextField name="name" label="Name" autocomplete="username" max_chars=64 errors />
            <TextField
                name="password"
                label="Password"
                kind=InputKind::Password
                autocomplete="new-password"
                hint
                errors
            />
            <TextField
                name="password_again"
                label="Password again"
                kind=InputKind::Password
                autocomplete="new-password"
                errors
            />
            <div class="actions">
                <Button kind=ButtonKind::Primary busy=create.pending()>"Create administrator"</Button>
            </div>
        </ActionForm>
    }
}
