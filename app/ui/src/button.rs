//! Buttons, and links that look like them.

use leptos::prelude::*;

/// How much a button asks for attention. At most one primary per page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ButtonKind {
    /// The page's main action.
    Primary,
    /// Everything else.
    #[default]
    Secondary,
    /// Cannot be undone.
    Danger,
    /// Part of a dense row.
    Quiet,
}

impl ButtonKind {
    fn class(self) -> &'static str {
        match self {
            Self::Primary => "button primary",
            Self::Secondary => "button",
            Self::Danger => "button danger",
            Self::Quiet => "button quiet",
        }
    }
}

fn class_of(kind: ButtonKind, is_small: bool) -> String {
    format!("{}{}", kind.class(), if is_small { " small" } else { "" })
}

/// A button. It submits its form unless `on_press` is given.
#[component]
pub fn Button(
    /// Its weight.
    #[prop(optional)]
    kind: ButtonKind,
    /// For dense rows.
    #[prop(optional)]
    is_small: bool,
    /// Name sent with the form when this button submits it.
    #[prop(into, optional)]
    name: Option<String>,
    /// Value sent under `name`.
    #[prop(into, optional)]
    value: Option<String>,
    /// The form it belongs to, by id, when it stands outside of it.
    #[prop(into, optional)]
    form: Option<String>,
    /// Where the form goes instead of its own action.
    #[prop(into, optional)]
    form_action: Option<String>,
    /// Submits without the browser's own checks: for "Back" and "Save and leave".
    #[prop(optional)]
    skips_validation: bool,
    /// Cannot be pressed.
    #[prop(into, optional)]
    disabled: Signal<bool>,
    /// Its work is under way: shown, announced, and not to be pressed again.
    #[prop(into, optional)]
    busy: Signal<bool>,
    /// A name for readers who do not see the shape in it.
    #[prop(into, optional)]
    label: Option<String>,
    /// What a press does, in the browser. Makes it a plain button.
    #[prop(into, optional)]
    on_press: Option<Callback<()>>,
    /// Its text.
    children: Children,
) -> impl IntoView {
    let kind_of_button = if on_press.is_some() {
        "button"
    } else {
        "submit"
    };
    view! {
        <button
            type=kind_of_button
            class=class_of(kind, is_small)
            name=name
            value=value
            form=form
            formaction=form_action
            formnovalidate=skips_validation
            aria-label=label
            aria-busy=move || busy.get().then_some("true")
            disabled=move || disabled.get() || busy.get()
            on:click=move |_| {
                if let Some(on_press) = on_press {
                    on_press.run(());
                }
            }
        >
            {children()}
        </button>
    }
    .into_any()
}

/// A link that looks like a button: for going somewhere, never for changing something.
#[component]
pub fn LinkButton(
    /// Where it goes.
    #[prop(into)]
    href: Signal<String>,
    /// Its weight.
    #[prop(optional)]
    kind: ButtonKind,
    /// For dense rows.
    #[prop(optional)]
    is_small: bool,
    /// The target is a file or another document: the router leaves it to the browser.
    #[prop(optional)]
    is_external: bool,
    /// Its text.
    children: Children,
) -> impl IntoView {
    view! {
        <a
            class=class_of(kind, is_small)
            href=move || href.get()
            rel=is_external.then_some("external")
        >
            {children()}
        </a>
    }
    .into_any()
}
