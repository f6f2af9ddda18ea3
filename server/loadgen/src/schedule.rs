//! The absolute schedule of a run, computed up front from the seed or from a trace.

use domain::finite::Finite;
use domain::workload::arrival::{
    ArrivalProcess, SCHEDULE_S_MAX, ramp_offsets_ns, schedule_offsets_ns,
};
use domain::workload::trace::{TraceRow, trace_offsets_ns};
use domain::workload::{Arrival, StopRule, WorkloadSpec};
use sha2::{Digest, Sha256};

use crate::error::LoadError;
use crate::plan::REQUESTS_MAX;
use crate::prompts::{seed_stream, seeded};

const NS_PER_S: u64 = 1_000_000_000;

/// When requests arrive, in nanoseconds from the first of their part. Both are empty in closed loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// The warm-up.
    pub(crate) warmup_ns: Vec<u64>,
    /// The measured part.
    pub(crate) measured_ns: Vec<u64>,
}

impl Schedule {
    /// The schedule of a workload; `trace` holds the rows of its trace.
    pub(crate) fn of(workload: &WorkloadSpec, trace: &[TraceRow]) -> Self {
        match &workload.arrival {
            Arrival::ClosedLoop { .. } => Self::default(),
            Arrival::OpenLoop {
                rate_per_s,
                process,
                burstiness,
                ..
            } => {
                let gaps = Gaps {
                    rate_per_s: *rate_per_s,
                    process: *process,
                    burstiness: *burstiness,
                    seed: workload.seed,
                };
                Self {
                    warmup_ns: gaps.warm_up(workload),
                    measured_ns: gaps.measured(workload),
                }
            }
            Arrival::Trace { speed, .. } => {
                // The rows are measured; the warm-up comes evenly, as often as they do on average.
                let gaps = Gaps {
                    rate_per_s: workload.arrival.rate_per_s().unwrap_or(Finite::ONE),
                    process: ArrivalProcess::Constant,
                    burstiness: Finite::ONE,
                    seed: workload.seed,
                };
                let mut measured_ns = trace_offsets_ns(trace, *speed);
                match workload.stop {
                    StopRule::Requests { count } => measured_ns.truncate(count as usize),
                    StopRule::Duration { seconds } => cut(&mut measured_ns, seconds),
                }
                Self {
                    warmup_ns: gaps.warm_up(workload),
                    measured_ns,
                }
            }
        }
    }

    /// Refuses one that nobody would wait for, such as that of a trace with a wrong date in it.
    pub(crate) fn check(&self) -> Result<(), LoadError> {
        let last_ns = [&self.warmup_ns, &self.measured_ns].map(|part| part.last().copied());
        let last_ns = last_ns.into_iter().flatten().max().unwrap_or_default();
        if last_ns <= u64::from(SCHEDULE_S_MAX) * NS_PER_S {
            return Ok(());
        }
        let days = last_ns as f64 / 1e9 / 86_400.0;
        Err(LoadError::Plan(format!(
            "the schedule takes {days:.0} days, and at most 7 are possible; give fewer requests, a higher rate or a faster speed"
        )))
    }

    /// The measured arrivals in one digest; see [`crate::LoadOutcome::schedule_sha256`].
    pub(crate) fn sha256(&self) -> String {
        if self.measured_ns.is_empty() {
            return String::new();
        }
        let mut hasher = Sha256::new();
        for offset in &self.measured_ns {
            hasher.update(offset.to_string().as_bytes());
            hasher.update(b"\n");
        }
        format!("{:x}", hasher.finalize())
    }
}

/// Drops what arrives at the deadline or later.
fn cut(offsets_ns: &mut Vec<u64>, seconds: u32) {
    let end_ns = u64::from(seconds) * NS_PER_S;
    offsets_ns.truncate(offsets_ns.partition_point(|at| *at < end_ns));
}

/// An arrival process with its seed.
struct Gaps {
    rate_per_s: Finite,
    process: ArrivalProcess,
    burstiness: Finite,
    seed: u64,
}

impl Gaps {
    fn warm_up(&self, workload: &WorkloadSpec) -> Vec<u64> {
        let stream = seed_stream::WARM_UP_ARRIVALS;
        match workload.warmup_s {
            0 => self.counted(stream, 0, workload.warmup_requests as usize),
            seconds => self.timed(stream, 0, seconds),
        }
    }

    fn measured(&self, workload: &WorkloadSpec) -> Vec<u64> {
        let (stream, ramp_s) = (seed_stream::ARRIVALS, workload.ramp_s);
        match workload.stop {
            StopRule::Requests { count } => self.counted(stream, ramp_s, count as usize),
            StopRule::Duration { seconds } => self.timed(stream, ramp_s, seconds),
        }
    }

