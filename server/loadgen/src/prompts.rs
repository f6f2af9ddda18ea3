//! Prompts of exactly the asked length, made before the clock starts.
//!
//! A prompt is a row of common English words. What each word costs is learned from the tokenizer
//! once; a prompt is composed by these costs, then counted as a whole and mended until it has exactly
//! the asked length. Prompts come from the seed and their position alone: the same plan gives the same bytes.

mod check;
mod composer;
mod counter;
mod words;

use bytes::Bytes;
use domain::load::{LoadPlan, PromptSource};
use domain::workload::WorkloadSpec;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

pub(crate) use counter::Counter;

use crate::endpoint::Endpoint;
use crate::error::LoadError;
use crate::openai::request_body;
use crate::plan::REQUESTS_MAX;
use check::Lengths;
use composer::{Composer, Draft};

/// Most bytes of prompts that are made ahead.
const PREPARED_BYTES_MAX: u64 = 2 << 30;
/// Bytes of a token of text, about, for the check against the limit before it is made.
const BYTES_PER_TOKEN: u64 = 6;
/// Prompts made ahead when nobody knows how many a closed loop will need; the rest is made while
/// it runs.
const AHEAD_COUNT: u32 = 256;

/// Streams of the seed: each purpose draws from its own, so that a change of one leaves the
/// others' values alone.
pub(crate) mod seed_stream {
    /// Lengths, in the order of requests.
    pub(crate) const LENGTHS: u64 = 0;
    /// Arrivals of the warm-up.
    pub(crate) const WARM_UP_ARRIVALS: u64 = 1;
    /// Arrivals of the measured part.
    pub(crate) const ARRIVALS: u64 = 2;
    /// The shared prefix.
    pub(crate) const PREFIX: u64 = 3;
    /// Words of the prompt at index 0; the others follow.
    pub(crate) const FIRST_PROMPT: u64 = 1_000;
}

/// The generator of one purpose.
pub(crate) fn seeded(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// A request that is ready to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PreparedRequest {
    /// Position in the plan, warm-up first.
    pub(crate) index: u32,
    /// The JSON body.
    pub(crate) body: Bytes,
    /// Tokens the plan wanted in the prompt.
    pub(crate) planned_input_tokens: u32,
    /// Tokens asked of the answer.
    pub(crate) planned_output_tokens: u32,
    /// Tokens the prompt has as far as the client can tell.
    pub(crate) made_input_tokens: u32,
    /// SHA-256 of the prompt, lower-case hex.
    pub(crate) prompt_sha256: String,
}

/// All that is ready before the clock starts.
pub(crate) struct Prepared {
    /// How lengths were made exact.
    pub(crate) source: PromptSource,
    /// Requests of the warm-up.
    pub(crate) warmup: Vec<PreparedRequest>,
    /// Requests of the measured part, or its beginning.
    pub(crate) measured: Vec<PreparedRequest>,
    /// Makes more, where the plan does not say how many there will be.
    pub(crate) maker: Option<PromptMaker>,
    /// Counts the answers of servers that do not.
    pub(crate) counter: Counter,
}

/// Makes the requests of a plan one after the other.
pub(crate) struct PromptMaker {
    composer: Composer,
    workload: WorkloadSpec,
    model: String,
    lengths: ChaCha8Rng,
    next_index: u32,
}

/// Makes the prompts of a plan. `measured_count` is known but for a closed loop with a duration.
pub(crate) async fn prepare(
    plan: &LoadPlan,
    endpoint: &Endpoint,
    key: Option<&str>,
    measured_count: Option<u32>,
    cancel: &CancellationToken,
) -> Result<Prepared, LoadError> {
    let workload = &plan.workload;
    let ahead = measured_count.unwrap_or_else(|| ahead_count(workload));
    let count = workload
        .warmup_requests
        .saturating_add(ahead)
        .min(REQUESTS_MAX);
    refuse_too_much(workload, count)?;
    let counter = Counter::find(plan, endpoint, key).await?;
    let vocabulary = counter.learn_words().await;
    let prefix_rng = seeded(workload.seed, seed_stream::PREFIX);
    let composer = Composer::new(vocabulary, workload.shared_prefix_tokens, prefix_rng);
    let mut maker = PromptMaker {
        composer,
        workload: workload.clone(),
        model: plan.model.clone(),
        lengths: seeded(workload.seed, seed_stream::LENGTHS),
        next_index: 0,
    };
    let mut drafts: Vec<Draft> = Vec::with_capacity(count as usize);
    for _ in 0..count {
        drafts.extend(maker.next_draft());
    }
    let lengths = check::mend_all(&counter, &maker.composer, &mut drafts, cancel).await;
    let mut warmup = Vec::with_capacity(count as usize);
    for draft in drafts {
        warmup.push(maker.finish(draft)?);
    }
    let measured = warmup.split_off((workload.warmup_requests as usize).min(warmup.len()));
    let maker = measured_count.is_none().then_some(maker);
    let source = match lengths {
        Lengths::Inexact => PromptSource::Estimate,
        // What is made while the load runs is counted only by a local tokenizer: where the costs of
        // words do not add up, the rest would not be exact.
        Lengths::Mended if maker.is_some() && !counter.is_local() => PromptSource::Estimate,
        Lengths::Mended | Lengths::AsComposed => counter.source(),
    };
    Ok(Prepared {
        source,
        warmup,
        measured,
        maker,
        counter,
    })
}

fn ahead_count(workload: &WorkloadSpec) -> u32 {
    let users = workload.arrival.concurrency().unwrap_or(1);
    users.saturating_mul(2).max(AHEAD_COUNT)
}

fn refuse_too_much(workload: &WorkloadSpec, count: u32) -> Result<(), LoadError> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates"
    )]
    let mean_tokens = workload.input.mean_tokens() as u64;
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

impl PromptMaker {
    /// The next prompt by the learned costs of words. `None` after the last that a run may have.
    fn next_draft(&mut self) -> Option<Draft> {
        if self.next_index >= REQUESTS_MAX {
            return None;
        }
        let index = self.next_index;
        self.next_index += 1;
        let input_tokens = self.workload.input.draw(&mut self.lengths);
        let output_tokens = self.workload.output.draw(&mut self.lengths);
        let stream = seed_stream::FIRST_PROMPT + u64::from(index);
        let rng = seeded(self.workload.seed, stream);
        Some(self.composer.draft(index, input_tokens, output_tokens, rng))
    }

    /// The next request, made while the load runs: counted with a local tokenizer; by the costs of
    /// words alone where only the server could count, which must not be disturbed now.
    pub(crate) fn next_request(&mut self, counter: &Counter) -> Option<PreparedRequest> {
        let mut draft = self.next_draft()?;
        check::mend_locally(counter, &self.composer, &mut draft);
        self.finish(draft).ok()
    }

    fn finish(&self, draft: Draft) -> Result<PreparedRequest, LoadError> {
        let WorkloadSpec {
            api, ignore_eos, ..
        } = self.workload;
        let body = request_body(
            api,
            &self.model,
            &draft.text,
            draft.output_tokens,
            ignore_eos,
        )
        .map_err(|error| LoadError::Internal(error.to_string()))?;
        Ok(PreparedRequest {
            index: draft.index,
            body: body.into(),
            planned_input_tokens: draft.planned_tokens,
            planned_output_tokens: draft.output_tokens,
            made_input_tokens: draft.made_tokens,
            prompt_sha256: format!("{:x}", Sha256::digest(draft.text.as_bytes())),
        })
    }
}
