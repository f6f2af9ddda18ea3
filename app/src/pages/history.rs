//! The history of benchmarks: the home page. Its whole state stands in the URL.

pub mod live_rows;
pub mod table;
pub mod toolbar;

use domain::access::Role;
use domain::history::{HistoryPage as Page, HistoryQuery};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use ui::button::{ButtonKind, LinkButton};
use ui::feedback::{EmptyState, Skeleton, StaleNote};
use ui::format;
use ui::layout::PageHeader;
use ui::pager::Pager;

use crate::api::benchmarks::list_benchmarks;
use crate::pages::found_engines::FoundEngines;
use crate::pages::parts::load_failed;
use crate::pages::rights::OnlyFor;
use crate::query::history_query;
use crate::routes;
use live_rows::{LiveRows, follow_rows};
use table::HistoryTable;
use toolbar::Toolbar;

/// The history.
#[component]
pub fn HistoryPage() -> impl IntoView {
    let params = use_query_map();
    let query = Memo::new(move |_| history_query(&params.read()));
    let page = Resource::new(move || query.get(), list_benchmarks);
    let live = follow_rows(page);
    let summary = move || {
        Suspend::new(async move {
            page.await
                .ok()
                .filter(|page| page.total_count + page.active_count > 0)
                .map(|page| summary_in_words(&page))
        })
    };
    let body = move || {
        Suspend::new(async move {
            match page.await {
                Ok(page) => body(page, query.get_untracked(), live).into_any(),
                Err(error) => load_failed("The benchmarks", &error),
            }
        })
    };
    let subtitle = move || {
        view! {
            <span><Transition>{summary}</Transition></span>
            " "
            <StaleNote is_stale=live.is_stale text="Connection lost. Trying again." />
        }
    };
    let actions = || {
        view! {
            <OnlyFor least=Role::Operator>
                <LinkButton href=routes::NEW kind=ButtonKind::Primary>"Run another benchmark"</LinkButton>
            </OnlyFor>
        }
    };
    view! {
        <Title text="Benchmarks" />
        <PageHeader title="Benchmarks" subtitle actions />
        <FoundEngines />
        <Transition fallback=|| view! { <Skeleton rows=12 label="Loading the benchmarks" /> }>{body}</Transition>
    }
}

/// `1,284 benchmarks · 1 queued or running`, with the word for a filtered list.
fn summary_in_words(page: &Page) -> String {
    let count = format::plural(u64::from(page.total_count), "benchmark", "benchmarks");
    match page.active_count {
        0 => count,
        active => format!(
            "{count} · {} queued or running",
            format::count(u64::from(active))
        ),
    }
}

fn body(page: Page, query: HistoryQuery, live: LiveRows) -> impl IntoView {
    // Somebody made each benchmark, the archived ones too.
    if page.choices.owners.is_empty() {
        return nothing_yet().into_any();
    }
    let list = if page.rows.is_empty() {
        nothing_matches(&query).into_any()
    } else {
        let pager = pager(&query, page.total_count, page.rows.len());
        view! {
            <HistoryTable rows=page.rows query=query.clone() live />
            {pager}
        }
        .into_any()
    };
    view! {
        <Toolbar query choices=page.choices />
        {list}
    }
    .into_any()
}

fn nothing_yet() -> impl IntoView {
    let actions = || {
        view! {
            <OnlyFor least=Role::Operator>
                <LinkButton href=routes::NEW>"Set up the first benchmark"</LinkButton>
                <LinkButton href=routes::NEW_CLUSTER>"Add an endpoint"</LinkButton>
            </OnlyFor>
        }
    };
    view! {
        <EmptyState
            title="No benchmarks yet"
            text="A benchmark sends load to an engine and measures what comes back. No engine at hand? The reference engine runs on this machine and needs no GPU."
            actions
        />
    }
}

fn nothing_matches(query: &HistoryQuery) -> impl IntoView + use<> {
    let is_beyond = query.page > 1;
    let (title, text, label, href) = if is_beyond {
        let first = HistoryQuery {
            page: 1,
            ..query.clone()
        };
        let href = routes::history(&first);
        (
            "No more benchmarks",
            "The list ends before this page.",
            "Go to the first page",
            href,
        )
    } else {
        let text = "Search looks at names, descriptions, tags and ids. Try fewer words or filters.";
        (
            "No benchmark matches",
            text,
            "Show all benchmarks",
            routes::HOME.to_owned(),
        )
    };
    view! { <EmptyState title text actions=move || view! { <LinkButton href>{label}</LinkButton> } /> }
}

fn pager(query: &HistoryQuery, total_count: u32, row_count: usize) -> impl IntoView + use<> {
    let first = (query.page - 1)
        .saturating_mul(query.page_size)
        .saturating_add(1);
    let row_count = u32::try_from(row_count).unwrap_or(u32::MAX);
    let last = first.saturating_add(row_count.saturating_sub(1));
    let number = |value: u32| format::count(u64::from(value));
    let summary = format!(
        "Showing {}–{} of {}",
        number(first),
        number(last),
        number(total_count)
    );
    let href = |page: u32| {
        routes::history(&HistoryQuery {
            page,
            ..query.clone()
        })
    };
    let previous = (query.page > 1).then(|| href(query.page - 1));
    let next = (last < total_count).then(|| href(query.page + 1));
    match (previous, next) {
        (None, None) => view! { <Pager summary /> }.into_any(),
        (Some(previous_href), None) => view! { <Pager summary previous_href /> }.into_any(),
        (None, Some(next_href)) => view! { <Pager summary next_href /> }.into_any(),
        (Some(previous_href), Some(next_href)) => {
            view! { <Pager summary previous_href next_href /> }.into_any()
        }
    }
}
