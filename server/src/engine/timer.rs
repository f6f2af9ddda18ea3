//! Sleeps that end on time: tokio's timer has steps of a millisecond, this one some tens of
//! microseconds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Instant;

/// A thread that wakes tasks at their instants.
#[derive(Clone)]
pub(super) struct PreciseTimer {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    entries: BinaryHeap<Reverse<Entry>>,
    is_ended: bool,
    next_number: u64,
}

struct Entry {
    at: Instant,
    number: u64,
    waker: Waker,
}

impl Entry {
    fn key(&self) -> (Instant, u64) {
        (self.at, self.number)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // The queue is whole between any two statements that hold it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut due: Vec<Waker> = Vec::new();
        let mut queue = self.lock();
        while !queue.is_ended {
            let now = Instant::now();
            while queue
                .entries
                .peek()
                .is_some_and(|Reverse(entry)| entry.at <= now)
            {
                due.extend(queue.entries.pop().map(|Reverse(entry)| entry.waker));
            }
            if !due.is_empty() {
                drop(queue);
                due.drain(..).for_each(Waker::wake);
                queue = self.lock();
                continue;
            }
            let next_at = queue.entries.peek().map(|Reverse(entry)| entry.at);
            queue = match next_at {
                Some(at) => {
                    let waited = self
                        .changed
                        .wait_timeout(queue, at.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self
                    .changed
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// Ends the thread with the last timer.
impl Drop for PreciseTimer {
    fn drop(&mut self) {
        // The thread holds the other one.
        if Arc::strong_count(&self.shared) <= 2 {
            self.shared.lock().is_ended = true;
            self.shared.changed.notify_all();
        }
    }
}

impl PreciseTimer {
    /// Starts the thread.
    pub(super) fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("engine-timer".to_owned())
            .spawn(move || of_thread.run())?;
        Ok(Self { shared })
    }

    /// Waits until `at`.
    pub(super) async fn sleep_until(&self, at: Instant) {
        let mut registered: Option<Waker> = None;
        poll_fn(|cx| {
            if Instant::now() >= at {
                return Poll::Ready(());
            }
            if !registered
                .as_ref()
                .is_some_and(|waker| waker.will_wake(cx.waker()))
            {
                registered = Some(cx.waker().clone());
                self.register(at, cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    fn register(&self, at: Instant, waker: Waker) {
        let mut queue = self.shared.lock();
        let number = queue.next_number;
        queue.next_number += 1;
        let is_first = queue
            .entries
            .peek()
            .is_none_or(|Reverse(entry)| at < entry.at);
        queue.entries.push(Reverse(Entry { at, number, waker }));
        if is_first {
            self.shared.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn sleeps_end_in_the_order_of_their_instants_and_never_early() {
        let timer = PreciseTimer::start().unwrap();
        let start = Instant::now();
        let sleep = |ms: u64| {
            let timer = timer.clone();
            async move {
                let at = start + Duration::from_millis(ms);
                timer.sleep_until(at).await;
                assert!(Instant::now() >= at);
                ms
            }
        };
        let mut sleeps: futures::stream::FuturesUnordered<_> =
            [9, 3, 6, 0].map(sleep).into_iter().collect();
        let mut order = Vec::new();
        while let Some(ms) = futures::StreamExt::next(&mut sleeps).await {
            order.push(ms);
        }
        assert_eq!(order, [0, 3, 6, 9]);
    }
}
