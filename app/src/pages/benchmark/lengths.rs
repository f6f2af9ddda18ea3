//! Latency by prompt or answer length, for every method. What is shown stands in the URL.

use domain::finite::Finite;
use domain::id::BenchmarkId;
use domain::measure::length_bins::{LengthAnalysis, LengthBin, LengthSide};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use ui::chart::{BucketSeries, BucketsChart, ChartData, ChartPanel, Hue};
use ui::figure::Figure;
use ui::format;
use ui::table::{Column, NumberCell, Table};

use super::scatter::hidden_pairs;
use super::url::{LengthsUrl, ResultUrl};

/// Numbers of bins to choose from.
const BIN_COUNTS: [u32; 5] = [2, 5, 10, 20, 50];
/// Latencies that differ by less than this factor are told as equal.
const SAME_FACTOR: f64 = 1.1;

/// The selects above the charts. A form that works without script; with it, a choice is enough.
#[component]
pub fn LengthFields(
    /// Whose requests.
    id: BenchmarkId,
    /// The page as it stands.
    url: ResultUrl,
) -> impl IntoView {
    let navigate = use_navigate();
    let LengthsUrl { side, bin_count } = url.lengths;
    let kept = hidden_pairs(&url, &["lengths", "bins"]);
    let go = move |side: LengthSide, bin_count: u32| {
        let target = ResultUrl {
            lengths: LengthsUrl { side, bin_count },
            ..url.clone()
        };
        let options = NavigateOptions {
            scroll: false,
            replace: true,
            ..NavigateOptions::default()
        };
        navigate(&target.href(id), options);
    };
    let go_bins = go.clone();
    let sides = [
        (LengthSide::Input, "Prompts"),
        (LengthSide::Output, "Answers"),
    ];
    let sides = sides.map(|(value, label)| {
        view! { <option value=value.as_str() selected=value == side>{label}</option> }
    });
    let mut counts = BIN_COUNTS.to_vec();
    if !counts.contains(&bin_count) {
        counts.push(bin_count);
        counts.sort_unstable();
    }
    let counts = counts.into_iter().map(|count| {
        view! { <option value=count.to_string() selected=count == bin_count>{count}</option> }
    });
    view! {
        <form class="scatter-fields" method="get" action=crate::routes::benchmark(id)>
            {kept}
            <label>
                "Length of "
                <select class="control" name="lengths" on:change=move |event| {
                    if let Some(side) = LengthSide::parse(&event_target_value(&event)) {
                        go(side, bin_count);
                    }
                }>{sides.collect_view()}</select>
            </label>
            <label>
                "Bins "
                <select class="control" name="bins" on:change=move |event| {
                    if let Ok(count) = event_target_value(&event).parse() {
                        go_bins(side, count);
                    }
                }>{counts.collect_view()}</select>
            </label>
            <button class="button small without-script" type="submit">"Show lengths"</button>
        </form>
    }
}

/// What was found, the charts, and all figures as a table.
#[component]
pub fn Lengths(
    /// The requests by length.
    analysis: LengthAnalysis,
) -> impl IntoView {
    let finding = view! { <p class="muted">{finding(&analysis)}</p> };
    if analysis.request_count == 0 {
        return finding.into_any();
    }
    let table = view! { <LengthTable analysis=analysis.clone() /> };
    if analysis.has_one_length() {
        return view! { {finding} {table} }.into_any();
    }
    let note = format!(
        "tokens · {}",
        format::plural(analysis.request_count.into(), "request", "requests")
    );
    let panels = charts(&analysis).into_iter().map(|(title, chart)| {
        let data = Signal::stored(ChartData::Buckets(chart));
        view! { <ChartPanel title data note=Signal::stored(note.clone()) /> }
    });
    view! {
        {finding}
        <div class="grid-2">{panels.collect_view()}</div>
        <details class="chart-twin">
            <summary>"All figures as a table"</summary>
            {table}
        </details>
    }
    .into_any()
}

/// `prompt` or `answer`.
fn noun(side: LengthSide) -> &'static str {
    match side {
        LengthSide::Input => "prompt",
        LengthSide::Output => "answer",
    }
}

