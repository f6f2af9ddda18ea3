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
    let last_sent = records
        .iter()
        .map(|record| record.sent_at)
        .max()?
        .min(to_ns);
    let (from_s, last_s) = (from_ns as f64 / 1e9, last_sent as f64 / 1e9);
    let inside: Vec<&TimelineSlice> = slices
        .iter()
        .filter(|s| {
            s.start_s.get() >= from_s - 1e-9 && s.start_s.get() + s.length_s.get() <= last_s + 1e-9
        })
        .collect();
    let window = (0..inside.len())
        .filter_map(|skip| inside.get(skip..))
        .take_while(|window| window.len() >= SLICES_MIN)
        .find(|window| {
            holds(window.iter().map(|slice| slice.in_flight.get()).collect())
                && holds(
                    window
                        .iter()
                        .filter_map(|s| s.ttft_p50_ms)
                        .map(Finite::get)
                        .collect(),
                )
        })?;
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

/// Whether the medians of both halves agree within the drift allowed (or half a request).
fn holds(values: Vec<f64>) -> bool {
    let (head, tail) = values.split_at(values.len() / 2);
    let median = |half: &[f64]| percentile_of_sorted(&sorted(half.to_vec()), 50.0);
    match (median(head), median(tail)) {
        (Some(head), Some(tail)) => {
            (tail - head).abs() <= (head.max(tail) * OPEN_LOOP_DRIFT_MAX).max(0.5)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
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
}
