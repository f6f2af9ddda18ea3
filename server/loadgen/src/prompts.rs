//! Requests made before the clock starts, each with its prompt.
//!
//! Synthetic prompts are rows of words of exactly the asked length ([`synthetic`]); the others are rows of
//! datasets ([`dataset`]). Both come from the seed and their position alone: the same plan gives the
//! same bytes.

mod check;
mod composer;
mod counter;
mod dataset;
mod lengths;
mod order;
mod parallel;
mod rows;
mod synthetic;
mod words;

use bytes::Bytes;
use domain::id::DatasetId;
use domain::load::{LoadPlan, PromptSource};
pub(crate) use domain::workload::seed::seeded;
use domain::workload::trace::TraceRow;
use domain::workload::{Prompts, StopRule, WorkloadSpec};
use tokio_util::sync::CancellationToken;

pub(crate) use counter::Counter;
pub use rows::{InspectedDataset, inspect_dataset};

use crate::endpoint::Endpoint;
use crate::error::LoadError;
use crate::plan::REQUESTS_MAX;
use dataset::DatasetMaker;
use lengths::Lengths;
use synthetic::SyntheticMaker;

/// Most bytes of prompts that are made ahead.
const PREPARED_BYTES_MAX: u64 = 2 << 30;
/// Prompts made ahead when nobody knows how many a closed loop will need; the rest is made while
/// it runs.
const AHEAD_COUNT: u32 = 256;

/// First number of a warm-up whose length in requests nobody knows: so that the measured prompts are
/// the same however many it takes.
pub(crate) const WARM_UP_APART: u32 = 1 << 31;

/// How many requests a run has, where that is known before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    /// `None` for a warm-up by time in closed loop.
    pub(crate) warmup: Option<u32>,
    /// `None` for a duration in closed loop.
    pub(crate) measured: Option<u32>,
}

impl Counts {
    /// In closed loop.
    pub(crate) fn of_closed_loop(workload: &WorkloadSpec) -> Self {
        Self {
            warmup: (workload.warmup_s == 0).then_some(workload.warmup_requests),
            measured: match workload.stop {
                StopRule::Requests { count } => Some(count),
                StopRule::Duration { .. } => None,
            },
        }
    }
}

/// Streams of the seed: each purpose draws from its own, so that a change of one leaves the
/// others' values alone.
pub(crate) mod seed_stream {
    pub(crate) use domain::workload::seed::{ARRIVALS, LENGTHS, WARM_UP_ARRIVALS};

    /// The shared prefix.
    pub(crate) const PREFIX: u64 = 3;
    /// Which prompts begin with the shared prefix, in the order of requests.
    pub(crate) const PREFIX_SHARE: u64 = 4;
    /// Words of the prompt at index 0; the others follow.
    pub(crate) const FIRST_PROMPT: u64 = 1_000;
    /// The first shuffle of the rows of datasets; the others follow.
    pub(crate) const FIRST_SHUFFLE: u64 = 1 << 32;
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
    /// Where a prompt that is not synthetic came from.
    pub(crate) dataset_id: Option<DatasetId>,
}

/// Requests made at once: their bodies share one block of memory, which goes back to the system when the
/// last of them was sent.
const MADE_AT_ONCE: usize = 512;

/// Moves the bodies of requests that follow each other into one block.
fn pack_bodies(requests: &mut [PreparedRequest]) {
    let length = requests.iter().map(|request| request.body.len()).sum();
    let mut block = Vec::with_capacity(length);
    for request in requests.iter() {
        block.extend_from_slice(&request.body);
    }
    let mut block = Bytes::from(block);
    for request in requests {
        request.body = block.split_to(request.body.len());
    }
}

/// All that is ready before the clock starts.
pub(crate) struct Prepared {
    /// Where the prompts' lengths come from.
    pub(crate) source: PromptSource,
    /// Requests of the warm-up.
    pub(crate) warmup: Vec<PreparedRequest>,
    /// Requests of the measured part, or its beginning.
    pub(crate) measured: Vec<PreparedRequest>,
    /// Makes more, where the plan does not say how many there will be.
    pub(crate) maker: Option<PromptMaker>,
    /// The same for the warm-up, with numbers from [`WARM_UP_APART`] on.
    pub(crate) warmup_maker: Option<PromptMaker>,
    /// Counts the answers of servers that do not.
    pub(crate) counter: Counter,
}

