//! Step 2 with the dataset method: which datasets, and how long answers may be.

use domain::dataset::{DRAWING_IN_WORDS, Dataset, LengthSummary};
use domain::field::FieldErrors;
use domain::workflow::form::EvaluationForm;
use domain::workload::AnswerLengths;
use leptos::prelude::*;
use ui::chart::{ChartData, ChartPanel, HistogramChart, Hue, MarkLineAt};
use ui::field::{Choice, ChoiceCards, FieldSet, SelectField, SelectOption, TextField};
use ui::format;
use ui::tone::Tone;

use super::answer_fields::AnswerFields;
use crate::pages::new::step_form::at_brackets;
use crate::routes;

/// Name of the check boxes: the brackets make a list of them in form encoding.
const FIELD: &str = "dataset_ids[]";

/// The datasets and the lengths of answers.
#[component]
pub fn DatasetPrompts(
    /// As answered so far.
    form: EvaluationForm,
    /// What can be chosen.
    datasets: Vec<Dataset>,
    /// Messages of the form.
    errors: Signal<FieldErrors>,
) -> impl IntoView {
    let mut chosen = form.dataset_ids.clone();
    // The only one is the likely answer.
    if let ([only], true) = (datasets.as_slice(), chosen.is_empty()) {
        chosen.push(only.id.to_string());
    }
    let choices: Vec<Choice> = datasets.iter().map(choice_of).collect();
    let bind = RwSignal::new(chosen);
    let at_list = Signal::derive(move || errors.with(|errors| at_brackets(errors, "dataset_ids")));
    let lengths = AnswerLengths::ALL.map(|which| {
        let label = match which {
            AnswerLengths::Rows => "As long as each row says",
            AnswerLengths::Capped => "As long as each row says, capped",
            AnswerLengths::Planned => "The answer length, whatever the rows say",
        };
        SelectOption::new(which.as_str(), label)
    });
    view! {
        // What the other method was given is kept, should one go back to it.
        <input type="hidden" name="input_tokens" value=form.input_tokens.clone() />
        <input type="hidden" name="shared_prefix_tokens" value=form.shared_prefix_tokens.clone() />
        <ChoiceCards name=FIELD legend="Datasets" choices is_multiple=true bind errors=at_list
            hint=DRAWING_IN_WORDS />
        <p class="note">
            "Is the right one missing? " <a href=routes::NEW_DATASET>"Import a dataset"</a>
            ", then come back: this draft is kept."
        </p>
        <ChosenLengths datasets bind />
        <FieldSet legend="Answers">
            <div class="form-row">
                <SelectField name="answer_lengths" label="Answers are" value=form.answer_lengths.clone() errors
                    options=lengths.into()
                    hint="A row’s own length is the one it gives, or that of its reference answer." />
                <TextField name="output_tokens" label="Answer length" value=form.output_tokens.clone() errors
                    unit="tokens"
                    hint="For rows that give no length, and the cap if there is one. 256, uniform:100..900, normal:256,64 or lognormal:256,0.6" />
            </div>
            <AnswerFields form errors />
        </FieldSet>
    }
    .into_any()
}

fn choice_of(dataset: &Dataset) -> Choice {
    let rows = format::plural(dataset.row_count.into(), "row", "rows");
    let prompts = dataset.input.as_ref().map_or_else(String::new, |input| {
        format!(" · prompts of {}", spread(input))
    });
    let answers = match &dataset.output {
        None => "No row gives a length for its answer".to_owned(),
        Some(output) => {
            let told = output.distribution.count;
            let of = if told == u64::from(dataset.row_count) {
                String::new()
            } else {
                format!(", given by {}", format::plural(told, "row", "rows"))
            };
            format!("Answers of {}{of}", spread(output))
        }
    };
    let mut choice = Choice::new(dataset.id.to_string(), dataset.name.clone())
        .with_detail(format!("{rows}{prompts}"))
        .with_detail(answers);
    if !dataset.description.is_empty() {
        choice = choice.with_detail(dataset.description.clone());
    }
    if dataset.has_multi_turn {
        choice = choice.with_badge(Tone::Neutral, "Multi-turn");
    }
    choice
}

/// `4 to 380 tokens, half up to 52`.
fn spread(lengths: &LengthSummary) -> String {
    let distribution = &lengths.distribution;
    let (min, max) = (distribution.min.get(), distribution.max.get());
    let tokens = |value: f64| format::fixed(value, 0);
    if min >= max {
        return format!("{} tokens", tokens(min));
    }
    format!(
        "{} to {} tokens, half up to {}",
        tokens(min),
        tokens(max),
        tokens(distribution.median.get())
    )
}

/// The lengths of the chosen datasets, drawn.
#[component]
fn ChosenLengths(
    /// What can be chosen.
    datasets: Vec<Dataset>,
    /// Ids of the chosen ones.
    bind: RwSignal<Vec<String>>,
) -> impl IntoView {
    let panels = datasets.into_iter().map(move |dataset| {
        let id = dataset.id.to_string();
        let is_chosen = Memo::new(move |_| bind.with(|chosen| chosen.contains(&id)));
        move || is_chosen.get().then(|| length_panels(&dataset))
    });
    view! { <div class="grid-2">{panels.collect_view()}</div> }
}

fn length_panels(dataset: &Dataset) -> AnyView {
    let panel = |what: &str, hue: Hue, lengths: &LengthSummary| {
        let title = format!("{what} of {}", dataset.name);
        let distribution = &lengths.distribution;
        let note = format!(
            "tokens · {}",
            format::plural(distribution.count, "row", "rows")
        );
        let tokens = |value: f64| format::fixed(value, 0);
        let finding = format!(
            "Half have up to {} tokens, 90% up to {}, the longest {}.",
            tokens(distribution.median.get()),
            tokens(distribution.p90.get()),
            tokens(distribution.max.get())
        );
        let marks = [("p50", distribution.median), ("p90", distribution.p90)];
        let chart = HistogramChart {
            histogram: lengths.histogram.clone(),
            unit: "tokens".to_owned(),
            counted: "rows".to_owned(),
            marks: marks
                .map(|(label, value)| MarkLineAt {
                    label: label.to_owned(),
                    value,
                })
                .into(),
            hue,
        };
        let data = Signal::stored(ChartData::Histogram(chart));
        view! { <ChartPanel title note=Signal::stored(note) data finding /> }
    };
    let input = dataset.input.as_ref();
    let output = dataset.output.as_ref();
    view! {
        {input.map(|lengths| panel("Prompts", Hue::Blue, lengths))}
        {output.map(|lengths| panel("Answers", Hue::Teal, lengths))}
    }
    .into_any()
}
