//! Search and filters of the history: one plain form whose answers stand in the URL.

use domain::bounds::Bounds;
use domain::catalogue::Shown;
use domain::finite::Finite;
use domain::history::{HistoryChoices, HistoryQuery, PAGE_SIZES};
use domain::reruns::Purpose;
use domain::run::RunStatus;
use leptos::form::form_data_from_event;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use leptos_router::params::ParamsMap;
use ui::badge::FilterChip;
use ui::button::{Button, LinkButton};
use ui::field::{InputKind, SelectField, SelectOption, TextField};

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
                        {tag_choice(&query, choices.tags.clone())}
                        {owner_choice(&query, &choices)}
                        {purpose_choice(&query)}
                        {shown_choice(&query)}
                        {name_choice(&query)}
                        {size_choice(&query)}
                    </div>
                    {range_choices(&query)}
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
    let mut params = ParamsMap::new();
    // Another answer starts at the first page.
    for name in HistoryQuery::NAMES
        .into_iter()
        .filter(|name| *name != "page")
    {
        for value in data.get_all(name) {
            params.insert(name, value.as_string().unwrap_or_default());
        }
    }
    params
}

/// State of the page that the form does not ask for.
fn hidden_state(query: &HistoryQuery) -> impl IntoView + use<> {
    let kept = query.to_pairs().into_iter();
    let kept = kept.filter(|(name, _)| matches!(*name, "sort" | "group"));
    kept.map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
        .collect_view()
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

fn owner_choice(query: &HistoryQuery, choices: &HistoryChoices) -> impl IntoView + use<> {
    let value = query.owner.map(|id| id.to_string()).unwrap_or_default();
    let known = choices
        .owners
        .iter()
        .map(|(id, name)| SelectOption::new(id.to_string(), name.clone()));
    let options = std::iter::once(SelectOption::new("", "Anybody"))
        .chain(known)
        .collect();
    view! { <SelectField name="owner" label="Made by" options bind=RwSignal::new(value) /> }
}

fn purpose_choice(query: &HistoryQuery) -> impl IntoView + use<> {
    let value = query.purpose.map_or("", Purpose::as_str).to_owned();
    let known = Purpose::ALL.map(|purpose| SelectOption::new(purpose.as_str(), purpose.label()));
    let options = std::iter::once(SelectOption::new("", "Any purpose"))
        .chain(known)
        .collect();
    view! { <SelectField name="purpose" label="Purpose" options bind=RwSignal::new(value) /> }
}

fn shown_in_words(shown: Shown) -> &'static str {
    match shown {
        Shown::InUse => "Left out",
        Shown::Archived => "Alone",
        Shown::All => "Shown too",
    }
}

fn shown_choice(query: &HistoryQuery) -> impl IntoView + use<> {
    let options = Shown::ALL.map(|shown| SelectOption::new(shown.as_str(), shown_in_words(shown)));
    let bind = RwSignal::new(query.shown.as_str().to_owned());
    view! { <SelectField name="shown" label="Archived ones" options=options.into() bind /> }
}

fn name_choice(query: &HistoryQuery) -> impl IntoView + use<> {
    let text = query.name.as_ref().map(|name| name.text.clone());
    let bind = RwSignal::new(text.unwrap_or_default());
    view! { <TextField name="name" label="Name" bind hint="A part of it." max_chars=200 /> }
}

/// Label and unit of each range, in the order of [`HistoryQuery::ranges`].
const RANGE_LABELS: [(&str, &str); 4] = [
    ("Concurrency", "requests"),
    ("TTFT p50", "ms"),
    ("TPOT p50", "ms"),
    ("Output", "tok/s"),
];

fn range_choices(query: &HistoryQuery) -> impl IntoView + use<> {
    let text = |end: Option<Finite>| end.map(|end| end.to_string()).unwrap_or_default();
    let ranges = query.ranges().into_iter().zip(RANGE_LABELS);
    let fields = ranges.map(|((min, max, bounds), (label, unit))| {
        let (low, high) = (
            RwSignal::new(text(bounds.min)),
            RwSignal::new(text(bounds.max)),
        );
        view! {
            <TextField name=min label=format!("{label} from") kind=InputKind::Number step="any" unit bind=low />
            <TextField name=max label=format!("{label} to") kind=InputKind::Number step="any" unit bind=high />
        }
    });
    view! { <div class="form-row">{fields.collect_view()}</div> }
}

fn size_choice(query: &HistoryQuery) -> impl IntoView + use<> {
    let options = PAGE_SIZES
        .into_iter()
        .map(|size| SelectOption::new(size.to_string(), format!("{size} rows")))
        .collect();
    let bind = RwSignal::new(query.page_size.to_string());
    view! { <SelectField name="size" label="Page" options bind /> }
}

/// What lifts a filter.
type Lift = fn(&mut HistoryQuery);

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
    if let Some(name) = &query.name {
        let href = without(&|other| other.name = None);
        chips.push(("name", format!("“{}”", name.text), href));
    }
    if let Some(purpose) = query.purpose {
        let href = without(&|other| other.purpose = None);
        chips.push(("purpose", purpose.label().to_owned(), href));
    }
    if query.shown != Shown::InUse {
        let value = shown_in_words(query.shown).to_lowercase();
        let href = without(&|other| other.shown = Shown::InUse);
        chips.push(("archived ones", value, href));
    }
    if let Some(id) = query.owner {
        let known = choices.owners.iter().find(|(known, _)| *known == id);
        let value = known.map_or_else(|| "unknown".to_owned(), |(_, name)| name.clone());
        chips.push(("made by", value, without(&|other| other.owner = None)));
    }
    if query.group.is_some() {
        let href = without(&|other| other.group = None);
        chips.push(("runs of", "one plan".to_owned(), href));
    }
    let ranges: [(&str, &str, Bounds, Lift); 4] = [
        ("concurrency", "", query.concurrency, |other| {
            other.concurrency = Bounds::default();
        }),
        ("TTFT p50", "ms", query.ttft_ms, |other| {
            other.ttft_ms = Bounds::default();
        }),
        ("TPOT p50", "ms", query.tpot_ms, |other| {
            other.tpot_ms = Bounds::default();
        }),
        ("output", "tok/s", query.output_tok_per_s, |other| {
            other.output_tok_per_s = Bounds::default();
        }),
    ];
    for (name, unit, bounds, lift) in ranges {
        if let Some(value) = bounds.in_words(unit) {
            chips.push((name, value, without(&lift)));
        }
    }
    let chips = chips.into_iter().map(|(name, value, remove_href)| {
        view! { <FilterChip name value remove_href /> }
    });
    chips.collect_view()
}
