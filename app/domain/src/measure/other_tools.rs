//! What other tools would print about the same requests, by their own definitions.
//!
//! Computed from the records of this run, not measured by those tools: what a tool's own client would have
//! added to the load or to its stamps is not in here. Definitions as of vLLM 0.32 (`vllm bench serve`),
//! SGLang 0.5.23 (`bench_serving`) and `GuideLLM` 0.7, read from their sources.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::quantile::{percentile_of_sorted, sorted};
use super::record::{BROKE_OFF, Outcome, RequestPhase, RequestRecord, ms_between};
use crate::finite::Finite;

/// A tool whose figures can be told from our records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OtherTool {
    /// `vllm bench serve`.
    Vllm,
    /// `sglang.bench_serving`.
    Sglang,
    /// `GuideLLM`.
    GuideLlm,
}

impl OtherTool {
    /// Every tool, in the order of columns.
    pub const ALL: [Self; 3] = [Self::Vllm, Self::Sglang, Self::GuideLlm];

    /// Its name for pages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Vllm => "vLLM bench serve",
            Self::Sglang => "SGLang bench_serving",
            Self::GuideLlm => "GuideLLM",
        }
    }
}

/// A latency as tools print it, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyFigures {
    /// Arithmetic mean.
    pub mean_ms: Finite,
    /// 50th percentile.
    pub median_ms: Finite,
    /// 99th percentile.
    pub p99_ms: Finite,
}

/// The figures of one tool. `None` where it prints none, or nothing was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolFigures {
    /// Which.
    pub tool: OtherTool,
    /// Requests it counts as successful.
    pub completed_count: u32,
    /// Its length of the run in seconds.
    pub duration_s: Finite,
    /// Requests per second.
    pub request_per_s: Option<Finite>,
    /// Output tokens per second.
    pub output_tok_per_s: Option<Finite>,
    /// Its peak throughput: stream events in the fullest second.
    pub peak_events_per_s: Option<u32>,
    /// Its mean of requests in flight.
    pub concurrency_average: Option<Finite>,
    /// Its peak of requests in flight.
    pub concurrency_peak: Option<u32>,
    /// Its TTFT.
    pub ttft_ms: Option<LatencyFigures>,
    /// Its TPOT.
    pub tpot_ms: Option<LatencyFigures>,
    /// Its ITL.
    pub itl_ms: Option<LatencyFigures>,
    /// Its end-to-end latency.
    pub e2e_ms: Option<LatencyFigures>,
}

/// What every tool would print, in the order of [`OtherTool::ALL`].
pub fn other_tools(records: &[RequestRecord]) -> Vec<ToolFigures> {
    let sent: Vec<&RequestRecord> = records
        .iter()
        .filter(|record| record.phase != RequestPhase::WarmUp)
        .collect();
    let figures = [vllm(&sent), sglang(&sent), guidellm(&sent)];
    figures.into_iter().flatten().collect()
}

/// Both Python clients start their clock before they ask their HTTP library for a connection, so that
/// opening one lies inside. After a reconnect the connection lies after `sent_at` anyway.
fn client_start(record: &RequestRecord) -> u64 {
    let connect_ns = record.connect_ns.filter(|_| !record.reconnected);
    record.sent_at.saturating_sub(connect_ns.unwrap_or(0))
}

/// From the first send to the last end, in nanoseconds: the drain of a run with a duration included.
fn span_ns(requests: &[&RequestRecord]) -> Option<(u64, u64)> {
    let from = requests.iter().map(|r| client_start(r)).min()?;
    let to = requests.iter().map(|r| r.finished_at).max()?;
    Some((from, to))
}

/// Status 200 and a body that came to its end and could be read. Both Python clients wrap their loop in
/// `except Exception: success = False`: their HTTP library raises where a connection breaks off, `json.loads`
/// where an event is no JSON.
fn ended_in_order(record: &RequestRecord) -> bool {
    let is_in_order = match record.outcome {
        Outcome::Ok | Outcome::StreamError => true,
        Outcome::Truncated => !record.error.starts_with(BROKE_OFF),
        _ => false,
    };
    is_in_order && record.http_status == Some(200)
}

