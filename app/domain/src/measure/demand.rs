//! Open loop: whether the load that was asked for was answered.

use serde::{Deserialize, Serialize};

use super::quantile::{percentile_of_sorted, sorted};
use super::record::{RequestPhase, RequestRecord, ms_between};
use crate::finite::Finite;
use crate::workload::Arrival;

/// Share of the arrivals that may stay behind.
const BEHIND_SHARE_MAX: f64 = 0.05;
/// Growth of the time from schedule to the end that is no queue: this factor and these ms.
const GROWTH_FACTOR_MAX: f64 = 1.2;
const GROWTH_MS_MAX: f64 = 5.0;

/// A rate that was asked for and not reached: requests waited longer and longer, in the client or in the server.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnmetRate {
    /// Requests per second that the plan asked for.
    pub asked_per_s: Finite,
    /// Requests per second that were answered completely in the measured window.
    pub answered_per_s: Finite,
}

impl UnmetRate {
    /// Of a run on a schedule, `full_from_ns` being where its ramp is over. `None` where the load was answered
    /// as it came, or where the run is too short to tell.
    ///
    /// Looked at is the second half of the arrivals: more of them stayed behind than may, and than vary by
    /// chance (a stable level of `n` requests varies by `√n`, the difference of two by `√2n`); and the time
    /// from schedule to the end grew from the first quarter of the requests to the last.
    pub fn of(
        records: &[RequestRecord],
        arrival: &Arrival,
        full_from_ns: u64,
        answered_per_s: Option<Finite>,
    ) -> Option<Self> {
        let (asked_per_s, answered_per_s) = (arrival.rate_per_s()?, answered_per_s?);
        let mut requests: Vec<&RequestRecord> = records
            .iter()
            .filter(|record| record.phase != RequestPhase::WarmUp)
            .filter(|record| record.scheduled_at >= full_from_ns)
            .collect();
        requests.sort_unstable_by_key(|record| record.scheduled_at);
        let (first_ns, last_ns) = (
            requests.first()?.scheduled_at,
            requests.last()?.scheduled_at,
        );
        let half_ns = (last_ns - first_ns) / 2;
        let half_at_ns = first_ns + half_ns;
        // Before the first ones end, every load stays behind.
        let shortest_ns = requests
            .iter()
            .map(|record| record.finished_at.saturating_sub(record.sent_at))
            .min()?;
        if half_ns < shortest_ns {
            return None;
        }
        let due = |is: &dyn Fn(u64) -> bool| {
            requests.iter().filter(|r| is(r.scheduled_at)).count() as f64
        };
        let ended =
            |is: &dyn Fn(u64) -> bool| requests.iter().filter(|r| is(r.finished_at)).count() as f64;
        let is_late = |at_ns: u64| at_ns > half_at_ns && at_ns <= last_ns;
        let is_early = |at_ns: u64| at_ns <= half_at_ns;
        let arrived = due(&is_late);
        let behind = arrived - ended(&is_late);
        let level = due(&is_early) - ended(&is_early);
        if behind <= arrived * BEHIND_SHARE_MAX || behind <= (2.0 * level.max(1.0)).sqrt() {
            return None;
        }
        let quarter = requests.len().div_ceil(4);
        let median_ms = |part: Option<&[&RequestRecord]>| {
            let from_schedule = part?
                .iter()
                .map(|record| ms_between(record.scheduled_at, record.finished_at));
            percentile_of_sorted(&sorted(from_schedule.collect()), 50.0)
        };
        let early_ms = median_ms(requests.get(..quarter))?;
        let late_ms = median_ms(requests.get(requests.len() - quarter..))?;
        let has_grown = late_ms > early_ms * GROWTH_FACTOR_MAX + GROWTH_MS_MAX;
        (has_grown && answered_per_s < asked_per_s).then_some(Self {
            asked_per_s,
            answered_per_s,
        })
    }

    /// `40 requests/s were asked for, 23.1/s were answered: the queue grew to the end.`
    pub fn in_words(&self) -> String {
        format!(
            "{} requests/s were asked for, {}/s were answered: the queue grew to the end.",
            three_digits(self.asked_per_s.get()),
            three_digits(self.answered_per_s.get())
        )
    }
}

/// `40`, `23.1`, `0.25`.
fn three_digits(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 308")]
    let decimals = (2 - value.log10().floor() as i32).clamp(0, 9);
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::tests::record;
    use super::*;
    use crate::workload::arrival::ArrivalProcess;

    /// Arrivals at equal gaps at a server with one slot, whose others wait in the client (capped) or there.
    fn unmet(gap_ms: u64, service_ms: u64, count: u32, is_capped: bool) -> Option<UnmetRate> {
        let rate = Finite::new(1e3 / gap_ms as f64).unwrap();
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
        let records: Vec<RequestRecord> = requests.collect();
        let arrival = Arrival::open_loop(rate, ArrivalProcess::Constant);
        let answered = Finite::ratio(f64::from(count) * 1e3, free_at_ms as f64);
        UnmetRate::of(&records, &arrival, 0, answered)
    }

    #[test]
    fn a_rate_that_was_not_reached_is_told_with_both_rates() {
        let capped = unmet(100, 500, 30, true).unwrap();
        assert_eq!(
            capped.in_words(),
            "10 requests/s were asked for, 2/s were answered: the queue grew to the end."
        );
        assert!(
            unmet(25, 43, 500, true)
                .unwrap()
                .in_words()
                .contains("23.3/s were answered")
        );
        assert_eq!(unmet(100, 95, 200, true), None);
    }

    #[test]
    fn too_short_a_run_and_a_closed_loop_tell_nothing() {
        assert_eq!(unmet(100, 5_000, 20, false), None, "none ended in time");
        assert_eq!(unmet(100, 50, 1, true), None);
        let closed = Arrival::ClosedLoop { concurrency: 8 };
        let records = [record(0, 0, &[100])];
        assert_eq!(UnmetRate::of(&records, &closed, 0, Some(Finite::ONE)), None);
        assert_eq!(UnmetRate::of(&[], &closed, 0, None), None);
    }

    proptest! {
        #[test]
        fn it_is_told_where_the_server_can_do_clearly_less_and_only_there(
            gap_ms in 10u64..200, percent in 10u64..400, count in 100u32..400, is_capped: bool,
        ) {
            let service_ms = (gap_ms * percent / 100).max(1);
            let load = service_ms as f64 / gap_ms as f64;
            let found = unmet(gap_ms, service_ms, count, is_capped);
            if load > 1.15 {
                prop_assert!(found.is_some(), "load {}", load);
            } else if load <= 1.0 {
                prop_assert_eq!(found, None, "load {}", load);
            }
        }
    }
}
