//! The frame around every page of a signed-in person: rail, who is signed in, theme.

use domain::access::Role;
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_router::components::Outlet;
use leptos_router::hooks::{use_location, use_navigate};
use ui::button::{Button, ButtonKind};
use ui::layout::{AppFrame, NavGroup, NavItem};
use ui::theme::{Theme, ThemeSwitch};

use crate::api::ApiError;
use crate::api::session::{SignOut, Visitor, get_visitor};
use crate::root::ThemeChoice;
use crate::routes;

/// Who looks at the page, for every page inside the frame.
pub type VisitorResource = Resource<Result<Visitor, ApiError>>;

/// The frame with the page inside. Signed out, it leads to the sign-in page.
#[component]
pub fn Frame() -> impl IntoView {
    let visitor: VisitorResource = Resource::new(|| (), |()| get_visitor());
    provide_context(visitor);
    let pathname = use_location().pathname;
    leave_when_signed_out(visitor, pathname);
    close_menu_on(pathname);
    let sign_out = ServerAction::<SignOut>::new();
    let theme =
        use_context().map_or_else(|| RwSignal::new(Theme::System), |ThemeChoice(theme)| theme);
    // Read inside the rail's own `Suspense`: the entries depend on who looks.
    let groups = Signal::derive(move || {
        let visitor = visitor.get().and_then(Result::ok);
        groups(visitor.map(|visitor| visitor.person.role))
    });
    let foot = move || view! { <Foot visitor sign_out theme /> };
    let path = Signal::derive(move || rail_path(&pathname.read()).to_owned());
    view! {
        <AppFrame groups path foot>
            <Outlet />
        </AppFrame>
    }
}

/// The entries of the rail for somebody with that role.
fn groups(role: Option<Role>) -> Vec<NavGroup> {
    let mut system = vec![
        NavItem::new("Metric definitions", routes::DEFINITIONS),
        NavItem::new("API reference", routes::API_REFERENCE),
    ];
    if role == Some(Role::Administrator) {
        system.push(NavItem::new("People", routes::PEOPLE));
    }
    system.push(NavItem::new("Settings", routes::SETTINGS));
    let mut catalogue = vec![
        NavItem::new("Models", routes::MODELS),
        NavItem::new("Datasets", routes::DATASETS),
        NavItem::new("Clusters", routes::CLUSTERS),
    ];
    if role >= Some(Role::Operator) {
        catalogue.push(NavItem::new("Credentials", routes::CREDENTIALS));
    }
    vec![
        NavGroup::untitled(vec![NavItem::new("Benchmarks", routes::HOME)]),
        NavGroup::new("Catalogue", catalogue),
        NavGroup::new("System", system),
    ]
}

/// The entry of the rail that a page belongs to: the wizard and single benchmarks belong to the
/// history.
fn rail_path(path: &str) -> &str {
    let is_below_history = ["/benchmarks", routes::NEW]
        .into_iter()
        .any(|start| path == start || path.starts_with(&format!("{start}/")));
    if is_below_history { routes::HOME } else { path }
}

#[component]
fn Foot(
    visitor: VisitorResource,
    sign_out: ServerAction<SignOut>,
    theme: RwSignal<Theme>,
) -> impl IntoView {
    let who = move || {
        Suspend::new(async move {
            visitor.await.ok().map(|visitor| {
                let role = if visitor.is_demo {
                    "Demo: no sign-in needed"
                } else {
                    visitor.person.role.as_str()
                };
                let sign_out_form = (!visitor.is_demo).then(|| {
                    view! {
                        <ActionForm action=sign_out>
                            <Button kind=ButtonKind::Quiet is_small=true>"Sign out"</Button>
                        </ActionForm>
                    }
                });
                view! {
                    <div class="who">
                        <span class="who-name">
                            <b>{visitor.person.name}</b>
                            <span class="note">{role}</span>
                        </span>
                        {sign_out_form}
                    </div>
                }
            })
        })
    };
    view! {
        <Suspense>{who}</Suspense>
        <ThemeSwitch theme />
    }
}

/// In the browser: a session that ended while the page stood open leads to the sign-in page.
fn leave_when_signed_out(visitor: VisitorResource, pathname: Memo<String>) {
    let navigate = use_navigate();
    Effect::new(move |_| {
        if matches!(visitor.get(), Some(Err(ApiError::SignedOut))) {
            let way = routes::sign_in(&pathname.get_untracked());
            navigate(&way, leptos_router::NavigateOptions::default());
        }
    });
}

/// The menu of narrow screens closes when a link of it was followed.
fn close_menu_on(pathname: Memo<String>) {
    Effect::new(move |previous: Option<()>| {
        pathname.track();
        if previous.is_some()
            && let Ok(Some(menu)) = document().query_selector(".rail-menu[open]")
        {
            // Cannot fail: the name is a valid constant.
            let _ = menu.remove_attribute("open");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_belong_to_an_entry_of_the_rail() {
        assert_eq!(rail_path("/benchmarks/7"), "/");
        assert_eq!(rail_path("/new"), "/");
        assert_eq!(rail_path("/newer"), "/newer");
        assert_eq!(rail_path("/models/7"), "/models/7");
    }
}
