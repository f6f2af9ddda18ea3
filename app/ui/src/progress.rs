//! How far something is.

use domain::finite::Finite;
use leptos::prelude::*;

/// A progress bar with words. Without a fraction it shows that work goes on, not how far.
#[component]
pub fn Progress(
    /// What is going on, at the left: "412 of 1,920 requests".
    #[prop(into)]
    label: Signal<String>,
    /// Share done, 0 to 1.
    #[prop(into)]
    fraction: Signal<Option<Finite>>,
    /// What is left, at the right: "about 24 s left".
    #[prop(into, optional)]
    note: Signal<String>,
) -> impl IntoView {
    let value = move || {
        fraction
            .get()
            .map(|share| share.get().clamp(0.0, 1.0).to_string())
    };
    view! {
        <div class="progress">
            <div class="progress-text">
                <span>{move || label.get()}</span>
                <span>{move || note.get()}</span>
            </div>
            <progress max="1" value=value aria-label=move || label.get()></progress>
        </div>
    }
    .into_any()
}