fn ms(seconds: Option<Finite>) -> Option<Finite> {
    seconds.and_then(|seconds| Finite::new(seconds.get() * 1e3))
}

/// Edges in tokens, with a decimal only where they have one.
fn range_in_words(bin: &LengthBin) -> String {
    let edge = |edge: Finite| {
        let decimals = usize::from(edge.get().fract().abs() > 1e-9);
        format::fixed(edge.get(), decimals)
    };
    format!("{}–{}", edge(bin.from_tokens), edge(bin.to_tokens))
}

fn charts(analysis: &LengthAnalysis) -> Vec<(String, BucketsChart)> {
    type Value = fn(&LengthBin) -> Option<Finite>;
    let noun = noun(analysis.side);
    let chart = |series: Vec<BucketSeries>, unit: &str| BucketsChart {
        across: noun.to_owned(),
        across_unit: "tokens".to_owned(),
        ranges: analysis.bins.iter().map(range_in_words).collect(),
        series,
        unit: unit.to_owned(),
    };
    let series = |name: &str, hue, value: Value| BucketSeries {
        name: name.to_owned(),
        hue,
        values: analysis.bins.iter().map(value).collect(),
    };
    let pair = |hue, mean: Value, p95: Value| {
        chart(
            vec![series("mean", hue, mean), series("p95", Hue::Grey, p95)],
            "ms",
        )
    };
    let counts = series("requests", Hue::Grey, |bin| {
        Some(Finite::from(bin.request_count))
    });
    let titled = |what: &str, chart| (format!("{what} by {noun} length"), chart);
    vec![
        titled("Requests", chart(vec![counts], "")),
        titled(
            "TTFT",
            pair(
                Hue::TTFT,
                |bin| ms(bin.avg_ttft_s),
                |bin| ms(bin.p95_ttft_s),
            ),
        ),
        titled(
            "TPOT",
            pair(
                Hue::TPOT,
                |bin| ms(bin.avg_tpot_s),
                |bin| ms(bin.p95_tpot_s),
            ),
        ),
        titled(
            "E2E latency",
            pair(
                Hue::E2E,
                |bin| ms(bin.avg_latency_s),
                |bin| ms(bin.p95_latency_s),
            ),
        ),
    ]
}

/// Every figure of every bin; of the one that has requests where all are of one length.
#[component]
fn LengthTable(
    /// The requests by length.
    analysis: LengthAnalysis,
) -> impl IntoView {
    let noun = noun(analysis.side);
    let columns = vec![
        Column::text(match analysis.side {
            LengthSide::Input => "Prompt (tokens)",
            LengthSide::Output => "Answer (tokens)",
        }),
        Column::numeric("Requests", ""),
        Column::numeric("TTFT mean", "ms"),
        Column::numeric("TTFT p95", "ms"),
        Column::numeric("TPOT mean", "ms"),
        Column::numeric("TPOT p95", "ms"),
        Column::numeric("E2E mean", "ms"),
        Column::numeric("E2E p95", "ms"),
        Column::numeric("Answer mean", "tokens"),
    ];
    let one_length = analysis.has_one_length().then_some(analysis.max_tokens);
    let bins = analysis
        .bins
        .into_iter()
        .filter(move |bin| one_length.is_none() || bin.request_count > 0);
    let rows = bins.map(move |bin| {
        let range = one_length.map_or_else(
            || range_in_words(&bin),
            |tokens| format::count(tokens.into()),
        );
        let number = |seconds| Figure::new(ms(seconds), "ms");
        view! {
            <tr>
                <th scope="row">{range}</th>
                <NumberCell figure=Figure::of_count(bin.request_count.into(), "requests") />
                <NumberCell figure=number(bin.avg_ttft_s) />
                <NumberCell figure=number(bin.p95_ttft_s) />
                <NumberCell figure=number(bin.avg_tpot_s) />
                <NumberCell figure=number(bin.p95_tpot_s) />
                <NumberCell figure=number(bin.avg_latency_s) />
                <NumberCell figure=number(bin.p95_latency_s) />
                <NumberCell figure=Figure::new(bin.avg_output_len, "tokens") />
            </tr>
        }
    });
    view! {
        <Table label=format!("Latency by {noun} length") columns=Signal::stored(columns) is_dense=true>
            {rows.collect_view()}
        </Table>
    }
}

