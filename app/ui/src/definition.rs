//! The question mark beside a term, and the definition it opens.

use domain::measure::definitions;
use leptos::prelude::*;

/// A question mark that opens the definition of a term. A native popover: no script needed.
/// Shows nothing for a key the dictionary does not have. Once per key and page. It may stand in a
/// paragraph: all of it is text to HTML.
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
            <span class="definition" id=id popover="auto">
                <strong>{definition.term}</strong>
                <span class="definition-text">{definition.text}</span>
            </span>
        }
    })
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_may_stand_in_a_paragraph() {
        let html = Owner::new().with(|| view! { <DefinitionMark key="goodput" /> }.to_html());
        assert!(html.contains("Goodput"), "{html}");
        // Either would end the paragraph around it, and the page could not be taken over by its script.
        assert!(!html.contains("<p") && !html.contains("<div"), "{html}");
    }
}
