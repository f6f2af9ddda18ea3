//! The metric dictionary: what every figure of the product means.

use domain::measure::METRICS_VERSION;
use domain::measure::definitions::DEFINITIONS;
use leptos::prelude::*;
use leptos_meta::Title;
use ui::layout::PageHeader;

/// The dictionary, each entry under the anchor of its key.
#[component]
pub fn DefinitionsPage() -> impl IntoView {
    let entries = DEFINITIONS.iter().map(|definition| {
        let unit = (!definition.unit.is_empty())
            .then(|| view! { <span class="note">{definition.unit}</span> });
        view! {
            <div id=definition.key>
                <dt>{definition.term} " " {unit}</dt>
                <dd>{definition.text}</dd>
            </div>
        }
    });
    let subtitle = move || {
        format!("Edition {METRICS_VERSION}. Every result names the edition it was computed with.")
    };
    view! {
        <Title text="Metric definitions" />
        <PageHeader title="Metric definitions" subtitle />
        <dl class="dictionary">{entries.collect_view()}</dl>
    }
}
