//! A run in figures: everything a result page shows, computed from the raw records.

use serde::{Deserialize, Serialize};

use super::METRICS_VERSION;
use super::concurrency::Concurrency;
use super::demand::UnmetRate;
use super::failures::{OutcomeCount, failures};
use super::health::{ClientHealth, HostObservation};
use super::histogram::{CdfPoint, Histogram, cdf_of, cdf_of_sorted, cdf_percentiles};
use super::left_out::LeftOut;
use super::objectives::{Goodput, RunFigures, SloResult, as_judged, goodput, judge_slos};
use super::other_tools::{ToolFigures, other_tools};
use super::peak::peak_output_tok_per_s;
use super::quantile::{Distribution, sorted};
use super::record::{RequestPhase, RequestRecord, TokenSource};
use super::selection::OrderStatistics;
use super::steady::{SteadyState, steady_state};
use super::timeline::{TimelineSlice, timeline};
use crate::finite::Finite;
use crate::load::PromptSource;
use crate::workload::{SpendReport, StopRule, WorkloadSpec};

/// Nanoseconds of a millisecond.
const NS_PER_MS: f64 = 1e6;

/// A metric's distribution with its charts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricSummary {
    /// Percentiles and moments.
    pub distribution: Distribution,
    /// Counts per bin.
    pub histogram: Histogram,
    /// Cumulative distribution.
    pub cdf: Vec<CdfPoint>,
}

impl MetricSummary {
    /// Describes differences between instants in nanoseconds, in ms, without holding them: `gaps_ns` goes
    /// through the same ones each time. `None` when there are none.
    pub fn of_gaps<I: Iterator<Item = i64>>(gaps_ns: impl Fn() -> I) -> Option<Self> {
        let ps: Vec<f64> = cdf_percentiles().collect();
        let found = OrderStatistics::of(&gaps_ns, &ps)?;
        let at = |p| found.percentile(p, NS_PER_MS);
        let [min, median, max] = [at(0.0)?, at(50.0)?, at(100.0)?];
        let in_ms = gaps_ns().map(|ns| ns as f64 / NS_PER_MS);
        Some(Self {
            distribution: Distribution::of_parts(
                found.count(),
                found.mean() / NS_PER_MS,
                found.std() / NS_PER_MS,
                at,
            )?,
            histogram: Histogram::of_values(in_ms, [min, median, max], 0.0)?,
            cdf: cdf_of(at),
        })
    }

    /// Describes samples in any order. `None` when there are none.
    pub fn of(samples: Vec<f64>) -> Option<Self> {
        let samples = sorted(samples);
        Some(Self {
            distribution: Distribution::of_sorted(&samples)?,
            histogram: Histogram::of_sorted(&samples)?,
            cdf: cdf_of_sorted(&samples),
        })
    }
}

