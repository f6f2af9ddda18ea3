//! Counts whole prompts and mends those whose length is off.

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use super::composer::{Composer, Draft};
use super::counter::{Counter, TOKENIZE_PARALLEL};

/// Times a prompt is changed and counted again before its length is given up as inexact.
const MENDS_MAX: u32 = 64;
/// Prompts that the server counts in one call, once their costs have proved right one by one.
const GROUP_COUNT_MAX: usize = 32;
/// Most bytes in one call.
const GROUP_BYTES_MAX: usize = 128 << 10;
/// Prompts counted one by one first.
pub(super) const FIRST_SINGLE_COUNT: usize = 8;

/// What whole prompts turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lengths {
    /// Exact as composed: the costs of words add up.
    AsComposed,
    /// Exact after some were changed.
    Mended,
    /// Not all could be made exact.
    Inexact,
}

/// Makes one draft exact with the local tokenizer, if there is one.
pub(super) fn mend_locally(counter: &Counter, composer: &Composer, draft: &mut Draft) -> Lengths {
    if !counter.is_local() {
        return Lengths::AsComposed;
    }
    for mends in 0..MENDS_MAX {
        let Some(counted) = counter.count_locally(&draft.text) else {
            break;
        };
        if counted == draft.planned_tokens {
            draft.made_tokens = counted;
            return exact_after(mends);
        }
        composer.mend(draft, counted);
    }
    Lengths::Inexact
}

fn exact_after(mends: u32) -> Lengths {
    if mends == 0 {
        Lengths::AsComposed
    } else {
        Lengths::Mended
    }
}

/// Makes every draft exactly as long as planned, counted by the server: the first `single_count` one by
/// one.
pub(super) async fn mend_by_server(
    counter: &Counter,
    composer: &Composer,
    drafts: &mut [Draft],
    single_count: usize,
    cancel: &CancellationToken,
) -> Lengths {
    let split = single_count.min(drafts.len());
    let (singles, others) = drafts.split_at_mut(split);
    let first_lengths = mend_each(counter, composer, singles, cancel).await;
    let groups: Vec<&mut [Draft]> = others
        .chunk_by_mut({
            let (mut count, mut bytes) = (1, 0);
            move |one, _| {
                count += 1;
                bytes += one.text.len();
                let is_same = count <= GROUP_COUNT_MAX && bytes <= GROUP_BYTES_MAX;
                if !is_same {
                    (count, bytes) = (1, 0);
                }
                is_same
            }
        })
        .collect();
    let checks = groups.into_iter().map(|group| async move {
        if cancel.is_cancelled() || is_group_exact(counter, group).await {
            return Lengths::AsComposed;
        }
        mend_each(counter, composer, group, cancel).await
    });
    let others: Vec<Lengths> = futures::stream::iter(checks)
        .buffered(TOKENIZE_PARALLEL)
        .collect()
        .await;
    others.into_iter().fold(first_lengths, Lengths::max)
}

/// Whether prompts in a row count exactly what the costs of their words say: then each does.
async fn is_group_exact(counter: &Counter, group: &[Draft]) -> bool {
    let texts: Vec<&str> = group.iter().map(|draft| draft.text.as_str()).collect();
    let Some((first, others)) = group.split_first() else {
        return true;
    };
    let are_planned = group
        .iter()
        .all(|draft| draft.made_tokens == draft.planned_tokens);
    let expected = first.made_tokens
        + others
            .iter()
            .map(|draft| draft.following_tokens)
            .sum::<u32>();
    are_planned && counter.count(&texts.join(" ")).await == Some(expected)
}

async fn mend_each(
    counter: &Counter,
    composer: &Composer,
    drafts: &mut [Draft],
    cancel: &CancellationToken,
) -> Lengths {
    let mends = drafts.iter_mut().map(|draft| async move {
        for mends in 0..MENDS_MAX {
            if cancel.is_cancelled() {
                break;
            }
            let Some(counted) = counter.count(&draft.text).await else {
                break;
            };
            if counted == draft.planned_tokens {
                draft.made_tokens = counted;
                return exact_after(mends);
            }
            composer.mend(draft, counted);
        }
        Lengths::Inexact
    });
    let lengths: Vec<Lengths> = futures::stream::iter(mends)
        .buffered(TOKENIZE_PARALLEL)
        .collect()
        .await;
    lengths.into_iter().fold(Lengths::AsComposed, Lengths::max)
}
