//! The rows of the history.

use domain::finite::Finite;
use domain::history::{BenchmarkRow, HistoryQuery, SortKey};
use domain::reruns::Purpose;
use leptos::prelude::*;
use ui::badge::Tag;
use ui::figure::Figure;
use ui::format;
use ui::table::{Column, NumberCell, SortDirection, Table};

use super::live_rows::LiveRows;
use crate::pages::parts::StatusBadge;
use crate::routes;

/// The table: headings that sort, one row for each benchmark.
#[component]
pub fn HistoryTable(
    /// The rows of this page.
    rows: Vec<BenchmarkRow>,
    /// What the page shows.
    query: HistoryQuery,
    /// Rows that changed meanwhile.
    live: LiveRows,
) -> impl IntoView {
    let columns = columns(&query);
    let rows = rows.into_iter().map(move |loaded| {
        let row = Memo::new(move |_| live.latest(&loaded));
        move || row_view(row.get())
    });
    view! {
        <div class="history-table">
            <Table label="Benchmarks" columns>{rows.collect_view()}</Table>
        </div>
    }
}

fn columns(query: &HistoryQuery) -> Vec<Column> {
    let sortable = |column: Column, key: SortKey, starts_descending: bool| {
        let first = query.first_term();
        let is_sorted = first.key == key;
        let is_descending = if is_sorted {
            !first.is_descending
        } else {
            starts_descending
        };
        let href = routes::history(&query.sorted_by(key, is_descending));
        let direction = if first.is_descending {
            SortDirection::Descending
        } else {
            SortDirection::Ascending
        };
        column.sortable(href, is_sorted.then_some(direction))
    };
    vec![
        sortable(Column::text("Name"), SortKey::Name, false),
        sortable(Column::text("Status"), SortKey::Status, false),
        sortable(Column::text("Model · engine"), SortKey::Model, false),
        sortable(
            Column::text("Cluster · hardware")
                .with_hint("Vendor and node type stand below the cluster"),
            SortKey::Cluster,
            false,
        ),
        sortable(
            Column::numeric("Concurrency", "")
                .with_hint("Requests in flight, or requests per second in open loop"),
            SortKey::Concurrency,
            true,
        ),
        sortable(
            Column::numeric("Output", "tok/s"),
            SortKey::Throughput,
            true,
        ),
        sortable(Column::numeric("TTFT p50", "ms"), SortKey::Ttft, false),
        sortable(Column::numeric("TPOT p50", "ms"), SortKey::Tpot, false),
        sortable(Column::numeric("Duration", ""), SortKey::Duration, true),
        sortable(Column::numeric("Errors", ""), SortKey::ErrorRate, true),
        sortable(
            Column::text("Created (UTC)").with_hint("Who made it stands below the time"),
            SortKey::Created,
            true,
        ),
    ]
}

fn row_view(row: BenchmarkRow) -> impl IntoView {
    let href = routes::benchmark(row.id);
    let created_at = row.created_at.to_minute_text();
    let (date, time) = created_at.split_once(' ').unwrap_or((&created_at, ""));
    let (date, time) = (date.to_owned(), time.to_owned());
    let error_tone = row
        .error_rate
        .is_some_and(|rate| rate.get() > 0.0)
        .then_some("has-errors");
    let failure = row.failure.clone().map(|reason| {
        view! { <span class="under clamped" title=reason.clone()>{reason.clone()}</span> }
    });
    view! {
        <tr class=error_tone>
            <th scope="row">
                <a class="row-link" href=href>{row.name.clone()}</a>
                {marks(&row)}
            </th>
            <td><StatusBadge status=row.status />{failure}</td>
            <td>
                <span class="clamped" title=row.model_name.clone()>{row.model_name.clone()}</span>
                <span class="under clamped" title=row.engine_name.clone()>{row.engine_name.clone()}</span>
            </td>
            <td>
                <span class="clamped" title=row.cluster_name.clone()>{row.cluster_name.clone()}</span>
                <span class="under clamped" title=row.vendor.clone()>{hardware_in_words(&row)}</span>
            </td>
            <NumberCell figure=load_figure(&row) />
            <NumberCell figure=Figure::new(row.output_tok_per_s, "tok/s") />
            <NumberCell figure=Figure::new(row.ttft_p50_ms, "ms") />
            <NumberCell figure=Figure::new(row.tpot_p50_ms, "ms") />
            <NumberCell figure=duration_figure(row.duration_s) />
            <NumberCell figure=Figure::of_fraction(row.error_rate) />
            <td>
                {date} " " {time}
                <span class="under clamped" title=row.owner_name.clone()>{row.owner_name.clone()}</span>
            </td>
        </tr>
    }
}

