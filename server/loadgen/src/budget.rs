//! The limit of a plan, kept: a request that might go beyond it is not sent, and none after it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::measure::record::Outcome;
use domain::workload::{SpendLimit, SpendReport};

/// What may be spent, and what was.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    limit: Option<SpendLimit>,
    spent: Mutex<Spent>,
}

#[derive(Debug, Default)]
struct Spent {
    requests: u32,
    tokens: u64,
    /// What requests in flight may come to.
    reserved: u64,
    is_reached: bool,
}

impl Budget {
    pub(crate) fn new(limit: Option<SpendLimit>) -> Self {
        Self {
            limit,
            spent: Mutex::default(),
        }
    }

    /// Takes what a request of so many tokens may come to; `false`: it must not be sent.
    pub(crate) fn reserve(&self, tokens: u64) -> bool {
        let Some(limit) = self.limit else {
            return true;
        };
        let mut spent = self.lock();
        let in_sum = spent.tokens.saturating_add(spent.reserved);
        let fits = limit.requests.is_none_or(|most| spent.requests < most)
            && limit
                .tokens
                .is_none_or(|most| in_sum.saturating_add(tokens) <= most);
        if spent.is_reached || !fits {
            spent.is_reached = true;
            return false;
        }
        spent.requests += 1;
        spent.reserved = spent.reserved.saturating_add(tokens);
        true
    }

    /// Gives back what was reserved for a request that has ended, and counts what it took. One that broke off
    /// is counted with all that was reserved: its answer may go on at the provider.
    pub(crate) fn settle(&self, reserved: u64, used: u64, outcome: Outcome) {
        if self.limit.is_none() {
            return;
        }
        let used = match outcome {
            Outcome::Ok | Outcome::Truncated => used,
            Outcome::Connect | Outcome::Http4xx | Outcome::Http429 | Outcome::Http5xx => 0,
            Outcome::Timeout | Outcome::StreamError | Outcome::Protocol | Outcome::Cancelled => {
                reserved.max(used)
            }
        };
        let mut spent = self.lock();
        spent.reserved = spent.reserved.saturating_sub(reserved);
        spent.tokens = spent.tokens.saturating_add(used);
    }

    /// Whether nothing may be sent any more.
    pub(crate) fn is_reached(&self) -> bool {
        self.limit.is_some() && self.lock().is_reached
    }

    /// What was spent, where there is a limit.
    pub(crate) fn report(&self) -> Option<SpendReport> {
        let limit = self.limit?;
        let spent = self.lock();
        Some(SpendReport {
            limit,
            requests: spent.requests,
            tokens: spent.tokens,
            is_reached: spent.is_reached,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plan_without_a_limit_has_none() {
        let budget = Budget::new(None);
        assert!(budget.reserve(u64::MAX));
        assert_eq!(budget.report(), None);
    }

    proptest! {
        #[test]
        fn no_more_is_sent_than_the_limit_says(
            requests in prop::option::of(0_u32..20),
            most in prop::option::of(0_u64..2_000),
            sizes in prop::collection::vec((1_u64..300, 0_u64..=100, any::<bool>()), 1..60),
        ) {
            let budget = Budget::new(Some(SpendLimit { requests, tokens: most }));
            let (mut sent, mut used) = (0, 0);
            let mut in_flight = Vec::new();
            for (size, share, ends_at_once) in sizes {
                if budget.reserve(size) {
                    sent += 1;
                    let took = size * share / 100;
                    if ends_at_once {
                        budget.settle(size, took, Outcome::Ok);
                        used += took;
                    } else {
                        in_flight.push(size);
                        used += size;
                    }
                } else {
                    prop_assert!(budget.is_reached());
                    prop_assert!(!budget.reserve(0), "nothing after it");
                }
            }
            for size in in_flight {
                budget.settle(size, 0, Outcome::Timeout);
            }
            let report = budget.report().unwrap();
            prop_assert_eq!(report.requests, sent);
            prop_assert_eq!(report.tokens, used);
            prop_assert!(requests.is_none_or(|limit| sent <= limit));
            prop_assert!(most.is_none_or(|limit| used <= limit));
        }
    }
}
