//! The steps of a wizard.

use leptos::prelude::*;

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Answered.
    Done,
    /// The one on the page.
    Current,
    /// Answered once, but an answer no longer holds.
    Attention,
    /// Not reached yet.
    Ahead,
    /// The other answers leave nothing to ask here.
    NotNeeded,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub label: String,
    /// How it stands.
    pub state: StepState,
    /// Its page, when it can be visited now.
    pub href: Option<String>,
    /// The answer in a few words.
    pub summary: Option<String>,
}

/// The steps in order, each with its state in words for readers who do not see the mark.
#[component]
pub fn Stepper(
    /// The steps.
    #[prop(into)]
    steps: Signal<Vec<Step>>,
) -> impl IntoView {
    let items = move || {
        (1..)
            .zip(steps.get())
            .map(|(number, step)| step_view(number, step))
            .collect_view()
    };
    view! { <nav aria-label="Steps"><ol class="stepper">{items}</ol></nav> }.into_any()
}

fn step_view(number: u32, step: Step) -> impl IntoView {
    let (class, mark, words) = match step.state {
        StepState::Done => ("step done", "✓".to_owned(), "done"),
        StepState::Current => ("step", number.to_string(), "current"),
        StepState::Attention => ("step attention", "!".to_owned(), "needs attention"),
        StepState::Ahead => ("step", number.to_string(), "to do"),
        StepState::NotNeeded => ("step", "–".to_owned(), "not needed"),
    };
    let current = (step.state == StepState::Current).then_some("step");
    let body = view! {
        <span class="step-mark" aria-hidden="true">{mark}</span>
        <span class="step-text">
            <span>{step.label}<span class="visually-hidden">", " {words}</span></span>
            {step.summary.map(|summary| view! { <small>{summary}</small> })}
        </span>
    };
    match step.href {
        Some(href) => {
            view! { <li><a class=class href=href aria-current=current>{body}</a></li> }.into_any()
        }
        None => view! { <li><span class=class aria-current=current>{body}</span></li> }.into_any(),
    }
}
