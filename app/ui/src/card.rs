//! Panels: plain cards and the result page's metric cards.

use leptos::prelude::*;

use crate::definition::DefinitionMark;
use crate::figure::{Figure, Number};

/// A panel with a title.
#[component]
pub fn Card(
    /// Its title.
    #[prop(into)]
    title: String,
    /// Unit, count or time, at the right of the title.
    #[prop(into, optional)]
    note: Option<String>,
    /// Links or small buttons at the right of the title.
    #[prop(into, optional)]
    actions: Option<ViewFnOnce>,
    /// Its content.
    children: Children,
) -> impl IntoView {
    view! {
        <section class="card">
            <header class="card-head">
                <h2>{title}</h2>
                {note.map(|note| view! { <span class="card-note">{note}</span> })}
                {actions.map(|actions| view! { <div class="actions">{actions.run()}</div> })}
            </header>
            <div class="card-body">{children()}</div>
        </section>
    }
    .into_any()
}

/// One figure of a card's lower row.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricDetail {
    /// "p90", "errors".
    pub label: String,
    /// Its value.
    pub figure: Figure,
    /// How far it can be trusted, below it: "38.1–42.0".
    pub bounds: Option<String>,
}

impl MetricDetail {
    /// A labelled figure.
    pub fn new(label: impl Into<String>, figure: Figure) -> Self {
        Self {
            label: label.into(),
            figure,
            bounds: None,
        }
    }

    /// Says how far the value can be trusted.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Option<String>) -> Self {
        self.bounds = bounds;
        self
    }
}

/// A metric: its big figure, and its percentiles below a hairline.
#[component]
pub fn MetricCard(
    /// The metric's name.
    #[prop(into)]
    label: String,
    /// The headline value.
    figure: Figure,
    /// What the headline is, beside its unit: "p50".
    #[prop(into, optional)]
    qualifier: Option<String>,
    /// One line below: a comparison, a share, a budget.
    #[prop(into, optional)]
    note: Option<ViewFnOnce>,
    /// Up to three figures below the hairline.
    #[prop(optional)]
    details: Vec<MetricDetail>,
    /// Key of the metric's definition: adds the question mark that opens it.
    #[prop(optional)]
    definition: Option<&'static str>,
) -> impl IntoView {
    let unit = match qualifier {
        Some(qualifier) => format!("{} {qualifier}", figure.unit),
        None => figure.unit.clone(),
    };
    let details = (!details.is_empty()).then(|| {
        let items = details.into_iter().map(|detail| {
            let bounds = detail.bounds.map(|bounds| {
                view! { <dd class="metric-bounds" title="95 % bounds">{bounds}</dd> }
            });
            view! {
                <div>
                    <dt>{detail.label}</dt>
                    <dd><Number figure=detail.figure is_focusable=true /></dd>
                    {bounds}
                </div>
            }
        });
        view! {
            <hr class="metric-rule" />
            <dl class="metric-details">{items.collect_view()}</dl>
        }
    });
    view! {
        <section class="metric-card">
            <div class="metric-head">
                <h3>{label}</h3>
                {definition.map(|key| view! { <DefinitionMark key /> })}
            </div>
            <p class="metric-value">
                <Number figure is_focusable=true />
                <span class="unit">{unit}</span>
            </p>
            <div class="metric-note">{note.map(ViewFnOnce::run)}</div>
            {details}
        </section>
    }
    .into_any()
}
