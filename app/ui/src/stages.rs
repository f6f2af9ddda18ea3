//! The stages of a run: what happened when, and why it stopped.

use leptos::prelude::*;

use crate::tone::Tone;

/// How a stage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageState {
    /// Not begun.
    Waiting,
    /// Under way.
    Running,
    /// Ended well.
    Done,
    /// Ended badly: `reason` says why.
    Failed,
    /// Does not apply to this run.
    Skipped,
    /// Ended on a person's word.
    Cancelled,
}

impl StageState {
    fn class(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Waiting | Self::Skipped => Tone::Neutral,
            Self::Running => Tone::Running,
            Self::Done => Tone::Good,
            Self::Failed => Tone::Bad,
            Self::Cancelled => Tone::Unsure,
        }
    }

    /// The state in words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its name in plain words.
    pub name: String,
    /// How it stands.
    pub state: StageState,
    /// How long it took or has taken so far, ready to show.
    pub duration: Option<String>,
    /// What happened, or what it waits for.
    pub reason: Option<String>,
    /// How much of it is done, 0 to 1, where that is known.
    pub share: Option<f64>,
}

/// The stages in order.
#[component]
pub fn StageList(
    /// The stages.
    #[prop(into)]
    stages: Signal<Vec<Stage>>,
) -> impl IntoView {
    view! {
        <ol class="stages">{move || stages.get().into_iter().map(stage_view).collect_view()}</ol>
    }
    .into_any()
}

fn stage_view(stage: Stage) -> impl IntoView {
    let Stage {
        name,
        state,
        duration,
        reason,
        share,
    } = stage;
    let bar = share.map(|share| {
        view! { <progress class="stage-progress" max="1" value=format!("{share:.3}") aria-label=name.clone() /> }
    });
    let mark = if state == StageState::Waiting {
        "·"
    } else {
        state.tone().glyph()
    };
    let time = match state {
        StageState::Skipped | StageState::Waiting => state.in_words().to_owned(),
        _ => duration.unwrap_or_default(),
    };
    view! {
        <li class=format!("stage {} {}", state.class(), state.tone().class())>
            <span class="stage-mark" aria-hidden="true">{mark}</span>
            <span class="stage-name">
                {name} <span class="visually-hidden">", " {state.in_words()}</span>
            </span>
            <span class="stage-time">{time}</span>
            {reason.map(|reason| view! { <span class="stage-reason">{reason}</span> })}
            {bar}
        </li>
    }
}
