//! The sentence a page opens with: a verdict, a warning, a notice.

use leptos::prelude::*;

use crate::tone::{Glyph, Tone};

/// A banner with a tone bar. The title is the finding; the children say what it rests on.
#[component]
pub fn Banner(
    /// What it means.
    tone: Tone,
    /// The finding, as a sentence.
    #[prop(into)]
    title: String,
    /// Buttons or links that act on it.
    #[prop(into, optional)]
    actions: Option<ViewFnOnce>,
    /// The rest of the text, inline.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let role = if tone == Tone::Bad { "alert" } else { "status" };
    view! {
        <div class=format!("banner {}", tone.class()) role=role>
            <div class="banner-text">
                <Glyph tone />
                " "
                <strong>{title}</strong>
                {children.map(|children| children())}
            </div>
            {actions.map(|actions| view! { <div class="actions">{actions.run()}</div> })}
        </div>
    }
    .into_any()
}
