//! What a page shows to some roles only. It hides what would be refused; `service` refuses.

use domain::access::Role;
use leptos::prelude::*;
use ui::feedback::EmptyState;

use crate::frame::VisitorResource;

/// Whether whoever looks at the page has at least the role `least`. For pages that wait for data
/// anyway; take the resource from the context before.
pub async fn is_at_least(visitor: Option<VisitorResource>, least: Role) -> bool {
    match visitor {
        Some(visitor) => visitor
            .await
            .is_ok_and(|visitor| visitor.person.role >= least),
        None => false,
    }
}

/// Shows its children to people with at least the role `least`.
#[component]
pub fn OnlyFor(
    /// The least role.
    least: Role,
    /// Buttons, links, forms.
    children: ChildrenFn,
) -> impl IntoView {
    let visitor = use_context::<VisitorResource>();
    let children = StoredValue::new(children);
    let shown = move || {
        Suspend::new(async move {
            let is_shown = is_at_least(visitor, least).await;
            is_shown.then(|| children.with_value(|children| children()))
        })
    };
    view! { <Suspense>{shown}</Suspense> }.into_any()
}

/// Shows its children to people with at least the role `least`, and to others that they are not for
/// them: a form that would be refused is better not filled in.
#[component]
pub fn OpenTo(
    /// The least role.
    least: Role,
    /// A form.
    children: ChildrenFn,
) -> impl IntoView {
    let visitor = use_context::<VisitorResource>();
    let children = StoredValue::new(children);
    let shown = move || {
        Suspend::new(async move {
            if is_at_least(visitor, least).await {
                return children.with_value(|children| children()).into_any();
            }
            let text = format!(
                "It needs the role {}. Ask an administrator for it.",
                least.as_str()
            );
            view! { <EmptyState title="This is not open to you" text /> }.into_any()
        })
    };
    view! { <Suspense>{shown}</Suspense> }.into_any()
}
