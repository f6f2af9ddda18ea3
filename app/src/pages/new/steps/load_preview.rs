//! Step 2: the load as it will be, drawn from what is typed.

use domain::field::FieldErrors;
use domain::finite::Finite;
use domain::workflow::Catalogue;
use domain::workflow::form::EvaluationForm;
use domain::workflow::preview::{ArrivalSlice, LengthsPreview, LoadPreview, StartPreview};
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
    let shown = Memo::new(move |last: Option<&Shown>| {
        let answers = typed.with(|form| form.validate(method, &catalogue));
        Shown::of(
            answers.map(|answers| LoadPreview::of(&answers, users, method)),
            last,
        )
    });
    let preview = Memo::new(move |_| shown.with(|shown| shown.preview.clone()));
    let chart = move |data: fn(&LoadPreview) -> Option<ChartData>| {
        Signal::derive(move || {
            let data = preview.with(|preview| data(preview.as_ref()?));
            data.unwrap_or_else(|| ChartData::Lines(LinesChart::default()))
        })
    };
    let sampled = Signal::derive(move || {
        preview.with(|preview| preview.as_ref().map(sampled_note).unwrap_or_default())
    });
    let start_note = Signal::derive(move || {
        preview.with(|preview| preview.as_ref().map(start_note).unwrap_or_default())
    });
    let prompts = Memo::new(move |_| {
        preview.with(|preview| Some(LengthsShown::of(preview.as_ref()?.input.as_ref()?)))
    });
    let answers = Memo::new(move |_| {
        preview.with(|preview| Some(LengthsShown::of(preview.as_ref()?.output.as_ref()?)))
    });
    let prompt_lengths = move || {
        let view = match prompts.get()? {
            LengthsShown::Same(tokens) => {
                let text = format!("Every prompt has {}.", tokens_in_words(tokens));
                view! { <SameLength title="Prompt lengths" text /> }.into_any()
            }
            LengthsShown::Drawn => {
                let data = chart(|preview| lengths_chart(preview.input.as_ref()?, Hue::Blue));
                view! { <ChartPanel title="Prompt lengths" note=sampled data /> }.into_any()
            }
        };
        Some(view)
    };
    let is_full_length = Memo::new(move |_| {
        preview.with(|preview| preview.as_ref().is_some_and(|it| it.is_full_length))
    });
    let answer_lengths = move || {
        let view = match answers.get()? {
            LengthsShown::Same(tokens) => {
                let most = if is_full_length.get() { "" } else { "at most " };
                let text = format!("Every answer has {most}{}.", tokens_in_words(tokens));
                view! { <SameLength title="Answer lengths" text /> }.into_any()
            }
            LengthsShown::Drawn => {
                let data = chart(|preview| lengths_chart(preview.output.as_ref()?, Hue::Teal));
                view! { <ChartPanel title="Answer lengths" note=sampled data /> }.into_any()
            }
        };
        Some(view)
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
                {move || shown.with(Shown::in_words)}
            </p>
            <div class="stack tight" class:is-stale=move || shown.with(|shown| shown.waiting.is_some())>
                {start}
                <div class="grid-2">{prompt_lengths} {answer_lengths}</div>
            </div>
        </section>
    }
    .into_any()
}

/// What stands in the panel.
#[derive(Clone, Debug, Default, PartialEq)]
struct Shown {
    /// The last load that could be drawn: it stays while something is half typed.
    preview: Option<LoadPreview>,
    /// What it waits for, if what is typed cannot be drawn.
    waiting: Option<String>,
}

impl Shown {
    fn of(drawn: Result<LoadPreview, FieldErrors>, last: Option<&Self>) -> Self {
        match drawn {
            Ok(preview) => Self {
                preview: Some(preview),
                waiting: None,
            },
            Err(errors) => {
                let preview = last.and_then(|last| last.preview.clone());
                Self {
                    waiting: waiting_in_words(&errors, preview.is_some()),
                    preview,
                }
            }
        }
    }

    fn in_words(&self) -> String {
        let drawn = || self.preview.as_ref().map(in_words).unwrap_or_default();
        self.waiting.clone().unwrap_or_else(drawn)
    }
}

/// What the preview waits for: the first field that cannot be read.
fn waiting_in_words(errors: &FieldErrors, is_drawn: bool) -> Option<String> {
    let FieldErrors(errors) = errors;
    let first = errors.first()?;
    let (label, message) = (field_label(&first.field), &first.message);
    let still = if is_drawn {
        " What is drawn is the load before that."
    } else {
        ""
    };
    Some(format!(
        "The preview waits for valid values. {label}{message}{still}"
    ))
}

/// How the field is called above, before its message; nothing for a choice, whose message says it.
fn field_label(field: &str) -> &'static str {
    match field {
        "input_tokens" => "Prompt length: ",
        "output_tokens" => "Answer length: ",
        "shared_prefix_tokens" => "Shared prefix: ",
        "rate_per_s" => "Rate: ",
        "burstiness" => "Burstiness: ",
        "in_flight_max" => "Most in flight: ",
        "ramp_s" => "Ramp: ",
        "request_count" => "Measured requests: ",
        "duration_s" => "Measured time: ",
        "warmup_requests" => "Warm-up: ",
        "warmup_s" => "Warm-up time: ",
        "slos" => "Objectives: ",
        "seed" => "Seed: ",
        "request_timeout_s" => "Request timeout: ",
        _ => "",
    }
}

