//! The runs of the same plan, side by side.

use domain::finite::Finite;
use domain::history::BenchmarkRow;
use domain::id::BenchmarkId;
use leptos::prelude::*;
use ui::figure::Figure;
use ui::format;
use ui::table::{Column, NumberCell, Table};

use crate::pages::parts::StatusBadge;
use crate::routes;

/// The group as a table with what its runs say together. Shows nothing for the only run of a plan.
#[component]
pub fn RerunGroup(
    /// The benchmark whose page this is.
    id: BenchmarkId,
    /// The runs in order, this one included.
    reruns: Vec<BenchmarkRow>,
) -> impl IntoView {
    if reruns.len() < 2 {
        return ().into_any();
    }
    let columns = vec![
        Column::text("Run"),
        Column::text("Status"),
        Column::numeric("Output", "tok/s"),
        Column::numeric("TTFT p50", "ms"),
        Column::numeric("TPOT p50", "ms"),
        Column::numeric("Errors", ""),
        Column::text("Created (UTC)"),
    ];
    let finding = finding(&reruns);
    let rows = reruns.into_iter().map(move |row| {
        let number = row.rerun.map_or(0, |rerun| rerun.index);
        let name = format!("Run {number}");
        let is_here = row.id == id;
        let link = if is_here {
            view! { <b aria-current="page">{name}</b> <span class="note">" this one"</span> }
                .into_any()
        } else {
            view! { <a class="row-link" href=routes::benchmark(row.id)>{name}</a> }.into_any()
        };
        let archived = row
            .archived_at
            .map(|_| view! { " " <span class="badge">"Archived"</span> });
        view! {
            <tr>
                <th scope="row">{link} {archived}</th>
                <td><StatusBadge status=row.status /></td>
                <NumberCell figure=Figure::new(row.output_tok_per_s, "tok/s") />
                <NumberCell figure=Figure::new(row.ttft_p50_ms, "ms") />
                <NumberCell figure=Figure::new(row.tpot_p50_ms, "ms") />
                <NumberCell figure=Figure::of_fraction(row.error_rate) />
                <td>{row.created_at.to_minute_text()}</td>
            </tr>
        }
    });
    view! {
        <section class="stack tight" aria-labelledby="reruns">
            <h2 id="reruns">"Runs of this plan"</h2>
            <p class="muted">{finding}</p>
            <Table label="Runs of this plan" columns=Signal::stored(columns) is_dense=true>
                {rows.collect_view()}
            </Table>
        </section>
    }
    .into_any()
}

/// How far the runs agree.
fn finding(reruns: &[BenchmarkRow]) -> String {
    let spread = |what: &str, unit: &str, value: fn(&BenchmarkRow) -> Option<Finite>| {
        let values: Vec<f64> = reruns.iter().filter_map(value).map(Finite::get).collect();
        let low = values.iter().copied().reduce(f64::min)?;
        let high = values.iter().copied().reduce(f64::max)?;
        let apart = (values.len() > 1 && low > 0.0)
            .then(|| format!(" ({} apart)", format::percent(high / low - 1.0)))?;
        Some(format!(
            "{what} {} to {} {unit}{apart}",
            format::number(low),
            format::number(high)
        ))
    };
    let measured = reruns
        .iter()
        .filter(|row| row.output_tok_per_s.is_some())
        .count() as u64;
    let parts: Vec<String> = [
        spread("output", "tok/s", |row| row.output_tok_per_s),
        spread("median TTFT", "ms", |row| row.ttft_p50_ms),
    ]
    .into_iter()
    .flatten()
    .collect();
    let of = format::plural(reruns.len() as u64, "run", "runs");
    if parts.is_empty() {
        format!("{measured} of {of} have figures so far: two are needed to see how far they agree.")
    } else {
        format!("{measured} of {of} have figures: {}.", parts.join(", "))
    }
}
