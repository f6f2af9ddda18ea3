//! Small labels: states, tags, filters in force.

use leptos::prelude::*;

use crate::tone::{Glyph, Tone};

/// A state in one word or two, with its shape and colour.
#[component]
pub fn Badge(
    /// What the state means.
    tone: Tone,
    /// The word.
    #[prop(into)]
    label: String,
    /// More about it, on hover.
    #[prop(into, optional)]
    title: Option<String>,
) -> impl IntoView {
    view! {
        <span class=format!("badge {}", tone.class()) title=title>
            <Glyph tone />
            {label}
        </span>
    }
    .into_any()
}

/// A tag; a link when `href` is given.
#[component]
pub fn Tag(
    /// The tag's text.
    #[prop(into)]
    label: String,
    /// Where it leads, such as the history filtered by it.
    #[prop(into, optional)]
    href: Option<String>,
) -> impl IntoView {
    match href {
        Some(href) => view! { <a class="tag" href=href>{label}</a> }.into_any(),
        None => view! { <span class="tag">{label}</span> }.into_any(),
    }
}

/// A row of tags.
#[component]
pub fn TagList(
    /// The tags, in order.
    tags: Vec<String>,
) -> impl IntoView {
    let tags = tags
        .into_iter()
        .map(|label| view! { <Tag label /> })
        .collect_view();
    view! { <span class="tags">{tags}</span> }.into_any()
}

/// A filter in force with the link that lifts it.
#[component]
pub fn FilterChip(
    /// What is filtered: "model".
    #[prop(into)]
    name: String,
    /// To what: "any of 3".
    #[prop(into)]
    value: String,
    /// The same page without this filter.
    #[prop(into)]
    remove_href: String,
) -> impl IntoView {
    let remove = format!("Remove the filter {name}");
    view! {
        <span class="filter-chip">
            <span>{name} " " <b>{value}</b></span>
            <a href=remove_href aria-label=remove>"×"</a>
        </span>
    }
    .into_any()
}
