//! The table behind a chart.

use leptos::prelude::*;

use crate::table::{Column, Table};

/// Rows a table twin shows at most; it says when there are more.
pub const TWIN_ROWS_MAX: usize = 200;

/// A chart's data as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Twin {
    /// Headings with their units ("" for none). The first column names the row.
    pub columns: Vec<(String, String)>,
    /// Rows as long as the headings.
    pub rows: Vec<Vec<String>>,
}

impl Twin {
    /// A table without rows.
    pub fn with_columns(columns: &[(&str, &str)]) -> Self {
        let owned = |(title, unit): &(&str, &str)| ((*title).to_owned(), (*unit).to_owned());
        Self {
            columns: columns.iter().map(owned).collect(),
            rows: Vec::new(),
        }
    }
}

/// The table, cut at [`TWIN_ROWS_MAX`] rows.
#[component]
pub fn TwinTable(
    /// The chart's title.
    label: String,
    /// The data.
    twin: Twin,
) -> impl IntoView {
    let Twin { columns, rows } = twin;
    let columns: Vec<Column> = columns
        .into_iter()
        .map(|(title, unit)| Column::numeric(title, &unit))
        .collect();
    let left_out = rows.len().saturating_sub(TWIN_ROWS_MAX);
    let rows = rows.into_iter().take(TWIN_ROWS_MAX).map(|row| {
        let cells = row
            .into_iter()
            .map(|text| view! { <td class="numeric">{text}</td> });
        view! { <tr>{cells.collect_view()}</tr> }
    });
    view! {
        <Table label columns is_dense=true has_sticky_first=false>
            {rows.collect_view()}
        </Table>
        {(left_out > 0)
            .then(|| view! { <p class="note">{format!("{left_out} more rows are left out here; exports have them all.")}</p> })}
    }
    .into_any()
}
