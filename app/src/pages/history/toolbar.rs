//! Search and filters of the history: one plain form whose answers stand in the URL.

use domain::history::{HistoryChoices, HistoryQuery, PAGE_SIZES};
use domain::run::RunStatus;
use leptos::form::form_data_from_event;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use leptos_router::params::ParamsMap;
use ui::badge::FilterChip;
use ui::button::{Button, LinkButton};
use ui::field::{SelectField, SelectOption, TextField};

use crate::query::history_query;
use crate::routes;

/// Search field, filter menu, and the filters in force. Works without script.
#[component]
pub fn Toolbar(
    /// What the page shows.
    query: HistoryQuery,
    /// What the filters can choose from.
    choices: HistoryChoices,
) -> impl IntoView {
    let navigate = use_navigate();
    // With script, the URL gets only what differs from the default, and the page stays.
    let submit = move |event: web_sys::SubmitEvent| {
        let Ok(data) = form_data_from_event(&event) else {
            return;
        };
        event.prevent_default();
        let href = routes::history(&history_query(&params_of(&data)));
        navigate(&href, NavigateOptions::default());
        close_menu();
    };
    let chips = chips(&query, &choices);
    let hidden = hidden_state(&query);
    let search = query.search.clone();
    view! {
        <form class="toolbar" method="get" action=routes::HOME role="search" on:submit=submit>
            {hidden}
            <input
                class="control toolbar-search"
                type="search"
                name="q"
                value=search.clone()
                prop:value=search
                maxlength="200"
                placeholder="Search name, description, tag, id"
                aria-label="Search name, description, tag, id"
            />
            <Button>"Search"</Button>
            <details class="filter-menu">
                <summary class="button">"Filters"</summary>
                <div class="filter-sheet">
                    <StatusChoice chosen=query.status.clone() />
                    <div class="form-row">
                        {model_choice(&query, &choices)}
                        {cluster_choice(&query, &choices)}
                        {tag_choice(&query, choices.tags)}
                        {size_choice(&query)}
                    </div>
                    <div class="actions end">
                        <LinkButton href=routes::HOME>"Clear"</LinkButton>
                        <Button>"Apply"</Button>
                    </div>
                </div>
            </details>
            {chips}
        </form>
    }
}

fn close_menu() {
    if let Ok(Some(menu)) = document().query_selector(".filter-menu[open]") {
        // Cannot fail: the name is a valid constant.
        let _ = menu.remove_attribute("open");
    }
}

/// The form's answers, read the same way as a URL's parameters.
fn params_of(data: &web_sys::FormData) -> ParamsMap {
    const NAMES: [&str; 7] = ["q", "status", "model", "cluster", "tag", "sort", "size"];
    let mut params = ParamsMap::new();
    for name in NAMES {
        for value in data.get_all(name) {
            params.insert(name, value.as_string().unwrap_or_default());
        }
    }
    params
}

/// State of the page that the form does not ask for.
fn hidden_state(query: &HistoryQuery) -> impl IntoView + use<> {
    let sort = query
        .to_pairs()
        .into_iter()
        .find(|(name, _)| *name == "sort");
    sort.map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
}

#[component]
fn StatusChoice(chosen: Vec<RunStatus>) -> impl IntoView {
    let boxes = RunStatus::ALL.into_iter().map(|status| {
        let is_chosen = chosen.contains(&status);
        view! {
            <label class="check">
                <input
                    type="checkbox"
                    name="status"
                    value=status.as_str()
                    checked=is_chosen
                    prop:checked=is_chosen
                />
                <span>{status.label()}</span>
            </label>
        }
    });
    view! {
        <fieldset class="field-set">
            <legend>"Status"</legend>
            <div class="filter-boxes">{boxes.collect_view()}</div>
        </fieldset>
    }
}

fn model_choice(query: &HistoryQuery, choices: &HistoryChoices) -> impl IntoView + use<> {
    let value = query.model.map(|id| id.to_string()).unwrap_or_default();
    let known = choices
        .models
        .iter()
        .map(|(id, name)| SelectOption::new(id.to_string(), name.clone()));
    let options = std::iter::once(SelectOption::new("", "Any model"))
        .chain(known)
        .collect();
    view! { <SelectField name="model" label="Model" options bind=RwSignal::new(value) /> }
}

fn cluster_choice(query: &HistoryQuery, choices: &HistoryChoices) -> impl IntoView + use<> {
    let value = query.cluster.map(|id| id.to_string()).unwrap_or_default();
    let known = choices
        .clusters
        .iter()
        .map(|(id, name)| SelectOption::new(id.to_string(), name.clone()));
    let options = std::iter::once(SelectOption::new("", "Any cluster"))
        .chain(known)
        .collect();
    view! { <SelectField name="cluster" label="Cluster" options bind=RwSignal::new(value) /> }
}

fn tag_choice(query: &HistoryQuery, suggestions: Vec<String>) -> impl IntoView + use<> {
    let bind = RwSignal::new(query.tags.join(", "));
    view! {
        <TextField name="tag" label="Tags" bind suggestions hint="All of these, separated by commas." />
    }
}

fn size_choice(query: &HistoryQuery) -> impl IntoView + use<> {
    let options = PAGE_SIZES
        .into_iter()
        .map(|size| SelectOption::new(size.to_string(), format!("{size} rows")))
        .collect();
    let bind = RwSignal::new(query.page_size.to_string());
    view! { <SelectField name="size" label="Page" options bind /> }
}

/// The filters in force, each with the link that lifts it.
fn chips(query: &HistoryQuery, choices: &HistoryChoices) -> impl IntoView + use<> {
    let without = |change: &dyn Fn(&mut HistoryQuery)| {
        let mut other = HistoryQuery {
            page: 1,
            ..query.clone()
        };
        change(&mut other);
        routes::history(&other)
    };
    let mut chips: Vec<(&str, String, String)> = Vec::new();
    if !query.search.is_empty() {
        let href = without(&|other| other.search.clear());
        chips.push(("search", format!("“{}”", query.search), href));
    }
    if !query.status.is_empty() {
        let labels: Vec<&str> = query.status.iter().map(|status| status.label()).collect();
        let value = match labels.as_slice() {
            [one] => (*one).to_owned(),
            [one, other] => format!("{one} or {other}"),
            many => format!("any of {}", many.len()),
        };
        chips.push(("status", value, without(&|other| other.status.clear())));
    }
    if let Some(id) = query.model {
        let known = choices.models.iter().find(|(known, _)| *known == id);
        let value = known.map_or_else(|| "unknown".to_owned(), |(_, name)| name.clone());
        chips.push(("model", value, without(&|other| other.model = None)));
    }
    if let Some(id) = query.cluster {
        let known = choices.clusters.iter().find(|(known, _)| *known == id);
        let value = known.map_or_else(|| "unknown".to_owned(), |(_, name)| name.clone());
        chips.push(("cluster", value, without(&|other| other.cluster = None)));
    }
    for tag in &query.tags {
        let href = without(&|other| other.tags.retain(|kept| kept != tag));
        chips.push(("tag", tag.clone(), href));
    }
    let chips = chips.into_iter().map(|(name, value, remove_href)| {
        view! { <FilterChip name value remove_href /> }
    });
    chips.collect_view()
}
