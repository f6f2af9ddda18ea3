//! Commands, ids and files to read or copy.

use std::time::Duration;

use leptos::prelude::*;

/// How long the copy button says that it worked.
const COPIED_MS: u64 = 2_000;

/// A block of text in equal widths with a button that copies it.
#[component]
pub fn CodeBlock(
    /// What is copied: "command", "manifest".
    #[prop(into)]
    label: String,
    /// The text.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    view! {
        <div class="code">
            <pre tabindex="0" aria-label=label.clone()><code>{text.clone()}</code></pre>
            <CopyButton label text />
        </div>
    }
    .into_any()
}

/// Copies a text. Appears when the page's script runs.
#[component]
pub fn CopyButton(
    /// What is copied: "link", "SHA-256".
    #[prop(into)]
    label: String,
    /// The text.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    let was_copied = RwSignal::new(false);
    let copy = move |_| {
        // The promise is left alone: where the clipboard is refused, selecting still works.
        let _promise = window().navigator().clipboard().write_text(&text);
        was_copied.set(true);
        let reset = move || {
            was_copied.try_set(false);
        };
        set_timeout(reset, Duration::from_millis(COPIED_MS));
    };
    view! {
        <button type="button" class="button small needs-script" aria-label=format!("Copy {label}") on:click=copy>
            <span aria-live="polite">{move || if was_copied.get() { "Copied" } else { "Copy" }}</span>
        </button>
    }
    .into_any()
}
