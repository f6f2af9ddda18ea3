//! Dialogs: native, so that focus, Escape and the backdrop behave as people know them.

use leptos::html;
use leptos::prelude::*;

/// A modal dialog. Opening needs the page's script; a page that must work without it links to a
/// page of its own instead.
#[component]
pub fn Dialog(
    /// Open or closed. Escape sets it to false.
    open: RwSignal<bool>,
    /// Its id.
    #[prop(into)]
    id: String,
    /// Its heading.
    #[prop(into)]
    title: String,
    /// Text, form, buttons.
    children: Children,
) -> impl IntoView {
    let node = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let is_wanted = open.get();
        let Some(dialog) = node.get() else { return };
        if is_wanted && !dialog.open() {
            // Fails only for a dialog outside the document, which nobody can see anyway.
            let _ = dialog.show_modal();
        } else if !is_wanted && dialog.open() {
            dialog.close();
        }
    });
    let title_id = format!("{id}-title");
    let labelled_by = title_id.clone();
    view! {
        <dialog
            class="dialog"
            id=id
            node_ref=node
            aria-labelledby=labelled_by
            on:close=move |_| open.set(false)
        >
            <div class="dialog-body">
                <h2 id=title_id>{title}</h2>
                {children()}
            </div>
        </dialog>
    }
    .into_any()
}
