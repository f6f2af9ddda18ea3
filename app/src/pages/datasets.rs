//! Datasets of the catalogue: the list, a new one, one of them.

pub mod lengths;
pub mod new;
pub mod one;
pub mod rejected;
pub mod rows;
mod upload;

use domain::access::Role;
use domain::catalogue::{CatalogueQuery, Shown};
use domain::dataset::{Dataset, DatasetPage, DatasetQuery, DatasetState, LengthSummary};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;
use ui::badge::Badge;
use ui::button::{ButtonKind, LinkButton};
use ui::feedback::{EmptyState, Skeleton};
use ui::figure::Figure;
use ui::format;
use ui::layout::PageHeader;
use ui::table::{Column, NumberCell, Table};
use ui::tone::Tone;

use crate::api::datasets::list_datasets;
use crate::pages::catalogue_list::{CatalogueToolbar, archived_mark, nothing_found};
use crate::pages::parts::{load_failed, pager};
use crate::pages::rights::OnlyFor;
use crate::query::url_with;
use crate::routes;

/// The list.
#[component]
pub fn DatasetsPage() -> impl IntoView {
    let params = use_query_map();
    let query = Memo::new(move |_| params.with(query_of));
    let page = Resource::new(move || query.get(), list_datasets);
    let list = move || {
        Suspend::new(async move {
            match page.await {
                Ok(page) => list_view(query.get_untracked(), page).into_any(),
                Err(error) => load_failed("The datasets", &error),
            }
        })
    };
    let actions = || {
        view! { <OnlyFor least=Role::Operator>
        <LinkButton href=routes::NEW_DATASET kind=ButtonKind::Primary>"Import a dataset"</LinkButton>
        </OnlyFor> }
    };
    view! {
        <Title text="Datasets" />
        <PageHeader
            title="Datasets"
            subtitle=|| "Prompts that benchmarks are sent: imported once, named by their digest, never changed."
            actions
        />
        <Transition fallback=|| view! { <Skeleton rows=6 label="Loading the datasets" /> }>{list}</Transition>
    }
}

/// What the address asks for.
fn query_of(params: &ParamsMap) -> DatasetQuery {
    DatasetQuery {
        search: params.get("q").unwrap_or_default(),
        shown: params
            .get("shown")
            .and_then(|shown| Shown::parse(&shown))
            .unwrap_or_default(),
        page: params
            .get("page")
            .and_then(|page| page.parse().ok())
            .unwrap_or(1)
            .max(1),
        ..DatasetQuery::default()
    }
}

fn href_of(query: &DatasetQuery) -> String {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    if !query.search.is_empty() {
        pairs.push(("q", query.search.clone()));
    }
    if query.shown != Shown::InUse {
        pairs.push(("shown", query.shown.as_str().to_owned()));
    }
    if query.page > 1 {
        pairs.push(("page", query.page.to_string()));
    }
    url_with(routes::DATASETS, &pairs)
}

fn list_view(query: DatasetQuery, page: DatasetPage) -> impl IntoView {
    let asked = CatalogueQuery {
        search: query.search.clone(),
        shown: query.shown,
    };
    let content = if page.datasets.is_empty() {
        nothing(&query)
    } else {
        let summary = showing(&query, &page);
        let at_page = |number: u32| {
            href_of(&DatasetQuery {
                page: number,
                ..query.clone()
            })
        };
        let shown = u64::from(query.page) * u64::from(query.page_size);
        let has_next = shown < u64::from(page.total_count);
        let previous = (query.page > 1).then(|| at_page(query.page - 1));
        let next = has_next.then(|| at_page(query.page + 1));
        view! {
            {table(page.datasets)}
            {pager(summary, previous, next)}
        }
        .into_any()
    };
    view! {
        <CatalogueToolbar path=routes::DATASETS label="Search name, description, file" query=asked />
        {content}
    }
}

fn showing(query: &DatasetQuery, page: &DatasetPage) -> String {
    let first = u64::from(query.page.saturating_sub(1)) * u64::from(query.page_size) + 1;
    let last = first + (page.datasets.len() as u64).saturating_sub(1);
    format!(
        "Showing {}–{} of {}",
        format::count(first),
        format::count(last),
        format::plural(page.total_count.into(), "dataset", "datasets")
    )
}

