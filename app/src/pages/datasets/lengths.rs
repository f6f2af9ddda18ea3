//! Token lengths of a dataset as charts.

use domain::dataset::{Dataset, LengthSummary};
use domain::finite::Finite;
use leptos::prelude::*;
use ui::card::{Card, MetricDetail};
use ui::chart::{ChartData, ChartPanel, HistogramChart, Hue, MarkLineAt};
use ui::figure::{Figure, Number};
use ui::format;

/// Both histograms with their figures.
#[component]
pub fn LengthCharts(
    /// A dataset that is ready.
    dataset: Dataset,
) -> impl IntoView {
    let input = dataset
        .input
        .map(|lengths| view! { <LengthChart title="Prompt length" lengths hue=Hue::Blue one="prompt" counted="prompts" /> });
    let output = match dataset.output {
        Some(lengths) => {
            view! { <LengthChart title="Answer length" lengths hue=Hue::Teal one="answer" counted="answers" /> }
                .into_any()
        }
        None => view! {
            <Card title="Answer length">
                <p class="note">"No row tells how long its answer should be. A benchmark asks for its own number of tokens then."</p>
            </Card>
        }
        .into_any(),
    };
    view! { <div class="grid-2">{input} {output}</div> }
}

#[component]
fn LengthChart(
    title: &'static str,
    lengths: LengthSummary,
    hue: Hue,
    one: &'static str,
    counted: &'static str,
) -> impl IntoView {
    let LengthSummary {
        distribution,
        histogram,
    } = lengths;
    let note = format!(
        "tokens · {}",
        format::plural(distribution.count, one, counted)
    );
    let mark = |label: &str, value: Finite| MarkLineAt {
        label: label.to_owned(),
        value,
    };
    let chart = HistogramChart {
        histogram,
        unit: "tokens".to_owned(),
        counted: counted.to_owned(),
        marks: vec![
            mark("p50", distribution.median),
            mark("p95", distribution.p95),
        ],
        hue,
    };
    let finding = format!(
        "Half of the {counted} have at most {} tokens, 95% at most {}; the longest has {}.",
        tokens(distribution.median).0,
        tokens(distribution.p95).0,
        tokens(distribution.max).0,
    );
    let details = [
        ("min", distribution.min),
        ("median", distribution.median),
        ("mean", distribution.mean),
        ("p95", distribution.p95),
        ("max", distribution.max),
    ];
    let details = details.map(|(label, value)| {
        let detail = MetricDetail::new(label, tokens(value).1);
        view! {
            <div>
                <dt>{detail.label}</dt>
                <dd><Number figure=detail.figure is_focusable=true /></dd>
            </div>
        }
    });
    view! {
        <div class="stack">
            <ChartPanel
                title
                note=Signal::stored(note)
                data=Signal::stored(ChartData::Histogram(chart))
                finding
            />
            <dl class="metric-details length-figures">{details.into_iter().collect_view()}</dl>
        </div>
    }
}

/// A number of tokens as text and as a figure: whole numbers without decimals.
fn tokens(value: Finite) -> (String, Figure) {
    let number = value.get();
    if number.fract() == 0.0 && number >= 0.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, not negative, and no length is near 2^53"
        )]
        let whole = number as u64;
        (format::count(whole), Figure::of_count(whole, "tokens"))
    } else {
        (format::number(number), Figure::new(Some(value), "tokens"))
    }
}
