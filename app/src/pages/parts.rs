//! What several pages say the same way.

use domain::field::FieldErrors;
use domain::run::RunStatus;
use leptos::prelude::*;
use leptos_meta::Title;
use server_fn::ServerFn;
use ui::badge::Badge;
use ui::banner::Banner;
use ui::button::LinkButton;
use ui::feedback::{EmptyState, ErrorPanel};
use ui::layout::PageHeader;
use ui::pager::Pager;
use ui::tone::Tone;

use crate::api::ApiError;
use crate::routes;

/// The error of an address whose id cannot be read, with the status that says the same. `what` is
/// the kind of thing: "model".
pub fn no_such(what: &str) -> ApiError {
    #[cfg(feature = "ssr")]
    crate::api::context::set_not_found();
    ApiError::NotFound {
        message: format!("There is no such {what}: the link is incomplete."),
    }
}

/// What a page shows when its data could not be loaded. `what` begins the title: "The models".
pub fn load_failed(what: &str, error: &ApiError) -> AnyView {
    let text = error.to_string();
    let home = || view! { <LinkButton href=routes::HOME>"Go to the benchmarks"</LinkButton> };
    let sign_in = || view! { <LinkButton href=routes::SIGN_IN>"Sign in"</LinkButton> };
    match error {
        ApiError::NotFound { .. } => view! {
            <Title text="Not found" />
            <PageHeader title="Not found" />
            <EmptyState title="Nothing stands at this address" text actions=home />
        }
        .into_any(),
        ApiError::SignedOut => {
            view! { <ErrorPanel title="You are signed out" text actions=sign_in /> }.into_any()
        }
        ApiError::Forbidden { .. } => {
            view! { <ErrorPanel title="This is not open to you" text actions=home /> }.into_any()
        }
        _ => {
            let title = format!("{what} could not be loaded");
            view! { <ErrorPanel title text actions=home /> }.into_any()
        }
    }
}

/// What went wrong with an action, unless its messages stand at fields.
pub fn action_failure<S>(action: ServerAction<S>) -> impl Fn() -> Option<AnyView> + Copy + Send
where
    S: ServerFn<Error = ApiError> + Send + Sync + Clone + 'static,
    S::Output: Send + Sync + Clone + 'static,
{
    let value = action.value();
    move || {
        let text = value.with(|value| match value {
            Some(Err(error)) if !error.is_invalid() => Some(error.to_string()),
            _ => None,
        });
        text.map(|title| view! { <Banner tone=Tone::Bad title /> }.into_any())
    }
}

/// The pages beside one of a long list. `summary` says where the reader is.
pub fn pager(summary: String, previous: Option<String>, next: Option<String>) -> AnyView {
    match (previous, next) {
        (None, None) => view! { <Pager summary /> }.into_any(),
        (Some(previous_href), None) => view! { <Pager summary previous_href /> }.into_any(),
        (None, Some(next_href)) => view! { <Pager summary next_href /> }.into_any(),
        (Some(previous_href), Some(next_href)) => {
            view! { <Pager summary previous_href next_href /> }.into_any()
        }
    }
}

/// The tone of a run's status.
pub fn status_tone(status: RunStatus) -> Tone {
    match status {
        RunStatus::Completed => Tone::Good,
        RunStatus::Failed => Tone::Bad,
        RunStatus::Queued | RunStatus::Cancelled => Tone::Neutral,
        _ => Tone::Running,
    }
}

/// A run's status as a badge.
#[component]
pub fn StatusBadge(
    /// The status.
    status: RunStatus,
) -> impl IntoView {
    view! { <Badge tone=status_tone(status) label=status.label() /> }
}

/// Messages of a form. `own` are those of the browser's check before sending; without any, those
/// that the server answered with.
pub fn messages<S>(action: ServerAction<S>, own: RwSignal<FieldErrors>) -> Signal<FieldErrors>
where
    S: ServerFn<Error = ApiError> + Send + Sync + Clone + 'static,
    S::Output: Send + Sync + Clone + 'static,
{
    let value = action.value();
    Signal::derive(move || {
        let own = own.get();
        if !own.is_empty() {
            return own;
        }
        value.with(|value| match value {
            Some(Err(error)) => error.field_errors(),
            _ => own,
        })
    })
}

/// Checks a form in the browser before it is sent: what fails here is not sent, and its messages
/// go to `own`.
pub fn check_before_sending<S>(
    own: RwSignal<FieldErrors>,
    check: impl Fn(S) -> Result<(), FieldErrors> + 'static,
) -> impl Fn(web_sys::SubmitEvent) + 'static
where
    S: serde::de::DeserializeOwned,
{
    use leptos::form::FromFormData;
    move |event| {
        // What cannot be read here is left to the server to judge.
        let errors = S::from_event(&event)
            .ok()
            .and_then(|form| check(form).err())
            .unwrap_or_default();
        if !errors.is_empty() {
            event.prevent_default();
        }
        own.set(errors);
    }
}
