//! What a state means, as colour and shape together.

use leptos::prelude::*;

/// The meaning of a badge, banner or mark. Gold is for approved alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Says nothing yet: draft, skipped, not submitted, no baseline.
    #[default]
    Neutral,
    /// In progress.
    Running,
    /// Passed, met, completed.
    Good,
    /// Failed, missed, slower.
    Bad,
    /// Undecided, or to be read with care.
    Unsure,
    /// Approved by its owner.
    Approved,
}

impl Tone {
    /// The shape that says the same as the colour.
    pub fn glyph(self) -> &'static str {
        match self {
            Self::Neutral => "–",
            Self::Running => "◔",
            Self::Good => "✓",
            Self::Bad => "✕",
            Self::Unsure => "~",
            Self::Approved => "◆",
        }
    }

    /// The class that sets `--tone-ink`, `--tone-soft` and `--tone-mark`.
    pub fn class(self) -> &'static str {
        match self {
            Self::Neutral => "tone-neutral",
            Self::Running => "tone-running",
            Self::Good => "tone-good",
            Self::Bad => "tone-bad",
            Self::Unsure => "tone-unsure",
            Self::Approved => "tone-approved",
        }
    }
}

/// The shape of a tone, for the eye only: the word beside it is what is read aloud.
#[component]
pub fn Glyph(
    /// Which shape.
    tone: Tone,
) -> impl IntoView {
    view! { <span class="glyph" aria-hidden="true">{tone.glyph()}</span> }.into_any()
}
