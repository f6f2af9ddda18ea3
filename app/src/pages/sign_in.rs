//! Signing in.

use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use ui::banner::Banner;
use ui::button::{Button, ButtonKind};
use ui::field::{InputKind, TextField};
use ui::layout::PlainPage;
use ui::tone::Tone;

use crate::api::ApiError;
use crate::api::session::{SignIn, needs_first_administrator};

/// The sign-in form. Works without script.
#[component]
pub fn SignInPage() -> impl IntoView {
    let sign_in = ServerAction::<SignIn>::new();
    let query = use_query_map();
    let next = move || query.read().get("next").unwrap_or_default();
    let refusal = move || {
        let text = sign_in.value().with(|value| match value {
            Some(Err(ApiError::SignedOut)) => Some("Wrong name or password.".to_owned()),
            Some(Err(error)) => Some(error.to_string()),
            _ => None,
        });
        text.map(|title| view! { <Banner tone=Tone::Bad title /> })
    };
    view! {
        <Title text="Sign in" />
        <PlainPage>
            <h1>"Sign in"</h1>
            {refusal}
            <SetupNote />
            <ActionForm action=sign_in attr:class="form">
                <input type="hidden" name="next" value=next />
                <TextField name="name" label="Name" autocomplete="username" max_chars=64 />
                <TextField
                    name="password"
                    label="Password"
                    kind=InputKind::Password
                    autocomplete="current-password"
                />
                <div class="actions">
                    <Button kind=ButtonKind::Primary busy=sign_in.pending()>"Sign in"</Button>
                </div>
            </ActionForm>
        </PlainPage>
    }
}

/// On a fresh installation: where the first account comes from.
#[component]
fn SetupNote() -> impl IntoView {
    let is_fresh = Resource::new(|| (), |()| needs_first_administrator());
    let note = move || {
        Suspend::new(async move {
            matches!(is_fresh.await, Ok(true)).then(|| {
                view! {
                    <Banner tone=Tone::Neutral title="Nobody has an account yet.">
                        "The server printed a link when it started: open it to create the first administrator."
                    </Banner>
                }
            })
        })
    };
    view! { <Suspense>{note}</Suspense> }
}
