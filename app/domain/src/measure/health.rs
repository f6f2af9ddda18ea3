//! Was the client itself the limit? Every run answers.

use serde::{Deserialize, Serialize};

use super::quantile::{Distribution, sorted};
use super::record::{RequestPhase, RequestRecord};
use crate::finite::Finite;

/// A send this late at the 99th percentile makes a run `strained`, in ms.
pub const STRAINED_LATENESS_MS: f64 = 5.0;
/// A send this late at the 99th percentile makes a run `client_bound`, in ms.
pub const CLIENT_BOUND_LATENESS_MS: f64 = 50.0;
/// Share of its threads' time the client may compute before it is `strained`.
pub const STRAINED_CPU_SHARE: f64 = 0.7;
/// Share of its threads' time the client may compute before it is `client_bound`.
pub const CLIENT_BOUND_CPU_SHARE: f64 = 0.9;
/// Lateness of an idle timer at the 99th percentile that makes a run `strained`, in ms: the host
/// itself stalls.
pub const STRAINED_HOST_STALL_MS: f64 = 20.0;
/// Share of CPU time stolen by the hypervisor that makes a run `strained`.
pub const STRAINED_STEAL_SHARE: f64 = 0.05;

/// What the load process observed about itself and its host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostObservation {
    /// Lateness of an idle timer thread, in ms per tick: stalls of the host.
    pub timer_lateness_ms: Vec<Finite>,
    /// CPU time the load process used in the run, in seconds.
    pub cpu_s: Finite,
    /// Wall time of the run, in seconds.
    pub wall_s: Finite,
    /// Threads that made the load.
    pub threads: u32,
    /// Share of CPU time stolen by the hypervisor over the run, where the system tells.
    pub steal_fraction: Option<Finite>,
    /// Peak resident memory of the load process, in bytes, where the system tells.
    pub peak_rss_bytes: Option<u64>,
    /// Closed loop: time between the end of an answer and the next send of the same user, in ms. On a
    /// schedule with a cap of requests in flight: time between the instant at which an arrival was due
    /// and had a place, and its send.
    pub turnaround_ms: Vec<Finite>,
    /// Measured arrivals that had to wait because as many were in flight as may be.
    #[serde(default)]
    pub capped_count: u32,
    /// Measured arrivals that were never sent: none of the places in flight was free for them until the
    /// request timeout after the deadline.
    #[serde(default)]
    pub unsent_count: u32,
}

/// The verdict on the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthVerdict {
    /// The client kept up.
    Healthy,
    /// The client kept up, but not with room to spare, or the host stalled.
    Strained,
    /// The client was the limit: the run is no evidence about the engine.
    ClientBound,
}

/// The client's own error and load, shown with every result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientHealth {
    /// The verdict.
    pub verdict: HealthVerdict,
    /// Why, in sentences; empty when healthy.
    pub reasons: Vec<String>,
    /// Lateness of sends in ms: behind the schedule in open loop (and, where the plan caps the requests
    /// in flight, behind the instant at which there was a place), behind the end of the user's last
    /// answer in closed loop.
    pub send_lateness_ms: Option<Distribution>,
    /// Lateness of an idle timer thread in ms.
    pub host_stall_ms: Option<Distribution>,
    /// Share of its threads' time the client computed, 0 to 1.
    pub cpu_share: Option<Finite>,
    /// Share of CPU time stolen by the hypervisor.
    pub steal_fraction: Option<Finite>,
    /// Peak resident memory in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// Measured arrivals that had to wait because as many were in flight as may be: they went out late.
    #[serde(default)]
    pub capped_count: u32,
    /// Arrivals that were dropped: always 0, an arrival that is late is sent late and counted.
    pub dropped_count: u32,
}

