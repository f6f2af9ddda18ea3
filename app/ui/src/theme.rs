//! Light, dark, or as the system says.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

/// Name of the cookie that keeps the choice, so that the server renders it and nothing flashes.
pub const THEME_COOKIE: &str = "theme";
const COOKIE_AGE_S: u32 = 365 * 24 * 3_600;

/// The reader's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// The choices, in the order of the switch.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The value of the cookie.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The choice a cookie's value names; anything else follows the system.
    pub fn parse(text: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|theme| theme.as_str() == text)
            .unwrap_or_default()
    }

    /// Value of `data-theme` on the root element; `None` leaves it out.
    pub fn attribute(self) -> Option<&'static str> {
        (self != Self::System).then(|| self.as_str())
    }

    fn label(self) -> &'static str {
        match self {
            Self::System => "System",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }
}

/// The switch. `theme` starts with what the server read from the cookie.
#[component]
pub fn ThemeSwitch(
    /// The choice, shared by every switch of the page.
    theme: RwSignal<Theme>,
) -> impl IntoView {
    let choose = move |choice: Theme| {
        theme.set(choice);
        apply(choice);
    };
    let buttons = Theme::ALL.into_iter().map(|choice| {
        let is_pressed = move || {
            if theme.get() == choice {
                "true"
            } else {
                "false"
            }
        };
        view! {
            <button type="button" aria-pressed=is_pressed on:click=move |_| choose(choice)>
                {choice.label()}
            </button>
        }
    });
    view! {
        <div class="theme-switch needs-script" role="group" aria-label="Theme">
            {buttons.collect_view()}
        </div>
    }
    .into_any()
}

/// Sets the root element's attribute and the cookie.
fn apply(theme: Theme) {
    let document = document();
    if let Some(root) = document.document_element() {
        // Neither call can fail for a valid constant name.
        let _ = match theme.attribute() {
            Some(value) => root.set_attribute("data-theme", value),
            None => root.remove_attribute("data-theme"),
        };
    }
    let document: &web_sys::HtmlDocument = document.unchecked_ref();
    let name_and_value = format!("{THEME_COOKIE}={}", theme.as_str());
    // Refused cookies only mean that the choice lasts until the page is left.
    let _ = document.set_cookie(&format!(
        "{name_and_value}; path=/; max-age={COOKIE_AGE_S}; samesite=lax"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_keeps_the_choice() {
        for theme in Theme::ALL {
            assert_eq!(Theme::parse(theme.as_str()), theme);
        }
        assert_eq!(Theme::parse("<script>"), Theme::System);
        assert_eq!(Theme::System.attribute(), None);
    }
}
