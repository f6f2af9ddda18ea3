//! Step 2: the load as it will be, drawn from what is typed.

use domain::finite::Finite;
use domain::measure::histogram::Histogram;
use domain::workflow::Catalogue;
use domain::workflow::form::EvaluationForm;
use domain::workflow::preview::{LoadPreview, StartPreview};
use domain::workload::EvaluationMethod;
use leptos::prelude::*;
use ui::chart::{
    BucketSeries, BucketsChart, ChartData, ChartPanel, HistogramChart, Hue, LineSeries, LinesChart,
    Side,
};
use ui::format;

/// Arrivals, lengths and size of the load.
#[component]
pub fn LoadPreviewPanel(
    /// What is typed.
    typed: RwSignal<EvaluationForm>,
    /// Users of step 1.
    users: u32,
    /// Method of step 1.
    method: EvaluationMethod,
    /// What can be chosen from.
    catalogue: Catalogue,
) -> impl IntoView {
    // The last one that could be drawn stays while something is half typed.
    let preview = Memo::new(move |last: Option<&Option<LoadPreview>>| {
        let answers = typed.with(|form| form.validate(method, &catalogue));
        match answers {
            Ok(answers) => Some(LoadPreview::of(&answers, users, method)),
            Err(_) => last.cloned().flatten(),
        }
    });
    let chart = move |data: fn(&LoadPreview) -> Option<ChartData>| {
        Signal::derive(move || {
            let data = preview.with(|preview| data(preview.as_ref()?));
            data.unwrap_or_else(|| ChartData::Lines(LinesChart::default()))
        })
    };
    let has_lengths = Memo::new(move |_| {
        preview.with(|preview| {
            preview
                .as_ref()
                .is_some_and(|preview| preview.input.is_some())
        })
    });
    let sampled = Signal::derive(move || {
        let count = preview.with(|preview| preview.as_ref().map_or(0, |p| p.sampled_count));
        format!(
            "tokens · {}",
            format::plural(count.into(), "request drawn", "requests drawn")
        )
    });
    let start_note = Signal::derive(move || {
        preview.with(|preview| preview.as_ref().map(start_note).unwrap_or_default())
    });
    let lengths = move || {
        has_lengths.get().then(|| {
            let input = chart(|preview| Some(lengths_chart(preview.input.as_ref()?, Hue::Blue)));
            let output = chart(|preview| Some(lengths_chart(preview.output.as_ref()?, Hue::Teal)));
            view! {
                <ChartPanel title="Prompt lengths" note=sampled data=input />
                <ChartPanel title="Answer lengths" note=sampled data=output />
            }
        })
    };
    let is_drawn = Memo::new(move |_| preview.with(Option::is_some));
    let start = move || {
        is_drawn.get().then(|| {
            let data = chart(|preview| Some(start_chart(&preview.start)));
            view! { <ChartPanel title="How it begins" note=start_note data /> }
        })
    };
    view! {
        <section class="stack tight load-preview" aria-labelledby="load-preview">
            <h2 id="load-preview">"Preview"</h2>
            <p class="muted" aria-live="polite">
                {move || preview.with(|preview| preview.as_ref().map_or_else(
                    || "Fill in the fields above to see the load.".to_owned(), in_words))}
            </p>
            {start}
            <div class="grid-2">{lengths}</div>
        </section>
    }
    .into_any()
}

fn lengths_chart(histogram: &Histogram, hue: Hue) -> ChartData {
    ChartData::Histogram(HistogramChart {
        histogram: histogram.clone(),
        unit: "tokens".to_owned(),
        counted: "requests".to_owned(),
        marks: Vec::new(),
        hue,
    })
}

fn start_chart(start: &StartPreview) -> ChartData {
    match start {
        StartPreview::Users(points) => ChartData::Lines(LinesChart {
            x_s: points.iter().map(|(at, _)| *at).collect(),
            series: vec![LineSeries {
                name: "Users".to_owned(),
                unit: "in flight".to_owned(),
                side: Side::Left,
                hue: Hue::IN_FLIGHT,
                values: points.iter().map(|(_, users)| Some(*users)).collect(),
            }],
            ..LinesChart::default()
        }),
        StartPreview::Arrivals {
            slices, slice_s, ..
        } => {
            let range = |from: &Finite| {
                let (from, to) = (from.get(), from.get() + slice_s);
                let decimals = usize::from(*slice_s < 1.0) + usize::from(*slice_s < 0.1);
                format!(
                    "{}–{}",
                    format::fixed(from, decimals),
                    format::fixed(to, decimals)
                )
            };
            ChartData::Buckets(BucketsChart {
                across: "time".to_owned(),
                across_unit: "s".to_owned(),
                ranges: slices.iter().map(|(from, _)| range(from)).collect(),
                series: vec![BucketSeries {
                    name: "arrivals".to_owned(),
                    hue: Hue::IN_FLIGHT,
                    values: slices
                        .iter()
                        .map(|(_, count)| Some(Finite::from(*count)))
                        .collect(),
                }],
                unit: "arrivals".to_owned(),
            })
        }
    }
}

/// `the arrivals of this seed · gaps vary by 0.98 of their mean`.
fn start_note(preview: &LoadPreview) -> String {
    match &preview.start {
        StartPreview::Users(_) => "users in flight".to_owned(),
        StartPreview::Arrivals {
            variation: None, ..
        } => "the arrivals of this seed".to_owned(),
        StartPreview::Arrivals {
            variation: Some(variation),
            ..
        } => format!(
            "the arrivals of this seed · gaps vary by {} of their mean",
            format::fixed(*variation, 2)
        ),
    }
}

/// `600 requests in about 1 min 0 s: 120,000 prompt tokens and 30,000 answer tokens.`
fn in_words(preview: &LoadPreview) -> String {
    let requests = preview
        .request_count
        .map(|count| format::plural(count.into(), "measured request", "measured requests"));
    let time = preview.duration_s.map(format::duration_s);
    let size = match (requests, time) {
        (Some(requests), Some(time)) => format!("{requests} in about {time}"),
        (Some(requests), None) => format!("{requests}; how long they take is what is measured"),
        (None, Some(time)) => {
            format!("{time} of load; how many requests that are depends on the engine")
        }
        (None, None) => "How large it gets depends on the engine".to_owned(),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive; `as` saturates"
    )]
    let whole = |tokens: f64| format::count(tokens.round() as u64);
    match preview.tokens {
        Some((prompts, answers)) => format!(
            "{size}. About {} prompt tokens and {} answer tokens.",
            whole(prompts),
            whole(answers)
        ),
        None => format!("{size}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(form: EvaluationForm) -> String {
        Owner::new().with(|| {
            let (typed, catalogue) = (RwSignal::new(form), Catalogue::default());
            let method = EvaluationMethod::Configuration;
            view! { <LoadPreviewPanel typed users=8 method catalogue /> }.to_html()
        })
    }

    #[test]
    fn the_load_is_drawn_without_script() {
        let html = html(EvaluationForm {
            arrival: "poisson".to_owned(),
            rate_per_s: "10".to_owned(),
            request_count: "600".to_owned(),
            ..EvaluationForm::default()
        });
        for part in [
            "600 measured requests in about 1",
            "307,200 prompt tokens",
            "How it begins",
            "Prompt lengths",
            "Answer lengths",
            "the arrivals of this seed",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn what_cannot_be_read_draws_nothing() {
        let html = html(EvaluationForm {
            output_tokens: "many".to_owned(),
            ..EvaluationForm::default()
        });
        assert!(
            html.contains("Fill in the fields above") && !html.contains("How it begins"),
            "{html}"
        );
    }
}