/// What is shown of lengths: one chart stays while what it draws changes.
#[derive(Clone, Copy, PartialEq)]
enum LengthsShown {
    Same(u32),
    Drawn,
}

impl LengthsShown {
    fn of(lengths: &LengthsPreview) -> Self {
        match lengths {
            LengthsPreview::Same(tokens) => Self::Same(*tokens),
            LengthsPreview::Drawn(_) => Self::Drawn,
        }
    }
}

/// A sentence in place of a histogram with one bar.
#[component]
fn SameLength(title: &'static str, text: String) -> impl IntoView {
    view! {
        <section class="chart-panel">
            <header><h3>{title}</h3></header>
            <p>{text}</p>
        </section>
    }
}

fn tokens_in_words(tokens: u32) -> String {
    format::plural(tokens.into(), "token", "tokens")
}

/// `tokens · the first 600 measured requests`.
fn sampled_note(preview: &LoadPreview) -> String {
    let count = u64::from(preview.sampled_count);
    if preview.is_of_first_requests {
        let requests = format::plural(count, "measured request", "measured requests");
        return format!("tokens · the first {requests}");
    }
    let requests = format::plural(count, "request", "requests");
    format!("tokens · a sample of {requests} drawn from the same seed")
}

fn lengths_chart(lengths: &LengthsPreview, hue: Hue) -> Option<ChartData> {
    let LengthsPreview::Drawn(histogram) = lengths else {
        return None;
    };
    Some(ChartData::Histogram(HistogramChart {
        histogram: histogram.clone(),
        unit: "tokens".to_owned(),
        counted: "requests".to_owned(),
        marks: Vec::new(),
        hue,
    }))
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
        StartPreview::Arrivals { slices, .. } => {
            let length_s = slices
                .first()
                .map_or(1.0, |slice| slice.to_s - slice.from_s);
            let decimals = usize::from(length_s < 1.0) + usize::from(length_s < 0.1);
            let range = |slice: &ArrivalSlice| {
                format!(
                    "{}–{}",
                    format::fixed(slice.from_s, decimals),
                    format::fixed(slice.to_s, decimals)
                )
            };
            ChartData::Buckets(BucketsChart {
                across: "time".to_owned(),
                across_unit: "s".to_owned(),
                ranges: slices.iter().map(range).collect(),
                series: vec![BucketSeries {
                    name: "arrivals".to_owned(),
                    hue: Hue::IN_FLIGHT,
                    values: slices
                        .iter()
                        .map(|slice| Some(Finite::from(slice.count)))
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
            "{size}. About {} prompt tokens and {}{} answer tokens.",
            whole(prompts),
            if preview.is_full_length {
                ""
            } else {
                "at most "
            },
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
            output_tokens: "uniform:10..20".to_owned(),
            ..EvaluationForm::default()
        });
        for part in [
            "600 measured requests in about 1",
            "307,200 prompt tokens",
            "How it begins",
            "Prompt lengths",
            "Every prompt has 512 tokens.",
            "Answer lengths",
            "the first 600 measured requests",
            "the arrivals of this seed",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn what_was_drawn_stays_until_there_is_something_new() {
        let shown = |form: EvaluationForm, last: Option<&Shown>| {
            let method = EvaluationMethod::Configuration;
            let answers = form.validate(method, &Catalogue::default());
            Shown::of(answers.map(|it| LoadPreview::of(&it, 8, method)), last)
        };
        let of_count = |count: &str| EvaluationForm {
            request_count: count.to_owned(),
            ..EvaluationForm::default()
        };
        let first = shown(of_count("100"), None);
        assert!(first.in_words().starts_with("100 measured requests"));
        let waiting = shown(of_count("many"), Some(&first));
        assert!(waiting.in_words().contains("Measured requests: "));
        assert_eq!(waiting.preview, first.preview);
        let next = shown(of_count("600"), Some(&waiting));
        assert!(next.in_words().starts_with("600 measured requests"));
        assert_eq!(shown(of_count(""), None).preview, None);
    }

    #[test]
    fn a_preview_that_waits_says_for_which_field() {
        let words = |form: EvaluationForm, is_drawn| {
            let method = EvaluationMethod::Configuration;
            let errors = form.validate(method, &Catalogue::default()).unwrap_err();
            waiting_in_words(&errors, is_drawn).unwrap()
        };
        let open = |rate: &str| EvaluationForm {
            arrival: "constant".to_owned(),
            rate_per_s: rate.to_owned(),
            ..EvaluationForm::default()
        };
        for rate in ["0", "-5", ""] {
            let words = words(open(rate), true);
            assert!(
                words.contains("Rate: Give the requests per second"),
                "{words}"
            );
            assert!(words.ends_with("is the load before that."), "{words}");
        }
        let long_ramp = EvaluationForm {
            stop: "duration".to_owned(),
            duration_s: "5".to_owned(),
            ramp_s: "9".to_owned(),
            ..EvaluationForm::default()
        };
        assert!(words(long_ramp, false).contains("Ramp: Make it shorter"));
    }

    #[test]
    fn what_cannot_be_read_draws_nothing() {
        let html = html(EvaluationForm {
            output_tokens: "many".to_owned(),
            ..EvaluationForm::default()
        });
        assert!(
            html.contains("The preview waits for valid values.") && !html.contains("How it begins"),
            "{html}"
        );
        assert!(html.contains("is-stale"), "{html}");
    }
}
