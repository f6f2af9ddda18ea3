//! Prompts of datasets: rows drawn in the order of the seed, sent as they are.

use domain::dataset::Message;
use domain::id::DatasetId;
use domain::load::{LoadPlan, PromptSource};
use domain::workload::{AnswerLengths, Prompts, WorkloadSpec};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::order::DrawingOrder;
use super::parallel::map_on_all_cores;
use super::rows::{Row, RowFiles};
use super::{
    Counter, MADE_AT_ONCE, PREPARED_BYTES_MAX, PreparedRequest, WARM_UP_APART, pack_bodies,
    seed_stream, seeded,
};
use crate::error::LoadError;
use crate::openai::{Prompt, request_body};
use crate::plan::REQUESTS_MAX;

/// A row that is not made into a request yet.
struct Drawn {
    index: u32,
    dataset_id: DatasetId,
    row: Row,
    planned_output_tokens: u32,
}

/// Makes the requests of a plan with datasets one after the other.
pub(crate) struct DatasetMaker {
    rows: RowFiles,
    order: DrawingOrder,
    workload: WorkloadSpec,
    answer_lengths: AnswerLengths,
    model: String,
    /// Draws the planned answer lengths, one a request whether or not it is needed: so that the rows do
    /// not change those of other requests.
    lengths: ChaCha8Rng,
    next_index: u32,
    /// How many it may still make.
    left_count: u32,
    /// Whether a row so far did not tell its length.
    is_estimated: bool,
}

impl DatasetMaker {
    /// Opens the files of the plan.
    pub(super) async fn open(plan: &LoadPlan) -> Result<Self, LoadError> {
        let opened = tokio::task::spawn_blocking({
            let plan = plan.clone();
            move || RowFiles::open(&plan)
        });
        let rows = opened
            .await
            .map_err(|error| LoadError::Internal(error.to_string()))??;
        let workload = &plan.workload;
        let answer_lengths = match workload.prompts {
            Prompts::Synthetic => AnswerLengths::default(),
            Prompts::Datasets { answer_lengths, .. } => answer_lengths,
        };
        Ok(Self {
            order: DrawingOrder::new(workload.seed, rows.row_count()),
            rows,
            workload: workload.clone(),
            answer_lengths,
            model: plan.model.clone(),
            lengths: seeded(workload.seed, seed_stream::LENGTHS),
            next_index: 0,
            left_count: REQUESTS_MAX,
            is_estimated: false,
        })
    }

    /// Lets it draw from the other end, so that the rows of the measured part stay the same.
    pub(super) fn set_apart(&mut self) {
        self.next_index = WARM_UP_APART;
        self.order.reverse();
    }

    /// The first `count` requests. Refuses when they take too much memory.
    pub(super) async fn make_ahead(
        &mut self,
        count: u32,
        counter: &Counter,
        cancel: &CancellationToken,
    ) -> Result<(Vec<PreparedRequest>, PromptSource), LoadError> {
        let mut requests = Vec::with_capacity(count as usize);
        let mut bytes: u64 = 0;
        while requests.len() < count as usize && !cancel.is_cancelled() {
            // Rows are read in their order, and made into requests on all cores.
            let mut drawn = Vec::new();
            while drawn.len() < MADE_AT_ONCE.min(count as usize - requests.len()) {
                let Some(next) = self.draw()? else { break };
                drawn.push(next);
            }
            if drawn.is_empty() {
                break;
            }
            let (maker, before) = (&*self, requests.len());
            for request in map_on_all_cores(drawn, cancel, |drawn| maker.finish(&drawn, counter)) {
                let request = request?;
                bytes = bytes.saturating_add(request.body.len() as u64);
                if bytes > PREPARED_BYTES_MAX {
                    let gibibytes = PREPARED_BYTES_MAX >> 30;
                    return Err(LoadError::Plan(format!(
                        "the first {} of {count} prompts take {gibibytes} GiB of memory already; ask for fewer, or for a duration in a closed loop",
                        requests.len()
                    )));
                }
                requests.push(request);
            }
            pack_bodies(requests.get_mut(before..).unwrap_or_default());
            // Nothing else runs yet but the events and the signals, which need a turn.
            tokio::task::yield_now().await;
        }
        let source = match counter {
            Counter::Local(_) => PromptSource::Tokenizer,
            Counter::Server(_) | Counter::Estimate if self.is_estimated => PromptSource::Estimate,
            Counter::Server(_) | Counter::Estimate => PromptSource::Dataset,
        };
        Ok((requests, source))
    }

    /// The next request. `None` after the last that a run may have.
    pub(super) fn next_request(
        &mut self,
        counter: &Counter,
    ) -> Result<Option<PreparedRequest>, LoadError> {
        let drawn = self.draw()?;
        drawn.map(|drawn| self.finish(&drawn, counter)).transpose()
    }

    /// Draws the next row. `None` after the last that a run may have.
    fn draw(&mut self) -> Result<Option<Drawn>, LoadError> {
        let Some(left_count) = self.left_count.checked_sub(1) else {
            return Ok(None);
        };
        self.left_count = left_count;
        let Some(position) = self.order.next() else {
            return Ok(None);
        };
        let index = self.next_index;
        self.next_index += 1;
        let (dataset_id, row) = self.rows.read(position)?;
        self.is_estimated |= row.input_tokens.is_none();
        Ok(Some(Drawn {
            index,
            dataset_id,
            planned_output_tokens: self.workload.output.draw(&mut self.lengths),
            row,
        }))
    }

    fn finish(&self, drawn: &Drawn, counter: &Counter) -> Result<PreparedRequest, LoadError> {
        let Drawn {
            index,
            dataset_id,
            ref row,
            planned_output_tokens: planned,
        } = *drawn;
        let internal = |error: serde_json::Error| LoadError::Internal(error.to_string());
        let WorkloadSpec {
            api, ignore_eos, ..
        } = self.workload;
        let max_tokens = self.answer_lengths.max_tokens(row.output_tokens, planned);
        let prompt = Prompt::Messages(&row.messages);
        let body = request_body(
            api,
            &self.model,
            prompt,
            max_tokens,
            ignore_eos,
            &self.workload.extra_body,
        )
        .map_err(internal)?;
        let counted = count_locally(counter, &row.messages);
        let planned_input_tokens = row
            .input_tokens
            .or(counted)
            .unwrap_or_else(|| word_count(&row.messages));
        // As long as the messages are the same, so is this text, whatever file they stand in.
        let canonical = serde_json::to_vec(&row.messages).map_err(internal)?;
        Ok(PreparedRequest {
            index,
            body: body.into(),
            planned_input_tokens,
            planned_output_tokens: max_tokens,
            made_input_tokens: counted.unwrap_or(planned_input_tokens),
            prompt_sha256: format!("{:x}", Sha256::digest(&canonical)),
            dataset_id: Some(dataset_id),
        })
    }
}

/// Tokens of all contents together, if there is a tokenizer here.
fn count_locally(counter: &Counter, messages: &[Message]) -> Option<u32> {
    let counts = messages
        .iter()
        .map(|message| counter.count_locally(&message.content));
    counts.sum()
}

/// One token for each word.
fn word_count(messages: &[Message]) -> u32 {
    let words = messages
        .iter()
        .map(|message| message.content.split_whitespace().count());
    u32::try_from(words.sum::<usize>()).unwrap_or(u32::MAX)
}
