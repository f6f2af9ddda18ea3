//! Steady state: the longest window in which the load held.

use serde::{Deserialize, Serialize};

use super::concurrency::levels;
use super::quantile::{percentile_of_sorted, sorted};
use super::record::RequestRecord;
use super::timeline::TimelineSlice;
use crate::finite::Finite;
use crate::workload::Arrival;

/// Closed loop: share of the asked concurrency that counts as holding.
pub const CLOSED_LOOP_HOLD_FRACTION: f64 = 0.95;
/// Closed loop: dips shorter than this do not end a window (a user takes a moment to send again),
/// in nanoseconds.
const DIP_NS_MAX: u64 = 50_000_000;
/// Open loop: relative change between the two halves of a window that counts as drift.
const OPEN_LOOP_DRIFT_MAX: f64 = 0.2;
/// Open loop: share of the time, or of the arrivals, by which a level may fall behind from one half of a
/// window to the other. What grows by more is a queue, however little it grows beside what it is already: so
/// the end of a long queue is no steady state either.
const FALLING_BEHIND_MAX: f64 = 0.02;
/// Change of the requests in flight, and of TTFT in ms, that is none.
const DRIFT_MIN: f64 = 0.5;
/// Change of the wait in the client that is none, in ms: a late timer is no queue.
const QUEUE_DRIFT_MS_MIN: f64 = 5.0;
/// A window shorter than this share of the measured window is no steady state.
const SHARE_MIN: f64 = 0.25;
/// Fewest slices in an open-loop window.
const SLICES_MIN: usize = 8;

/// A window in which the load held, in seconds since the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SteadyState {
    /// Start.
    pub start_s: Finite,
    /// End.
    pub end_s: Finite,
    /// Output tokens per second of the slices inside it.
    pub output_tok_per_s: Option<Finite>,
}

/// The longest steady window inside the measured window, or `None` when none was found.
pub fn steady_state(
    records: &[RequestRecord],
    slices: &[TimelineSlice],
    arrival: &Arrival,
    from_ns: u64,
    to_ns: u64,
) -> Option<SteadyState> {
    let (start_ns, end_ns) = match arrival {
        Arrival::ClosedLoop { concurrency } => {
            closed_loop_window(records, *concurrency, from_ns, to_ns)?
        }
        Arrival::OpenLoop { .. } | Arrival::Trace { .. } => {
            open_loop_window(records, slices, from_ns, to_ns)?
        }
    };
    let share = end_ns.saturating_sub(start_ns) as f64 / to_ns.saturating_sub(from_ns) as f64;
    if !share.is_finite() || share < SHARE_MIN {
        return None;
    }
    let (start_s, end_s) = (start_ns as f64 / 1e9, end_ns as f64 / 1e9);
    let inside = slices.iter().filter(|slice| {
        let start = slice.start_s.get();
        start >= start_s - 1e-9 && start + slice.length_s.get() <= end_s + 1e-9
    });
    let (tokens, seconds) = inside.fold((0.0, 0.0), |(tokens, seconds), slice| {
        let length = slice.length_s.get();
        (
            tokens + slice.output_tok_per_s.get() * length,
            seconds + length,
        )
    });
    Some(SteadyState {
        start_s: Finite::new(start_s)?,
        end_s: Finite::new(end_s)?,
        output_tok_per_s: Finite::ratio(tokens, seconds),
    })
}

fn closed_loop_window(
    records: &[RequestRecord],
    concurrency: u32,
    from_ns: u64,
    to_ns: u64,
) -> Option<(u64, u64)> {
    let floor = (f64::from(concurrency) * CLOSED_LOOP_HOLD_FRACTION).ceil();
    let levels = levels(records);
    let mut best: Option<(u64, u64)> = None;
    let mut current: Option<(u64, u64)> = None;
    for (index, level) in levels.iter().enumerate() {
        let start = level.at_ns.clamp(from_ns, to_ns);
        let end = levels
            .get(index + 1)
            .map_or(to_ns, |next| next.at_ns)
            .clamp(from_ns, to_ns);
        if f64::from(level.in_flight) >= floor {
            current = match current {
                Some((since, until)) if start.saturating_sub(until) <= DIP_NS_MAX => {
                    Some((since, end))
                }
                _ => Some((start, end)),
            };
        }
        let length = |window: Option<(u64, u64)>| window.map_or(0, |(a, b)| b.saturating_sub(a));
        if length(current) > length(best) {
            best = current;
        }
    }
    best
}

