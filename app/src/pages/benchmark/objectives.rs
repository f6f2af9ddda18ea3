//! What became of the objectives of a run, and its goodput.

use domain::measure::objectives::{Goodput, SloResult, SloVerdict};
use domain::measure::summary::Summary;
use leptos::prelude::*;
use ui::badge::Badge;
use ui::definition::DefinitionMark;
use ui::figure::Figure;
use ui::format;
use ui::table::{Column, NumberCell, Table};
use ui::tone::Tone;

/// The verdict on each objective. Shows nothing for a plan without any.
#[component]
pub fn Objectives(
    /// The figures.
    summary: Summary,
) -> impl IntoView {
    if summary.slos.is_empty() {
        return ().into_any();
    }
    let goodput = summary.goodput.map(|goodput| {
        view! { <p class="muted">{goodput_in_words(&goodput, summary.sent_count)} " " <DefinitionMark key="goodput" /></p> }
    });
    let columns = vec![
        Column::text("Objective"),
        Column::text("Verdict"),
        Column::numeric("Measured", ""),
        Column::numeric("Requests that met it", ""),
        Column::numeric("Samples", ""),
    ];
    let rows = summary.slos.into_iter().map(|result| row(&result));
    view! {
        <section class="stack tight" aria-labelledby="objectives">
            <h2 id="objectives">"Objectives"</h2>
            {goodput}
            <Table label="Objectives" columns=Signal::stored(columns) is_dense=true>
                {rows.collect_view()}
            </Table>
        </section>
    }
    .into_any()
}

fn row(result: &SloResult) -> AnyView {
    let tone = match result.verdict {
        SloVerdict::Met => Tone::Good,
        SloVerdict::Missed => Tone::Bad,
        SloVerdict::TooFewSamples => Tone::Unsure,
    };
    let label = crate::pages::wording::capitalised(result.verdict.in_words());
    let unit = result.slo.metric.unit();
    let mut measured = Figure::new(result.value, unit);
    if result.value.is_some() && !unit.is_empty() {
        measured.text = format!("{} {unit}", measured.text);
    }
    view! {
        <tr>
            <th scope="row">{result.slo.in_words()}</th>
            <td><Badge tone label /></td>
            <NumberCell figure=measured />
            <NumberCell figure=Figure::of_fraction(result.met_fraction) />
            <NumberCell figure=Figure::of_count(result.sample_count, "") />
        </tr>
    }
    .into_any()
}

/// `Goodput 4.83 req/s: 580 of 600 requests sent met all of them (97 %).`
fn goodput_in_words(goodput: &Goodput, sent_count: u32) -> String {
    let share = goodput.fraction.map_or_else(String::new, |share| {
        format!(" ({})", format::percent(share.get()))
    });
    format!(
        "Goodput {} req/s: {} of {} requests sent met every bound of a request{share}.",
        format::optional(goodput.per_s),
        format::count(goodput.good_count.into()),
        format::count(sent_count.into()),
    )
}

#[cfg(test)]
mod tests {
    use domain::finite::Finite;
    use domain::slo::parse_slos;

    use super::super::fixture;
    use super::*;

    fn html(summary: Summary) -> String {
        Owner::new().with(|| view! { <Objectives summary /> }.to_html())
    }

    #[test]
    fn each_objective_has_its_verdict_and_goodput_is_of_all_sent() {
        let mut summary = fixture::summary(20, 0);
        assert!(!html(summary.clone()).contains("<table"));
        let slos = parse_slos("ttft_ms<=200@p99, error_rate<=0.01").unwrap();
        let verdicts = [SloVerdict::Missed, SloVerdict::Met];
        summary.slos = slos
            .into_iter()
            .zip(verdicts)
            .map(|(slo, verdict)| SloResult {
                slo,
                value: Finite::new(0.5),
                sample_count: 20,
                met_fraction: None,
                verdict,
            })
            .collect();
        summary.goodput = Some(Goodput {
            good_count: 15,
            per_s: Finite::new(4.5),
            fraction: Finite::new(0.75),
        });
        let html = html(summary);
        for part in [
            "TTFT p99 at most 200 ms",
            "Missed",
            "Met",
            "15 of 20 requests sent met",
            "(75%)",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }
}
