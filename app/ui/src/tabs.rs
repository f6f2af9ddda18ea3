//! Tabs of a page. Each is a link: the open one is part of the URL.

use leptos::prelude::*;

/// One tab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab {
    /// Its name.
    pub label: String,
    /// The page with this tab open.
    pub href: String,
    /// Whether it is open.
    pub is_current: bool,
    /// A number beside the name, ready to show.
    pub count: Option<String>,
}

impl Tab {
    /// A tab without a number.
    pub fn new(label: impl Into<String>, href: impl Into<String>, is_current: bool) -> Self {
        Self {
            label: label.into(),
            href: href.into(),
            is_current,
            count: None,
        }
    }

    /// With a number beside its name.
    #[must_use]
    pub fn with_count(mut self, count: impl Into<String>) -> Self {
        self.count = Some(count.into());
        self
    }
}

/// The tabs of a page.
#[component]
pub fn Tabs(
    /// What the tabs show: "Result".
    #[prop(into)]
    label: String,
    /// The tabs, in order.
    #[prop(into)]
    tabs: Signal<Vec<Tab>>,
) -> impl IntoView {
    let items = move || {
        let tabs = tabs.get().into_iter();
        tabs.map(|tab| {
            let count = tab.count.map(|count| view! { <span class="tab-count">{count}</span> });
            view! {
                <a href=tab.href aria-current=tab.is_current.then_some("page") data-noscroll="true">{tab.label}{count}</a>
            }
        })
        .collect_view()
    };
    view! { <nav class="tabs" aria-label=label>{items}</nav> }.into_any()
}
