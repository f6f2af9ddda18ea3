//! Rows that were rejected, with their lines and reasons.

use domain::dataset::{REJECTED_EXAMPLES_MAX, Rejections};
use leptos::prelude::*;
use ui::card::Card;
use ui::format;
use ui::table::{Column, Table};

/// How many for each reason, and the first ones. Nothing when none was rejected.
#[component]
pub fn RejectedRows(
    /// What was rejected.
    rejections: Rejections,
) -> impl IntoView {
    let total_count = rejections.total();
    (total_count > 0).then(|| {
        let note = format::plural(total_count.into(), "row", "rows");
        let counts = rejections.counts.iter().map(|(reason, count)| {
            let count = format::count(u64::from(*count));
            view! { <dt>{count}</dt> <dd>{reason.in_words()}</dd> }
        });
        let counts = counts.collect_view();
        let shown_count = rejections.examples.len();
        let is_cut = u64::from(total_count) > shown_count as u64;
        let cut = is_cut.then(|| {
            view! { <p class="note">{format!("The first {REJECTED_EXAMPLES_MAX} are listed; all are counted.")}</p> }
        });
        let columns = vec![Column::numeric("Line", ""), Column::text("Reason")];
        let rows = rejections.examples.into_iter().map(|row| {
            let line = format::count(row.line.into());
            let why = row.in_words();
            view! {
                <tr>
                    <th scope="row" class="numeric">{line}</th>
                    <td class="reason">{why}</td>
                </tr>
            }
        });
        let rows = rows.collect_view();
        view! {
            <Card title="Rejected rows" note>
                <dl class="reason-list">{counts}</dl>
                {cut}
                <details class="chart-twin">
                    <summary>"Lines and reasons"</summary>
                    <Table label="Rejected rows" columns is_dense=true>{rows}</Table>
                </details>
            </Card>
        }
    })
}