fn vllm(sent: &[&RequestRecord]) -> Option<ToolFigures> {
    let (from_ns, to_ns) = span_ns(sent)?;
    // Status 200 and an event: an error inside the stream, or an early end in order, is a success there.
    let good = sent
        .iter()
        .copied()
        .filter(|record| ended_in_order(record) && record.first_token_at().is_some());
    let good: Vec<&RequestRecord> = good.collect();
    let ttft = |r: &RequestRecord| Some(ms_between(client_start(r), r.first_token_at()?));
    let e2e = |r: &RequestRecord| Some(ms_between(client_start(r), r.last_token_at()?));
    let tpot = |r: &RequestRecord| {
        let others = r.output_tokens.checked_sub(1).filter(|left| *left > 0)?;
        Some((e2e(r)? - ttft(r)?) / f64::from(others))
    };
    let output_tokens = good.iter().map(|r| u64::from(r.output_tokens)).sum();
    let seconds = Seconds { from_ns, to_ns };
    Some(ToolFigures {
        tool: OtherTool::Vllm,
        peak_events_per_s: seconds.fullest(&good),
        concurrency_average: None,
        concurrency_peak: seconds.most_touched(&good, |r| r.last_token_at().unwrap_or(r.sent_at)),
        ttft_ms: LatencyFigures::of(good.iter().filter_map(|r| ttft(r)).collect()),
        tpot_ms: LatencyFigures::of(good.iter().filter_map(|r| tpot(r)).collect()),
        itl_ms: pooled_gaps(&good),
        e2e_ms: LatencyFigures::of(good.iter().filter_map(|r| e2e(r)).collect()),
        ..ToolFigures::counted(OtherTool::Vllm, good.len(), output_tokens, seconds)
    })
}

fn sglang(sent: &[&RequestRecord]) -> Option<ToolFigures> {
    let (from_ns, to_ns) = span_ns(sent)?;
    // Status 200 is a success there, with or without output.
    let good = sent.iter().copied().filter(|record| ended_in_order(record));
    let good: Vec<&RequestRecord> = good.collect();
    // A request without output enters with 0.
    let ttft = |r: &RequestRecord| {
        r.first_token_at()
            .map_or(0.0, |at| ms_between(client_start(r), at))
    };
    // Its end is the last line that was read, usage and `[DONE]` included.
    let e2e = |r: &RequestRecord| ms_between(client_start(r), r.finished_at);
    // It does not ask for usage: the length that was asked for counts as the answer's.
    let tokens = |r: &RequestRecord| r.planned_output_tokens;
    let tpot = |r: &RequestRecord| {
        let others = tokens(r).checked_sub(1).filter(|left| *left > 0)?;
        Some((e2e(r) - ttft(r)) / f64::from(others))
    };
    let seconds = Seconds { from_ns, to_ns };
    let output_tokens = good.iter().map(|r| u64::from(tokens(r))).sum();
    let in_flight_ms: f64 = good.iter().map(|r| e2e(r)).sum();
    Some(ToolFigures {
        peak_events_per_s: seconds.fullest(&good),
        concurrency_average: Finite::ratio(in_flight_ms / 1e3, seconds.length_s()),
        concurrency_peak: seconds.most_touched(&good, |r| r.finished_at),
        ttft_ms: LatencyFigures::of(good.iter().map(|r| ttft(r)).collect()),
        tpot_ms: LatencyFigures::of(good.iter().filter_map(|r| tpot(r)).collect()),
        itl_ms: pooled_gaps(&good),
        e2e_ms: LatencyFigures::of(good.iter().map(|r| e2e(r)).collect()),
        ..ToolFigures::counted(OtherTool::Sglang, good.len(), output_tokens, seconds)
    })
}

fn guidellm(sent: &[&RequestRecord]) -> Option<ToolFigures> {
    let good: Vec<&RequestRecord> = sent.iter().copied().filter(|r| r.is_ok()).collect();
    // Each status has a length of its own: from its first start to its last end.
    let (from_ns, to_ns) = span_ns(&good)?;
    let seconds = Seconds { from_ns, to_ns };
    let ttft = |r: &RequestRecord| Some(ms_between(client_start(r), r.first_token_at()?));
    let e2e = |r: &RequestRecord| ms_between(client_start(r), r.finished_at);
    // The whole answer, its first token included, over all its tokens.
    let tpot = |r: &RequestRecord| {
        let whole = ms_between(client_start(r), r.last_token_at()?);
        (r.output_tokens > 0).then(|| whole / f64::from(r.output_tokens))
    };
    // One value a request, which counts as often as it has gaps.
    let itl = |r: &RequestRecord| {
        let others = r.output_tokens.checked_sub(1).filter(|left| *left > 0)?;
        let span = ms_between(r.first_token_at()?, r.last_token_at()?);
        Some((span / f64::from(others), u64::from(others)))
    };
    let output_tokens = good.iter().map(|r| u64::from(r.output_tokens)).sum();
    let in_flight_ms: f64 = good.iter().map(|r| e2e(r)).sum();
    Some(ToolFigures {
        peak_events_per_s: None,
        concurrency_average: Finite::ratio(in_flight_ms / 1e3, seconds.length_s()),
        concurrency_peak: None,
        ttft_ms: LatencyFigures::of(good.iter().filter_map(|r| ttft(r)).collect()),
        tpot_ms: LatencyFigures::of(good.iter().filter_map(|r| tpot(r)).collect()),
        itl_ms: LatencyFigures::of_weighted(good.iter().filter_map(|r| itl(r)).collect()),
        e2e_ms: LatencyFigures::of(good.iter().map(|r| e2e(r)).collect()),
        ..ToolFigures::counted(OtherTool::GuideLlm, good.len(), output_tokens, seconds)
    })
}

