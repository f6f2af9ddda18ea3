//! Going through a long list, page by page.

use leptos::prelude::*;

/// Where the reader is in a list, and the links to the pages beside.
#[component]
pub fn Pager(
    /// "Showing 1–50 of 512".
    #[prop(into)]
    summary: String,
    /// The page before, if there is one.
    #[prop(into, optional)]
    previous_href: Option<String>,
    /// The page after, if there is one.
    #[prop(into, optional)]
    next_href: Option<String>,
    /// Name of the link to the page before: "Newer", "Previous".
    #[prop(into, default = "Previous".into())]
    previous_label: String,
    /// Name of the link to the page after.
    #[prop(into, default = "Next".into())]
    next_label: String,
) -> impl IntoView {
    let link = |href: Option<String>, rel: &'static str, label: String| {
        href.map(|href| view! { <a class="button" rel=rel href=href>{label}</a> })
    };
    view! {
        <nav class="pager" aria-label="Pages">
            <span>{summary}</span>
            <span class="pager-links">
                {link(previous_href, "prev", previous_label)}
                {link(next_href, "next", next_label)}
            </span>
        </nav>
    }
    .into_any()
}