/// Makes the requests of a plan one after the other.
pub(crate) enum PromptMaker {
    Synthetic(Box<SyntheticMaker>),
    Dataset(Box<DatasetMaker>),
}

impl PromptMaker {
    /// The next request, made while the load runs. `None` after the last that a run may have.
    pub(crate) fn next_request(
        &mut self,
        counter: &Counter,
    ) -> Result<Option<PreparedRequest>, LoadError> {
        match self {
            Self::Synthetic(maker) => maker.next_request(counter),
            Self::Dataset(maker) => maker.next_request(counter),
        }
    }

    /// The first `count` requests with the source of their lengths; `is_endless` where more are made
    /// while the load runs.
    async fn make_ahead(
        &mut self,
        count: u32,
        is_endless: bool,
        counter: &Counter,
        cancel: &CancellationToken,
    ) -> Result<(Vec<PreparedRequest>, PromptSource), LoadError> {
        match self {
            Self::Synthetic(maker) => maker.make_ahead(count, is_endless, counter, cancel).await,
            Self::Dataset(maker) => maker.make_ahead(count, counter, cancel).await,
        }
    }

    /// Lets it make the requests of a warm-up apart from the measured ones.
    fn set_apart(&mut self) {
        match self {
            Self::Synthetic(maker) => maker.set_apart(),
            Self::Dataset(maker) => maker.set_apart(),
        }
    }
}

/// Makes the prompts of a plan. `trace` holds the rows of its trace.
pub(crate) async fn prepare(
    plan: &LoadPlan,
    endpoint: &Endpoint,
    key: Option<&str>,
    counts: Counts,
    trace: Vec<TraceRow>,
    cancel: &CancellationToken,
) -> Result<Prepared, LoadError> {
    let workload = &plan.workload;
    let measured_count = counts.measured.unwrap_or_else(|| ahead_count(workload));
    let warmup_count = counts.warmup.unwrap_or(0);
    let count = warmup_count
        .saturating_add(measured_count)
        .min(REQUESTS_MAX);
    let counter = Counter::find(plan, endpoint, key).await?;
    let is_endless = counts.measured.is_none();
    let mut maker = make(plan, &counter, count, warmup_count, trace).await?;
    let (mut warmup, source) = maker
        .make_ahead(count, is_endless, &counter, cancel)
        .await?;
    let measured = warmup.split_off((warmup_count as usize).min(warmup.len()));
    let mut warmup_maker = None;
    if counts.warmup.is_none() {
        let count = ahead_count(workload);
        let mut apart = make(plan, &counter, count, 0, Vec::new()).await?;
        apart.set_apart();
        (warmup, _) = apart.make_ahead(count, true, &counter, cancel).await?;
        warmup_maker = Some(apart);
    }
    Ok(Prepared {
        source,
        warmup,
        measured,
        maker: is_endless.then_some(maker),
        warmup_maker,
        counter,
    })
}

async fn make(
    plan: &LoadPlan,
    counter: &Counter,
    count: u32,
    warmup_count: u32,
    trace: Vec<TraceRow>,
) -> Result<PromptMaker, LoadError> {
    Ok(match plan.workload.prompts {
        Prompts::Synthetic => {
            let lengths = Lengths::of(&plan.workload, trace, warmup_count);
            let maker = SyntheticMaker::new(plan, counter, count, lengths).await?;
            PromptMaker::Synthetic(Box::new(maker))
        }
        Prompts::Datasets { .. } => PromptMaker::Dataset(Box::new(DatasetMaker::open(plan).await?)),
    })
}

fn ahead_count(workload: &WorkloadSpec) -> u32 {
    let users = workload.arrival.concurrency().unwrap_or(1);
    users.saturating_mul(2).max(AHEAD_COUNT)
}