/// A run in figures. Units are in the names; throughputs are per second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Edition of the definitions.
    pub metrics_version: u32,
    /// How prompt lengths were made exact.
    pub prompt_source: PromptSource,
    /// The worst source of output token counts among the measured requests.
    pub token_source: Option<TokenSource>,
    /// Start of the measured window, in seconds since the start of the run.
    pub window_start_s: Finite,
    /// End of the measured window.
    pub window_end_s: Finite,
    /// Length of the measured window.
    pub duration_s: Finite,
    /// Requests of the measured window.
    pub sent_count: u32,
    /// Of these, answered completely.
    pub completed_count: u32,
    /// Of these, failed.
    pub failed_count: u32,
    /// Requests before the window.
    pub warmup_count: u32,
    /// Requests that a deadline cut off the window.
    pub drained_count: u32,
    /// What the deadline kept out of the figures; `None` where it kept out nothing, and in results of
    /// before.
    #[serde(default)]
    pub left_out: Option<LeftOut>,
    /// What was spent at a provider, where the plan limits it.
    #[serde(default)]
    pub spend: Option<SpendReport>,
    /// Requests that went out a second time because a reused connection was already closed.
    pub reconnect_count: u32,
    /// Failed requests by class.
    pub failures: Vec<OutcomeCount>,
    /// Failed / sent, 0 to 1.
    pub error_rate: Option<Finite>,
    /// Prompt tokens of completed requests.
    pub input_tokens: u64,
    /// Answer tokens of completed requests.
    pub output_tokens: u64,
    /// Answer tokens per chunk that carried output.
    pub tokens_per_chunk: Option<Finite>,
    /// Completed requests per second.
    pub request_per_s: Option<Finite>,
    /// Output tokens per second.
    pub output_tok_per_s: Option<Finite>,
    /// Output tokens of the fullest second, see [`super::peak`]. Missing in results of before.
    #[serde(default)]
    pub peak_output_tok_per_s: Option<Finite>,
    /// Input tokens per second.
    pub input_tok_per_s: Option<Finite>,
    /// Input and output tokens per second.
    pub total_tok_per_s: Option<Finite>,
    /// Time to first token, from send, in ms.
    pub ttft_ms: Option<MetricSummary>,
    /// Time per output token, in ms.
    pub tpot_ms: Option<MetricSummary>,
    /// Inter-token latency, in ms.
    pub itl_ms: Option<MetricSummary>,
    /// End-to-end latency, from send, in ms.
    pub e2e_ms: Option<MetricSummary>,
    /// Output throughput per user, in tok/s.
    pub user_tok_per_s: Option<MetricSummary>,
    /// Open loop: time to first token from schedule, in ms.
    pub ttft_from_schedule_ms: Option<Distribution>,
    /// Open loop: end-to-end latency from schedule, in ms.
    pub e2e_from_schedule_ms: Option<Distribution>,
    /// Requests in flight over the window.
    pub concurrency: Option<Concurrency>,
    /// The longest steady window, if one was found.
    pub steady_state: Option<SteadyState>,
    /// On a schedule: the rate asked for, where it was not reached. Missing in results of before.
    #[serde(default)]
    pub unmet_rate: Option<UnmetRate>,
    /// Requests that met every bound of a request; `None` where the plan has none.
    #[serde(default)]
    pub goodput: Option<Goodput>,
    /// Each objective of the plan as it was judged, with its verdict, in the plan's order.
    #[serde(default)]
    pub slos: Vec<SloResult>,
    /// Whether the client kept up.
    pub client_health: ClientHealth,
    /// The run over time, warm-up and drain included.
    pub timeline: Vec<TimelineSlice>,
    /// What other tools would print about the same requests. Empty in results of before.
    #[serde(default)]
    pub other_tools: Vec<ToolFigures>,
}

/// Everything beside the records that a summary needs.
#[derive(Clone, Debug)]
pub struct SummaryContext<'a> {
    /// What was asked for.
    pub workload: &'a WorkloadSpec,
    /// How prompt lengths were made exact.
    pub prompt_source: PromptSource,
    /// What the client observed about itself.
    pub host: &'a HostObservation,
    /// Whether the run was stopped before its end: then its window ends with what it did.
    pub is_cancelled: bool,
}