impl ClientHealth {
    /// Judges a run.
    pub fn judge(records: &[RequestRecord], is_open_loop: bool, host: &HostObservation) -> Self {
        // What a cap of the plan holds back is late by the plan, not by the client.
        let lateness: Vec<f64> = if is_open_loop && host.turnaround_ms.is_empty() {
            let measured = records
                .iter()
                .filter(|record| record.phase != RequestPhase::WarmUp);
            measured.map(RequestRecord::queue_delay_ms).collect()
        } else {
            host.turnaround_ms.iter().map(|ms| ms.get()).collect()
        };
        let send_lateness_ms = Distribution::of_sorted(&sorted(lateness));
        let stalls = host.timer_lateness_ms.iter().map(|ms| ms.get()).collect();
        let host_stall_ms = Distribution::of_sorted(&sorted(stalls));
        let cpu_share = Finite::ratio(
            host.cpu_s.get(),
            host.wall_s.get() * f64::from(host.threads),
        );

        let mut verdict = HealthVerdict::Healthy;
        let mut reasons = Vec::new();
        let mut judge =
            |value: Option<f64>, strained: f64, bound: f64, reason: &dyn Fn(f64) -> String| {
                let Some(value) = value else { return };
                let level = match value {
                    value if value >= bound => HealthVerdict::ClientBound,
                    value if value >= strained => HealthVerdict::Strained,
                    _ => return,
                };
                verdict = verdict.max(level);
                reasons.push(reason(value));
            };
        judge(
            send_lateness_ms.as_ref().map(|d| d.p99.get()),
            STRAINED_LATENESS_MS,
            CLIENT_BOUND_LATENESS_MS,
            &|ms| format!("1 % of requests went out {ms:.1} ms or more late."),
        );
        judge(
            cpu_share.map(Finite::get),
            STRAINED_CPU_SHARE,
            CLIENT_BOUND_CPU_SHARE,
            &|share| {
                format!(
                    "The load process computed {:.0} % of the time.",
                    share * 100.0
                )
            },
        );
        judge(
            host_stall_ms.as_ref().map(|d| d.p99.get()),
            STRAINED_HOST_STALL_MS,
            f64::INFINITY,
            &|ms| format!("The host itself stalled: an idle timer was {ms:.1} ms late (p99)."),
        );
        judge(
            host.steal_fraction.map(Finite::get),
            STRAINED_STEAL_SHARE,
            f64::INFINITY,
            &|share| {
                format!(
                    "The hypervisor took {:.0} % of the CPU time from this machine.",
                    share * 100.0
                )
            },
        );
        // Whose fault it was: a thread that does nothing but wait was late as well.
        if is_stall_of_the_host(send_lateness_ms.as_ref(), host_stall_ms.as_ref()) {
            let text = "An idle timer was as late as the sends: the host stalled, and not the load generator.";
            reasons.push(text.to_owned());
        }
        Self {
            verdict,
            reasons,
            send_lateness_ms,
            host_stall_ms,
            cpu_share,
            steal_fraction: host.steal_fraction,
            peak_rss_bytes: host.peak_rss_bytes,
            capped_count: host.capped_count,
            dropped_count: 0,
        }
    }
}

/// Whether late sends are explained by a host that let nobody run: an idle timer was at least half
/// as late at the 99th percentile.
fn is_stall_of_the_host(sends: Option<&Distribution>, idle: Option<&Distribution>) -> bool {
    let p99 = |of: Option<&Distribution>| of.map_or(0.0, |of| of.p99.get());
    p99(sends) >= STRAINED_LATENESS_MS && p99(idle) >= p99(sends) / 2.0
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    fn host(cpu_s: f64) -> HostObservation {
        HostObservation {
            cpu_s: Finite::new(cpu_s).unwrap(),
            wall_s: Finite::from(10),
            threads: 2,
            ..HostObservation::default()
        }
    }

    #[test]
    fn on_time_is_healthy_and_late_is_client_bound() {
        let mut records: Vec<_> = (0..10).map(|n| record(n, 100, &[200])).collect();
        assert_eq!(
            ClientHealth::judge(&records, true, &host(1.0)).verdict,
            HealthVerdict::Healthy
        );
        for record in &mut records {
            record.scheduled_at = record.sent_at - 60_000_000;
        }
        let health = ClientHealth::judge(&records, true, &host(1.0));
        assert_eq!(health.verdict, HealthVerdict::ClientBound);
        assert_eq!(health.reasons.len(), 1);
    }

    #[test]
    fn a_stall_of_the_host_is_not_blamed_on_the_client() {
        let mut records: Vec<_> = (0..10).map(|n| record(n, 100, &[200])).collect();
        for record in &mut records {
            record.scheduled_at = record.sent_at - 60_000_000;
        }
        let mut host = host(1.0);
        host.timer_lateness_ms = vec![Finite::from(55); 10];
        let health = ClientHealth::judge(&records, true, &host);
        assert_eq!(
            health.verdict,
            HealthVerdict::ClientBound,
            "no evidence still"
        );
        let reasons = health.reasons.join(" ");
        assert!(reasons.contains("the host stalled, and not"), "{reasons}");
    }

    #[test]
    fn a_host_that_stalls_is_not_taken_for_a_client_that_does() {
        let ms = |value| Finite::new(value).unwrap();
        let host = HostObservation {
            timer_lateness_ms: vec![ms(30.0); 10],
            steal_fraction: Finite::new(0.08),
            ..host(1.0)
        };
        let health = ClientHealth::judge(&[], false, &host);
        assert_eq!(health.verdict, HealthVerdict::Strained);
        let reasons = health.reasons.join(" ");
        assert!(reasons.contains("idle timer was 30.0 ms late"), "{reasons}");
        assert!(reasons.contains("hypervisor took 8 %"), "{reasons}");
    }

    #[test]
    fn a_client_that_computes_all_the_time_is_the_limit() {
        let health = ClientHealth::judge(&[], false, &host(19.0));
        assert_eq!(health.verdict, HealthVerdict::ClientBound);
        assert_eq!(
            ClientHealth::judge(&[], false, &host(15.0)).verdict,
            HealthVerdict::Strained
        );
    }
}
