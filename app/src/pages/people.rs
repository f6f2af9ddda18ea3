//! Accounts, for administrators: the list, a new one, one of them.

pub mod form;
pub mod one;

use domain::access::{Account, AccountKind};
use leptos::prelude::*;
use leptos_meta::Title;
use ui::badge::Badge;
use ui::button::{ButtonKind, LinkButton};
use ui::card::Card;
use ui::feedback::Skeleton;
use ui::layout::PageHeader;
use ui::table::{Column, Table};
use ui::tone::Tone;

use crate::api::people::list_accounts;
use crate::api::tokens::list_all_tokens;
use crate::pages::parts::load_failed;
use crate::pages::tokens::TokenTable;
use crate::routes;
use form::NewAccountFields;

/// The list, and everybody's tokens.
#[component]
pub fn PeoplePage() -> impl IntoView {
    let accounts = Resource::new(|| (), |()| list_accounts());
    let list = move || {
        Suspend::new(async move {
            match accounts.await {
                Ok(accounts) => page(accounts).into_any(),
                Err(error) => load_failed("The accounts", &error),
            }
        })
    };
    view! {
        <Suspense fallback=|| view! { <Skeleton rows=6 label="Loading the accounts" /> }>{list}</Suspense>
    }
}

fn page(accounts: Vec<Account>) -> impl IntoView {
    let actions = || {
        view! { <LinkButton href=routes::NEW_ACCOUNT kind=ButtonKind::Primary>"Add an account"</LinkButton> }
    };
    view! {
        <Title text="People" />
        <PageHeader
            title="People"
            subtitle=|| "Who can sign in, which programs come in with a token, and what each may do."
            actions
        />
        {table(accounts)}
        <EverybodysTokens />
    }
}

fn table(accounts: Vec<Account>) -> impl IntoView {
    let columns = vec![
        Column::text("Name"),
        Column::text("Role"),
        Column::text("Kind"),
        Column::text("State"),
        Column::text("Added (UTC)"),
    ];
    let rows = accounts.into_iter().map(|account| {
        view! {
            <tr>
                <th scope="row">
                    <span class="breaking">
                        <a class="row-link" href=routes::account(account.id)>{account.name.clone()}</a>
                    </span>
                </th>
                <td>{account.role.as_str()}</td>
                <td>{kind_in_words(account.kind)}</td>
                <td><StateBadge is_enabled=account.is_enabled() /></td>
                <td>{account.created_at.to_minute_text()}</td>
            </tr>
        }
    });
    view! { <Table label="People" columns>{rows.collect_view()}</Table> }
}

fn kind_in_words(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::Person => "person",
        AccountKind::Service => "service",
    }
}

/// Whether an account can be used.
#[component]
fn StateBadge(is_enabled: bool) -> impl IntoView {
    let (tone, label) = if is_enabled {
        (Tone::Good, "Enabled")
    } else {
        (Tone::Neutral, "Disabled")
    };
    view! { <Badge tone label /> }
}

#[component]
fn EverybodysTokens() -> impl IntoView {
    let revoke = ServerAction::new();
    let tokens = Resource::new(move || revoke.version().get(), |_| list_all_tokens());
    let table = move || {
        Suspend::new(async move {
            match tokens.await {
                Ok(tokens) => view! { <TokenTable tokens revoke has_accounts=true /> }.into_any(),
                Err(error) => load_failed("The tokens", &error),
            }
        })
    };
    view! {
        <Card title="Tokens of everybody">
            <Transition fallback=|| view! { <Skeleton rows=3 label="Loading the tokens" /> }>{table}</Transition>
        </Card>
    }
}

/// A new account.
#[component]
pub fn NewAccountPage() -> impl IntoView {
    // Asked for its refusal: the form itself needs nothing.
    let accounts = Resource::new(|| (), |()| list_accounts());
    let page = move || {
        Suspend::new(async move {
            match accounts.await {
                Ok(_) => view! {
                    <Title text="Add an account" />
                    <PageHeader title="Add an account" back=("People", routes::PEOPLE.to_owned()) />
                    <NewAccountFields />
                }
                .into_any(),
                Err(error) => load_failed("The accounts", &error),
            }
        })
    };
    view! {
        <Suspense fallback=|| view! { <Skeleton rows=6 label="Loading the form" /> }>{page}</Suspense>
    }
}
