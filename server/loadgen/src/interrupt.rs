//! Work with an eye on what may interrupt it.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, Waker};

use tokio::task::coop::unconstrained;

/// Carries `work` out, unless `interruption` ends before it; work that is done goes first.
///
/// As `select!`, but work that is woken for every chunk of a stream does not poll the interruption each time:
/// that waits for memory and takes locks. It is polled once, so that it can wake the task, and whenever
/// `is_due` says so, which must be true from the moment at which it wakes the task on: one wake-up may be for
/// both.
pub(crate) async fn unless<T>(
    work: impl Future<Output = T>,
    interruption: impl Future<Output = T>,
    is_due: impl Fn() -> bool,
) -> T {
    // Work that has used up its turn must not keep the interruption from setting its alarm.
    let (mut work, mut interruption) = (pin!(work), pin!(unconstrained(interruption)));
    let mut woken: Option<Waker> = None;
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        let would_wake = woken
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()));
        if would_wake && !is_due() {
            return Poll::Pending;
        }
        if !would_wake {
            woken = Some(cx.waker().clone());
        }
        interruption.as_mut().poll(cx)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Context, Wake};

    use tokio::task::coop;
    use tokio::time::{Duration, Instant, sleep_until, timeout};
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicU32);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Counter {
        fn count(&self) -> u32 {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn whichever_ends_first_and_the_work_if_both_have() {
        assert_eq!(unless(ready(1), ready(2), || true).await, 1);
        assert_eq!(unless(ready(1), pending(), || false).await, 1);
        assert_eq!(unless(pending(), ready(2), || false).await, 2);
    }

    #[test]
    fn the_interruption_is_polled_once_for_each_waker_and_when_it_is_due() {
        let cancel = CancellationToken::new();
        let (worked, asked) = (Cell::new(0), Cell::new(0));
        let work = poll_fn(|_| {
            worked.set(worked.get() + 1);
            Poll::Pending
        });
        let mut cancelled = pin!(cancel.cancelled());
        let interruption = poll_fn(|cx| {
            asked.set(asked.get() + 1);
            cancelled.as_mut().poll(cx)
        });
        let mut both = pin!(unless(work, interruption, || cancel.is_cancelled()));
        let (first, second) = (Arc::<Counter>::default(), Arc::<Counter>::default());
        let wakers = [&first, &second].map(|counter| Waker::from(Arc::clone(counter)));
        for (waker, asked_count) in [(0, 1), (0, 1), (1, 2), (1, 2)] {
            let mut cx = Context::from_waker(&wakers[waker]);
            assert!(both.as_mut().poll(&mut cx).is_pending());
            assert_eq!(asked.get(), asked_count);
        }
        cancel.cancel();
        assert_eq!((first.count(), second.count()), (0, 1), "wakes the latest");
        let mut cx = Context::from_waker(&wakers[1]);
        assert!(both.as_mut().poll(&mut cx).is_ready());
        assert_eq!((worked.get(), asked.get()), (5, 3));
    }

    #[tokio::test]
    async fn work_that_uses_up_its_turn_and_stalls_is_interrupted() {
        let mut is_first = true;
        let work = poll_fn(|cx| {
            while std::mem::take(&mut is_first) || coop::has_budget_remaining() {
                if let Poll::Ready(turn) = coop::poll_proceed(cx) {
                    turn.made_progress();
                }
            }
            Poll::Pending
        });
        let deadline = Instant::now() + Duration::from_millis(50);
        let both = unless(work, sleep_until(deadline), || Instant::now() >= deadline);
        timeout(Duration::from_secs(10), both).await.unwrap();
    }

    #[tokio::test]
    async fn work_that_never_rests_is_interrupted() {
        let cancel = CancellationToken::new();
        let busy = async {
            for turn in 0.. {
                if turn == 3 {
                    cancel.cancel();
                }
                assert!(turn < 10, "the interruption was not looked at");
                tokio::task::yield_now().await;
            }
        };
        unless(busy, cancel.cancelled(), || cancel.is_cancelled()).await;
    }
}