impl Summary {
    /// Computes the summary of a run.
    pub fn of(records: &[RequestRecord], context: &SummaryContext<'_>) -> Self {
        let workload = context.workload;
        let is_open_loop = workload.arrival.has_schedule();
        let in_phase = |phase| records.iter().filter(move |record| record.phase == phase);
        let measured: Vec<&RequestRecord> = in_phase(RequestPhase::Measured).collect();
        let good: Vec<&RequestRecord> = measured.iter().copied().filter(|r| r.is_ok()).collect();
        let (from_ns, to_ns) = window_ns(records, context);
        let duration_s = to_ns.saturating_sub(from_ns) as f64 / 1e9;
        let per_s = |amount: u64| Finite::ratio(amount as f64, duration_s);
        let request_per_s = per_s(good.len() as u64);
        let slos = as_judged(&workload.slos, &workload.arrival);
        let input_tokens = good
            .iter()
            .map(|record| u64::from(record.input_tokens))
            .sum();
        let output_tokens = good
            .iter()
            .map(|record| u64::from(record.output_tokens))
            .sum();
        let chunks: usize = good.iter().map(|record| record.chunk_at.len()).sum();
        let timeline = timeline(records);
        let error_rate = Finite::ratio((measured.len() - good.len()) as f64, measured.len() as f64);
        let figures = RunFigures {
            output_tok_per_s: per_s(output_tokens),
            error_rate,
        };
        // A load that still rises is not steady.
        let full_from_ns = (from_ns + u64::from(workload.ramp_s) * 1_000_000_000).min(to_ns);
        let metric = |value: fn(&RequestRecord) -> Option<f64>| {
            MetricSummary::of(good.iter().filter_map(|record| value(record)).collect())
        };
        let from_schedule = |value: fn(&RequestRecord) -> Option<f64>| {
            let samples = || good.iter().filter_map(|record| value(record)).collect();
            is_open_loop
                .then(|| Distribution::of_sorted(&sorted(samples())))
                .flatten()
        };
        let seconds = |ns: u64| Finite::new(ns as f64 / 1e9).unwrap_or_default();
        Self {
            metrics_version: METRICS_VERSION,
            prompt_source: context.prompt_source,
            token_source: worst_token_source(&good),
            window_start_s: seconds(from_ns),
            window_end_s: seconds(to_ns),
            duration_s: Finite::new(duration_s).unwrap_or_default(),
            sent_count: count(measured.len()),
            completed_count: count(good.len()),
            failed_count: count(measured.len() - good.len()),
            warmup_count: count(in_phase(RequestPhase::WarmUp).count()),
            drained_count: count(in_phase(RequestPhase::Drained).count()),
            left_out: LeftOut::of(
                measured.len(),
                in_phase(RequestPhase::Drained).count(),
                context.host.unsent_count,
            ),
            spend: None,
            reconnect_count: count(records.iter().filter(|record| record.reconnected).count()),
            failures: failures(&measured),
            error_rate,
            input_tokens,
            output_tokens,
            tokens_per_chunk: Finite::ratio(output_tokens as f64, chunks as f64),
            request_per_s,
            output_tok_per_s: per_s(output_tokens),
            peak_output_tok_per_s: peak_output_tok_per_s(&good, from_ns, to_ns),
            input_tok_per_s: per_s(input_tokens),
            total_tok_per_s: per_s(input_tokens + output_tokens),
            ttft_ms: metric(RequestRecord::ttft_ms),
            tpot_ms: metric(RequestRecord::tpot_ms),
            itl_ms: MetricSummary::of_gaps(|| {
                good.iter().flat_map(|record| record.chunk_at.gaps_ns())
            }),
            e2e_ms: metric(RequestRecord::e2e_ms),
            user_tok_per_s: metric(RequestRecord::output_tok_per_s),
            ttft_from_schedule_ms: from_schedule(RequestRecord::ttft_from_schedule_ms),
            e2e_from_schedule_ms: from_schedule(RequestRecord::e2e_from_schedule_ms),
            concurrency: Concurrency::over(records, from_ns, to_ns),
            steady_state: steady_state(records, &timeline, &workload.arrival, full_from_ns, to_ns),
            unmet_rate: UnmetRate::of(records, &workload.arrival, full_from_ns, request_per_s),
            goodput: goodput(&slos, &measured, duration_s),
            slos: judge_slos(&slos, &measured, figures),
            client_health: ClientHealth::judge(records, is_open_loop, context.host),
            timeline,
            other_tools: other_tools(records),
        }
    }
}

