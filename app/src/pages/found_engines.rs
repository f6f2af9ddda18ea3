//! The offer to take over engines that answer on this machine.

use domain::catalogue::{EngineIdentity, FoundEngine};
use leptos::form::ActionForm;
use leptos::prelude::*;
use ui::banner::Banner;
use ui::button::Button;
use ui::tone::Tone;

use crate::api::catalogue::{AdoptEngine, find_local_engines};
use crate::pages::parts::action_failure;

/// A banner for each engine found. Looked for from the browser, after the page: nobody waits for
/// ports that do not answer.
#[component]
pub fn FoundEngines() -> impl IntoView {
    let adopt = ServerAction::<AdoptEngine>::new();
    let found = RwSignal::new(Vec::<FoundEngine>::new());
    // Effects run in the browser only.
    Effect::new(move |_| {
        leptos::task::spawn_local(async move {
            // Those who may not add clusters are refused: for them there is no offer.
            let engines = find_local_engines().await.unwrap_or_default();
            // The page may be gone by now; then nobody wants to know.
            let _ = found.try_set(engines);
        });
    });
    let banners = move || {
        let engines = found.get().into_iter();
        engines.map(|engine| offer(engine, adopt)).collect_view()
    };
    view! {
        {action_failure(adopt)}
        {banners}
    }
}

fn offer(engine: FoundEngine, adopt: ServerAction<AdoptEngine>) -> impl IntoView {
    let FoundEngine {
        base_url,
        served_models,
        engine,
    } = engine;
    let name = engine.map_or_else(
        || "An engine".to_owned(),
        |it: EngineIdentity| it.in_words(),
    );
    let serves = if served_models.is_empty() {
        String::new()
    } else {
        format!(" and serves {}", served_models.join(", "))
    };
    let title = format!("{name} answers at {base_url}{serves}.");
    let actions = move || {
        view! {
            <ActionForm action=adopt>
                <input type="hidden" name="base_url" value=base_url />
                <Button is_small=true busy=adopt.pending()>"Use this engine"</Button>
            </ActionForm>
        }
    };
    view! { <Banner tone=Tone::Neutral title actions>"Add it to the catalogue to benchmark it."</Banner> }
}