fn nothing(query: &DatasetQuery) -> AnyView {
    if *query != DatasetQuery::default() {
        return nothing_found(routes::DATASETS, "datasets");
    }
    let actions = || {
        view! { <OnlyFor least=Role::Operator>
        <LinkButton href=routes::NEW_DATASET>"Import a dataset"</LinkButton>
        </OnlyFor> }
    };
    view! {
        <EmptyState
            title="No datasets yet"
            text="Import prompts as JSON Lines, ShareGPT, Alpaca or CSV."
            actions
        />
    }
    .into_any()
}

fn table(datasets: Vec<Dataset>) -> impl IntoView {
    let columns = vec![
        Column::text("Name"),
        Column::text("State"),
        Column::text("Format"),
        Column::numeric("Rows", ""),
        Column::numeric("Prompt p50", "tokens"),
        Column::numeric("Answer p50", "tokens"),
        Column::text("Counted by"),
        Column::text("Added (UTC)"),
    ];
    let rows = datasets.into_iter().map(row).collect_view();
    view! { <Table label="Datasets" columns>{rows}</Table> }
}

fn row(dataset: Dataset) -> impl IntoView {
    let description = (!dataset.description.is_empty()).then(|| {
        view! { <span class="under clamped" title=dataset.description.clone()>{dataset.description.clone()}</span> }
    });
    let rejected = (dataset.rejected_count > 0)
        .then(|| format!("{} rejected", format::count(dataset.rejected_count.into())));
    let rows = Figure::of_count(dataset.row_count.into(), "rows");
    let rows = match rejected {
        Some(under) => view! { <NumberCell figure=rows under /> },
        None => view! { <NumberCell figure=rows /> },
    };
    let counted_by = dataset.tokenizer.in_words();
    view! {
        <tr>
            <th scope="row">
                <span class="breaking">
                    <a class="row-link" href=routes::dataset(dataset.id)>{dataset.name}</a>
                </span>
                {description}
            </th>
            <td>
                <span class="row-marks"><StateBadge state=dataset.state /> {archived_mark(dataset.archived_at)}</span>
            </td>
            <td>{dataset.format.label()}</td>
            {rows}
            {median_cell(dataset.input.as_ref())}
            {median_cell(dataset.output.as_ref())}
            <td><span class="clamped" title=counted_by.clone()>{counted_by.clone()}</span></td>
            <td>{dataset.created_at.to_minute_text()}</td>
        </tr>
    }
}

fn median_cell(lengths: Option<&LengthSummary>) -> impl IntoView + use<> {
    let median = lengths.map(|lengths| lengths.distribution.median);
    let figure = Figure::new(median, "tokens");
    match lengths {
        Some(lengths) => {
            let under = format!("p95 {}", format::number(lengths.distribution.p95.get()));
            view! { <NumberCell figure under /> }
        }
        None => view! { <NumberCell figure /> },
    }
}

/// Where a dataset stands, as a badge.
#[component]
pub fn StateBadge(
    /// The state.
    state: DatasetState,
) -> impl IntoView {
    let tone = match state {
        DatasetState::Importing => Tone::Running,
        DatasetState::Ready => Tone::Good,
        DatasetState::Failed => Tone::Bad,
    };
    view! { <Badge tone label=state.label() /> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_keeps_what_is_shown() {
        let query = DatasetQuery {
            search: "chat logs".to_owned(),
            shown: Shown::Archived,
            page: 2,
            ..DatasetQuery::default()
        };
        assert_eq!(
            href_of(&query),
            "/datasets?q=chat%20logs&shown=archived&page=2"
        );
        let params: ParamsMap = [("q", "chat logs"), ("shown", "archived"), ("page", "2")]
            .into_iter()
            .map(|(name, value)| (name, value.to_owned()))
            .collect();
        assert_eq!(query_of(&params), query);
        assert_eq!(href_of(&DatasetQuery::default()), "/datasets");
    }
}
