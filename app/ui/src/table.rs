//! The only table of the product: always a head and a body, scrolling inside its own box.

use leptos::prelude::*;

use crate::figure::{Figure, Number};

/// The direction a column is sorted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortDirection {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// One column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    title: String,
    unit: Option<String>,
    is_numeric: bool,
    is_select: bool,
    sort_href: Option<String>,
    sorted: Option<SortDirection>,
    hint: Option<String>,
}

impl Column {
    /// A column of text.
    pub fn text(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..Self::default()
        }
    }

    /// A column of numbers: right-aligned, its unit in the heading ("" for none).
    pub fn numeric(title: impl Into<String>, unit: &str) -> Self {
        let unit = (!unit.is_empty()).then(|| unit.to_owned());
        Self {
            title: title.into(),
            unit,
            is_numeric: true,
            ..Self::default()
        }
    }

    /// A narrow first column of check boxes, named for readers only. Its cells are [`SelectCell`].
    pub fn select(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            is_select: true,
            ..Self::default()
        }
    }

    /// Makes the heading a link that sorts by it, and says how it is sorted now.
    #[must_use]
    pub fn sortable(mut self, href: impl Into<String>, sorted: Option<SortDirection>) -> Self {
        self.sort_href = Some(href.into());
        self.sorted = sorted;
        self
    }

    /// Explains the heading on hover.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A table. Its children are the `<tr>` rows; use [`NumberCell`] for numbers.
#[component]
pub fn Table(
    /// What it shows, for readers who do not see where it stands.
    #[prop(into)]
    label: String,
    /// The columns.
    #[prop(into)]
    columns: Signal<Vec<Column>>,
    /// Lower rows: for request lists and the data behind a chart.
    #[prop(optional)]
    is_dense: bool,
    /// The first column stays in view when the table is scrolled sideways.
    #[prop(default = true)]
    has_sticky_first: bool,
    /// The rows.
    children: Children,
) -> impl IntoView {
    let class = format!(
        "table{}{}",
        if is_dense { " dense" } else { "" },
        if has_sticky_first {
            " sticky-first"
        } else {
            ""
        },
    );
    let heads = move || columns.get().into_iter().map(head_cell).collect_view();
    let box_label = label.clone();
    // A box that scrolls must be reachable by keyboard.
    view! {
        <div class="table-box" role="region" aria-label=box_label tabindex="0">
            <table class=class aria-label=label>
                <thead>
                    <tr>{heads}</tr>
                </thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn head_cell(column: Column) -> impl IntoView {
    let Column {
        title,
        unit,
        is_numeric,
        is_select,
        sort_href,
        sorted,
        hint,
    } = column;
    let sort = sorted.map(|direction| match direction {
        SortDirection::Ascending => "ascending",
        SortDirection::Descending => "descending",
    });
    let class = match (is_numeric, is_select) {
        (true, _) => Some("numeric"),
        (_, true) => Some("select-cell"),
        _ => None,
    };
    let name = match sort_href {
        Some(href) => {
            view! { <a class="sort-link" href=href data-noscroll="true">{title}</a> }.into_any()
        }
        None if is_select => view! { <span class="visually-hidden">{title}</span> }.into_any(),
        None => title.into_any(),
    };
    let unit = unit.map(|unit| view! { <span class="column-unit">{unit}</span> });
    view! { <th scope="col" class=class aria-sort=sort title=hint>{name}{unit}</th> }
}

/// A cell with a number, right-aligned, exact on hover; a second line may stand under it.
#[component]
pub fn NumberCell(
    /// The value; its unit stands in the heading.
    figure: Figure,
    /// Spread, share or other small print under the value.
    #[prop(into, optional)]
    under: Option<String>,
) -> impl IntoView {
    view! {
        <td class="numeric">
            <Number figure />
            {under.map(|under| view! { <span class="under">{under}</span> })}
        </td>
    }
    .into_any()
}

/// The check box of a row.
#[component]
pub fn SelectCell(
    /// Name in the form.
    #[prop(into)]
    name: String,
    /// What is sent when checked: the row's id.
    #[prop(into)]
    value: String,
    /// The row's name.
    #[prop(into)]
    label: String,
    /// Called with whether it is checked.
    #[prop(into, optional)]
    on_change: Option<Callback<bool>>,
) -> impl IntoView {
    view! {
        <td class="select-cell">
            <input
                type="checkbox"
                name=name
                value=value
                aria-label=format!("Select {label}")
                on:change=move |event| {
                    if let Some(on_change) = on_change {
                        on_change.run(event_target_checked(&event));
                    }
                }
            />
        </td>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use domain::finite::Finite;

    use super::*;

    fn table() -> String {
        Owner::new().with(|| {
            let columns = vec![
                Column::select("Select"),
                Column::text("Name").sortable("?sort=name", None),
                Column::numeric("TTFT p50", "ms")
                    .sortable("?sort=ttft", Some(SortDirection::Descending)),
            ];
            let figure = Figure::new(Finite::new(182.25), "ms");
            view! {
                <Table label="Benchmarks" columns>
                    <tr>
                        <SelectCell name="ids" value="7" label="smoke" />
                        <th scope="row">"smoke"</th>
                        <NumberCell figure under="±1.2%" />
                    </tr>
                </Table>
            }
            .to_html()
        })
    }

    #[test]
    fn a_table_has_head_and_body() {
        let html = table();
        for part in [
            "<thead>",
            "<tbody>",
            r#"role="region""#,
            r#"aria-label="Select smoke""#,
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn sorting_is_a_link_and_announced_once() {
        let html = table();
        assert!(html.contains(r#"href="?sort=ttft""#), "{html}");
        assert_eq!(html.matches("aria-sort").count(), 1, "{html}");
        assert!(html.contains(r#"aria-sort="descending""#), "{html}");
    }

    #[test]
    fn numbers_have_units_in_the_heading_and_exact_titles() {
        let html = table();
        assert!(
            html.contains(r#"<span class="column-unit">ms</span>"#),
            "{html}"
        );
        assert!(html.contains(r#"title="182.25 ms""#), "{html}");
    }
}