    /// `count` arrivals, moved so that the first is at 0: each part starts with its first request.
    fn counted(&self, stream: u64, ramp_s: u32, count: usize) -> Vec<u64> {
        let mut rng = seeded(self.seed, stream);
        let mut offsets = schedule_offsets_ns(
            self.rate_per_s,
            self.process,
            self.burstiness,
            &mut rng,
            count,
        );
        let first = offsets.first().copied().unwrap_or(0);
        for offset in &mut offsets {
            *offset -= first;
        }
        ramp_offsets_ns(&mut offsets, ramp_s);
        offsets
    }

    /// The arrivals before the end.
    fn timed(&self, stream: u64, ramp_s: u32, seconds: u32) -> Vec<u64> {
        let end_ns = u64::from(seconds) * NS_PER_S;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive; `as` saturates"
        )]
        let expected = (self.rate_per_s.get() * f64::from(seconds)) as usize;
        let mut count = expected + expected / 8 + 64;
        loop {
            let mut offsets = self.counted(stream, ramp_s, count);
            // The schedule must reach past the end, so that none is missing before it; bursts of more
            // requests than a run may have are cut off.
            let is_whole = offsets.last().is_none_or(|last| *last >= end_ns);
            if is_whole || count >= REQUESTS_MAX as usize {
                cut(&mut offsets, seconds);
                offsets.truncate(REQUESTS_MAX as usize);
                return offsets;
            }
            count *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(process: ArrivalProcess, stop: StopRule) -> WorkloadSpec {
        WorkloadSpec {
            arrival: Arrival::open_loop(Finite::from(100), process),
            stop,
            ..WorkloadSpec::default()
        }
    }

    #[test]
    fn a_schedule_repeats_with_the_seed_and_a_warm_up_leaves_it_alone() {
        for process in ArrivalProcess::ALL {
            for stop in [
                StopRule::Requests { count: 200 },
                StopRule::Duration { seconds: 3 },
            ] {
                let mut workload = open(process, stop);
                let schedule = Schedule::of(&workload, &[]);
                assert_eq!(schedule, Schedule::of(&workload, &[]));
                assert_eq!(schedule.measured_ns[0], 0);
                (workload.warmup_requests, workload.warmup_s) = (0, 2);
                let other = Schedule::of(&workload, &[]);
                assert_eq!(other.sha256(), schedule.sha256(), "{process:?}");
                assert!(other.warmup_ns.iter().all(|at| *at < 2 * NS_PER_S));
                workload.seed = 2;
                let is_same = Schedule::of(&workload, &[]).sha256() == schedule.sha256();
                assert_eq!(is_same, process == ArrivalProcess::Constant);
            }
        }
    }

    #[test]
    fn a_schedule_of_more_than_a_week_is_refused() {
        let requests = |rate: f64, count| {
            let arrival = Arrival::open_loop(Finite::new(rate).unwrap(), ArrivalProcess::Constant);
            let workload = WorkloadSpec {
                arrival,
                stop: StopRule::Requests { count },
                ..WorkloadSpec::default()
            };
            Schedule::of(&workload, &[]).check()
        };
        assert!(requests(0.001, 600).is_ok());
        let why = requests(0.001, 1_000).unwrap_err().to_string();
        assert!(why.contains("takes 12 days"), "{why}");
    }

    #[test]
    fn a_ramp_and_a_deadline_bound_the_arrivals() {
        let mut workload = open(ArrivalProcess::Constant, StopRule::Duration { seconds: 10 });
        assert_eq!(Schedule::of(&workload, &[]).measured_ns.len(), 1_000);
        workload.ramp_s = 4;
        let ramped = Schedule::of(&workload, &[]).measured_ns;
        assert_eq!(ramped.len(), 800);
        assert_eq!(
            Some(ramped.len()),
            workload.expected_requests().map(|count| count as usize)
        );
    }

    #[test]
    fn a_trace_is_its_own_schedule() {
        let row = |at_ns| TraceRow {
            at_ns,
            input_tokens: 1,
            output_tokens: 1,
        };
        let trace: Vec<TraceRow> = [0, 1, 3, 8].map(|s| row(s * NS_PER_S)).into();
        let mut workload = WorkloadSpec {
            arrival: Arrival::Trace {
                name: "t".to_owned(),
                sha256: String::new(),
                request_count: 4,
                duration_s: Finite::from(8),
                speed: Finite::from(2),
                in_flight_max: None,
            },
            stop: StopRule::Duration { seconds: 4 },
            warmup_requests: 3,
            ..WorkloadSpec::default()
        };
        let schedule = Schedule::of(&workload, &trace);
        assert_eq!(schedule.measured_ns, [0, NS_PER_S / 2, NS_PER_S * 3 / 2]);
        assert_eq!(schedule.warmup_ns.len(), 3);
        workload.stop = StopRule::Requests { count: 2 };
        assert_eq!(Schedule::of(&workload, &trace).measured_ns.len(), 2);
    }

    #[test]
    fn a_closed_loop_has_none() {
        let schedule = Schedule::of(&WorkloadSpec::default(), &[]);
        assert_eq!(
            (schedule.sha256(), schedule),
            (String::new(), Schedule::default())
        );
    }
}
