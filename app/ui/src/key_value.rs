//! Facts as terms and descriptions: manifests, inventories, reviews.

use leptos::prelude::*;

/// A list of facts. Fill it with [`Fact`].
#[component]
pub fn KeyValueList(
    /// The facts.
    children: Children,
) -> impl IntoView {
    view! { <dl class="key-value">{children()}</dl> }.into_any()
}

/// One fact.
#[component]
pub fn Fact(
    /// Its name.
    #[prop(into)]
    name: String,
    /// Its value.
    children: Children,
) -> impl IntoView {
    view! { <div><dt>{name}</dt><dd>{children()}</dd></div> }.into_any()
}