fn open_loop_window(
    records: &[RequestRecord],
    slices: &[TimelineSlice],
    from_ns: u64,
    to_ns: u64,
) -> Option<(u64, u64)> {
    // Nothing arrives in the drain: the window ends with the last arrival.
    let last_arrival = records
        .iter()
        .map(|record| record.scheduled_at)
        .max()?
        .min(to_ns);
    let (from_s, last_s) = (from_ns as f64 / 1e9, last_arrival as f64 / 1e9);
    let inside: Vec<&TimelineSlice> = slices
        .iter()
        .filter(|s| {
            s.start_s.get() >= from_s - 1e-9 && s.start_s.get() + s.length_s.get() <= last_s + 1e-9
        })
        .collect();
    let window = (0..inside.len())
        .filter_map(|skip| inside.get(skip..))
        .take_while(|window| window.len() >= SLICES_MIN)
        .find(|window| is_steady(window))?;
    let (first, last) = (window.first()?, window.last()?);
    let to_ns = |seconds: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a run's seconds"
        )]
        let ns = (seconds * 1e9) as u64;
        ns
    };
    Some((
        to_ns(first.start_s.get()),
        to_ns(last.start_s.get() + last.length_s.get()),
    ))
}

/// Whether neither the requests in flight, nor TTFT, nor the wait in the client drift.
fn is_steady(window: &[&TimelineSlice]) -> bool {
    let half_s = window.iter().map(|s| s.length_s.get()).sum::<f64>() / 2.0;
    let arrived: u32 = window.iter().map(|slice| slice.started_count).sum();
    let of = |value: fn(&TimelineSlice) -> Option<Finite>| -> Vec<f64> {
        let values = window.iter().filter_map(|slice| value(slice));
        values.map(Finite::get).collect()
    };
    let in_flight = of(|slice| Some(slice.in_flight));
    // As many as this are more or fewer by chance: arrivals of independent users vary by their root.
    let chance = in_flight.iter().copied().fold(0.0, f64::max).sqrt();
    let behind_count = f64::from(arrived) / 2.0 * FALLING_BEHIND_MAX;
    let behind_ms = half_s * 1e3 * FALLING_BEHIND_MAX;
    holds(in_flight, DRIFT_MIN, behind_count.max(chance))
        && holds(of(|slice| slice.ttft_p50_ms), DRIFT_MIN, behind_ms)
        && holds(
            of(|slice| slice.queue_delay_p50_ms),
            QUEUE_DRIFT_MS_MIN,
            behind_ms,
        )
}

/// Whether the medians of both halves agree: within `least`; or within the drift allowed, and then as far as
/// they may fall behind, or as values that scatter so do by chance.
fn holds(values: Vec<f64>, least: f64, behind_max: f64) -> bool {
    let (head, tail) = values.split_at(values.len() / 2);
    let (Some(head), Some(tail)) = (Half::of(head), Half::of(tail)) else {
        return false;
    };
    let drift = (tail.median - head.median).abs();
    let chance = 2.0 * head.error.hypot(tail.error);
    drift <= least
        || (drift <= head.median.max(tail.median) * OPEN_LOOP_DRIFT_MAX
            && drift <= behind_max.max(chance))
}

/// A half of a window.
struct Half {
    median: f64,
    /// Standard error of the median.
    error: f64,
}

