//! Requests in flight, by an exact sweep over start and end events.

use serde::{Deserialize, Serialize};

use super::record::RequestRecord;
use crate::finite::Finite;

/// How many requests were in flight over a window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Concurrency {
    /// Time-weighted mean over the window.
    pub average: Finite,
    /// Highest level at any instant of the window.
    pub peak: u32,
}

/// A level that holds from its instant until the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) at_ns: u64,
    pub(super) in_flight: u32,
}

/// The steps of the in-flight level. At a tie an end counts before a start.
pub(super) fn levels(records: &[RequestRecord]) -> Vec<Level> {
    let mut events: Vec<(u64, i32)> = Vec::with_capacity(records.len() * 2);
    for record in records {
        events.push((record.sent_at, 1));
        events.push((record.finished_at.max(record.sent_at), -1));
    }
    // A request of no length starts and ends at once: its end must still come after its start, and
    // it adds nothing to any level that lasts, so the order of the tie does not matter for it.
    events.sort_unstable();
    let mut level = 0i32;
    let mut levels: Vec<Level> = Vec::with_capacity(events.len());
    for (at_ns, change) in events {
        level += change;
        let in_flight = u32::try_from(level).unwrap_or(0);
        match levels.last_mut() {
            Some(last) if last.at_ns == at_ns => last.in_flight = in_flight,
            _ => levels.push(Level { at_ns, in_flight }),
        }
    }
    levels
}

/// The area under the level in request-nanoseconds between two instants.
pub(super) fn area(levels: &[Level], from_ns: u64, to_ns: u64) -> f64 {
    let mut sum = 0.0;
    let first = levels
        .partition_point(|level| level.at_ns <= from_ns)
        .saturating_sub(1);
    let tail = levels.get(first..).unwrap_or_default();
    for (index, level) in tail.iter().enumerate() {
        if level.at_ns >= to_ns {
            break;
        }
        let until = tail
            .get(index + 1)
            .map_or(to_ns, |next| next.at_ns.min(to_ns));
        let since = level.at_ns.max(from_ns);
        sum += until.saturating_sub(since) as f64 * f64::from(level.in_flight);
    }
    sum
}

impl Concurrency {
    /// Over `from_ns..to_ns`. `None` for an empty window.
    pub fn over(records: &[RequestRecord], from_ns: u64, to_ns: u64) -> Option<Self> {
        let levels = levels(records);
        let average = Finite::ratio(
            area(&levels, from_ns, to_ns),
            to_ns.saturating_sub(from_ns) as f64,
        )?;
        let before = levels
            .partition_point(|level| level.at_ns <= from_ns)
            .saturating_sub(1);
        let peak = levels
            .get(before..)?
            .iter()
            .take_while(|level| level.at_ns < to_ns)
            .map(|level| level.in_flight)
            .max()
            .unwrap_or(0);
        Some(Self { average, peak })
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn an_end_before_a_start_at_a_tie() {
        let records = [record(0, 0, &[100]), record(1, 100, &[200])];
        let concurrency = Concurrency::over(&records, 0, 200_000_000).unwrap();
        assert_eq!(
            concurrency,
            Concurrency {
                average: Finite::new(1.0).unwrap(),
                peak: 1
            }
        );
    }

    #[test]
    fn the_average_is_weighted_by_time() {
        let records = [
            record(0, 0, &[400]),
            record(1, 100, &[200]),
            record(2, 150, &[250]),
        ];
        let concurrency = Concurrency::over(&records, 0, 400_000_000).unwrap();
        assert!((concurrency.average.get() - 1.5).abs() < 1e-12);
        assert_eq!(concurrency.peak, 3);
    }

    #[test]
    fn a_window_without_length_is_none() {
        assert_eq!(Concurrency::over(&[record(0, 0, &[1])], 5, 5), None);
    }
}
