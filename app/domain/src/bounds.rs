//! A range of a number that lists are filtered by.

use serde::{Deserialize, Serialize};

use crate::finite::Finite;

/// A closed range whose ends may be open. The default lets everything through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bounds {
    /// Smallest value that is let through; `None` for no lower end.
    pub min: Option<Finite>,
    /// Largest value that is let through; `None` for no upper end.
    pub max: Option<Finite>,
}

impl Bounds {
    /// Whether everything is let through, also what has no value.
    pub fn is_open(&self) -> bool {
        self.min.is_none() && self.max.is_none()
    }

    /// Whether a value lies within. A missing value lies in no range but the open one.
    pub fn contains(&self, value: Option<Finite>) -> bool {
        match value {
            None => self.is_open(),
            Some(value) => {
                self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
            }
        }
    }

    /// In words with a unit: "from 10 to 200 ms", "at least 10 ms"; `None` for the open range.
    pub fn in_words(&self, unit: &str) -> Option<String> {
        let unit = if unit.is_empty() {
            String::new()
        } else {
            format!(" {unit}")
        };
        match (self.min, self.max) {
            (None, None) => None,
            (Some(min), None) => Some(format!("at least {min}{unit}")),
            (None, Some(max)) => Some(format!("at most {max}{unit}")),
            (Some(min), Some(max)) => Some(format!("from {min} to {max}{unit}")),
        }
    }

    /// One end from the text of a URL or a form; an empty or unreadable text leaves it open.
    pub fn read_end(text: &str) -> Option<Finite> {
        text.trim().parse().ok().and_then(Finite::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(min: Option<f64>, max: Option<f64>) -> Bounds {
        Bounds {
            min: min.and_then(Finite::new),
            max: max.and_then(Finite::new),
        }
    }

    #[test]
    fn both_ends_belong_to_the_range_and_nothing_lies_nowhere() {
        let range = bounds(Some(1.0), Some(2.0));
        let cases = [
            (None, false),
            (Some(0.9), false),
            (Some(1.0), true),
            (Some(2.0), true),
            (Some(2.1), false),
        ];
        for (value, is_within) in cases {
            assert_eq!(
                range.contains(value.and_then(Finite::new)),
                is_within,
                "{value:?}"
            );
        }
        assert!(Bounds::default().contains(None));
        assert!(!bounds(Some(1.0), None).contains(None));
        assert!(bounds(Some(1.0), None).contains(Finite::new(1e9)));
    }

    #[test]
    fn a_range_is_told_in_words() {
        assert_eq!(bounds(None, None).in_words("ms"), None);
        let words = bounds(Some(10.0), Some(20.5)).in_words("ms");
        assert_eq!(words.as_deref(), Some("from 10 to 20.5 ms"));
        assert_eq!(
            bounds(Some(3.0), None).in_words("").as_deref(),
            Some("at least 3")
        );
    }

    #[test]
    fn an_end_that_cannot_be_read_is_open() {
        assert_eq!(Bounds::read_end(" 2.5 "), Finite::new(2.5));
        for text in ["", "x", "NaN", "inf"] {
            assert_eq!(Bounds::read_end(text), None, "{text}");
        }
    }
}
