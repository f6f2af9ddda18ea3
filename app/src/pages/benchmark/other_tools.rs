//! What other tools would print about the same requests, and why it differs.

use domain::finite::Finite;
use domain::measure::other_tools::{LatencyFigures, ToolFigures};
use domain::measure::summary::{MetricSummary, Summary};
use leptos::prelude::*;
use ui::definition::DefinitionMark;
use ui::figure::Figure;
use ui::format;
use ui::table::{Column, NumberCell, Table};

/// One line of the table: our figure, theirs, and the definition that makes them differ.
struct Row {
    label: String,
    is_count: bool,
    ours: Option<Finite>,
    theirs: Vec<Option<Finite>>,
    why: &'static str,
}

/// The table, folded. Shows nothing for results of before it was computed, or without requests.
#[component]
pub fn OtherToolsTable(
    /// The figures.
    summary: Summary,
) -> impl IntoView {
    if summary.other_tools.is_empty() {
        return ().into_any();
    }
    let mut columns = vec![Column::text("Figure"), Column::numeric("Assay", "")];
    let names = summary.other_tools.iter().map(|of| of.tool.label());
    columns.extend(names.map(|name| Column::numeric(name, "")));
    columns.push(Column::text("What makes them differ"));
    let rows = rows(&summary).into_iter().map(|row| {
        let theirs = row.theirs.into_iter().map(|value| {
            view! { <NumberCell figure=figure(value, row.is_count) /> }
        });
        view! {
            <tr>
                <th scope="row">{row.label}</th>
                <NumberCell figure=figure(row.ours, row.is_count) />
                {theirs.collect_view()}
                <td class="other-tools-why">{row.why}</td>
            </tr>
        }
    });
    view! {
        <details class="other-tools">
            <summary><h2>"What other tools would print"</h2></summary>
            <div class="stack tight">
                <p class="muted">
                    "From the records of this run, by each tool's own definitions. What its client would have added to the load or to the clock is not in here. "
                    <DefinitionMark key="other_tools" />
                </p>
                <Table label="What other tools would print" columns=Signal::stored(columns) is_dense=true>
                    {rows.collect_view()}
                </Table>
            </div>
        </details>
    }
    .into_any()
}

/// A number, whole where it counts.
fn figure(value: Option<Finite>, is_count: bool) -> Figure {
    match value.filter(|_| is_count) {
        Some(count) => Figure {
            text: format::fixed(count.get(), 0),
            ..Figure::new(value, "")
        },
        None => Figure::new(value, ""),
    }
}