impl Half {
    /// The error from the median absolute deviation, as for normal values (Rousseeuw and Croux, 1993):
    /// `1.2533 × 1.4826 × MAD / √n`.
    fn of(values: &[f64]) -> Option<Self> {
        let median_of = |values: Vec<f64>| percentile_of_sorted(&sorted(values), 50.0);
        let median = median_of(values.to_vec())?;
        let away = values.iter().map(|value| (value - median).abs()).collect();
        let error = 1.2533 * 1.4826 * median_of(away)? / (values.len() as f64).sqrt();
        Some(Self { median, error })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::tests::record;
    use super::super::timeline::timeline;
    use super::*;
    use crate::workload::arrival::ArrivalProcess;

    #[test]
    fn closed_loop_drops_ramp_and_drain() {
        // Two users; the second starts late and one request straggles.
        let mut records: Vec<RequestRecord> = (0..20u32)
            .map(|n| record(n, u64::from(n) * 100, &[u64::from(n) * 100 + 100]))
            .collect();
        records.extend((0..10u32).map(|n| {
            let sent = 300 + u64::from(n) * 100;
            record(20 + n, sent, &[sent + 100])
        }));
        let slices = timeline(&records);
        let arrival = Arrival::ClosedLoop { concurrency: 2 };
        let steady = steady_state(&records, &slices, &arrival, 0, 2_000_000_000).unwrap();
        assert_eq!((steady.start_s.get(), steady.end_s.get()), (0.3, 1.3));
    }

    #[test]
    fn a_load_that_never_held_has_no_steady_state() {
        let records = [record(0, 0, &[1_000])];
        let slices = timeline(&records);
        let arrival = Arrival::ClosedLoop { concurrency: 8 };
        assert_eq!(
            steady_state(&records, &slices, &arrival, 0, 1_000_000_000),
            None
        );
    }

    #[test]
    fn open_loop_that_piles_up_is_not_steady() {
        let arrival = Arrival::open_loop(Finite::from(10), ArrivalProcess::Constant);
        let steady: Vec<_> = (0..100u32)
            .map(|n| record(n, u64::from(n) * 100, &[u64::from(n) * 100 + 250]))
            .collect();
        let piling: Vec<_> = (0..100u32)
            .map(|n| record(n, u64::from(n) * 100, &[u64::from(n) * 400 + 250]))
            .collect();
        let window = |records: &[RequestRecord]| {
            let end = records.iter().map(|r| r.finished_at).max().unwrap();
            steady_state(records, &timeline(records), &arrival, 0, end)
        };
        assert!(window(&steady).is_some());
        assert_eq!(window(&piling), None);
    }

    /// Arrivals at equal gaps at a server with one slot, `cap` in flight: the others wait in the client.
    fn one_slot(gap_ms: u64, service_ms: u64, count: u32, is_capped: bool) -> Vec<RequestRecord> {
        let mut free_at_ms = 0;
        let requests = (0..count).map(|n| {
            let due_ms = u64::from(n) * gap_ms;
            let begun_ms = due_ms.max(free_at_ms);
            free_at_ms = begun_ms + service_ms;
            let sent_ms = if is_capped { begun_ms } else { due_ms };
            let mut request = record(n, sent_ms, &[free_at_ms]);
            request.scheduled_at = due_ms * 1_000_000;
            request
        });
        requests.collect()
    }

    fn window_of(records: &[RequestRecord]) -> Option<SteadyState> {
        let arrival = Arrival::open_loop(Finite::from(10), ArrivalProcess::Constant);
        let end = records.iter().map(|r| r.finished_at).max().unwrap();
        steady_state(records, &timeline(records), &arrival, 0, end)
    }

    #[test]
    fn a_queue_that_grows_in_the_client_is_no_steady_state() {
        // Each request takes as long as the one before, and one is in flight all the time.
        assert_eq!(window_of(&one_slot(100, 500, 30, true)), None);
        assert_eq!(window_of(&one_slot(25, 43, 500, true)), None);
        assert!(window_of(&one_slot(100, 90, 100, true)).is_some());
    }

    proptest! {
        #[test]
        fn more_than_a_server_can_do_is_never_steady_and_less_always_is(
            gap_ms in 20u64..200, percent in 60u64..300, count in 100u32..400, is_capped: bool,
        ) {
            let service_ms = gap_ms * percent / 100;
            let load = service_ms as f64 / gap_ms as f64;
            let window = window_of(&one_slot(gap_ms, service_ms, count, is_capped));
            if load > 1.1 {
                prop_assert_eq!(window, None, "load {}", load);
            } else if load <= 1.0 {
                prop_assert!(window.is_some(), "load {}", load);
            }
        }
    }
}
