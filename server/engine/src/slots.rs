//! Who may be answered at once, and who waits.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A connection that wants a slot: its thread, its place there, and its birth number, since places
/// are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) worker: usize,
    pub(crate) place: usize,
    pub(crate) birth: u64,
}

/// What became of a wish for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// At once. Before `since_ns` no slot was free.
    Granted {
        since_ns: u64,
    },
    Queued,
    Refused,
}

/// The slots of all threads, given out in the order of asking.
pub(crate) struct Slots {
    inner: Mutex<Inner>,
    wakers: Vec<mio::Waker>,
    queue_max: usize,
}

struct Inner {
    free: u32,
    /// When the last of them all being taken ended.
    free_since_ns: u64,
    waiting: VecDeque<Ticket>,
    /// Tickets that got a slot and whose thread has not seen it yet, by thread.
    granted: Vec<Vec<Ticket>>,
}

impl Slots {
    pub(crate) fn new(count: u32, queue_max: usize, wakers: Vec<mio::Waker>) -> Self {
        Self {
            inner: Mutex::new(Inner {
                free: count,
                free_since_ns: 0,
                waiting: VecDeque::new(),
                granted: vec![Vec::new(); wakers.len()],
            }),
            wakers,
            queue_max,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whole between any two statements that hold it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ask(&self, ticket: Ticket) -> Wish {
        let mut inner = self.lock();
        if inner.free > 0 {
            inner.free -= 1;
            return Wish::Granted {
                since_ns: inner.free_since_ns,
            };
        }
        if inner.waiting.len() >= self.queue_max {
            return Wish::Refused;
        }
        inner.waiting.push_back(ticket);
        Wish::Queued
    }

    /// Gives a slot back at `now_ns`; `from` is the thread that does, which looks at its grants by
    /// itself.
    pub(crate) fn release(&self, from: usize, now_ns: u64) {
        let mut inner = self.lock();
        let Some(next) = inner.waiting.pop_front() else {
            if inner.free == 0 {
                inner.free_since_ns = now_ns;
            }
            inner.free += 1;
            return;
        };
        if let Some(granted) = inner.granted.get_mut(next.worker) {
            granted.push(next);
        }
        drop(inner);
        if next.worker != from {
            self.wake(next.worker);
        }
    }

    /// The tickets of a thread that got a slot. One whose connection is gone must be released.
    pub(crate) fn take_granted(&self, worker: usize) -> Vec<Ticket> {
        let mut inner = self.lock();
        inner
            .granted
            .get_mut(worker)
            .map(std::mem::take)
            .unwrap_or_default()
    }

    pub(crate) fn wake_all(&self) {
        (0..self.wakers.len()).for_each(|worker| self.wake(worker));
    }

    fn wake(&self, worker: usize) {
        if let Some(waker) = self.wakers.get(worker) {
            // It can only fail when the thread's poll is gone, and then nobody is there to wake.
            let _ = waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(place: usize) -> Ticket {
        Ticket {
            worker: 0,
            place,
            birth: 1,
        }
    }

    #[test]
    fn who_asks_first_is_served_first_and_the_queue_has_an_end() {
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        let slots = Slots::new(1, 2, vec![waker]);
        let asked: Vec<Wish> = (0..4).map(|place| slots.ask(ticket(place))).collect();
        assert_eq!(
            asked,
            [
                Wish::Granted { since_ns: 0 },
                Wish::Queued,
                Wish::Queued,
                Wish::Refused
            ]
        );
        slots.release(0, 5);
        assert_eq!(slots.take_granted(0), [ticket(1)]);
        assert_eq!(slots.take_granted(0), []);
        slots.release(0, 6);
        slots.release(0, 7);
        assert_eq!(slots.take_granted(0), [ticket(2)]);
        assert_eq!(
            slots.ask(ticket(9)),
            Wish::Granted { since_ns: 7 },
            "no slot was free before"
        );
    }
}
