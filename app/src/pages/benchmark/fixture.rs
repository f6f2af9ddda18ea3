//! Records and summaries for this page's tests.

use domain::load::PromptSource;
use domain::measure::health::HostObservation;
use domain::measure::record::{Outcome, RequestPhase, RequestRecord, TokenSource};
use domain::measure::summary::{Summary, SummaryContext};
use domain::workload::{Api, Arrival, LengthSpec, Prompts, StopRule, WorkloadSpec};

/// One user, fixed lengths.
pub(super) fn workload() -> WorkloadSpec {
    WorkloadSpec {
        api: Api::Chat,
        prompts: Prompts::Synthetic,
        input: LengthSpec::Fixed { tokens: 8 },
        output: LengthSpec::Fixed { tokens: 2 },
        shared_prefix_tokens: 0,
        arrival: Arrival::ClosedLoop { concurrency: 1 },
        stop: StopRule::Requests { count: 1 },
        warmup_requests: 0,
        seed: 1,
        ignore_eos: true,
        request_timeout_s: 60,
        ..WorkloadSpec::default()
    }
}

/// `sent_count` requests one after another, of which the last `failed_count` failed.
pub(super) fn summary(sent_count: u32, failed_count: u32) -> Summary {
    let records: Vec<RequestRecord> = (0..sent_count)
        .map(|index| record(index, index + failed_count >= sent_count))
        .collect();
    let (workload, host) = (workload(), HostObservation::default());
    let context = SummaryContext {
        workload: &workload,
        prompt_source: PromptSource::Tokenizer,
        host: &host,
        is_cancelled: false,
    };
    Summary::of(&records, &context)
}

pub(super) fn record(index: u32, has_failed: bool) -> RequestRecord {
    let at = |ms: u64| (u64::from(index) * 100 + ms) * 1_000_000;
    RequestRecord {
        index,
        phase: RequestPhase::Measured,
        scheduled_at: at(0),
        sent_at: at(0),
        connect_ns: None,
        chunk_at: [at(40), at(100)].into(),
        finished_at: at(100),
        planned_input_tokens: 8,
        planned_output_tokens: 2,
        input_tokens: 8,
        output_tokens: 2,
        token_source: TokenSource::Usage,
        outcome: if has_failed {
            Outcome::Http5xx
        } else {
            Outcome::Ok
        },
        http_status: Some(if has_failed { 503 } else { 200 }),
        error: String::new(),
        reconnected: false,
        prompt_sha256: String::new(),
        dataset_id: None,
    }
}
