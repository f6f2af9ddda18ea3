//! Open loop: latencies from the schedule and from the send, side by side.

use domain::measure::quantile::{Distribution, has_few_samples};
use domain::measure::summary::Summary;
use leptos::prelude::*;
use ui::definition::DefinitionMark;
use ui::figure::Figure;
use ui::table::{Column, NumberCell, Table};

use super::cards::bounds_in_words;

/// Both clocks of TTFT and E2E latency. Shows nothing in closed loop, where they are one.
#[component]
pub fn Origins(
    /// The figures.
    summary: Summary,
) -> impl IntoView {
    let send = |metric: &Option<domain::measure::summary::MetricSummary>| {
        metric.as_ref().map(|metric| metric.distribution.clone())
    };
    let rows = [
        ("TTFT from schedule", summary.ttft_from_schedule_ms.clone()),
        ("TTFT from send", send(&summary.ttft_ms)),
        ("E2E from schedule", summary.e2e_from_schedule_ms.clone()),
        ("E2E from send", send(&summary.e2e_ms)),
    ];
    if summary.ttft_from_schedule_ms.is_none() {
        return ().into_any();
    }
    let rows = rows
        .into_iter()
        .filter_map(|(name, of)| Some(row(name, &of?)));
    let columns = vec![
        Column::text("Clock"),
        Column::numeric("mean", "ms"),
        Column::numeric("p50", "ms"),
        Column::numeric("p90", "ms"),
        Column::numeric("p95", "ms"),
        Column::numeric("p99", "ms"),
        Column::numeric("p99, 95 % bounds", "ms")
            .with_hint("The interval that holds the true p99 in 95 of 100 such runs"),
        Column::numeric("max", "ms"),
    ];
    view! {
        <section class="stack tight" aria-labelledby="origins">
            <div class="heading-with-mark">
                <h2 id="origins">"From schedule and from send"</h2>
                <DefinitionMark key="from_schedule" />
            </div>
            <p class="muted">{finding(&summary)}</p>
            <Table label="Latency from schedule and from send" columns=Signal::stored(columns) is_dense=true>
                {rows.collect_view()}
            </Table>
        </section>
    }
    .into_any()
}

fn row(name: &'static str, of: &Distribution) -> AnyView {
    let number = |value, p| {
        let figure = Figure::new(Some(value), "ms").with_few_samples(has_few_samples(of.count, p));
        view! { <NumberCell figure /> }
    };
    let bounds = of
        .bounds
        .as_ref()
        .and_then(|bounds| bounds_in_words(&bounds.p99));
    view! {
        <tr>
            <th scope="row">{name}</th>
            <NumberCell figure=Figure::new(Some(of.mean), "ms") />
            {number(of.median, 50.0)}
            {number(of.p90, 90.0)}
            {number(of.p95, 95.0)}
            {number(of.p99, 99.0)}
            <NumberCell figure=Figure::of_text(bounds.unwrap_or_else(|| "–".to_owned())) />
            <NumberCell figure=Figure::new(Some(of.max), "ms") />
        </tr>
    }
    .into_any()
}

/// What waiting in the client adds.
fn finding(summary: &Summary) -> String {
    let (Some(planned), Some(sent)) = (&summary.e2e_from_schedule_ms, &summary.e2e_ms) else {
        return "Nothing was answered.".to_owned();
    };
    let waited_ms = planned.mean.get() - sent.distribution.mean.get();
    if waited_ms < 1.0 {
        return "Requests went out when they were due: both clocks agree.".to_owned();
    }
    format!(
        "A request waited {} in the client on average. Figures from send hide that; those from schedule are the ones to quote.",
        ui::format::duration_ms(waited_ms)
    )
}

#[cfg(test)]
mod tests {
    use domain::finite::Finite;

    use super::super::fixture;
    use super::*;

    fn html(summary: Summary) -> String {
        Owner::new().with(|| view! { <Origins summary /> }.to_html())
    }

    #[test]
    fn open_loop_has_both_clocks_and_says_what_waiting_added() {
        let mut summary = fixture::summary(150, 0);
        assert!(!html(summary.clone()).contains("<table"), "closed loop");
        let later = |of: &Distribution| Distribution {
            mean: Finite::new(of.mean.get() + 400.0).unwrap(),
            ..of.clone()
        };
        let (ttft, e2e) = (
            summary.ttft_ms.clone().unwrap(),
            summary.e2e_ms.clone().unwrap(),
        );
        summary.ttft_from_schedule_ms = Some(later(&ttft.distribution));
        summary.e2e_from_schedule_ms = Some(later(&e2e.distribution));
        let shown = html(summary.clone());
        assert!(
            shown.contains("A request waited 400 ms in the client"),
            "{shown}"
        );
        for clock in [
            "TTFT from schedule",
            "TTFT from send",
            "E2E from schedule",
            "E2E from send",
        ] {
            assert!(shown.contains(clock), "{clock} in {shown}");
        }
        summary.e2e_from_schedule_ms = Some(e2e.distribution);
        assert!(html(summary).contains("both clocks agree"));
    }
}