fn rows(summary: &Summary) -> Vec<Row> {
    let figures = |label: &str, ours, theirs: fn(&ToolFigures) -> Option<Finite>, why| Row {
        label: label.to_owned(),
        is_count: false,
        ours,
        theirs: summary.other_tools.iter().map(theirs).collect(),
        why,
    };
    let count = |count: u32| Some(Finite::from(count));
    let counts = |label: &str, ours, theirs: fn(&ToolFigures) -> Option<Finite>, why| Row {
        is_count: true,
        ..figures(label, ours, theirs, why)
    };
    let mut rows = vec![
        counts(
            "Successful requests",
            count(summary.completed_count),
            |of| Some(Finite::from(of.completed_count)),
            "vLLM and SGLang count an error inside a 200 stream, and one that ends in order before its answer is whole, as success; SGLang an empty answer too. A connection that breaks off, or an event that is no JSON, is a failure to all. Both count what a deadline cuts off here.",
        ),
        figures(
            "Duration (s)",
            Some(summary.duration_s),
            |of| Some(of.duration_s),
            "Theirs ends with the last answer, the drain included; GuideLLM's spans its successful requests alone.",
        ),
        figures(
            "Requests (1/s)",
            summary.request_per_s,
            |of| of.request_per_s,
            "Their count over their duration.",
        ),
        figures(
            "Output throughput (tok/s)",
            summary.output_tok_per_s,
            |of| of.output_tok_per_s,
            "SGLang does not ask the server for usage: it takes the length that was asked for as the answer's.",
        ),
        figures(
            "Peak throughput (tok/s)",
            summary.peak_output_tok_per_s,
            |of| of.peak_events_per_s.map(Finite::from),
            "They count stream events and call them tokens, the drain included; ours are tokens.",
        ),
        figures(
            "In flight, mean",
            summary.concurrency.map(|level| level.average),
            |of| of.concurrency_average,
            "The sum of latencies over the duration; ours is weighted by time over the measured window.",
        ),
        counts(
            "In flight, peak",
            summary.concurrency.and_then(|level| count(level.peak)),
            |of| of.concurrency_peak.map(Finite::from),
            "A request counts in every second that it touches, so that two in turn count as two at once; ours is exact.",
        ),
    ];
    rows.extend(latency("TTFT", summary.ttft_ms.as_ref(), summary, |of| of.ttft_ms,
        "Their clocks start before a connection is open. vLLM's stops at the first event with choices, even an empty one, which can be earlier still: such events are not recorded here."));
    rows.extend(latency("TPOT", summary.tpot_ms.as_ref(), summary, |of| of.tpot_ms,
        "SGLang's last token is the end of the stream, usage and [DONE] included; GuideLLM divides the whole answer, TTFT included, by all tokens."));
    rows.extend(latency("ITL", summary.itl_ms.as_ref(), summary, |of| of.itl_ms,
        "One sample a chunk for vLLM and SGLang, as here, within 0.1 %. GuideLLM's is what others call TPOT, weighted by tokens."));
    rows.extend(latency("E2E latency", summary.e2e_ms.as_ref(), summary, |of| of.e2e_ms,
        "SGLang and GuideLLM go on to the end of the stream; all start before the connection is open, and none from the schedule."));
    rows
}

/// Mean, median and p99 of a latency from send; the reason stands with the first.
fn latency(
    name: &str,
    ours: Option<&MetricSummary>,
    summary: &Summary,
    theirs: fn(&ToolFigures) -> Option<LatencyFigures>,
    why: &'static str,
) -> Vec<Row> {
    type Part = fn(&LatencyFigures) -> Finite;
    let ours = ours.map(|metric| LatencyFigures {
        mean_ms: metric.distribution.mean,
        median_ms: metric.distribution.median,
        p99_ms: metric.distribution.p99,
    });
    let parts: [(&str, Part); 3] = [
        ("mean", |of| of.mean_ms),
        ("p50", |of| of.median_ms),
        ("p99", |of| of.p99_ms),
    ];
    let rows = parts
        .into_iter()
        .enumerate()
        .map(|(place, (part, value))| Row {
            label: format!("{name} {part} (ms)"),
            is_count: false,
            ours: ours.as_ref().map(value),
            theirs: summary
                .other_tools
                .iter()
                .map(|of| theirs(of).as_ref().map(value))
                .collect(),
            why: if place == 0 { why } else { "" },
        });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn every_tool_has_a_column_and_every_group_a_reason() {
        let summary = fixture::summary(20, 1);
        let html = Owner::new().with(|| view! { <OtherToolsTable summary /> }.to_html());
        for part in [
            "vLLM bench serve",
            "SGLang bench_serving",
            "GuideLLM",
            "TPOT p99 (ms)",
            "what others call TPOT",
            ">19</span>",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        // 60 ms of two tokens: one gap here, half of 100 ms there.
        let rows = rows(&fixture::summary(20, 0));
        let tpot = rows
            .iter()
            .find(|row| row.label == "TPOT mean (ms)")
            .unwrap();
        assert_eq!(tpot.ours.unwrap().get(), 60.0);
        let theirs: Vec<f64> = tpot
            .theirs
            .iter()
            .map(|value| value.unwrap().get())
            .collect();
        assert_eq!(theirs, [60.0, 60.0, 50.0]);
    }

    #[test]
    fn a_result_of_before_shows_none() {
        let mut summary = fixture::summary(20, 0);
        summary.other_tools.clear();
        let html = Owner::new().with(|| view! { <OtherToolsTable summary /> }.to_html());
        assert!(!html.contains("table"), "{html}");
    }
}
