//! Prompts of exactly the asked length.
//!
//! A prompt is a row of common English words. What each word costs is learned from the tokenizer
//! once; a prompt is composed by these costs, then counted as a whole and mended until it has exactly
//! the asked length.

use domain::load::{LoadPlan, PromptSource};
use domain::workload::WorkloadSpec;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::check::{self, Lengths as Counted};
use super::composer::{Composer, Draft};
use super::lengths::{Length, Lengths};
use super::parallel::map_on_all_cores;
use super::{
    Counter, MADE_AT_ONCE, PREPARED_BYTES_MAX, PreparedRequest, WARM_UP_APART, pack_bodies,
    seed_stream, seeded,
};
use crate::error::LoadError;
use crate::openai::{Prompt, request_body};
use crate::plan::REQUESTS_MAX;

/// Bytes of a token of text, about, for the check against the limit before it is made.
const BYTES_PER_TOKEN: u64 = 6;

/// Prompts that a local tokenizer counts in any case.
const COUNTED_COUNT: u32 = 256;

/// Prompts whose texts are kept at once while a server counts them: enough to keep it busy.
const COUNTED_AT_ONCE: usize = 2_048;

/// A request whose prompt is not made yet.
#[derive(Clone, Copy, Debug)]
struct Planned {
    index: u32,
    length: Length,
}

/// Makes the requests of a plan with synthetic prompts one after the other.
pub(crate) struct SyntheticMaker {
    composer: Composer,
    /// Whether it is shown that a prompt costs what its words cost, so that not each has to be counted.
    costs_add_up: bool,
    workload: WorkloadSpec,
    model: String,
    lengths: Lengths,
    next_index: u32,
    /// How many it may still make.
    left_count: u32,
}

impl SyntheticMaker {
    /// A maker that will make at least `count` ahead. Refuses when these take too much memory.
    pub(super) async fn new(
        plan: &LoadPlan,
        counter: &Counter,
        count: u32,
        lengths: Lengths,
    ) -> Result<Self, LoadError> {
        let workload = &plan.workload;
        refuse_too_much(lengths.mean_input_tokens(), count)?;
        let vocabulary = counter.learn_words().await;
        let costs_add_up = counter.do_costs_add_up(&vocabulary);
        let prefix_rng = seeded(workload.seed, seed_stream::PREFIX);
        Ok(Self {
            costs_add_up,
            composer: Composer::new(vocabulary, workload.shared_prefix_tokens, prefix_rng),
            workload: workload.clone(),
            model: plan.model.clone(),
            lengths,
            next_index: 0,
            left_count: REQUESTS_MAX,
        })
    }

    /// Lets it make other prompts than those of the measured part.
    pub(super) fn set_apart(&mut self) {
        self.next_index = WARM_UP_APART;
    }

    /// The first `count` requests, counted by whoever counts.
    pub(super) async fn make_ahead(
        &mut self,
        count: u32,
        more_is_made: bool,
        counter: &Counter,
        cancel: &CancellationToken,
    ) -> Result<(Vec<PreparedRequest>, PromptSource), LoadError> {
        let planned: Vec<Planned> = (0..count).map_while(|_| self.next_planned()).collect();
        let maker = &*self;
        let mut requests = Vec::with_capacity(planned.len());
        let mut lengths = Counted::AsComposed;
        // Few at once: texts are not kept beside all the bodies.
        if let Counter::Server(_) = counter {
            for planned in planned.chunks(COUNTED_AT_ONCE) {
                let singles = if requests.is_empty() {
                    check::FIRST_SINGLE_COUNT
                } else {
                    0
                };
                let compose = |planned| maker.draft(planned);
                let mut drafts = map_on_all_cores(planned.to_vec(), cancel, compose);
                let composer = &maker.composer;
                let counted =
                    check::mend_by_server(counter, composer, &mut drafts, singles, cancel).await;
                lengths = lengths.max(counted);
                let before = requests.len();
                for request in map_on_all_cores(drafts, cancel, |draft| maker.finish(draft)) {
                    requests.push(request?);
                }
                pack_bodies(requests.get_mut(before..).unwrap_or_default());
            }
        } else {
            // Each prompt from its words to its body on one core.
            let make = |planned| -> Result<(PreparedRequest, Counted), LoadError> {
                let mut draft = maker.draft(planned);
                let counted = maker.mend_locally(&mut draft, counter);
                Ok((maker.finish(draft)?, counted))
            };
            for planned in planned.chunks(MADE_AT_ONCE) {
                let before = requests.len();
                for made in map_on_all_cores(planned.to_vec(), cancel, make) {
                    let (request, counted) = made?;
                    lengths = lengths.max(counted);
                    requests.push(request);
                }
                pack_bodies(requests.get_mut(before..).unwrap_or_default());
            }
        }
        let source = match lengths {
            Counted::Inexact => PromptSource::Estimate,
            // What is made while the load runs is counted only by a local tokenizer: where the costs of
            // words do not add up, the rest would not be exact.
            Counted::Mended if more_is_made && !counter.is_local() => PromptSource::Estimate,
            Counted::Mended | Counted::AsComposed => counter.source(),
        };
        Ok((requests, source))
    }

