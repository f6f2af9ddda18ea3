//! Live aggregates: what the watcher of a run sees. Counted in shards, so that users do not wait for
//! each other; the result is computed from the records, never from here.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::finite::Finite;
use domain::load::{LiveSample, LoadEvent, LoadPhase};
use domain::workload::StopRule;
use hdrhistogram::Histogram;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::session::Session;
use crate::threads::THREADS_MAX;

/// Time between live samples.
const LIVE_PERIOD: Duration = Duration::from_millis(500);
/// Longest time a histogram holds, in microseconds: an hour.
const MICROS_MAX: u64 = 3_600_000_000;
/// Significant digits of live percentiles.
const DIGITS: u8 = 2;

/// The counters of a run.
pub(crate) struct Live {
    shards: Vec<LiveShard>,
    sent_count: AtomicU32,
    completed_count: AtomicU32,
    failed_count: AtomicU32,
    measured_count: AtomicU32,
}

/// One share of the counters, on cache lines of its own: threads that count at the same time would else take
/// them from each other.
#[repr(align(128))]
pub(crate) struct LiveShard {
    chunks_count: AtomicU64,
    times: Mutex<Interval>,
}

/// Latencies since the last sample, in microseconds.
struct Interval {
    ttft: Histogram<u64>,
    itl: Histogram<u64>,
}

impl Interval {
    fn new() -> Option<Self> {
        let histogram = || Histogram::new_with_bounds(1, MICROS_MAX, DIGITS).ok();
        Some(Self {
            ttft: histogram()?,
            itl: histogram()?,
        })
    }
}

impl LiveShard {
    /// Notes `count` chunks that one read brought at `at_ns`: once a read, and the shard is the thread's
    /// own, so that nobody waits. `previous` is the chunk before them,
    /// in the first read the request's `sent_at`.
    pub(crate) fn note_chunks(&self, previous: Previous, at_ns: u64, count: usize) {
        if count == 0 {
            return;
        }
        self.chunks_count.fetch_add(count as u64, Ordering::Relaxed);
        let mut interval = lock(&self.times);
        let micros = |since: u64| at_ns.saturating_sub(since) / 1_000;
        match previous {
            Previous::Sent(at) => interval.ttft.saturating_record(micros(at)),
            Previous::Chunk(at) => interval.itl.saturating_record(micros(at)),
        }
        // The others came in the same read.
        interval.itl.saturating_record_n(0, count as u64 - 1);
    }
}

/// What a chunk's time counts from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Previous {
    /// It is the first: the sending of the request.
    Sent(u64),
    /// The chunk before.
    Chunk(u64),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A histogram is whole after every call, even if a holder of the lock has panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a sample needs to know about the run.
pub(crate) struct LiveContext {
    pub(crate) phase: LoadPhase,
    /// Start of the measured part, once it has begun.
    pub(crate) measured_from_ns: Option<u64>,
    pub(crate) stop: StopRule,
}

/// Turns the counters into samples, each about the time since the one before.
pub(crate) struct Sampler {
    last_ns: u64,
    last_chunks: u64,
    interval: Interval,
}

impl Live {
    /// Fresh counters. `None` when the bounds of the histograms are wrong, which they are not.
    pub(crate) fn new() -> Option<Self> {
        let shards: Option<Vec<LiveShard>> = (0..THREADS_MAX)
            .map(|_| {
                Some(LiveShard {
                    chunks_count: AtomicU64::new(0),
                    times: Mutex::new(Interval::new()?),
                })
            })
            .collect();
        Some(Self {
            shards: shards?,
            sent_count: AtomicU32::new(0),
            completed_count: AtomicU32::new(0),
            failed_count: AtomicU32::new(0),
            measured_count: AtomicU32::new(0),
        })
    }

    /// The shard of the load thread of that number.
    pub(crate) fn shard(&self, number: usize) -> Option<&LiveShard> {
        self.shards.get(number % THREADS_MAX)
    }

