//! A value with its unit, rounded for reading and exact on demand.

use domain::finite::Finite;
use leptos::prelude::*;

use crate::format;

/// A value as it is shown and as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figure {
    /// Rounded text, or the sign for "missing".
    pub text: String,
    /// Unit, shown beside big figures and in column headings.
    pub unit: String,
    /// Every digit with the unit; `None` when there is nothing more to say.
    pub exact: Option<String>,
    /// Too few samples lie beyond this percentile to trust it.
    pub has_few_samples: bool,
}

impl Figure {
    /// A measured value.
    pub fn new(value: Option<Finite>, unit: &str) -> Self {
        Self {
            text: format::optional(value),
            unit: unit.to_owned(),
            exact: value.map(|value| format::exact(value.get(), unit)),
            has_few_samples: false,
        }
    }

    /// A value in milliseconds, shown in seconds from one second on.
    pub fn of_ms(value_ms: Option<Finite>) -> Self {
        let exact = value_ms.map(|value| format::exact(value.get(), "ms"));
        match value_ms.map(Finite::get) {
            Some(ms) if ms.abs() >= 999.5 => Self {
                exact,
                ..Self::new(Finite::new(ms / 1e3), "s")
            },
            _ => Self {
                exact,
                ..Self::new(value_ms, "ms")
            },
        }
    }

    /// A count.
    pub fn of_count(value: u64, unit: &str) -> Self {
        Self {
            text: format::count(value),
            unit: unit.to_owned(),
            ..Self::default()
        }
    }

    /// A share of 1, in percent.
    pub fn of_fraction(value: Option<Finite>) -> Self {
        let text = value.map_or_else(|| format::MISSING.to_owned(), |v| format::percent(v.get()));
        let exact = value.map(|v| format::exact(v.get() * 100.0, "%"));
        Self {
            text,
            exact,
            ..Self::default()
        }
    }

    /// Ready text without more behind it.
    pub fn of_text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// Marks a percentile that few samples support.
    #[must_use]
    pub fn with_few_samples(mut self, has_few_samples: bool) -> Self {
        self.has_few_samples = has_few_samples && self.exact.is_some();
        self
    }
}

/// A figure's number without its unit. The exact value is its title, and shows on focus where it
/// can take focus: on cards yes, in tables of hundreds no.
#[component]
pub fn Number(
    /// The value.
    figure: Figure,
    /// Whether the keyboard reaches it.
    #[prop(optional)]
    is_focusable: bool,
) -> impl IntoView {
    let Figure {
        text,
        exact,
        has_few_samples,
        ..
    } = figure;
    let tab_index = (is_focusable && exact.is_some()).then_some("0");
    let title = if is_focusable { None } else { exact.clone() };
    let mark = has_few_samples.then(|| {
        let meaning = "Few samples: fewer than ten lie beyond this percentile";
        view! { <sup class="few-samples" title=meaning><span aria-hidden="true">"?"</span><span class="visually-hidden">" few samples"</span></sup> }
    });
    view! {
        <span class="number" tabindex=tab_index title=title data-exact=exact>{text}</span>
        {mark}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_turn_into_seconds_and_keep_the_exact_value() {
        let figure = Figure::of_ms(Finite::new(4_831.25));
        assert_eq!((figure.text.as_str(), figure.unit.as_str()), ("4.83", "s"));
        assert_eq!(figure.exact.as_deref(), Some("4,831.25 ms"));
        assert_eq!(Figure::of_ms(Finite::new(241.4)).unit, "ms");
    }

    #[test]
    fn a_missing_value_has_no_exact_one_and_no_mark() {
        let figure = Figure::new(None, "ms").with_few_samples(true);
        assert_eq!(figure.text, "–");
        assert_eq!(figure.exact, None);
        assert!(!figure.has_few_samples);
    }

    #[test]
    fn numbers_tell_their_exact_value() {
        let figure = Figure::new(Finite::new(2_901.66), "tok/s");
        let html = view! { <Number figure is_focusable=true /> }.to_html();
        assert!(html.contains(r#"data-exact="2,901.66 tok/s""#), "{html}");
        assert!(
            html.contains(r#"tabindex="0""#) && html.contains("2,902"),
            "{html}"
        );
    }
}
