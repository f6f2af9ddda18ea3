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
        Column::text("Engine"),
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
                <td>{engine_of(&row)}</td>
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

/// `warm` where it was taken over, `fresh` where the run had its own and it is known what came of it.
fn engine_of(row: &BenchmarkRow) -> &'static str {
    match (row.is_warm, row.output_tok_per_s) {
        (true, _) => "warm",
        (false, Some(_)) if row.node_type != "endpoint" => "fresh",
        (false, _) => "",
    }
}

/// How far the runs agree. Runs on a warm engine and on a fresh one are not equal: each kind is told for itself.
fn finding(reruns: &[BenchmarkRow]) -> String {
    let (warm, fresh): (Vec<_>, Vec<_>) = reruns.iter().cloned().partition(|row| row.is_warm);
    let is_measured = |row: &BenchmarkRow| row.output_tok_per_s.is_some();
    if !warm.iter().any(is_measured) || !fresh.iter().any(is_measured) {
        return agreement(reruns);
    }
    format!(
        "Warm and fresh engines are not the same condition. Fresh: {} Warm: {}",
        agreement(&fresh),
        agreement(&warm)
    )
}

/// How far runs of one kind agree.
fn agreement(reruns: &[BenchmarkRow]) -> String {
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

#[cfg(test)]
mod tests {
    use domain::reruns::Purpose;
    use domain::run::RunStatus;
    use domain::time::Timestamp;

    use super::*;

    const NIL: &str = "00000000-0000-0000-0000-000000000000";

    fn row(is_warm: bool, output_tok_per_s: Option<u32>) -> BenchmarkRow {
        BenchmarkRow {
            id: NIL.parse().unwrap(),
            name: String::new(),
            status: RunStatus::Completed,
            failure: None,
            is_sample: false,
            is_reference: false,
            purpose: Purpose::default(),
            rerun: None,
            is_warm,
            archived_at: None,
            model_name: String::new(),
            engine_name: String::new(),
            cluster_name: String::new(),
            node_type: "cpu".to_owned(),
            vendor: String::new(),
            concurrency: None,
            rate_per_s: None,
            output_tok_per_s: output_tok_per_s.map(Finite::from),
            ttft_p50_ms: None,
            tpot_p50_ms: None,
            duration_s: None,
            error_rate: None,
            tags: Vec::new(),
            owner_id: NIL.parse().unwrap(),
            owner_name: String::new(),
            created_at: Timestamp(0),
        }
    }

    #[test]
    fn warm_and_fresh_runs_are_not_told_together() {
        let rows = [
            row(false, Some(100)),
            row(true, Some(150)),
            row(true, Some(165)),
        ];
        let text = finding(&rows);
        assert!(text.contains("not the same condition"), "{text}");
        assert!(
            text.contains("Fresh: 1 of 1 run have figures so far"),
            "{text}"
        );
        assert!(
            text.contains("Warm: 2 of 2 runs have figures: output 150 to 165 tok/s (10% apart)"),
            "{text}"
        );
        assert!(!finding(&rows[1..]).contains("condition"));
        let waits = [row(false, None), row(true, Some(1)), row(true, Some(2))];
        assert!(!finding(&waits).contains("condition"));
        let shown: Vec<_> = rows.iter().chain(&waits).map(engine_of).collect();
        assert_eq!(shown, ["fresh", "warm", "warm", "", "warm", "warm"]);
    }
}
