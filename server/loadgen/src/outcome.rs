//! What a run brought, and the last touches to its records.

use domain::load::PromptSource;
use domain::measure::health::HostObservation;
use domain::measure::record::{RequestPhase, RequestRecord};
use domain::measure::summary::{Summary, SummaryContext};
use domain::time::Timestamp;
use domain::workload::{SpendReport, StopRule, WorkloadSpec};
use sha2::{Digest, Sha256};

use crate::clock::RunClock;
use crate::prompts::WARM_UP_APART;

/// What a run brought.
#[derive(Clone, Debug)]
pub struct LoadOutcome {
    /// One record for each request that was sent, in the order of the plan.
    pub records: Vec<RequestRecord>,
    /// What the load process observed about itself and its host.
    pub host: HostObservation,
    /// How prompt lengths were made exact.
    pub prompt_source: PromptSource,
    /// The wall time of the zero of all instants.
    pub started_at: Timestamp,
    /// Whether it was cancelled before its end.
    pub is_cancelled: bool,
    /// The schedule of the measured arrivals in one digest: SHA-256 over their offsets from the first
    /// one in nanoseconds, each as decimal digits followed by a line feed. Lower-case hex; empty
    /// in closed loop.
    pub schedule_sha256: String,
    /// What was spent, where the plan limits it.
    pub spend: Option<SpendReport>,
}

impl LoadOutcome {
    /// The run in figures.
    pub fn summarise(&self, workload: &WorkloadSpec) -> Summary {
        let context = SummaryContext {
            workload,
            prompt_source: self.prompt_source,
            host: &self.host,
            // A limit ends a run as a cancel does: it has no more window than it used.
            is_cancelled: self.is_cancelled || self.spend.is_some_and(|spend| spend.is_reached),
        };
        Summary {
            spend: self.spend,
            ..Summary::of(&self.records, &context)
        }
    }

    /// The prompts of the run and their order in one digest: SHA-256 over the prompt digests of all
    /// requests in the order of the plan, each followed by a line feed. Lower-case hex.
    pub fn prompts_sha256(&self) -> String {
        let mut hasher = Sha256::new();
        for record in &self.records {
            hasher.update(record.prompt_sha256.as_bytes());
            hasher.update(b"\n");
        }
        format!("{:x}", hasher.finalize())
    }

    /// Of a run that was cancelled before anything was sent.
    pub(crate) fn cancelled_before_the_start() -> Self {
        Self {
            records: Vec::new(),
            host: HostObservation::default(),
            prompt_source: PromptSource::Estimate,
            started_at: RunClock::start().zero_at(),
            is_cancelled: true,
            schedule_sha256: String::new(),
            spend: None,
        }
    }
}

/// Puts records into the order of the plan. A warm-up by time in closed loop had numbers of its own,
/// since nobody knew how many it would take: it gets the first ones now.
pub(crate) fn number(records: &mut [RequestRecord]) {
    let apart = records
        .iter()
        .filter(|record| record.index >= WARM_UP_APART)
        .count();
    let apart = u32::try_from(apart).unwrap_or(u32::MAX);
    for record in &mut *records {
        record.index = match record.index.checked_sub(WARM_UP_APART) {
            Some(place) => place,
            None => record.index + apart,
        };
    }
    records.sort_unstable_by_key(|record| record.index);
}

/// Marks what a deadline cut off: the window starts with the first measured request.
pub(crate) fn mark_drained(records: &mut [RequestRecord], stop: StopRule) {
    let StopRule::Duration { seconds } = stop else {
        return;
    };
    let measured = || {
        records
            .iter()
            .filter(|record| record.phase == RequestPhase::Measured)
    };
    let start = measured()
        .map(|record| record.scheduled_at.min(record.sent_at))
        .min();
    let Some(deadline) = start.map(|at| at + u64::from(seconds) * 1_000_000_000) else {
        return;
    };
    for record in records {
        if record.phase == RequestPhase::Measured && record.finished_at > deadline {
            record.phase = RequestPhase::Drained;
        }
    }
}
