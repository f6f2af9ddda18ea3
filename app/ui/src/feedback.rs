//! What a panel shows when it has nothing, not yet anything, or no longer anything to show.

use leptos::prelude::*;

/// Nothing here: says why and what to do.
#[component]
pub fn EmptyState(
    /// What is missing: "No benchmarks yet".
    #[prop(into)]
    title: String,
    /// Why, and what to do.
    #[prop(into)]
    text: String,
    /// Buttons that do it.
    #[prop(into, optional)]
    actions: Option<ViewFnOnce>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <h2>{title}</h2>
            <p>{text}</p>
            {actions.map(|actions| view! { <div class="actions">{actions.run()}</div> })}
        </div>
    }
    .into_any()
}

/// Rows of a skeleton at most.
const SKELETON_ROWS_MAX: u32 = 40;

/// A place held while something loads.
#[component]
pub fn Skeleton(
    /// Lines of text it stands for; at most 40 are drawn.
    #[prop(default = 3)]
    rows: u32,
    /// What is loading.
    #[prop(into, default = "Loading".into())]
    label: String,
) -> impl IntoView {
    let lines = (0..rows.min(SKELETON_ROWS_MAX))
        .map(|_| view! { <i></i> })
        .collect_view();
    view! {
        <div class="skeleton" role="status">
            <span class="visually-hidden">{label}</span>
            {lines}
        </div>
    }
    .into_any()
}

/// Something went wrong in this panel: what happened, and what to do.
#[component]
pub fn ErrorPanel(
    /// What happened: "The benchmarks could not be loaded".
    #[prop(into)]
    title: String,
    /// What to do, or what the cause is.
    #[prop(into)]
    text: String,
    /// Buttons, such as "Try again".
    #[prop(into, optional)]
    actions: Option<ViewFnOnce>,
) -> impl IntoView {
    view! {
        <div class="error-panel" role="alert">
            <h2>{title}</h2>
            <p>{text}</p>
            {actions.map(|actions| view! { <div class="actions">{actions.run()}</div> })}
        </div>
    }
    .into_any()
}

/// Says that what is shown may be old: the live connection is lost.
#[component]
pub fn StaleNote(
    /// Shown while true.
    #[prop(into)]
    is_stale: Signal<bool>,
    /// What happened: "Connection lost. Trying again."
    #[prop(into)]
    text: String,
) -> impl IntoView {
    view! {
        <span class="stale-note" role="status">
            {move || is_stale.get().then(|| view! { <span aria-hidden="true">"~"</span> {text.clone()} })}
        </span>
    }
    .into_any()
}
