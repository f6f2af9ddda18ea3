//! The document around the app: what the browser loads, and what it is allowed to.

use leptos::nonce::{Nonce, use_nonce};
use leptos::prelude::*;
use leptos_meta::MetaTags;
use ui::theme::{THEME_COOKIE, Theme};

use crate::root::App;

/// Addresses of the files a page loads. The server provides them in the context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assets {
    /// The script that starts the browser half.
    pub js: String,
    /// The browser half itself.
    pub wasm: String,
    /// The style sheet.
    pub css: String,
    /// The chart library.
    pub echarts: String,
    /// The icon.
    pub favicon: String,
}

/// The whole document. Without [`Assets`] in the context it is a page without script and style.
pub fn shell() -> impl IntoView {
    let nonce = use_nonce();
    #[cfg(feature = "ssr")]
    if let Some(nonce) = &nonce {
        crate::api::context::set_content_security_policy(nonce);
    }
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=first_theme().attribute()>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                {use_context::<Assets>().map(|assets| files(assets, nonce))}
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

fn files(assets: Assets, nonce: Option<Nonce>) -> impl IntoView {
    let Assets {
        js,
        wasm,
        css,
        echarts,
        favicon,
    } = assets;
    // JSON strings are JavaScript strings.
    let boot = format!(
        "import init, {{ hydrate }} from {}; init({{ module_or_path: {} }}).then(hydrate);",
        serde_json::Value::from(js.as_str()),
        serde_json::Value::from(wasm.as_str()),
    );
    view! {
        <link rel="icon" type="image/svg+xml" href=favicon />
        <link rel="stylesheet" href=css />
        <link rel="modulepreload" href=js nonce=nonce.clone() />
        <link rel="preload" r#as="fetch" r#type="application/wasm" crossorigin="" href=wasm />
        // Ahead of the module: charts look for a global `echarts`.
        <script defer="" src=echarts nonce=nonce.clone()></script>
        <script type="module" nonce=nonce>{boot}</script>
    }
}

/// The theme the page starts with: on the server from the cookie, in the browser as the server
/// rendered it, so that both agree.
pub fn first_theme() -> Theme {
    #[cfg(feature = "ssr")]
    let name = crate::api::context::cookie(THEME_COOKIE);
    #[cfg(not(feature = "ssr"))]
    let name = {
        let _ = THEME_COOKIE;
        document()
            .document_element()
            .and_then(|root| root.get_attribute("data-theme"))
    };
    Theme::parse(name.as_deref().unwrap_or_default())
}
