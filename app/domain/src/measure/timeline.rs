//! The run over time, in slices of equal length.

use serde::{Deserialize, Serialize};

use super::chunk_times;
use super::concurrency::{area, levels};
use super::histogram::round_step;
use super::quantile::{percentile_of_sorted, sorted};
use super::record::{RequestRecord, ms_between};
use crate::finite::Finite;

/// About how many slices a run is cut into.
const SLICES_ABOUT: f64 = 120.0;
/// Shortest slice, in seconds.
const SLICE_S_MIN: f64 = 0.1;

/// One slice of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineSlice {
    /// Start, in seconds since the start of the run.
    pub start_s: Finite,
    /// Length, in seconds.
    pub length_s: Finite,
    /// Requests sent in it.
    pub started_count: u32,
    /// Requests answered completely in it.
    pub finished_count: u32,
    /// Requests that failed in it.
    pub failed_count: u32,
    /// Time-weighted mean of requests in flight.
    pub in_flight: Finite,
    /// Output tokens per second; the tokens of a request are spread over its own chunks.
    pub output_tok_per_s: Finite,
    /// TTFT of first tokens that came in it, in ms.
    pub ttft_p50_ms: Option<Finite>,
    /// The same, 99th percentile.
    pub ttft_p99_ms: Option<Finite>,
    /// The same from schedule, median. Missing in results of before.
    #[serde(default)]
    pub ttft_from_schedule_p50_ms: Option<Finite>,
    /// The same, 99th percentile.
    #[serde(default)]
    pub ttft_from_schedule_p99_ms: Option<Finite>,
    /// How long requests sent in it had waited in the client since they were due, median, in ms. Missing
    /// in results of before.
    #[serde(default)]
    pub queue_delay_p50_ms: Option<Finite>,
    /// Gaps between chunks that ended in it, in ms.
    pub itl_p50_ms: Option<Finite>,
    /// The same, 99th percentile.
    pub itl_p99_ms: Option<Finite>,
}

#[derive(Default)]
struct Bucket {
    started: u32,
    finished: u32,
    failed: u32,
    queue_delay_ms: Vec<f64>,
}

/// What came in a slice.
#[derive(Default)]
struct Arrived {
    tokens: f64,
    ttft_ms: Vec<f64>,
    ttft_from_schedule_ms: Vec<f64>,
    itl_ms: Vec<f64>,
}

/// A request's chunks, as far as they are not in a slice yet.
struct Unread<'a> {
    chunks: std::iter::Peekable<chunk_times::Iter<'a>>,
    scheduled_at: u64,
    sent_at: u64,
    previous: Option<u64>,
    tokens_per_chunk: f64,
}

impl<'a> Unread<'a> {
    fn of(record: &'a RequestRecord) -> Self {
        Self {
            chunks: record.chunk_at.iter().peekable(),
            scheduled_at: record.scheduled_at,
            sent_at: record.sent_at,
            previous: None,
            tokens_per_chunk: f64::from(record.output_tokens) / record.chunk_at.len().max(1) as f64,
        }
    }

    /// Moves what came before `to_ns` into a slice. Says whether there is more.
    fn read_until(&mut self, to_ns: u64, arrived: &mut Arrived) -> bool {
        while let Some(at_ns) = self.chunks.next_if(|at_ns| *at_ns < to_ns) {
            arrived.tokens += self.tokens_per_chunk;
            match self.previous.replace(at_ns) {
                None => {
                    arrived.ttft_ms.push(ms_between(self.sent_at, at_ns));
                    let from_schedule = ms_between(self.scheduled_at, at_ns);
                    arrived.ttft_from_schedule_ms.push(from_schedule);
                }
                Some(previous) => arrived.itl_ms.push(ms_between(previous, at_ns)),
            }
        }
        self.chunks.peek().is_some()
    }
}

