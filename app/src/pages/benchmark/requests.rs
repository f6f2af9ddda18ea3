//! The request table: paged, sorted and filtered in the URL.

use domain::finite::Finite;
use domain::id::BenchmarkId;
use domain::measure::record::{Outcome, RequestField, RequestPhase};
use domain::requests::{RequestPage, RequestQuery, RequestRow};
use leptos::prelude::*;
use ui::badge::Badge;
use ui::feedback::EmptyState;
use ui::figure::Figure;
use ui::format;
use ui::table::{Column, NumberCell, SortDirection, Table};
use ui::tone::Tone;

use super::request_filters::RequestFilters;
use super::url::ResultUrl;
use crate::pages::parts::pager;

/// The table with its filter and pager.
#[component]
pub fn RequestTable(
    /// Whose requests.
    id: BenchmarkId,
    /// The page as it stands.
    url: ResultUrl,
    /// The rows.
    page: RequestPage,
    /// How many requests of the measured window failed.
    failed_count: u32,
) -> impl IntoView {
    let query = &url.requests;
    let filter = view! { <RequestFilters id url=url.clone() failed_count /> };
    let summary = showing(query, &page);
    let has_next = u64::from(query.page) * u64::from(query.page_size) < u64::from(page.total_count);
    let at_page = |number: u32| {
        // The page opens at the table, not above the figures.
        let href = url.with_requests(|query| query.page = number).href(id);
        format!("{href}#requests")
    };
    let previous = (query.page > 1).then(|| at_page(query.page - 1));
    let next = has_next.then(|| at_page(query.page + 1));
    let columns = columns(id, &url);
    if page.rows.is_empty() {
        return view! {
            {filter}
            <EmptyState title="No requests here" text="No request matches these filters, or the page is past the end." />
        }
        .into_any();
    }
    view! {
        {filter}
        <p class="note">"Every request, warm-up and drain included. A failed request keeps its row."</p>
        <Table label="Requests" columns=Signal::stored(columns) is_dense=true>
            {page.rows.into_iter().map(row).collect_view()}
        </Table>
        {pager(summary, previous, next)}
    }
    .into_any()
}

/// `Showing 51–100 of 1,920 requests`.
fn showing(query: &RequestQuery, page: &RequestPage) -> String {
    let first = u64::from(query.page.saturating_sub(1)) * u64::from(query.page_size) + 1;
    let last = first + (page.rows.len() as u64).saturating_sub(1);
    format!(
        "Showing {}–{} of {}",
        format::count(first),
        format::count(last),
        format::plural(page.total_count.into(), "request", "requests")
    )
}

fn columns(id: BenchmarkId, url: &ResultUrl) -> Vec<Column> {
    let sorted = |column: Column, field: RequestField| {
        let is_sorted = url.requests.sort == Some(field);
        let was_descending = is_sorted && url.requests.is_descending;
        let direction = is_sorted.then_some(if was_descending {
            SortDirection::Descending
        } else {
            SortDirection::Ascending
        });
        // The first press shows the largest: slow requests are what one looks for.
        let target = url.with_requests(|query| {
            query.sort = Some(field);
            query.is_descending = !was_descending;
            query.page = 1;
        });
        column.sortable(target.href(id), direction)
    };
    let numeric =
        |title: &str, field: RequestField| sorted(Column::numeric(title, field.unit()), field);
    vec![
        Column::text("Request"),
        Column::text("Outcome"),
        numeric("Sent at", RequestField::SentAt),
        numeric("TTFT", RequestField::Ttft),
        numeric("TPOT", RequestField::Tpot),
        numeric("ITL mean", RequestField::Itl),
        numeric("E2E", RequestField::Latency),
        numeric("Late", RequestField::QueueDelay)
            .with_hint("How much later than scheduled the client sent it"),
        numeric("Prompt", RequestField::PromptLen),
        numeric("Answer", RequestField::OutputLen),
        numeric("Per user", RequestField::ReqOutputThroughput),
    ]
}