    /// The next request's lengths. `None` after the last that a run may have.
    fn next_planned(&mut self) -> Option<Planned> {
        self.left_count = self.left_count.checked_sub(1)?;
        let index = self.next_index;
        self.next_index += 1;
        Some(Planned {
            index,
            length: self.lengths.next(index),
        })
    }

    /// A prompt by the learned costs of words.
    fn draft(&self, planned: Planned) -> Draft {
        let Planned { index, length } = planned;
        let stream = seed_stream::FIRST_PROMPT + u64::from(index);
        let rng = seeded(self.workload.seed, stream);
        self.composer.draft(index, length, rng)
    }

    /// The next request, made while the load runs: counted with a local tokenizer; by the costs of
    /// words alone where only the server could count, which must not be disturbed now.
    pub(super) fn next_request(
        &mut self,
        counter: &Counter,
    ) -> Result<Option<PreparedRequest>, LoadError> {
        let Some(planned) = self.next_planned() else {
            return Ok(None);
        };
        let mut draft = self.draft(planned);
        self.mend_locally(&mut draft, counter);
        self.finish(draft).map(Some)
    }

    /// Makes a draft exact with the local tokenizer, if there is one.
    fn mend_locally(&self, draft: &mut Draft, counter: &Counter) -> Counted {
        if self.costs_add_up && draft.index >= COUNTED_COUNT && draft.is_plain() {
            return Counted::AsComposed;
        }
        check::mend_locally(counter, &self.composer, draft)
    }

    fn finish(&self, draft: Draft) -> Result<PreparedRequest, LoadError> {
        let WorkloadSpec {
            api, ignore_eos, ..
        } = self.workload;
        let body = request_body(
            api,
            &self.model,
            Prompt::Text(&draft.text),
            draft.output_tokens,
            ignore_eos,
            &self.workload.extra_body,
        )
        .map_err(|error| LoadError::Internal(error.to_string()))?;
        Ok(PreparedRequest {
            index: draft.index,
            body: body.into(),
            planned_input_tokens: draft.planned_tokens,
            planned_output_tokens: draft.output_tokens,
            made_input_tokens: draft.made_tokens,
            prompt_sha256: format!("{:x}", Sha256::digest(draft.text.as_bytes())),
            dataset_id: None,
        })
    }
}

fn refuse_too_much(mean_tokens: f64, count: u32) -> Result<(), LoadError> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates"
    )]
    let mean_tokens = mean_tokens as u64;
    let bytes = mean_tokens
        .saturating_mul(u64::from(count))
        .saturating_mul(BYTES_PER_TOKEN);
    if bytes <= PREPARED_BYTES_MAX {
        return Ok(());
    }
    let gibibytes = bytes.div_ceil(1 << 30);
    Err(LoadError::Plan(format!(
        "the prompts would take about {gibibytes} GiB of memory; ask for fewer or shorter ones"
    )))
}
