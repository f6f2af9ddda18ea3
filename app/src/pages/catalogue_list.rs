//! What the lists of the catalogue share: search, what is shown, and the mark of what was archived.

use domain::catalogue::{CatalogueQuery, Shown};
use domain::time::Timestamp;
use leptos::form::form_data_from_event;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};
use ui::badge::Badge;
use ui::button::{Button, LinkButton};
use ui::feedback::EmptyState;
use ui::tone::Tone;

use crate::routes;

const NAMES: [&str; 2] = ["q", "shown"];

/// What the address asks a list to show.
pub fn asked_query() -> Memo<CatalogueQuery> {
    let params = use_query_map();
    Memo::new(move |_| {
        params.with(|params| {
            let pairs = NAMES.map(|name| (name, params.get_str(name).unwrap_or_default()));
            CatalogueQuery::from_pairs(pairs)
        })
    })
}

/// Search field and what is shown: one plain form whose answers stand in the URL.
#[component]
pub fn CatalogueToolbar(
    /// The list's address.
    path: &'static str,
    /// What the search looks through: "Search name, source, description, id".
    label: &'static str,
    /// What the page shows.
    query: CatalogueQuery,
) -> impl IntoView {
    let navigate = use_navigate();
    // With script, the URL gets only what differs from the default, and the page stays.
    let submit = move |event: web_sys::SubmitEvent| {
        let Ok(data) = form_data_from_event(&event) else {
            return;
        };
        event.prevent_default();
        let values = NAMES.map(|name| data.get(name).as_string().unwrap_or_default());
        let pairs = NAMES.into_iter().zip(values.iter().map(String::as_str));
        let query = CatalogueQuery::from_pairs(pairs);
        navigate(
            &routes::catalogue_list(path, &query),
            NavigateOptions::default(),
        );
    };
    let options = Shown::ALL.into_iter().map(|shown| {
        let is_chosen = shown == query.shown;
        view! {
            <option value=shown.as_str() selected=is_chosen prop:selected=is_chosen>{words_of(shown)}</option>
        }
    });
    let search = query.search.clone();
    view! {
        <form class="toolbar" method="get" action=path role="search" on:submit=submit>
            <input
                class="control toolbar-search"
                type="search"
                name="q"
                value=search.clone()
                prop:value=search
                maxlength="200"
                placeholder=label
                aria-label=label
            />
            <select class="control toolbar-choice" name="shown" aria-label="Which are shown">
                {options.collect_view()}
            </select>
            <Button>"Search"</Button>
        </form>
    }
}

fn words_of(shown: Shown) -> &'static str {
    match shown {
        Shown::InUse => "In use",
        Shown::Archived => "Archived",
        Shown::All => "In use and archived",
    }
}

/// A search or choice that finds nothing. `what` is in the plural: "models".
pub fn nothing_found(path: &'static str, what: &str) -> AnyView {
    let text = format!("No {what} match. Try fewer words, or look among the archived ones.");
    let actions = move || view! { <LinkButton href=path>"Show all in use"</LinkButton> };
    view! { <EmptyState title="Nothing found" text actions /> }.into_any()
}

/// The mark of what was put away.
pub fn archived_mark(archived_at: Option<Timestamp>) -> Option<AnyView> {
    let at = archived_at?;
    let title = format!("Archived {}", at.to_second_text());
    Some(view! { <Badge tone=Tone::Neutral label="Archived" title /> }.into_any())
}
