//! The frame around every page, and the head of a page.

use leptos::html;
use leptos::prelude::*;

/// One entry of the rail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NavItem {
    /// Its name.
    pub label: String,
    /// Where it leads. Pages below this path belong to it.
    pub href: String,
    /// A number at its right, ready to show.
    pub count: Option<String>,
}

impl NavItem {
    /// An entry without a number.
    pub fn new(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            href: href.into(),
            count: None,
        }
    }

    /// With a number.
    #[must_use]
    pub fn with_count(mut self, count: Option<String>) -> Self {
        self.count = count;
        self
    }

    /// Whether a page at `path` belongs to this entry.
    fn covers(&self, path: &str) -> bool {
        path == self.href
            || path
                .strip_prefix(&self.href)
                .is_some_and(|rest| rest.starts_with('/'))
    }
}

/// A group of the rail: product, catalogue, system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NavGroup {
    /// Its heading; the first group needs none.
    pub title: Option<String>,
    /// Its entries.
    pub items: Vec<NavItem>,
}

impl NavGroup {
    /// A group under a heading.
    pub fn new(title: &str, items: Vec<NavItem>) -> Self {
        Self {
            title: Some(title.to_owned()),
            items,
        }
    }

    /// A group without a heading.
    pub fn untitled(items: Vec<NavItem>) -> Self {
        Self { title: None, items }
    }
}

/// The frame: rail and column of work. On narrow screens the rail is a bar with a menu that opens
/// without script.
#[component]
pub fn AppFrame(
    /// The rail's groups. They may depend on what is being loaded.
    #[prop(into)]
    groups: Signal<Vec<NavGroup>>,
    /// Path of the page, without the query.
    #[prop(into)]
    path: Signal<String>,
    /// Below the entries: who is signed in, the theme switch. Rendered twice, once for each width.
    #[prop(into, optional)]
    foot: ViewFn,
    /// The page.
    children: Children,
) -> impl IntoView {
    let narrow_foot = foot.clone();
    let menu = NodeRef::<html::Details>::new();
    // The menu stays in the document when a link is followed: close it with the page it opened on.
    Effect::new(move |_| {
        path.track();
        if let Some(menu) = menu.get_untracked() {
            // Removing an attribute fails for no valid name.
            let _ = menu.remove_attribute("open");
        }
    });
    view! {
        <div class="frame">
            <a class="skip-link" href="#main">"Skip to the content"</a>
            <header class="rail">
                <a class="rail-mark" href="/">
                    <Mark />
                    "Assay"
                </a>
                <div class="rail-wide">
                    <Suspense><RailNav groups path /></Suspense>
                    <div class="rail-foot">{foot.run()}</div>
                </div>
                <details class="rail-menu" node_ref=menu>
                    <summary>"Menu"</summary>
                    <div class="rail-sheet">
                        <Suspense><RailNav groups path /></Suspense>
                        <div class="rail-foot">{narrow_foot.run()}</div>
                    </div>
                </details>
            </header>
            <main class="work" id="main">{children()}</main>
        </div>
    }
    .into_any()
}

#[component]
fn RailNav(groups: Signal<Vec<NavGroup>>, path: Signal<String>) -> impl IntoView {
    let group_view = move |group: NavGroup| {
        let items = group.items.into_iter().map(|item| {
            let count = item.count.clone().map(|count| view! { <span class="rail-count">{count}</span> });
            let href = item.href.clone();
            let label = item.label.clone();
            let current = move || path.with(|path| item.covers(path)).then_some("page");
            view! { <li><a class="rail-link" href=href aria-current=current><span>{label}</span>{count}</a></li> }
        });
        view! {
            <div>
                {group.title.map(|title| view! { <h2>{title}</h2> })}
                <ul>{items.collect_view()}</ul>
            </div>
        }
    };
    view! {
        <nav class="rail-nav" aria-label="Product">
            {move || groups.get().into_iter().map(group_view).collect_view()}
        </nav>
    }
    .into_any()
}

/// The mark: a square split between what is measured and what is approved.
#[component]
pub fn Mark() -> impl IntoView {
    view! {
        <svg viewBox="0 0 32 32" aria-hidden="true">
            <path class="mark-ink" d="M4.05 27.95A7 7 0 0 1 2 23V9a7 7 0 0 1 7-7h14a7 7 0 0 1 4.95 2.05z" />
            <path class="mark-gold" d="M27.95 4.05A7 7 0 0 1 30 9v14a7 7 0 0 1-7 7H9a7 7 0 0 1-4.95-2.05z" />
        </svg>
    }
    .into_any()
}

/// A page without the rail, such as signing in: one narrow column in the middle.
#[component]
pub fn PlainPage(
    /// The column's content.
    children: Children,
) -> impl IntoView {
    view! {
        <main class="plain-page" id="main">
            <span class="rail-mark"><Mark /> "Assay"</span>
            <div class="plain-column">{children()}</div>
        </main>
    }
    .into_any()
}

/// The head of a page: title, what it is about, its states, its actions.
#[component]
pub fn PageHeader(
    /// The title.
    #[prop(into)]
    title: Signal<String>,
    /// One line about it.
    #[prop(into, optional)]
    subtitle: Option<ViewFnOnce>,
    /// Its states and tags.
    #[prop(into, optional)]
    badges: Option<ViewFnOnce>,
    /// Buttons, the main one last.
    #[prop(into, optional)]
    actions: Option<ViewFnOnce>,
    /// Where this page belongs: label and address of the page above.
    #[prop(optional)]
    back: Option<(&'static str, String)>,
) -> impl IntoView {
    view! {
        <header class="page-header">
            <div class="page-heading">
                {back.map(|(label, href)| view! { <a class="page-back" href=href>"‹ " {label}</a> })}
                <h1>{move || title.get()}</h1>
                {subtitle.map(|subtitle| view! { <p class="page-subtitle">{subtitle.run()}</p> })}
                {badges.map(|badges| view! { <div class="page-badges">{badges.run()}</div> })}
            </div>
            {actions.map(|actions| view! { <div class="page-actions">{actions.run()}</div> })}
        </header>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_covers_its_pages_and_no_neighbour() {
        let item = NavItem::new("Models", "/models");
        assert!(item.covers("/models") && item.covers("/models/new"));
        assert!(!item.covers("/models-old") && !item.covers("/"));
        assert!(!NavItem::new("Home", "/").covers("/models"));
    }

    #[test]
    fn the_current_page_is_marked() {
        let html = Owner::new().with(|| {
            let groups = vec![
                NavGroup::untitled(vec![NavItem::new("Benchmarks", "/benchmarks")]),
                NavGroup::new("Catalogue", vec![NavItem::new("Models", "/models")]),
            ];
            let path = Signal::stored("/models/7".to_owned());
            view! { <RailNav groups=Signal::stored(groups) path /> }.to_html()
        });
        assert_eq!(html.matches(r#"aria-current="page""#).count(), 1, "{html}");
    }

    #[test]
    fn the_menu_of_narrow_screens_needs_no_script() {
        let html = Owner::new().with(|| {
            let path = Signal::stored("/".to_owned());
            view! { <AppFrame groups=Vec::new() path>"page"</AppFrame> }.to_html()
        });
        assert!(html.contains("<details"), "{html}");
    }
}
