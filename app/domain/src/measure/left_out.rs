//! What the deadline of a run with a duration keeps out of its figures.

use serde::{Deserialize, Serialize};

use crate::finite::Finite;

/// Share of the window's requests that may be missing from its figures before that is a warning.
pub const LEFT_OUT_WARNING_SHARE: f64 = 0.05;

/// Requests that belong to the window and are not in its figures. They are the late ones, so that what is
/// left looks better than the load was: an overloaded server most of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Requests of the window that were answered, or failed, after its deadline.
    pub drained_count: u32,
    /// Arrivals of the window that were never sent: there was no place in flight for them until the
    /// request timeout after the deadline.
    pub unsent_count: u32,
    /// Requests of the window altogether, those in the figures included.
    pub window_count: u32,
}

impl LeftOut {
    /// `None` where nothing is left out. `measured_count` requests are in the figures.
    pub fn of(measured_count: usize, drained_count: usize, unsent_count: u32) -> Option<Self> {
        let count = |amount: usize| u32::try_from(amount).unwrap_or(u32::MAX);
        let drained_count = count(drained_count);
        let left_out = Self {
            drained_count,
            unsent_count,
            window_count: count(measured_count)
                .saturating_add(drained_count)
                .saturating_add(unsent_count),
        };
        (left_out.count() > 0).then_some(left_out)
    }

    /// Requests left out.
    pub fn count(self) -> u32 {
        self.drained_count.saturating_add(self.unsent_count)
    }

    /// Their share of the window's requests, above 0 to 1.
    pub fn fraction(self) -> Finite {
        Finite::ratio(f64::from(self.count()), f64::from(self.window_count)).unwrap_or_default()
    }

    /// Whether so many are left out that the figures are those of a part of the load.
    pub fn is_warning(self) -> bool {
        self.fraction().get() >= LEFT_OUT_WARNING_SHARE
    }

    /// A sentence for reports and pages.
    pub fn in_words(self) -> String {
        let unsent = match self.unsent_count {
            0 => String::new(),
            count => format!(", and {count} could not be sent within the request timeout after it"),
        };
        format!(
            "{} of the {} requests of the window ({:.1} %) are not in these figures: {} finished after the deadline{unsent}.",
            self.count(),
            self.window_count,
            self.fraction().get() * 100.0,
            self.drained_count,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_a_share_of_the_window() {
        assert_eq!(LeftOut::of(9, 0, 0), None);
        let overloaded = LeftOut::of(9, 40, 1).unwrap();
        assert!(overloaded.is_warning());
        assert_eq!(
            overloaded.in_words(),
            "41 of the 50 requests of the window (82.0 %) are not in these figures: 40 finished after the deadline, and 1 could not be sent within the request timeout after it."
        );
        let usual = LeftOut::of(997, 3, 0).unwrap();
        assert!(!usual.is_warning());
        assert!(usual.in_words().ends_with("3 finished after the deadline."));
    }
}