impl ToolFigures {
    fn counted(tool: OtherTool, completed: usize, output_tokens: u64, seconds: Seconds) -> Self {
        let length_s = seconds.length_s();
        Self {
            tool,
            completed_count: u32::try_from(completed).unwrap_or(u32::MAX),
            duration_s: Finite::new(length_s).unwrap_or_default(),
            request_per_s: Finite::ratio(completed as f64, length_s),
            output_tok_per_s: Finite::ratio(output_tokens as f64, length_s),
            peak_events_per_s: None,
            concurrency_average: None,
            concurrency_peak: None,
            ttft_ms: None,
            tpot_ms: None,
            itl_ms: None,
            e2e_ms: None,
        }
    }
}

impl LatencyFigures {
    /// Of samples in ms in any order, with numpy's percentiles. `None` when there are none.
    fn of(samples: Vec<f64>) -> Option<Self> {
        let samples = sorted(samples);
        let at = |p| percentile_of_sorted(&samples, p).and_then(Finite::new);
        Some(Self {
            mean_ms: Finite::ratio(samples.iter().sum(), samples.len() as f64)?,
            median_ms: at(50.0)?,
            p99_ms: at(99.0)?,
        })
    }

    /// Of values in ms with how often each counts.
    fn of_weighted(mut samples: Vec<(f64, u64)>) -> Option<Self> {
        samples.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let total: u64 = samples.iter().map(|(_, weight)| weight).sum();
        let at = |share: f64| {
            let mut seen = 0;
            let reached = samples.iter().find(|(_, weight)| {
                seen += weight;
                seen as f64 >= total as f64 * share
            });
            reached.and_then(|(value, _)| Finite::new(*value))
        };
        let sum = samples.iter().map(|(value, weight)| value * *weight as f64);
        Some(Self {
            mean_ms: Finite::ratio(sum.sum(), total as f64)?,
            median_ms: at(0.5)?,
            p99_ms: at(0.99)?,
        })
    }
}

/// Longest gap that is told apart, in microseconds: an hour.
const GAP_MICROS_MAX: u64 = 3_600_000_000;
/// Significant digits of the gaps' percentiles: within 0.1 %.
const GAP_DIGITS: u8 = 3;

/// The gaps between neighbouring chunks of all requests together: millions, so they are counted in a
/// histogram of bounded size and not sorted.
fn pooled_gaps(good: &[&RequestRecord]) -> Option<LatencyFigures> {
    let mut gaps = Histogram::<u64>::new_with_bounds(1, GAP_MICROS_MAX, GAP_DIGITS).ok()?;
    let (mut sum_ms, mut count) = (0.0, 0u64);
    for ms in good.iter().flat_map(|record| record.itl_ms()) {
        sum_ms += ms;
        count += 1;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and so does the histogram"
        )]
        gaps.saturating_record((ms * 1e3).round() as u64);
    }
    let at = |quantile| Finite::new(gaps.value_at_quantile(quantile) as f64 / 1e3);
    Some(LatencyFigures {
        mean_ms: Finite::ratio(sum_ms, count as f64)?,
        median_ms: at(0.5)?,
        p99_ms: at(0.99)?,
    })
}

/// A run cut into seconds from its first start.
#[derive(Clone, Copy, Debug)]
struct Seconds {
    from_ns: u64,
    to_ns: u64,
}

impl Seconds {
    fn length_s(self) -> f64 {
        self.to_ns.saturating_sub(self.from_ns) as f64 / 1e9
    }

    fn place(self, at_ns: u64) -> usize {
        let second = at_ns.saturating_sub(self.from_ns) / 1_000_000_000;
        usize::try_from(second).unwrap_or(usize::MAX)
    }

    fn buckets(self) -> Vec<i64> {
        vec![0; self.place(self.to_ns) + 2]
    }

    /// Stream events in the second that has most.
    fn fullest(self, good: &[&RequestRecord]) -> Option<u32> {
        let mut buckets = self.buckets();
        for at in good.iter().flat_map(|record| record.chunk_at.iter()) {
            if let Some(count) = buckets.get_mut(self.place(at)) {
                *count += 1;
            }
        }
        let most = buckets.into_iter().max().filter(|most| *most > 0)?;
        u32::try_from(most).ok()
    }