/// Cuts the whole run, warm-up and drain included, into slices.
pub fn timeline(records: &[RequestRecord]) -> Vec<TimelineSlice> {
    let end_ns = records
        .iter()
        .map(|record| record.finished_at)
        .max()
        .unwrap_or(0);
    if end_ns == 0 {
        return Vec::new();
    }
    let length_s = round_step((end_ns as f64 / 1e9 / SLICES_ABOUT).max(SLICE_S_MIN));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least 0.1 s"
    )]
    let length_ns = (length_s * 1e9) as u64;
    let slice_count = usize::try_from(end_ns / length_ns + 1).unwrap_or(0);
    let mut buckets: Vec<Bucket> = Vec::new();
    buckets.resize_with(slice_count, Bucket::default);
    let index = |at_ns: u64| usize::try_from(at_ns / length_ns).unwrap_or(usize::MAX);

    for record in records {
        if let Some(bucket) = buckets.get_mut(index(record.sent_at)) {
            bucket.started += 1;
            bucket.queue_delay_ms.push(record.queue_delay_ms());
        }
        if let Some(bucket) = buckets.get_mut(index(record.finished_at)) {
            if record.is_ok() {
                bucket.finished += 1;
            } else {
                bucket.failed += 1;
            }
        }
    }

    // Slice by slice, so that the latencies of one slice alone are in memory.
    let mut upcoming: Vec<&RequestRecord> =
        records.iter().filter(|r| !r.chunk_at.is_empty()).collect();
    upcoming.sort_by_key(|record| std::cmp::Reverse(record.chunk_at.first()));
    let mut unread: Vec<Unread<'_>> = Vec::new();
    let levels = levels(records);
    let mut slices = Vec::with_capacity(slice_count);
    for (number, bucket) in (0u64..).zip(buckets) {
        let (from_ns, to_ns) = (number * length_ns, (number + 1) * length_ns);
        let mut arrived = Arrived::default();
        while let Some(record) = upcoming.pop_if(|record| record.chunk_at.first() < Some(to_ns)) {
            unread.push(Unread::of(record));
        }
        unread.retain_mut(|chunks| chunks.read_until(to_ns, &mut arrived));
        let (ttft, itl) = (sorted(arrived.ttft_ms), sorted(arrived.itl_ms));
        let from_schedule = sorted(arrived.ttft_from_schedule_ms);
        let at = |values: &[f64], p| percentile_of_sorted(values, p).and_then(Finite::new);
        slices.push(TimelineSlice {
            start_s: Finite::new(from_ns as f64 / 1e9).unwrap_or_default(),
            length_s: Finite::new(length_s).unwrap_or_default(),
            started_count: bucket.started,
            finished_count: bucket.finished,
            failed_count: bucket.failed,
            in_flight: Finite::ratio(area(&levels, from_ns, to_ns), length_ns as f64)
                .unwrap_or_default(),
            output_tok_per_s: Finite::ratio(arrived.tokens, length_s).unwrap_or_default(),
            ttft_p50_ms: at(&ttft, 50.0),
            ttft_p99_ms: at(&ttft, 99.0),
            ttft_from_schedule_p50_ms: at(&from_schedule, 50.0),
            ttft_from_schedule_p99_ms: at(&from_schedule, 99.0),
            queue_delay_p50_ms: at(&sorted(bucket.queue_delay_ms), 50.0),
            itl_p50_ms: at(&itl, 50.0),
            itl_p99_ms: at(&itl, 99.0),
        });
    }
    slices
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn tokens_are_spread_over_their_chunks() {
        let mut fast = record(0, 0, &[50, 150, 250, 950]);
        fast.output_tokens = 8;
        let slices = timeline(&[fast]);
        let tokens: Vec<f64> = slices
            .iter()
            .map(|s| s.output_tok_per_s.get() * s.length_s.get())
            .collect();
        assert_eq!(tokens.len(), 10);
        assert!((tokens.iter().sum::<f64>() - 8.0).abs() < 1e-9);
        assert!((tokens[0] - 2.0).abs() < 1e-9 && (tokens[9] - 2.0).abs() < 1e-9);
        assert_eq!(slices[0].ttft_p50_ms.unwrap().get(), 50.0);
        assert_eq!(slices[9].itl_p50_ms.unwrap().get(), 700.0);
        assert!((slices[3].in_flight.get() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn waiting_in_the_client_stands_in_the_slice_of_the_send() {
        let mut late = record(0, 450, &[550]);
        late.scheduled_at = 100_000_000;
        let slices = timeline(&[late]);
        assert_eq!(slices[4].queue_delay_p50_ms, Finite::new(350.0));
        assert_eq!(slices[0].queue_delay_p50_ms, None);
        assert_eq!(slices[5].ttft_p50_ms, Finite::new(100.0));
        assert_eq!(slices[5].ttft_from_schedule_p50_ms, Finite::new(450.0));
        let mut stored = serde_json::to_value(&slices[5]).unwrap();
        let fields = stored.as_object_mut().unwrap();
        for later in [
            "ttft_from_schedule_p50_ms",
            "ttft_from_schedule_p99_ms",
            "queue_delay_p50_ms",
        ] {
            assert!(fields.remove(later).is_some(), "{later}");
        }
        let slice: TimelineSlice = serde_json::from_value(stored).unwrap();
        assert_eq!(slice.ttft_from_schedule_p50_ms, None);
    }

    proptest! {
        #[test]
        fn each_chunk_is_in_the_slice_of_its_arrival(
            requests in prop::collection::vec((0u64..3_000, prop::collection::vec(0u64..2_000, 0..12)), 1..20)
        ) {
            let records: Vec<RequestRecord> = (0..).zip(&requests).map(|(index, (sent_ms, gaps_ms))| {
                let mut at_ms = *sent_ms;
                let chunks_ms: Vec<u64> = gaps_ms.iter().map(|gap_ms| { at_ms += gap_ms; at_ms }).collect();
                record(index, *sent_ms, &chunks_ms)
            }).collect();
            for slice in timeline(&records) {
                let (from_s, to_s) = (slice.start_s.get(), slice.start_s.get() + slice.length_s.get());
                let is_inside = |at_ns: u64| (at_ns as f64 / 1e9) >= from_s - 1e-9 && (at_ns as f64 / 1e9) < to_s - 1e-9;
                let inside = records.iter().flat_map(|record| {
                    let pairs = record.chunk_at.iter().zip(record.chunk_at.iter().skip(1));
                    pairs.filter(|(_, at)| is_inside(*at)).map(|(a, b)| ms_between(a, b)).collect::<Vec<_>>()
                });
                let itl = sorted(inside.collect());
                prop_assert_eq!(slice.itl_p50_ms.map(Finite::get), percentile_of_sorted(&itl, 50.0));
                let firsts = records.iter().filter(|record| record.first_token_at().is_some_and(is_inside));
                let ttft = sorted(firsts.filter_map(RequestRecord::ttft_ms).collect());
                prop_assert_eq!(slice.ttft_p99_ms.map(Finite::get), percentile_of_sorted(&ttft, 99.0));
            }
        }
    }

    #[test]
    fn nothing_recorded_has_no_slices() {
        assert!(timeline(&[]).is_empty());
    }
}