/// What the bins say, in a sentence or two.
fn finding(analysis: &LengthAnalysis) -> String {
    let noun = noun(analysis.side);
    if analysis.request_count == 0 {
        return "No request of the measured window was answered: there are no lengths to compare."
            .to_owned();
    }
    if analysis.has_one_length() {
        return format!(
            "All {} had {noun}s of {}: one length, so one bin. Run it with varied lengths to see how latency depends on them.",
            format::plural(
                analysis.request_count.into(),
                "measured request",
                "measured requests"
            ),
            format::plural(analysis.max_tokens.into(), "token", "tokens"),
        );
    }
    let spread = format!(
        "{noun}s had {} to {} tokens",
        format::count(analysis.min_tokens.into()),
        format::count(analysis.max_tokens.into())
    );
    let spread = crate::pages::wording::capitalised(&spread);
    // Prefill is what a prompt's length costs, decoding what an answer's does.
    let (metric, value): (&str, fn(&LengthBin) -> Option<Finite>) = match analysis.side {
        LengthSide::Input => ("TTFT", |bin| bin.avg_ttft_s),
        LengthSide::Output => ("E2E latency", |bin| bin.avg_latency_s),
    };
    let mut measured = analysis
        .filled_bins()
        .filter_map(|bin| Some((bin, ms(value(bin))?.get())));
    let (Some((low, low_ms)), Some((high, high_ms))) = (measured.next(), measured.last()) else {
        return format!("{spread}, nearly all in one bin: more bins tell them apart.");
    };
    let factor = high_ms / low_ms;
    let comparison = if !factor.is_finite() {
        String::new()
    } else if factor >= SAME_FACTOR {
        format!(", {} times as long", format::number(factor))
    } else if factor <= 1.0 / SAME_FACTOR {
        format!(", {} as long", format::percent(factor))
    } else {
        ", about the same".to_owned()
    };
    format!(
        "{spread}. The mean {metric} is {} ms in the bin {} and {} ms in the bin {}{comparison}.",
        format::number(low_ms),
        range_in_words(low),
        format::number(high_ms),
        range_in_words(high),
    )
}

#[cfg(test)]
mod tests {
    use domain::measure::record::RequestRecord;

    use super::super::fixture;
    use super::*;

    /// Prompts of these lengths, each answered after twice as many ms.
    fn analysis(lengths: &[u32]) -> LengthAnalysis {
        let records: Vec<RequestRecord> = lengths
            .iter()
            .map(|length| {
                let mut record = fixture::record(0, false);
                record.input_tokens = *length;
                let at = record.sent_at + u64::from(*length) * 2_000_000;
                record.chunk_at = [at, at + 1_000_000].into();
                record
            })
            .collect();
        LengthAnalysis::of(&records, LengthSide::Input, 4)
    }

    fn html(analysis: LengthAnalysis) -> String {
        Owner::new().with(|| view! { <Lengths analysis /> }.to_html())
    }

    #[test]
    fn one_length_is_one_row_and_said_plainly() {
        let html = html(analysis(&[64, 64, 64]));
        assert!(
            html.contains(
                "All 3 measured requests had prompts of 64 tokens: one length, so one bin."
            ),
            "{html}"
        );
        assert_eq!(html.matches("<tr").count(), 2, "head and one row: {html}");
        assert!(!html.contains("chart-panel"), "{html}");
    }

    #[test]
    fn longer_prompts_that_take_longer_are_told() {
        let html = html(analysis(&[10, 20, 200, 400]));
        let told = "Prompts had 10 to 400 tokens. The mean TTFT is 30.0 ms in the bin 0–100 and 800 ms in the bin 300–400, 26.7 times as long.";
        assert!(html.contains(told), "{html}");
        for title in [
            "Requests by prompt length",
            "TTFT by prompt length",
            "TPOT by prompt length",
            "E2E latency by prompt length",
        ] {
            assert!(html.contains(title), "{title} in {html}");
        }
    }

    #[test]
    fn nothing_answered_is_said() {
        let html = html(analysis(&[]));
        assert!(
            html.contains("No request of the measured window was answered"),
            "{html}"
        );
    }
}
