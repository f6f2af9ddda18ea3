//! The question mark beside a term, and the definition it opens.

use domain::measure::definitions;
use leptos::prelude::*;

/// A question mark that opens the definition of a term. A native popover: no script needed.
/// Shows nothing for a key the dictionary does not have. Once per key and page.
#[component]
pub fn DefinitionMark(
    /// Key in the metric dictionary, such as "ttft".
    key: &'static str,
) -> impl IntoView {
    definitions::definition(key).map(|definition| {
        let id = format!("definition-{key}");
        let label = format!("What is {}?", definition.term);
        view! {
            <button type="button" class="definition-mark" popovertarget=id.clone() aria-label=label>
                <span aria-hidden="true">"?"</span>
            </button>
            <div class="definition" id=id popover="auto">
                <p><strong>{definition.term}</strong></p>
                <p>{definition.text}</p>
            </div>
        }
    })
    .into_any()
}
