//! What all requests of a run share, and the way of one request from plan to record.

use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, PoisonError};

use domain::finite::Finite;
use domain::measure::record::{Outcome, RequestPhase, RequestRecord};
use domain::workload::spend::reserved_tokens;
use tokio_util::sync::CancellationToken;

use crate::answer::{Answer, Failure};
use crate::budget::Budget;
use crate::client::{Attempt, Client, Connection};
use crate::clock::RunClock;
use crate::error::LoadError;
use crate::live::Live;
use crate::prompts::{Counter, PreparedRequest};
use crate::threads::{self, THREADS_MAX};

/// What all requests of a run share.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) clock: RunClock,
    pub(crate) counter: Counter,
    pub(crate) live: Live,
    pub(crate) cancel: CancellationToken,
    /// The same for each load thread: a token is a lock.
    pub(crate) thread_cancels: [CancellationToken; THREADS_MAX],
    /// What may be spent.
    pub(crate) budget: Budget,
    /// Whether an answer shorter than asked for is a truncated one.
    pub(crate) ignore_eos: bool,
    /// Measured arrivals that had to wait because as many were in flight as may be.
    pub(crate) capped_count: AtomicU32,
    /// Measured arrivals that were never sent: the deadline had long passed.
    pub(crate) unsent_count: AtomicU32,
    pub(crate) records: Mutex<Vec<RequestRecord>>,
    pub(crate) turnaround_ms: Mutex<Vec<Finite>>,
    /// Why no more requests could be made, if that came to pass.
    pub(crate) fault: Mutex<Option<LoadError>>,
}

/// What the pacing needs to know about a request that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    pub(crate) sent_at: u64,
    /// When its user was free for the next one: after the answer, and what was waited for in vain.
    pub(crate) free_at: u64,
    pub(crate) connect_ns: u64,
    pub(crate) outcome: Outcome,
}

impl Session {
    /// Sends a request over the connection in `slot` or a fresh one and keeps its record. In open
    /// loop `scheduled_at` is its arrival. `None`: it was not sent, and no later one will be.
    pub(crate) async fn serve(
        &self,
        slot: &mut Option<Connection>,
        request: PreparedRequest,
        phase: RequestPhase,
        scheduled_at: Option<u64>,
    ) -> Option<Served> {
        let thread = threads::current_number();
        let (live, cancel) = (self.live.shard(thread)?, self.thread_cancels.get(thread)?);
        let most = reserved_tokens(
            request.made_input_tokens.max(request.planned_input_tokens),
            request.planned_output_tokens,
            self.counter.counts(),
        );
        let reservation = self.budget.reserve(most)?;
        let started_at = self.clock.now_ns();
        let answer = Answer::new(request.planned_output_tokens, self.counter.is_local());
        let mut attempt = Attempt::new(answer, reservation);
        self.live.note_sent();
        let sent = self
            .client
            .send(slot, &request.body, &mut attempt, live, cancel)
            .await;

        let output = attempt
            .answer
            .count_output(|text| self.counter.count_locally(text));
        let wanted = self.ignore_eos.then_some(request.planned_output_tokens);
        let is_whole = sent.is_ok();
        let failure = match sent {
            Ok(()) => attempt.answer.verdict(output, wanted),
            Err(failure) => Some(failure),
        };
        let failure = failure.map(|failure| self.client.redact(failure));
        let outcome = failure
            .as_ref()
            .map_or(Outcome::Ok, |failure| failure.outcome);
        let told = attempt.answer.input_tokens();
        let input_tokens = told.unwrap_or(request.made_input_tokens);
        let used = u64::from(input_tokens) + u64::from(output.tokens);
        // A figure before the end is one of so far.
        let is_told = is_whole && told.is_some();
        attempt.reservation.settle(outcome, used, is_told);
        self.live
            .note_ended(outcome == Outcome::Ok, phase == RequestPhase::Measured);

        // A request that never went out was sent, at best, when it was about to be.
        attempt.answer.chunk_at.shrink();
        let sent_at = attempt.times.sent_at.unwrap_or(started_at);
        let finished_at = attempt
            .finished_at
            .unwrap_or_else(|| self.clock.now_ns())
            .max(sent_at);
        let waited_until = attempt.times.waited_until.unwrap_or_default();
        let record = RequestRecord {
            index: request.index,
            phase,
            scheduled_at: scheduled_at.unwrap_or(sent_at),
            sent_at,
            connect_ns: attempt.connect_ns,
            input_tokens,
            chunk_at: attempt.answer.chunk_at,
            finished_at,
            planned_input_tokens: request.planned_input_tokens,
            planned_output_tokens: request.planned_output_tokens,
            output_tokens: output.tokens,
            token_source: output.source,
            outcome,
            http_status: attempt.http_status,
            error: failure.map_or_else(String::new, |failure: Failure| failure.text),
            reconnected: attempt.reconnected,
            prompt_sha256: request.prompt_sha256,
            dataset_id: request.dataset_id,
        };
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(record);
        let connect_ns = attempt.connect_ns.unwrap_or(0);
        Some(Served {
            sent_at,
            free_at: finished_at.max(waited_until),
            connect_ns,
            outcome,
        })
    }

    /// Whether nothing is sent any more: the run was cancelled, or its limit is reached.
    pub(crate) fn is_over(&self) -> bool {
        self.budget.over().is_cancelled()
    }

    /// Notes why no more requests can be made: the run ends with it.
    pub(crate) fn note_fault(&self, error: LoadError) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// The fault that ended the run, if one did.
    pub(crate) fn take_fault(&self) -> Option<LoadError> {
        self.fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Notes how long it took from the instant at which it could have gone out, such as the end of the
    /// user's last answer, to the send, the opening of a connection aside.
    pub(crate) fn note_turnaround(&self, free_at: u64, next: Served) {
        let ns = next
            .sent_at
            .saturating_sub(free_at)
            .saturating_sub(next.connect_ns);
        let ms = Finite::new(ns as f64 / 1e6).unwrap_or_default();
        self.turnaround_ms
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(ms);
    }
}
