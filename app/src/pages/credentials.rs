//! Credentials of the catalogue: the list, a new one, one of them.

pub mod form;
pub mod one;

use domain::access::Role;
use domain::catalogue::{CatalogueQuery, Credential, CredentialKind, TestOutcome};
use leptos::prelude::*;
use leptos_meta::Title;
use ui::badge::Badge;
use ui::button::{ButtonKind, LinkButton};
use ui::feedback::{EmptyState, Skeleton};
use ui::layout::PageHeader;
use ui::table::{Column, Table};
use ui::tone::Tone;

use crate::api::credentials::list_credentials;
use crate::pages::catalogue_list::{CatalogueToolbar, archived_mark, asked_query, nothing_found};
use crate::pages::parts::load_failed;
use crate::pages::rights::{OnlyFor, OpenTo};
use crate::routes;
use form::CredentialFormView;

/// The list.
#[component]
pub fn CredentialsPage() -> impl IntoView {
    let query = asked_query();
    let credentials = Resource::new(move || query.get(), list_credentials);
    let list = move || {
        Suspend::new(async move {
            let credentials = credentials.await;
            let query = query.get_untracked();
            match credentials {
                Ok(none) if none.is_empty() && query == CatalogueQuery::default() => {
                    no_credentials().into_any()
                }
                Ok(credentials) => {
                    let list = if credentials.is_empty() {
                        nothing_found(routes::CREDENTIALS, "credentials")
                    } else {
                        table(credentials).into_any()
                    };
                    let label = "Search name, address, description, id";
                    view! {
                        <CatalogueToolbar path=routes::CREDENTIALS label query />
                        {list}
                    }
                    .into_any()
                }
                Err(error) => load_failed("The credentials", &error),
            }
        })
    };
    let actions = || {
        view! { <OnlyFor least=Role::Administrator>
        <LinkButton href=routes::NEW_CREDENTIAL kind=ButtonKind::Primary>"Add a credential"</LinkButton>
        </OnlyFor> }
    };
    view! {
        <Title text="Credentials" />
        <PageHeader
            title="Credentials"
            subtitle=|| "Keys of providers and endpoints, sealed. Each is sent to the address it was given for, and nowhere else."
            actions
        />
        <Transition fallback=|| view! { <Skeleton rows=6 label="Loading the credentials" /> }>{list}</Transition>
    }
}

fn no_credentials() -> impl IntoView {
    let actions = || {
        view! { <OnlyFor least=Role::Administrator>
        <LinkButton href=routes::NEW_CREDENTIAL>"Add a credential"</LinkButton>
        </OnlyFor> }
    };
    view! {
        <EmptyState
            title="No credentials yet"
            text="Add a provider's key to benchmark its cloud models. Keys that are typed into the form of an endpoint appear here as well."
            actions
        />
    }
}

fn table(credentials: Vec<Credential>) -> impl IntoView {
    let columns = vec![
        Column::text("Name"),
        Column::text("Sent to"),
        Column::text("Last test"),
        Column::text("Kind"),
        Column::text("Added (UTC)"),
        Column::text("Rotated (UTC)"),
    ];
    let rows = credentials.into_iter().map(|credential| {
        let description = (!credential.description.is_empty())
            .then(|| view! { <span class="under clamped" title=credential.description.clone()>{credential.description.clone()}</span> });
        let kind = if credential.endpoint_id.is_some()
            && credential.kind == CredentialKind::ProviderKey
        {
            "an endpoint’s own key".to_owned()
        } else {
            credential.kind.label().to_owned()
        };
        let origin = credential.origin_in_words();
        let rotated = credential
            .rotated_at
            .map_or_else(|| "–".to_owned(), domain::time::Timestamp::to_minute_text);
        let test = credential.last_test.as_ref().map_or_else(
            || view! { <span class="note">"not tested"</span> }.into_any(),
            |test| view! { <OutcomeBadge outcome=test.outcome title=test.message.clone() /> }.into_any(),
        );
        view! {
            <tr>
                <th scope="row">
                    <span class="breaking">
                        <a class="row-link" href=routes::credential(credential.id)>{credential.name.clone()}</a>
                    </span>
                    {archived_mark(credential.archived_at)}
                    {description}
                </th>
                <td><span class="clamped mono" title=origin.clone()>{origin.clone()}</span></td>
                <td>{test}</td>
                <td>{kind}</td>
                <td>{credential.created_at.to_minute_text()}</td>
                <td>{rotated}</td>
            </tr>
        }
    });
    view! { <Table label="Credentials" columns>{rows.collect_view()}</Table> }
}

/// What a test found, as a badge.
#[component]
pub fn OutcomeBadge(
    /// What it found.
    outcome: TestOutcome,
    /// The same as a sentence.
    #[prop(into)]
    title: String,
) -> impl IntoView {
    view! { <Badge tone=outcome_tone(outcome) label=outcome.label() title /> }
}

/// The tone of a test's outcome.
pub fn outcome_tone(outcome: TestOutcome) -> Tone {
    match outcome {
        TestOutcome::Accepted => Tone::Good,
        TestOutcome::Refused => Tone::Bad,
        TestOutcome::Unclear | TestOutcome::NoAnswer => Tone::Unsure,
    }
}

/// A new credential.
#[component]
pub fn NewCredentialPage() -> impl IntoView {
    view! {
        <Title text="Add a credential" />
        <PageHeader
            title="Add a credential"
            back=("Credentials", routes::CREDENTIALS.to_owned())
            subtitle=|| "For administrators. The key is sealed when you save, and never shown again."
        />
        <OpenTo least=Role::Administrator>
            <CredentialFormView credential=None />
        </OpenTo>
    }
}