/// The measured window: from the first measured request to the last finish, or to the deadline of a
/// run with a duration, busy to the end or not. A cancelled one has no more window than it used.
fn window_ns(records: &[RequestRecord], context: &SummaryContext<'_>) -> (u64, u64) {
    let in_window = || {
        records
            .iter()
            .filter(|record| record.phase != RequestPhase::WarmUp)
    };
    let Some(start) = in_window()
        .map(|record| record.scheduled_at.min(record.sent_at))
        .min()
    else {
        return (0, 0);
    };
    let last_finish = in_window()
        .filter(|record| record.phase == RequestPhase::Measured)
        .map(|record| record.finished_at)
        .max()
        .unwrap_or(start);
    let end = match context.workload.stop {
        StopRule::Requests { .. } => last_finish,
        StopRule::Duration { seconds } => {
            let deadline = start + u64::from(seconds) * 1_000_000_000;
            if context.is_cancelled {
                deadline.min(last_finish)
            } else {
                deadline
            }
        }
    };
    (start, end)
}

fn worst_token_source(good: &[&RequestRecord]) -> Option<TokenSource> {
    let rank = |source: &TokenSource| match source {
        TokenSource::Usage => 0,
        TokenSource::Tokenizer => 1,
        TokenSource::Chunks => 2,
    };
    good.iter()
        .map(|record| record.token_source)
        .max_by_key(rank)
}

