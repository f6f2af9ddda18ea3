//! Who is due when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Instants of connections, earliest first. An entry that no longer holds is left in and told apart
/// by its birth number.
#[derive(Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<Due>>);

/// A connection's instant, in monotonic nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    pub(crate) at_ns: u64,
    pub(crate) place: usize,
    pub(crate) birth: u64,
}

impl Timers {
    pub(crate) fn push(&mut self, due: Due) {
        self.0.push(Reverse(due));
    }

    pub(crate) fn next_at(&self) -> Option<u64> {
        self.0.peek().map(|Reverse(due)| due.at_ns)
    }

    pub(crate) fn pop_due(&mut self, now_ns: u64) -> Option<Due> {
        if self.next_at()? > now_ns {
            return None;
        }
        self.0.pop().map(|Reverse(due)| due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_none_too_early() {
        let mut timers = Timers::default();
        for at_ns in [30, 10, 20] {
            timers.push(Due {
                at_ns,
                place: 0,
                birth: 0,
            });
        }
        assert_eq!(timers.next_at(), Some(10));
        assert_eq!(timers.pop_due(9), None);
        assert_eq!(timers.pop_due(25).map(|due| due.at_ns), Some(10));
        assert_eq!(timers.pop_due(25).map(|due| due.at_ns), Some(20));
        assert_eq!(timers.pop_due(25), None);
    }
}
