//! Choices that carry facts: clusters, nodes, models, presets.

use domain::field::FieldErrors;
use leptos::prelude::*;

use super::frame::message;
use super::{Description, control_id};
use crate::badge::Badge;
use crate::tone::Tone;

/// One choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// Its name.
    pub title: String,
    /// Facts that help to choose, one line each.
    pub details: Vec<String>,
    /// Its state, such as "Reachable".
    pub badge: Option<(Tone, String)>,
    /// Why it cannot be chosen now.
    pub blocked_because: Option<String>,
}

impl Choice {
    /// A choice with a name.
    pub fn new(value: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            title: title.into(),
            ..Self::default()
        }
    }

    /// With one more line of facts.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// With its state.
    #[must_use]
    pub fn with_badge(mut self, tone: Tone, label: impl Into<String>) -> Self {
        self.badge = Some((tone, label.into()));
        self
    }

    /// Not to be chosen, and why.
    #[must_use]
    pub fn blocked(mut self, because: impl Into<String>) -> Self {
        self.blocked_because = Some(because.into());
        self
    }
}

/// Cards to choose one of, or several.
#[component]
pub fn ChoiceCards(
    /// Name in the form. With several chosen, it is sent once for each.
    #[prop(into)]
    name: String,
    /// What is chosen.
    #[prop(into)]
    legend: String,
    /// The choices, in order.
    choices: Vec<Choice>,
    /// Values chosen at first.
    #[prop(optional)]
    chosen: Vec<String>,
    /// Several may be chosen.
    #[prop(optional)]
    is_multiple: bool,
    /// A signal that follows the choice. It does not lead it.
    #[prop(optional)]
    bind: Option<RwSignal<Vec<String>>>,
    /// Messages of the form.
    #[prop(into, optional)]
    errors: Signal<FieldErrors>,
    /// What to know before choosing.
    #[prop(into, optional)]
    hint: Option<String>,
) -> impl IntoView {
    let description = Description::new(&name, hint.as_deref(), errors);
    let described = description.clone();
    let chosen = bind.map_or(chosen, |bind| bind.get_untracked());
    let kind = if is_multiple { "checkbox" } else { "radio" };
    let cards = choices.into_iter().enumerate().map(|(place, choice)| {
        let value = choice.value.clone();
        let follow = move |is_checked: bool| {
            let Some(bind) = bind else { return };
            bind.update(|values| {
                values.retain(|other| is_multiple && *other != value);
                if is_checked {
                    values.push(value.clone());
                }
            });
        };
        // The first control carries the id that messages link to.
        let id = (place == 0).then(|| control_id(&name));
        let is_checked = chosen.contains(&choice.value);
        let reason = choice.blocked_because.clone();
        view! {
            <label class="choice">
                <input
                    type=kind
                    id=id
                    name=name.clone()
                    value=choice.value
                    checked=is_checked
                    disabled=reason.is_some()
                    on:change=move |event| follow(event_target_checked(&event))
                />
                <span class="choice-body">
                    <span class="choice-title">
                        {choice.title}
                        {choice.badge.map(|(tone, label)| view! { <Badge tone label /> })}
                    </span>
                    {choice
                        .details
                        .into_iter()
                        .chain(reason)
                        .map(|line| view! { <span class="choice-detail">{line}</span> })
                        .collect_view()}
                </span>
            </label>
        }
    });
    let cards = cards.collect_view();
    view! {
        <fieldset class="field-set" aria-describedby=move || described.described_by()>
            <legend>{legend}</legend>
            {hint.map(|hint| view! { <p class="field-hint" id=description.hint_id>{hint}</p> })}
            <div class="choices">{cards}</div>
            {message(description.error_id, description.error)}
        </fieldset>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocked_choices_say_why_and_cannot_be_sent() {
        let html = Owner::new().with(|| {
            let choices = vec![
                Choice::new("a", "rack-a").with_badge(Tone::Good, "Reachable"),
                Choice::new("b", "rack-b").blocked("Last answered 3 days ago."),
            ];
            view! { <ChoiceCards name="cluster" legend="Cluster" choices chosen=vec!["a".to_owned()] /> }
                .to_html()
        });
        assert_eq!(html.matches("disabled").count(), 1, "{html}");
        assert_eq!(html.matches("checked").count(), 1, "{html}");
        assert!(html.contains("Last answered 3 days ago."), "{html}");
        assert_eq!(html.matches(r#"type="radio""#).count(), 2, "{html}");
    }
}