    pub(crate) fn note_sent(&self) {
        self.sent_count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_ended(&self, is_ok: bool, is_measured: bool) {
        let count = if is_ok {
            &self.completed_count
        } else {
            &self.failed_count
        };
        count.fetch_add(1, Ordering::Relaxed);
        if is_measured {
            self.measured_count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Requests in flight now.
    pub(crate) fn in_flight_count(&self) -> u32 {
        let ended = self.completed_count.load(Ordering::Relaxed)
            + self.failed_count.load(Ordering::Relaxed);
        self.sent_count
            .load(Ordering::Relaxed)
            .saturating_sub(ended)
    }
}

impl Sampler {
    pub(crate) fn new() -> Option<Self> {
        Some(Self {
            last_ns: 0,
            last_chunks: 0,
            interval: Interval::new()?,
        })
    }

    /// The sample at `now_ns`.
    pub(crate) fn sample(&mut self, live: &Live, context: &LiveContext, now_ns: u64) -> LiveSample {
        self.interval.ttft.reset();
        self.interval.itl.reset();
        let mut chunks = 0;
        for shard in &live.shards {
            chunks += shard.chunks_count.load(Ordering::Relaxed);
            let mut interval = lock(&shard.times);
            // Equal bounds: adding cannot fail, and a live figure is not worth stopping for.
            let _ = self.interval.ttft.add(&interval.ttft);
            let _ = self.interval.itl.add(&interval.itl);
            interval.ttft.reset();
            interval.itl.reset();
        }
        let interval_s = now_ns.saturating_sub(self.last_ns) as f64 / 1e9;
        let new_chunks = chunks - self.last_chunks;
        self.last_ns = now_ns;
        self.last_chunks = chunks;
        let (done, remaining_s) = progress(live, context, now_ns);
        LiveSample {
            t_s: Finite::new(now_ns as f64 / 1e9).unwrap_or_default(),
            phase: context.phase,
            sent_count: live.sent_count.load(Ordering::Relaxed),
            completed_count: live.completed_count.load(Ordering::Relaxed),
            failed_count: live.failed_count.load(Ordering::Relaxed),
            in_flight_count: live.in_flight_count(),
            output_chunks_per_s: Finite::ratio(new_chunks as f64, interval_s).unwrap_or_default(),
            ttft_p50_ms: quantile_ms(&self.interval.ttft, 0.5),
            ttft_p99_ms: quantile_ms(&self.interval.ttft, 0.99),
            itl_p50_ms: quantile_ms(&self.interval.itl, 0.5),
            done_fraction: Finite::new(done).unwrap_or_default(),
            remaining_s: remaining_s.and_then(Finite::new),
        }
    }
}

/// Sends a sample every half second, and one at the end.
pub(crate) async fn send_samples(
    session: Arc<Session>,
    context: watch::Receiver<LiveContext>,
    events: mpsc::Sender<LoadEvent>,
    ended: CancellationToken,
) {
    let Some(mut sampler) = Sampler::new() else {
        return;
    };
    let mut period = tokio::time::interval(LIVE_PERIOD);
    period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    period.tick().await;
    loop {
        // The last sample is taken at the end, so that the watcher sees the final counts.
        let is_last = tokio::select! {
            _ = period.tick() => false,
            () = ended.cancelled() => true,
        };
        let sample = sampler.sample(&session.live, &context.borrow(), session.clock.now_ns());
        // A receiver that is gone does not matter to the load.
        let _ = events.send(LoadEvent::Live { sample }).await;
        if is_last {
            break;
        }
    }
}

fn quantile_ms(histogram: &Histogram<u64>, quantile: f64) -> Option<Finite> {
    if histogram.is_empty() {
        return None;
    }
    Finite::new(histogram.value_at_quantile(quantile) as f64 / 1e3)
}

/// How much of the measured part is done, and the seconds left.
fn progress(live: &Live, context: &LiveContext, now_ns: u64) -> (f64, Option<f64>) {
    let Some(from_ns) = context.measured_from_ns else {
        return (0.0, None);
    };
    let elapsed_s = now_ns.saturating_sub(from_ns) as f64 / 1e9;
    match context.stop {
        StopRule::Requests { count } => {
            let ended = f64::from(live.measured_count.load(Ordering::Relaxed));
            let done = (ended / f64::from(count.max(1))).min(1.0);
            (done, (done > 0.0).then(|| elapsed_s * (1.0 - done) / done))
        }
        StopRule::Duration { seconds } => {
            let asked_s = f64::from(seconds.max(1));
            (
                (elapsed_s / asked_s).min(1.0),
                Some((asked_s - elapsed_s).max(0.0)),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn each_sample_is_about_its_own_interval() {
        let (live, mut sampler) = (Live::new().unwrap(), Sampler::new().unwrap());
        let context = LiveContext {
            phase: LoadPhase::Measured,
            measured_from_ns: Some(0),
            stop: StopRule::Requests { count: 4 },
        };
        for index in 0..2 {
            live.note_sent();
            let shard = live.shard(index).unwrap();
            shard.note_chunks(Previous::Sent(0), 100 * MS, 1);
            shard.note_chunks(Previous::Chunk(100 * MS), 120 * MS, 1);
            shard.note_chunks(Previous::Chunk(120 * MS), 140 * MS, 1);
            shard.note_chunks(Previous::Chunk(140 * MS), 150 * MS, 0);
        }
        live.note_ended(true, true);
        let sample = sampler.sample(&live, &context, 500 * MS);
        assert_eq!(
            (
                sample.sent_count,
                sample.completed_count,
                sample.in_flight_count
            ),
            (2, 1, 1)
        );
        assert_eq!(sample.output_chunks_per_s.get(), 12.0);
        assert!((sample.ttft_p50_ms.unwrap().get() - 100.0).abs() < 1.0);
        assert!((sample.itl_p50_ms.unwrap().get() - 20.0).abs() < 0.2);
        assert_eq!(sample.done_fraction.get(), 0.25);
        assert_eq!(sample.remaining_s.unwrap().get(), 1.5);

        let sample = sampler.sample(&live, &context, 1_000 * MS);
        assert_eq!(
            (sample.output_chunks_per_s.get(), sample.ttft_p50_ms),
            (0.0, None)
        );
    }
}
