//! The page for addresses that lead nowhere.

use leptos::prelude::*;
use leptos_meta::Title;
use ui::button::LinkButton;
use ui::feedback::EmptyState;
use ui::layout::PageHeader;

use crate::routes;

/// Says that there is no such page, with the status that says the same.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::api::context::set_not_found();
    let actions = || view! { <LinkButton href=routes::HOME>"Go to the benchmarks"</LinkButton> };
    view! {
        <Title text="Page not found" />
        <PageHeader title="Page not found" />
        <EmptyState
            title="Nothing stands at this address"
            text="The link may be incomplete, or what it led to was deleted."
            actions
        />
    }
}