    /// Requests that touch the second that most touch, both ends included.
    fn most_touched(self, good: &[&RequestRecord], end: fn(&RequestRecord) -> u64) -> Option<u32> {
        let mut changes = self.buckets();
        for record in good {
            let (from, to) = (self.place(client_start(record)), self.place(end(record)));
            for (place, change) in [(from, 1), (to.saturating_add(1), -1)] {
                if let Some(count) = changes.get_mut(place) {
                    *count += change;
                }
            }
        }
        let mut level = 0;
        let levels = changes.into_iter().map(|change| {
            level += change;
            level
        });
        let most = levels.max().filter(|most| *most > 0)?;
        u32::try_from(most).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    fn figures(records: &[RequestRecord], tool: OtherTool) -> ToolFigures {
        let all = other_tools(records);
        all.into_iter().find(|of| of.tool == tool).unwrap()
    }

    /// Three chunks of 5 tokens at 200, 220 and 260 ms; the stream ends at 300.
    fn one() -> RequestRecord {
        let mut request = record(0, 100, &[300, 320, 360]);
        request.output_tokens = 5;
        request.planned_output_tokens = 9;
        request.finished_at = 400_000_000;
        request
    }

    #[test]
    fn each_tool_has_its_own_time_per_token() {
        let records = [one()];
        let tpot = |tool| figures(&records, tool).tpot_ms.unwrap().mean_ms.get();
        assert_eq!(tpot(OtherTool::Vllm), 15.0, "60 ms over four gaps");
        assert_eq!(
            tpot(OtherTool::Sglang),
            12.5,
            "to [DONE]: 100 ms over eight"
        );
        assert_eq!(tpot(OtherTool::GuideLlm), 52.0, "260 ms over five tokens");
        let itl = |tool| figures(&records, tool).itl_ms.unwrap().mean_ms.get();
        assert_eq!(itl(OtherTool::Vllm), 30.0, "one a chunk");
        assert_eq!(itl(OtherTool::GuideLlm), 15.0, "what others call TPOT");
    }

    #[test]
    fn opening_a_connection_is_inside_their_clocks() {
        let mut request = one();
        request.connect_ns = Some(50_000_000);
        let ttft = |request: &RequestRecord| {
            let records = std::slice::from_ref(request);
            figures(records, OtherTool::Vllm)
                .ttft_ms
                .unwrap()
                .mean_ms
                .get()
        };
        assert_eq!(ttft(&request), 250.0);
        request.reconnected = true;
        assert_eq!(ttft(&request), 200.0);
    }

    #[test]
    fn an_error_inside_a_stream_is_a_success_to_some() {
        let mut broken = record(1, 100, &[150]);
        broken.outcome = Outcome::StreamError;
        let mut refused = record(2, 100, &[]);
        (refused.outcome, refused.http_status) = (Outcome::Http5xx, Some(503));
        let mut empty = record(3, 100, &[]);
        empty.outcome = Outcome::Truncated;
        let records = [one(), broken, refused, empty];
        let counts = OtherTool::ALL.map(|tool| figures(&records, tool).completed_count);
        assert_eq!(counts, [2, 3, 1]);
    }

    #[test]
    fn what_breaks_off_or_cannot_be_read_is_a_success_to_nobody() {
        let failed = |index, outcome, error: &str| {
            let mut request = record(index, 100, &[150]);
            request.outcome = outcome;
            error.clone_into(&mut request.error);
            request
        };
        let counts = |request: RequestRecord| {
            let records = [one(), request];
            OtherTool::ALL.map(|tool| figures(&records, tool).completed_count)
        };
        let reset = "the answer broke off: Connection reset by peer (os error 104)";
        assert_eq!(counts(failed(1, Outcome::Truncated, reset)), [1, 1, 1]);
        let unreadable = "a part of the answer is not readable: expected value";
        assert_eq!(counts(failed(1, Outcome::Protocol, unreadable)), [1, 1, 1]);
        let in_order = "the stream ended without a finish reason and without [DONE]";
        assert_eq!(counts(failed(1, Outcome::Truncated, in_order)), [2, 2, 1]);
    }

    #[test]
    fn their_peaks_are_of_whole_seconds() {
        // One user, one request after the other: never two at once.
        let records: Vec<RequestRecord> = (0..4u32)
            .map(|n| {
                let sent = u64::from(n) * 400;
                record(n, sent, &[sent + 100, sent + 390])
            })
            .collect();
        let vllm = figures(&records, OtherTool::Vllm);
        assert_eq!(vllm.concurrency_peak, Some(3), "all that touch the second");
        assert_eq!(vllm.peak_events_per_s, Some(5));
        let sglang = figures(&records, OtherTool::Sglang);
        assert!(sglang.concurrency_average.unwrap().get() < 1.0);
    }

    #[test]
    fn warm_up_and_nothing_are_left_out() {
        let mut warm = one();
        warm.phase = RequestPhase::WarmUp;
        assert_eq!(other_tools(&[warm]), []);
        assert_eq!(other_tools(&[]), []);
    }
}
