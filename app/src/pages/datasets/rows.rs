//! The preview of a dataset's rows, page by page.

use domain::dataset::{ChatRole, DatasetRow, RowPage};
use domain::id::DatasetId;
use leptos::prelude::*;
use ui::card::Card;
use ui::feedback::EmptyState;
use ui::figure::Figure;
use ui::format;
use ui::table::{Column, NumberCell, Table};

use crate::pages::parts::pager;
use crate::query::url_with;
use crate::routes;

/// Rows of a page.
pub(super) const ROWS_OF_A_PAGE: u32 = 20;
/// Characters of a message that are shown.
const MESSAGE_CHARS_MAX: usize = 600;

/// One page of rows.
#[component]
pub fn RowsPreview(
    /// Whose rows.
    id: DatasetId,
    /// The number of the page, from 1.
    page_number: u32,
    /// The rows.
    page: RowPage,
) -> impl IntoView {
    let note = format::plural(page.total_count.into(), "row", "rows");
    let first = u64::from(page_number.saturating_sub(1)) * u64::from(ROWS_OF_A_PAGE);
    let last = first + page.rows.len() as u64;
    let at_page = |number: u32| {
        let number = number.to_string();
        format!(
            "{}#rows",
            url_with(&routes::dataset(id), &[("page", number)])
        )
    };
    let has_next = last < u64::from(page.total_count);
    let previous = (page_number > 1).then(|| at_page(page_number - 1));
    let next = has_next.then(|| at_page(page_number + 1));
    let content = if page.rows.is_empty() {
        view! { <EmptyState title="No rows here" text="The page is past the end." /> }.into_any()
    } else {
        let summary = format!(
            "Showing {}–{} of {}",
            format::count(first + 1),
            format::count(last),
            format::plural(page.total_count.into(), "row", "rows")
        );
        let columns = vec![
            Column::numeric("Line", "").with_hint("Line of the imported file where the row begins"),
            Column::text("Prompt"),
            Column::numeric("Prompt", "tokens"),
            Column::numeric("Answer", "tokens"),
        ];
        let rows = page.rows.into_iter().map(row).collect_view();
        view! {
            <Table label="Rows" columns is_dense=true>{rows}</Table>
            {pager(summary, previous, next)}
        }
        .into_any()
    };
    view! { <div id="rows"><Card title="Rows" note>{content}</Card></div> }
}

fn row(row: DatasetRow) -> impl IntoView {
    let is_plain = row.messages.len() == 1;
    let messages = row.messages.into_iter().map(|message| {
        let role = (!is_plain).then(|| {
            let name = match message.role {
                ChatRole::System => "System",
                ChatRole::User => "User",
                ChatRole::Assistant => "Assistant",
            };
            view! { <span class="message-role">{name}</span> }
        });
        let (text, is_cut) = shortened(&message.content);
        let cut = is_cut.then(|| {
            let count = message.content.chars().count() as u64;
            view! { <span class="note">{format!(" … {} characters in all", format::count(count))}</span> }
        });
        view! { <p class="message">{role}{text}{cut}</p> }
    });
    let messages = messages.collect_view();
    let output = row.output_tokens.map_or_else(
        || Figure::new(None, "tokens"),
        |tokens| Figure::of_count(tokens.into(), "tokens"),
    );
    view! {
        <tr>
            <th scope="row" class="numeric">{format::count(row.line.into())}</th>
            <td class="messages">{messages}</td>
            <NumberCell figure=Figure::of_count(row.input_tokens.into(), "tokens") />
            <NumberCell figure=output />
        </tr>
    }
}

/// The beginning of a text, and whether something was cut off.
fn shortened(text: &str) -> (String, bool) {
    match text.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => (text.get(..end).unwrap_or_default().to_owned(), true),
        None => (text.to_owned(), false),
    }
}

#[cfg(test)]
mod tests {
    use domain::dataset::Message;

    use super::*;

    #[test]
    fn long_messages_are_cut_and_say_so() {
        let messages = vec![
            Message::new(ChatRole::System, "Be <brief>."),
            Message::new(ChatRole::User, "ä".repeat(1_000)),
        ];
        let page = RowPage {
            rows: vec![DatasetRow {
                line: 41,
                messages,
                input_tokens: 7,
                output_tokens: None,
            }],
            total_count: 21,
        };
        let id = "00000000-0000-0000-0000-000000000007".parse().unwrap();
        let html = Owner::new().with(|| view! { <RowsPreview id page_number=2 page /> }.to_html());
        for part in [
            "Be &lt;brief",
            "1,000 characters in all",
            "Showing 21–21 of 21 rows",
            "?page=1#rows",
            ">41<",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert_eq!(html.matches('ä').count(), MESSAGE_CHARS_MAX);
    }
}
