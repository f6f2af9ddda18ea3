//! Work on all cores before the clock starts.

use std::num::NonZero;

use tokio_util::sync::CancellationToken;

/// Maps items in their order, each core a run of them. What is not done when `cancel` comes is missing.
///
/// Call it on a multi-thread runtime: other tasks of it go on meanwhile, the calling one does not.
pub(super) fn map_on_all_cores<T: Send, R: Send>(
    items: Vec<T>,
    cancel: &CancellationToken,
    map: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let count = items.len();
    let share = count.div_ceil(cores).max(1);
    let map_share = |items: Vec<T>| -> Vec<R> {
        let wanted = items.into_iter().take_while(|_| !cancel.is_cancelled());
        wanted.map(&map).collect()
    };
    let mut items = items.into_iter();
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..count.div_ceil(share))
                .map(|_| {
                    let items: Vec<T> = items.by_ref().take(share).collect();
                    scope.spawn(|| map_share(items))
                })
                .collect();
            let mut mapped = Vec::with_capacity(count);
            for worker in workers {
                match worker.join() {
                    Ok(part) => mapped.extend(part),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            mapped
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_order_stays() {
        for count in [0, 1, 2, 3, 1_000] {
            let items: Vec<usize> = (0..count).collect();
            let doubled = map_on_all_cores(items, &CancellationToken::new(), |item| item * 2);
            assert!(doubled.into_iter().eq((0..count).map(|item| item * 2)));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cancel_ends_it() {
        let cancel = CancellationToken::new();
        let mapped = map_on_all_cores((0..100).collect(), &cancel, |_: u32| cancel.cancel());
        assert!(mapped.len() < 100);
    }
}