fn row(row: RequestRow) -> impl IntoView {
    let part = match row.phase {
        RequestPhase::WarmUp => Some("warm-up"),
        RequestPhase::Drained => Some("drain"),
        RequestPhase::Measured => None,
    };
    let part = part.map(|part| view! { " " <span class="note">{part}</span> });
    let again = row.reconnected.then(|| {
        view! { " " <span class="note" title="A reused connection was already closed; it went out again on a fresh one.">"sent again"</span> }
    });
    let number = |value: Option<Finite>, unit: &str| Figure::new(value, unit);
    // Instants are compared down the column: all with the same decimals.
    let sent_at = Figure {
        text: format::fixed(row.sent_at_s.get(), 3),
        ..number(Some(row.sent_at_s), "s")
    };
    let outcome = outcome(&row);
    view! {
        <tr>
            <th scope="row">{format!("#{}", row.index)} {part} {again}</th>
            <td class="request-outcome">{outcome}</td>
            <NumberCell figure=sent_at />
            <NumberCell figure=number(row.ttft_ms, "ms") />
            <NumberCell figure=number(row.tpot_ms, "ms") />
            <NumberCell figure=number(row.itl_mean_ms, "ms") />
            <NumberCell figure=number(row.e2e_ms, "ms") />
            <NumberCell figure=number(row.queue_delay_ms, "ms") />
            <NumberCell figure=Figure::of_count(row.input_tokens.into(), "tokens") />
            <NumberCell figure=Figure::of_count(row.output_tokens.into(), "tokens") />
            <NumberCell figure=number(row.output_tok_per_s, "tok/s") />
        </tr>
    }
}

fn outcome(row: &RequestRow) -> impl IntoView + use<> {
    if row.outcome == Outcome::Ok {
        return view! { <Badge tone=Tone::Good label="Answered" /> }.into_any();
    }
    let label = match (row.outcome, row.http_status) {
        (Outcome::Http4xx | Outcome::Http429 | Outcome::Http5xx, Some(status)) => {
            format!("HTTP {status}")
        }
        (outcome, _) => outcome.as_str().replace('_', " "),
    };
    let why = row.outcome.in_words();
    let text = row.error.clone();
    view! {
        <Badge tone=Tone::Bad label title=why />
        <span class="request-error">{if text.is_empty() { why.to_owned() } else { text }}</span>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(outcome: Outcome, error: &str) -> RequestPage {
        let row = RequestRow {
            index: 51,
            phase: RequestPhase::Measured,
            outcome,
            http_status: Some(503),
            error: error.to_owned(),
            sent_at_s: Finite::from(3),
            ttft_ms: None,
            tpot_ms: None,
            itl_mean_ms: None,
            e2e_ms: None,
            queue_delay_ms: None,
            input_tokens: 512,
            output_tokens: 0,
            output_tok_per_s: None,
            reconnected: false,
        };
        RequestPage {
            rows: vec![row],
            total_count: 120,
        }
    }

    fn html(url: ResultUrl, page: RequestPage) -> String {
        let id = "00000000-0000-0000-0000-000000000007".parse().unwrap();
        Owner::new().with(|| view! { <RequestTable id url page failed_count=4 /> }.to_html())
    }

    #[test]
    fn a_failed_request_tells_the_servers_own_words() {
        let url = ResultUrl::default().with_requests(|query| query.page = 2);
        let html = html(url, page(Outcome::Http5xx, "out of memory"));
        for part in [
            "HTTP 503",
            "out of memory",
            "3.000",
            "Showing 51–51 of 120 requests",
            "page=3",
            "Only the 4 that failed",
            "sort=-ttft",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn a_second_press_turns_the_order() {
        let url = ResultUrl::default().with_requests(|query| {
            query.sort = Some(RequestField::Ttft);
            query.is_descending = true;
        });
        let html = html(url, page(Outcome::Timeout, ""));
        assert!(html.contains(r#"?sort=ttft""#), "{html}");
        assert!(html.contains(r#"aria-sort="descending""#), "{html}");
        assert!(html.contains("no complete answer in time"), "{html}");
    }
}