fn count(amount: usize) -> u32 {
    u32::try_from(amount).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::Outcome;
    use super::super::record::tests::record;
    use super::*;
    use crate::workload::LengthSpec;

    fn workload(stop: StopRule) -> WorkloadSpec {
        WorkloadSpec {
            input: LengthSpec::Fixed { tokens: 8 },
            output: LengthSpec::Fixed { tokens: 2 },
            stop,
            warmup_requests: 1,
            ignore_eos: true,
            ..WorkloadSpec::default()
        }
    }

    fn summarise(records: &[RequestRecord], stop: StopRule) -> Summary {
        summarise_ended(records, stop, false)
    }

    fn summarise_ended(records: &[RequestRecord], stop: StopRule, is_cancelled: bool) -> Summary {
        let (workload, host) = (workload(stop), HostObservation::default());
        let context = SummaryContext {
            workload: &workload,
            prompt_source: PromptSource::Tokenizer,
            host: &host,
            is_cancelled,
        };
        Summary::of(records, &context)
    }

    #[test]
    fn warm_up_and_failures_stay_out_of_latencies_and_in_the_counts() {
        let mut records = vec![
            record(0, 0, &[900, 1_000]),
            record(1, 1_000, &[1_100, 1_200]),
            record(2, 1_200, &[1_300, 1_400]),
            record(3, 1_400, &[1_500]),
        ];
        records[0].phase = RequestPhase::WarmUp;
        records[3].outcome = Outcome::Truncated;
        records[3].error = "stream ended".to_owned();
        let summary = summarise(&records, StopRule::Requests { count: 3 });
        assert_eq!(
            (
                summary.sent_count,
                summary.completed_count,
                summary.failed_count
            ),
            (3, 2, 1)
        );
        assert_eq!(summary.duration_s.get(), 0.5);
        assert_eq!(summary.output_tok_per_s.unwrap().get(), 8.0);
        assert_eq!(summary.request_per_s.unwrap().get(), 4.0);
        assert_eq!(summary.ttft_ms.unwrap().distribution.max.get(), 100.0);
        assert_eq!(summary.failures.len(), 1);
        assert_eq!(summary.failures[0].example, "stream ended");
        assert_eq!(summary.ttft_from_schedule_ms, None, "closed loop");
    }

    #[test]
    fn a_deadline_ends_the_window() {
        let mut records = vec![record(0, 0, &[400, 600]), record(1, 600, &[900, 1_300])];
        records[1].phase = RequestPhase::Drained;
        let summary = summarise(&records, StopRule::Duration { seconds: 1 });
        assert_eq!(summary.duration_s.get(), 1.0);
        assert_eq!((summary.sent_count, summary.drained_count), (1, 1));
        assert_eq!(
            summary.peak_output_tok_per_s,
            Finite::new(2.0),
            "without the drain"
        );
        assert_eq!(summary.concurrency.unwrap().average.get(), 1.0);
    }

    #[test]
    fn a_window_with_an_idle_end_lasts_to_the_deadline() {
        let records = [record(0, 0, &[400, 500])];
        let stop = StopRule::Duration { seconds: 2 };
        let summary = summarise(&records, stop);
        assert_eq!(summary.duration_s.get(), 2.0);
        assert_eq!(summary.request_per_s.unwrap().get(), 0.5);
        let cancelled = summarise_ended(&records, stop, true);
        assert_eq!(cancelled.duration_s.get(), 0.5);
    }

    proptest! {
        #[test]
        fn gaps_are_described_as_their_list_is(gaps in prop::collection::vec(0i64..3_000_000_000, 1..300)) {
            let mut naive = MetricSummary::of(gaps.iter().map(|ns| *ns as f64 / 1e6).collect()).unwrap();
            let mut described = MetricSummary::of_gaps(|| gaps.iter().copied()).unwrap();
            let close = |a: Finite, b: Finite| (a.get() - b.get()).abs() <= 1e-9 * (1.0 + b.get());
            prop_assert!(close(described.distribution.mean, naive.distribution.mean));
            prop_assert!(close(described.distribution.std, naive.distribution.std));
            described.distribution.mean = naive.distribution.mean;
            described.distribution.std = naive.distribution.std;
            // Gaps of one answer hang together: they have no bounds.
            naive.distribution.bounds = None;
            prop_assert_eq!(described, naive);
        }
    }

    #[test]
    fn a_summary_stored_before_there_were_objectives_and_peaks_is_read() {
        let summary = summarise(&[], StopRule::Requests { count: 1 });
        let mut stored = serde_json::to_value(&summary).unwrap();
        let fields = stored.as_object_mut().unwrap();
        let later = "goodput slos peak_output_tok_per_s other_tools left_out unmet_rate";
        for later in later.split(' ') {
            assert!(fields.remove(later).is_some(), "{later}");
        }
        let summary = Summary {
            other_tools: Vec::new(),
            ..summary
        };
        assert_eq!(serde_json::from_value::<Summary>(stored).unwrap(), summary);
    }

    #[test]
    fn objectives_are_judged_with_the_run_s_own_figures() {
        let records = [record(0, 0, &[100, 500]), record(1, 500, &[900, 1_000])];
        let (mut workload, host) = (
            workload(StopRule::Requests { count: 2 }),
            HostObservation::default(),
        );
        workload.slos =
            crate::slo::parse_slos("ttft_ms<=200@p50, output_tok_per_s>=4, error_rate<=0").unwrap();
        let summary = Summary::of(
            &records,
            &SummaryContext {
                workload: &workload,
                prompt_source: PromptSource::Tokenizer,
                host: &host,
                is_cancelled: false,
            },
        );
        let good = summary.goodput.unwrap();
        assert_eq!((good.good_count, good.per_s), (1, Finite::new(1.0)));
        let verdicts: Vec<&str> = summary
            .slos
            .iter()
            .map(|result| result.verdict.in_words())
            .collect();
        assert_eq!(verdicts, ["too few samples to say", "met", "met"]);
    }

    #[test]
    fn nothing_measured_gives_no_figures_and_survives_json() {
        let summary = summarise(&[], StopRule::Requests { count: 1 });
        assert_eq!(
            (&summary.ttft_ms, summary.error_rate, summary.request_per_s),
            (&None, None, None)
        );
        let json = serde_json::to_string(&summary).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), summary);
    }
}
