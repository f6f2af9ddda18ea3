//! Keeps a limit while requests go out: one that might go beyond it is not sent, and none after it.

use super::spend::{SpendLimit, SpendReport};
use crate::measure::record::Outcome;

/// What was spent under a limit, and what requests in flight may still come to.
#[derive(Debug)]
pub struct Budget {
    limit: SpendLimit,
    requests: u32,
    tokens: u64,
    reserved: u64,
    /// By how many tokens an answered request went beyond what it was taken for, at most: later ones may
    /// as well.
    excess: u64,
    is_reached: bool,
}

/// What is held for a request in flight.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what is not settled stays reserved"]
pub struct Reserved {
    /// Tokens it was taken for.
    asked: u64,
    /// The same with what others went beyond it.
    held: u64,
}

impl Budget {
    /// Nothing spent yet.
    pub fn new(limit: SpendLimit) -> Self {
        Self {
            limit,
            requests: 0,
            tokens: 0,
            reserved: 0,
            excess: 0,
            is_reached: false,
        }
    }

    /// Holds what a request of so many tokens may come to. `None`: it might go beyond the limit and must not
    /// be sent, nor any after it.
    pub fn reserve(&mut self, tokens: u64) -> Option<Reserved> {
        let held = tokens.saturating_add(self.excess);
        let in_sum = self
            .tokens
            .saturating_add(self.reserved)
            .saturating_add(held);
        let fits = self.limit.requests.is_none_or(|most| self.requests < most)
            && self.limit.tokens.is_none_or(|most| in_sum <= most);
        if self.is_reached || !fits {
            self.is_reached = true;
            return None;
        }
        self.requests += 1;
        self.reserved = self.reserved.saturating_add(held);
        Some(Reserved {
            asked: tokens,
            held,
        })
    }

    /// Counts a request that has ended with `tokens`; `is_told` says that they are the provider's own figure.
    /// One that broke off without it counts with all that it might have come to: its answer may go on over
    /// there.
    pub fn settle(&mut self, reserved: Reserved, outcome: Outcome, tokens: u64, is_told: bool) {
        let used = match outcome {
            _ if is_told => tokens,
            Outcome::Ok => tokens,
            Outcome::Connect | Outcome::Http4xx | Outcome::Http429 => 0,
            Outcome::Http5xx
            | Outcome::Timeout
            | Outcome::StreamError
            | Outcome::Protocol
            | Outcome::Truncated
            | Outcome::Cancelled => reserved.held.max(tokens),
        };
        self.reserved = self.reserved.saturating_sub(reserved.held);
        self.tokens = self.tokens.saturating_add(used);
        self.excess = self.excess.max(used.saturating_sub(reserved.asked));
    }

    /// Whether a request was refused, and all further ones are.
    pub fn is_reached(&self) -> bool {
        self.is_reached
    }

    /// What was spent so far.
    pub fn report(&self) -> SpendReport {
        SpendReport {
            limit: self.limit,
            requests: self.requests,
            tokens: self.tokens,
            is_reached: self.is_reached,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn budget(requests: Option<u32>, tokens: Option<u64>) -> Budget {
        Budget::new(SpendLimit { requests, tokens })
    }

    #[test]
    fn what_broke_off_counts_in_full_and_what_was_refused_not_at_all() {
        let mut budget = budget(None, Some(1_000));
        let spent = [
            (Outcome::Ok, 40, false, 40),
            (Outcome::Http429, 0, false, 0),
            (Outcome::Timeout, 10, false, 100),
            (Outcome::Truncated, 10, true, 10),
            (Outcome::Truncated, 10, false, 100),
            (Outcome::Http5xx, 0, false, 100),
        ];
        let mut sum = 0;
        for (outcome, tokens, is_told, counted) in spent {
            let reserved = budget.reserve(100).unwrap();
            budget.settle(reserved, outcome, tokens, is_told);
            sum += counted;
            assert_eq!(budget.report().tokens, sum, "{outcome:?}");
        }
        assert_eq!(budget.report().requests, 6);
    }

    #[test]
    fn a_provider_that_counts_more_than_expected_is_believed() {
        let mut budget = budget(None, Some(300));
        let first = budget.reserve(50).unwrap();
        budget.settle(first, Outcome::Ok, 130, true);
        // 130 are gone, and the next may come to 130 as well.
        let second = budget.reserve(50).unwrap();
        budget.settle(second, Outcome::Ok, 130, true);
        assert_eq!(budget.reserve(50), None);
        assert!(budget.is_reached());
        assert_eq!(budget.report().tokens, 260);
    }

    proptest! {
        /// Whatever ends when, in whatever order: the requests never pass their limit, and the tokens do
        /// not as long as no request comes to more than it was taken for.
        #[test]
        fn no_more_is_spent_than_the_limit_says(
            requests in prop::option::of(0_u32..20),
            tokens in prop::option::of(0_u64..2_000),
            steps in prop::collection::vec(
                (1_u64..300, 0_u64..=100, 0..Outcome::ALL.len(), any::<bool>(), any::<prop::sample::Index>()),
                1..80,
            ),
        ) {
            let mut budget = budget(requests, tokens);
            let mut in_flight: Vec<(Reserved, u64)> = Vec::new();
            let mut sent = 0;
            for (asked, share, outcome, ends_one, which) in steps {
                let was_reached = budget.is_reached();
                match budget.reserve(asked) {
                    Some(reserved) => {
                        prop_assert!(!was_reached, "nothing after a refusal");
                        sent += 1;
                        in_flight.push((reserved, asked * share / 100));
                    }
                    None => prop_assert!(budget.is_reached()),
                }
                if ends_one && !in_flight.is_empty() {
                    let (reserved, used) = in_flight.swap_remove(which.index(in_flight.len()));
                    budget.settle(reserved, Outcome::ALL[outcome], used, share % 2 == 0);
                }
                let report = budget.report();
                prop_assert_eq!(report.requests, sent);
                prop_assert!(requests.is_none_or(|most| sent <= most));
                prop_assert!(tokens.is_none_or(|most| report.tokens + budget.reserved <= most));
            }
        }

        /// Requests one after another that all come to the same number of tokens more than they were taken
        /// for pass the limit by that number at most.
        #[test]
        fn an_unexpected_excess_is_paid_once(most in 1_u64..5_000, asked in 1_u64..200, excess in 0_u64..200) {
            let mut budget = budget(None, Some(most));
            while let Some(reserved) = budget.reserve(asked) {
                budget.settle(reserved, Outcome::Ok, asked + excess, true);
            }
            prop_assert!(budget.report().tokens <= most + excess);
        }
    }
}