/// Tags, and the labels of what must not be taken for an ordinary run.
fn marks(row: &BenchmarkRow) -> Option<AnyView> {
    let sample = row
        .is_sample
        .then(|| view! { <span class="badge" title="Made by demo mode">"Sample"</span> });
    let reference = row.is_reference.then(|| {
        let meaning = "Ran against the reference engine: says nothing about any model";
        view! { <span class="badge" title=meaning>"Reference"</span> }
    });
    let gating = (row.purpose == Purpose::Gating).then(|| {
        view! { <span class="badge" title="Decides whether something goes to production">"Gating"</span> }
    });
    let warm = row.is_warm.then(|| {
        let meaning = "Its engine was taken over, warm, from an earlier run of the plan";
        view! { <span class="badge" title=meaning>"Warm"</span> }
    });
    let archived = row
        .archived_at
        .map(|_| view! { <span class="badge" title="Left out of this list unless asked for">"Archived"</span> });
    let rerun = row.rerun.filter(|rerun| rerun.last_index > 1).map(|rerun| {
        let query = HistoryQuery {
            group: Some(rerun.group_id),
            ..HistoryQuery::default()
        };
        let meaning = format!(
            "Run {} of {} of the same plan: shows them all",
            rerun.index, rerun.last_index
        );
        view! { <a class="tag" href=routes::history(&query) title=meaning>{rerun.in_short()}</a> }
    });
    // The badge says it already.
    let tags = row
        .tags
        .iter()
        .filter(|tag| !(row.is_sample && *tag == "sample"));
    let tags = tags.map(|tag| {
        let query = HistoryQuery {
            tags: vec![tag.clone()],
            ..HistoryQuery::default()
        };
        view! { <Tag label=tag.clone() href=routes::history(&query) /> }
    });
    let tags: Vec<_> = tags.collect();
    let has_none = sample.is_none()
        && reference.is_none()
        && gating.is_none()
        && warm.is_none()
        && archived.is_none()
        && rerun.is_none()
        && tags.is_empty();
    if has_none {
        return None;
    }
    let marks = view! { {rerun} {warm} {gating} {archived} {sample} {reference} {tags} };
    Some(view! { <span class="tags row-marks">{marks}</span> }.into_any())
}

/// The asked concurrency, or the asked rate of an open loop.
fn load_figure(row: &BenchmarkRow) -> Figure {
    match (row.concurrency, row.rate_per_s) {
        (Some(concurrency), _) => Figure::of_count(u64::from(concurrency), ""),
        (None, Some(rate)) => Figure {
            // As it was asked for, not rounded.
            text: format!("{}/s", format::exact(rate.get(), "")),
            exact: Some(format::exact(rate.get(), "requests per second")),
            ..Figure::default()
        },
        (None, None) => Figure::of_text(format::MISSING),
    }
}

fn duration_figure(duration_s: Option<Finite>) -> Figure {
    match duration_s {
        Some(duration) => Figure {
            text: format::duration_s(duration.get()),
            exact: Some(format::exact(duration.get(), "s")),
            ..Figure::default()
        },
        None => Figure::of_text(format::MISSING),
    }
}

/// The vendor and the type of the node; an endpoint tells neither.
fn hardware_in_words(row: &BenchmarkRow) -> String {
    let node_type = match row.node_type.as_str() {
        "cpu" => "CPU",
        "gpu" => "GPU",
        _ => "endpoint",
    };
    if row.vendor.is_empty() {
        node_type.to_owned()
    } else {
        format!("{} · {node_type}", row.vendor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_turns_its_own_order_and_starts_at_page_one() {
        let query = HistoryQuery {
            page: 4,
            search: "rag".to_owned(),
            ..HistoryQuery::default().sorted_by(SortKey::Ttft, false)
        };
        let html = Owner::new()
            .with(|| view! { <Table label="t" columns=columns(&query)>""</Table> }.to_html());
        assert!(html.contains(r#"href="/?q=rag&amp;sort=-ttft""#), "{html}");
        assert!(
            html.contains(r#"href="/?q=rag&amp;sort=-throughput""#),
            "{html}"
        );
        assert_eq!(html.matches("aria-sort").count(), 1, "{html}");
    }
}
