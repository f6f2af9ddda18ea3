//! The limit of a plan, shared by all requests of a run.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::measure::record::Outcome;
use domain::workload::{Reserved, SpendLimit, SpendReport};
use tokio_util::sync::CancellationToken;

/// What may be spent, and what was. A plan without a limit costs its requests no lock.
#[derive(Debug)]
pub(crate) struct Budget {
    budget: Option<Mutex<domain::workload::Budget>>,
    /// Cancelled with the run, and when the limit is reached.
    over: CancellationToken,
}

/// What is held for a request until it has ended.
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    budget: &'a Budget,
    /// Tokens that sending it once may come to.
    tokens: u64,
    held: Option<Reserved>,
}

impl Budget {
    /// The budget of the run that `cancel` ends.
    pub(crate) fn new(limit: Option<SpendLimit>, cancel: &CancellationToken) -> Self {
        Self {
            budget: limit.map(|limit| Mutex::new(domain::workload::Budget::new(limit))),
            over: cancel.child_token(),
        }
    }

    /// Takes what a request of so many tokens may come to. `None`: it must not be sent, nor any after it.
    pub(crate) fn reserve(&self, tokens: u64) -> Option<Reservation<'_>> {
        let held = match self.lock() {
            None => None,
            Some(mut budget) => Some(self.reserve_in(&mut budget, tokens)?),
        };
        Some(Reservation {
            budget: self,
            tokens,
            held,
        })
    }

    /// Notes a refusal for those who wait.
    fn reserve_in(&self, budget: &mut domain::workload::Budget, tokens: u64) -> Option<Reserved> {
        let reserved = budget.reserve(tokens);
        if reserved.is_none() {
            self.over.cancel();
        }
        reserved
    }

    /// Cancelled when nothing is sent any more: the run was cancelled, or its limit is reached.
    pub(crate) fn over(&self) -> &CancellationToken {
        &self.over
    }

    /// Whether the limit is reached.
    pub(crate) fn is_reached(&self) -> bool {
        self.lock().is_some_and(|budget| budget.is_reached())
    }

    /// What was spent, where there is a limit.
    pub(crate) fn report(&self) -> Option<SpendReport> {
        self.lock().map(|budget| budget.report())
    }

    fn lock(&self) -> Option<MutexGuard<'_, domain::workload::Budget>> {
        let budget = self.budget.as_ref()?;
        Some(budget.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Reservation<'_> {
    /// Takes the same once more, for a request that goes out a second time: what became of the first is not
    /// known. `false`: it must not.
    pub(crate) fn again(&mut self) -> bool {
        let Some(mut budget) = self.budget.lock() else {
            return true;
        };
        if let Some(held) = self.held.take() {
            budget.settle(held, Outcome::Truncated, 0, false);
        }
        self.held = self.budget.reserve_in(&mut budget, self.tokens);
        self.held.is_some()
    }

    /// Counts what the request came to; `is_told` says that the provider's own figure is in it.
    pub(crate) fn settle(self, outcome: Outcome, tokens: u64, is_told: bool) {
        if let Some(mut budget) = self.budget.lock()
            && let Some(held) = self.held
        {
            budget.settle(held, outcome, tokens, is_told);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_without_a_limit_has_none() {
        let budget = Budget::new(None, &CancellationToken::new());
        let mut reservation = budget.reserve(u64::MAX).unwrap();
        assert!(reservation.again());
        reservation.settle(Outcome::Ok, 7, true);
        assert!(!budget.is_reached() && !budget.over().is_cancelled());
        assert_eq!(budget.report(), None);
    }

    #[test]
    fn a_second_send_is_a_request_of_its_own() {
        let limit = SpendLimit {
            requests: Some(3),
            tokens: None,
        };
        let budget = Budget::new(Some(limit), &CancellationToken::new());
        let mut first = budget.reserve(10).unwrap();
        assert!(first.again());
        first.settle(Outcome::Ok, 4, true);
        let mut second = budget.reserve(10).unwrap();
        assert!(!second.again());
        second.settle(Outcome::Truncated, 0, false);
        assert!(budget.over().is_cancelled());
        let report = budget.report().unwrap();
        assert!(report.is_reached);
        assert_eq!((report.requests, report.tokens), (3, 10 + 4 + 10));
    }
}
