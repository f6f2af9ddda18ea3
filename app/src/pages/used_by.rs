//! Who uses a thing of the catalogue.

use domain::catalogue::{BenchmarkUse, UsedBy};
use domain::id::ClusterId;
use leptos::prelude::*;
use ui::card::Card;
use ui::format;
use ui::table::{Column, Table};

use crate::pages::parts::StatusBadge;
use crate::routes;

/// The card that names who uses a thing: endpoints, then the newest benchmarks.
#[component]
pub fn UsedByCard(
    /// The benchmarks.
    used: UsedBy,
    /// Endpoints that use it, with their names.
    #[prop(optional)]
    clusters: Vec<(ClusterId, String)>,
    /// The history with just these benchmarks, where it can be asked for them.
    #[prop(into, optional)]
    history_href: Option<String>,
) -> impl IntoView {
    let UsedBy {
        benchmark_count,
        newest,
    } = used;
    let is_unused = benchmark_count == 0 && clusters.is_empty();
    let note = format::plural(u64::from(benchmark_count), "benchmark", "benchmarks");
    let nobody =
        is_unused.then(|| view! { <p class="muted">"Nothing uses it: it can be deleted."</p> });
    let clusters = (!clusters.is_empty()).then(|| {
        let links = clusters.into_iter().map(|(id, name)| {
            view! { <span class="line"><a href=routes::cluster(id)>{name}</a></span> }
        });
        view! { <p class="muted">"Sent by the endpoints"</p> {links.collect_view()} }
    });
    let shown_count = u32::try_from(newest.len()).unwrap_or(u32::MAX);
    let rest = (benchmark_count > shown_count).then(|| {
        let words = format!("The newest {shown_count} of them.");
        let link =
            history_href.map(|href| view! { " " <a href=href>"Show all in the history"</a> });
        view! { <p class="note">{words} {link}</p> }
    });
    let table = (!newest.is_empty()).then(|| benchmarks(newest));
    view! {
        <Card title="Used by" note>
            {nobody}
            {clusters}
            {table}
            {rest}
        </Card>
    }
}

fn benchmarks(newest: Vec<BenchmarkUse>) -> impl IntoView {
    let columns = vec![
        Column::text("Benchmark"),
        Column::text("Status"),
        Column::text("Created (UTC)"),
    ];
    let rows = newest.into_iter().map(|benchmark| {
        view! {
            <tr>
                <th scope="row">
                    <span class="breaking"><a href=routes::benchmark(benchmark.id)>{benchmark.name}</a></span>
                </th>
                <td><StatusBadge status=benchmark.status /></td>
                <td>{benchmark.created_at.to_minute_text()}</td>
            </tr>
        }
    });
    view! { <Table label="Benchmarks that use it" columns is_dense=true>{rows.collect_view()}</Table> }
}
