//! Short messages after an action. What must not be missed is a banner, not a toast.

use std::time::Duration;

use leptos::prelude::*;

use crate::tone::{Glyph, Tone};

/// Toasts shown at once; an older one makes room.
const TOASTS_MAX: usize = 4;
/// How long a toast that is no failure stays.
const TOAST_MS: u64 = 6_000;

#[derive(Clone, Debug, PartialEq)]
struct Toast {
    number: u32,
    tone: Tone,
    text: String,
}

/// Shows toasts. Put one into the context at the root with [`provide_toasts`].
#[derive(Clone, Copy)]
pub struct Toasts {
    shown: RwSignal<Vec<Toast>>,
    next_number: RwSignal<u32>,
}

/// Puts [`Toasts`] into the context and returns it.
pub fn provide_toasts() -> Toasts {
    let toasts = Toasts {
        shown: RwSignal::new(Vec::new()),
        next_number: RwSignal::new(0),
    };
    provide_context(toasts);
    toasts
}

/// The toasts of the page, if its root provided them.
pub fn use_toasts() -> Option<Toasts> {
    use_context()
}

impl Toasts {
    /// Says something. Failures stay until they are dismissed.
    pub fn show(self, tone: Tone, text: impl Into<String>) {
        let number = self.next_number.get_untracked();
        self.next_number.set(number.wrapping_add(1));
        let toast = Toast {
            number,
            tone,
            text: text.into(),
        };
        self.shown.update(|toasts| {
            if toasts.len() >= TOASTS_MAX {
                toasts.remove(0);
            }
            toasts.push(toast);
        });
        if tone != Tone::Bad {
            set_timeout(
                move || self.dismiss(number),
                Duration::from_millis(TOAST_MS),
            );
        }
    }

    fn dismiss(self, number: u32) {
        // The page may be gone when the timer ends.
        self.shown
            .try_update(|toasts| toasts.retain(|toast| toast.number != number));
    }
}

/// Where toasts appear: once, at the root of the page.
#[component]
pub fn ToastHost() -> impl IntoView {
    let toasts = use_toasts();
    let shown = move || toasts.map(|toasts| toasts.shown.get()).unwrap_or_default();
    view! {
        <ul class="toasts" role="status" aria-live="polite">
            <For each=shown key=|toast| toast.number let:toast>
                <li class=format!("toast {}", toast.tone.class())>
                    <Glyph tone=toast.tone />
                    <p>{toast.text}</p>
                    <button
                        type="button"
                        class="button quiet small"
                        aria-label="Dismiss"
                        on:click=move |_| {
                            if let Some(toasts) = toasts {
                                toasts.dismiss(toast.number);
                            }
                        }
                    >
                        "×"
                    </button>
                </li>
            </For>
        </ul>
    }
    .into_any()
}
