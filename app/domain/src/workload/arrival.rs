//! When requests are sent: the arrival process is a value, its schedule comes from the seed.

use rand::Rng;
use rand_distr::{Distribution, Exp1, Gamma};
use serde::{Deserialize, Serialize};

use crate::finite::Finite;

/// Most concurrent requests of one load process, and the highest cap of an open loop.
pub const CONCURRENCY_MAX: u32 = 10_000;
/// Highest rate of one load process, in requests per second.
pub const RATE_PER_S_MAX: f64 = 100_000.0;
/// Lowest rate, in requests per second: one in about a quarter of an hour.
pub const RATE_PER_S_MIN: f64 = 0.001;
/// Longest schedule, from its first to its last arrival, in seconds: a week.
pub const SCHEDULE_S_MAX: u32 = 7 * 24 * 3_600;
/// Smallest burstiness of gamma gaps: a few bursts and long silence between them.
pub const BURSTINESS_MIN: f64 = 0.01;
/// Largest burstiness of gamma gaps: nearly equal ones.
pub const BURSTINESS_MAX: f64 = 100.0;
/// Slowest replay of a trace: a hundredth of its own pace.
pub const TRACE_SPEED_MIN: f64 = 0.01;
/// Fastest replay of a trace.
pub const TRACE_SPEED_MAX: f64 = 1_000.0;

/// The gaps between arrivals in open loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalProcess {
    /// Equal gaps.
    Constant,
    /// Exponential gaps: independent users.
    Poisson,
    /// Gamma-distributed gaps, burstier or calmer than independent users; see the burstiness of
    /// [`Arrival::OpenLoop`].
    Gamma,
}

impl ArrivalProcess {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 3] = [Self::Constant, Self::Poisson, Self::Gamma];

    /// The name used in forms and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
            Self::Gamma => "gamma",
        }
    }

    /// The process of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|process| process.as_str() == text)
    }
}

/// When requests are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Arrival {
    /// A fixed number of users, each sending again as soon as the answer is complete.
    ClosedLoop {
        /// Users, and so requests in flight.
        concurrency: u32,
    },
    /// Requests arrive on a schedule, whether or not earlier ones are answered.
    OpenLoop {
        /// Mean arrivals per second, above 0.
        rate_per_s: Finite,
        /// Shape of the gaps.
        process: ArrivalProcess,
        /// Shape parameter of gamma gaps, as vLLM's `--burstiness`: 1 gives exponential gaps (a
        /// Poisson process), less is burstier, more is calmer; the rate stays. Other processes do not
        /// look at it.
        #[serde(default = "one")]
        burstiness: Finite,
        /// Most requests in flight. An arrival that finds none free is sent late, which its
        /// from-schedule figures and the count of capped arrivals show; it is never skipped.
        #[serde(default)]
        in_flight_max: Option<u32>,
    },
    /// Requests arrive when those of a recorded trace did, with the lengths of its rows.
    Trace {
        /// Name shown: of its file.
        name: String,
        /// SHA-256 of the file, lower-case hex.
        sha256: String,
        /// Its rows.
        request_count: u32,
        /// From its first to its last row, in seconds of the trace's own time.
        duration_s: Finite,
        /// How much faster than its own time it is replayed.
        #[serde(default = "one")]
        speed: Finite,
        /// As in [`Self::OpenLoop`].
        #[serde(default)]
        in_flight_max: Option<u32>,
    },
}

/// What is meant where nothing is said: the plain process, the trace's own pace.
fn one() -> Finite {
    Finite::ONE
}

impl Arrival {
    /// An open loop of the plain shape, without a cap.
    pub fn open_loop(rate_per_s: Finite, process: ArrivalProcess) -> Self {
        Self::OpenLoop {
            rate_per_s,
            process,
            burstiness: one(),
            in_flight_max: None,
        }
    }

    /// `closed loop at 64`, `open loop at 12/s (poisson)` or `trace azure.csv of 800 requests at 2×`.
    pub fn in_words(&self) -> String {
        let words = match self {
            Self::ClosedLoop { concurrency } => format!("closed loop at {concurrency}"),
            Self::OpenLoop {
                rate_per_s,
                process: ArrivalProcess::Gamma,
                burstiness,
                ..
            } => format!("open loop at {rate_per_s}/s (gamma, burstiness {burstiness})"),
            Self::OpenLoop {
                rate_per_s,
                process,
                ..
            } => format!("open loop at {rate_per_s}/s ({})", process.as_str()),
            Self::Trace {
                name,
                request_count,
                speed,
                ..
            } => format!("trace {name} of {request_count} requests at {speed}×"),
        };
        match self.in_flight_max() {
            Some(max) => format!("{words}, at most {max} in flight"),
            None => words,
        }
    }

    /// The concurrency asked for in closed loop.
    pub fn concurrency(&self) -> Option<u32> {
        match self {
            Self::ClosedLoop { concurrency } => Some(*concurrency),
            Self::OpenLoop { .. } | Self::Trace { .. } => None,
        }
    }

    /// Whether requests arrive on a schedule: open loop or a trace.
    pub fn has_schedule(&self) -> bool {
        self.concurrency().is_none()
    }

    /// Mean arrivals per second of a schedule: asked for, or of the trace at its speed. `None` in
    /// closed loop, and for a trace of a single instant.
    pub fn rate_per_s(&self) -> Option<Finite> {
        match self {
            Self::ClosedLoop { .. } => None,
            Self::OpenLoop { rate_per_s, .. } => Some(*rate_per_s),
            Self::Trace {
                request_count,
                duration_s,
                speed,
                ..
            } => {
                let gaps = request_count.saturating_sub(1);
                Finite::ratio(f64::from(gaps) * speed.get(), duration_s.get())
            }
        }
    }

    /// Most requests in flight on a schedule, if the plan caps them.
    pub fn in_flight_max(&self) -> Option<u32> {
        match self {
            Self::ClosedLoop { .. } => None,
            Self::OpenLoop { in_flight_max, .. } | Self::Trace { in_flight_max, .. } => {
                *in_flight_max
            }
        }
    }
}

/// Offsets of arrivals in nanoseconds from the start, in order, computed up front from the seed
/// so that lateness is measured against an absolute schedule and never shifts it.
///
/// `burstiness` is looked at by gamma gaps only: they have this shape and the mean `1 / rate`, as in
/// vLLM's `bench serve` (`benchmarks/serve.py`: `gamma(shape = burstiness, scale = 1 / (rate ×
/// burstiness))`).
pub fn schedule_offsets_ns<R: Rng>(
    rate_per_s: Finite,
    process: ArrivalProcess,
    burstiness: Finite,
    rng: &mut R,
    count: usize,
) -> Vec<u64> {
    let gap_ns = 1e9 / rate_per_s.get();
    let shape = burstiness.get();
    // `Gamma::new` refuses what no plan may ask for; with a shape of 1 the gaps are exponential.
    let gamma = match process {
        ArrivalProcess::Gamma => Gamma::new(shape, 1.0 / shape).ok(),
        ArrivalProcess::Constant | ArrivalProcess::Poisson => None,
    };
    let mut at_ns = 0.0f64;
    let mut offsets = Vec::with_capacity(count);
    for index in 0..count {
        let offset_ns = match process {
            // A product instead of a sum: a million additions would drift.
            ArrivalProcess::Constant => gap_ns * index as f64,
            ArrivalProcess::Poisson | ArrivalProcess::Gamma => {
                let gap: f64 = match &gamma {
                    Some(gamma) => gamma.sample(rng),
                    None => Exp1.sample(rng),
                };
                at_ns += gap * gap_ns;
                at_ns
            }
        };
        offsets.push(whole_ns(offset_ns));
    }
    offsets
}

/// Stretches the beginning of a schedule so that the rate rises from 0 to its full height over
/// `ramp_s` seconds, and holds from then on. The process keeps its shape: this is the usual change
/// of time of an inhomogeneous process by its cumulative rate, `t² / (2 ramp)` inside the ramp and
/// `t − ramp / 2` after it (Çinlar, Introduction to Stochastic Processes, 1975, chapter 4.7).
pub fn ramp_offsets_ns(offsets_ns: &mut [u64], ramp_s: u32) {
    let ramp_ns = f64::from(ramp_s) * 1e9;
    for offset in offsets_ns {
        let at_full_rate = *offset as f64;
        *offset = whole_ns(if at_full_rate < ramp_ns / 2.0 {
            (2.0 * ramp_ns * at_full_rate).sqrt()
        } else {
            at_full_rate + ramp_ns / 2.0
        });
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive; `as` saturates"
)]
fn whole_ns(ns: f64) -> u64 {
    ns as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn schedule(
        rate: f64,
        process: ArrivalProcess,
        burstiness: f64,
        seed: u64,
        count: usize,
    ) -> Vec<u64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (rate, burstiness) = (Finite::new(rate).unwrap(), Finite::new(burstiness).unwrap());
        schedule_offsets_ns(rate, process, burstiness, &mut rng, count)
    }

    fn gaps(offsets: &[u64]) -> Vec<f64> {
        let pairs = offsets.windows(2);
        pairs.map(|pair| (pair[1] - pair[0]) as f64).collect()
    }

    /// Standard deviation over mean.
    fn variation(values: &[f64]) -> f64 {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares = values.iter().map(|value| (value - mean).powi(2));
        (squares.sum::<f64>() / values.len() as f64).sqrt() / mean
    }

    proptest! {
        #[test]
        fn schedules_are_ordered_and_repeat(
            rate in 0.1f64..5_000.0, burstiness in BURSTINESS_MIN..BURSTINESS_MAX, ramp_s in 0u32..100, seed: u64,
        ) {
            for process in ArrivalProcess::ALL {
                let mut offsets = schedule(rate, process, burstiness, seed, 200);
                prop_assert!(offsets.is_sorted());
                prop_assert_eq!(&offsets, &schedule(rate, process, burstiness, seed, 200));
                ramp_offsets_ns(&mut offsets, ramp_s);
                prop_assert!(offsets.is_sorted());
            }
        }

        #[test]
        fn no_ramp_leaves_the_schedule_alone(seed: u64) {
            let plain = schedule(10.0, ArrivalProcess::Poisson, 1.0, seed, 200);
            let mut ramped = plain.clone();
            ramp_offsets_ns(&mut ramped, 0);
            prop_assert_eq!(plain, ramped);
        }
    }

    #[test]
    fn every_process_keeps_the_rate_and_has_its_own_variation() {
        // The variation of gamma gaps is 1 / √shape; of exponential ones 1; of equal ones 0.
        let cases = [
            (ArrivalProcess::Constant, 1.0, 0.0),
            (ArrivalProcess::Poisson, 0.2, 1.0),
            (ArrivalProcess::Gamma, 1.0, 1.0),
            (ArrivalProcess::Gamma, 0.25, 2.0),
            (ArrivalProcess::Gamma, 4.0, 0.5),
        ];
        for (process, burstiness, expected) in cases {
            let offsets = schedule(100.0, process, burstiness, 3, 40_000);
            let seconds = *offsets.last().unwrap() as f64 / 1e9;
            let rate = 40_000.0 / seconds / 100.0;
            assert!(
                (rate - 1.0).abs() < 0.03,
                "{process:?} {burstiness}: {rate}"
            );
            let found = variation(&gaps(&offsets));
            assert!(
                (found - expected).abs() < 0.05,
                "{process:?} {burstiness}: {found}"
            );
        }
    }

    #[test]
    fn a_ramp_takes_half_its_arrivals_and_its_rate_rises_linearly() {
        let mut offsets = schedule(100.0, ArrivalProcess::Constant, 1.0, 1, 2_000);
        ramp_offsets_ns(&mut offsets, 10);
        let before = |seconds: u64| offsets.partition_point(|at| *at < seconds * 1_000_000_000);
        // 100/s over a ramp of 10 s: t²·100/20 arrivals by t, then 100 a second.
        assert_eq!([5, 10, 11, 15].map(before), [125, 500, 600, 1_000]);
    }

    #[test]
    fn an_arrival_stored_before_it_could_be_bursty_is_read() {
        let stored = r#"{"kind":"open_loop","rate_per_s":2.5,"process":"constant"}"#;
        let arrival: Arrival = serde_json::from_str(stored).unwrap();
        let expected = Arrival::open_loop(Finite::new(2.5).unwrap(), ArrivalProcess::Constant);
        assert_eq!(arrival, expected);
        assert_eq!(arrival.in_words(), "open loop at 2.5/s (constant)");
    }

    #[test]
    fn arrivals_are_said_in_words_and_survive_json() {
        let bursty = Arrival::OpenLoop {
            rate_per_s: Finite::from(4),
            process: ArrivalProcess::Gamma,
            burstiness: Finite::new(0.5).unwrap(),
            in_flight_max: Some(64),
        };
        assert_eq!(
            bursty.in_words(),
            "open loop at 4/s (gamma, burstiness 0.5), at most 64 in flight"
        );
        let trace = Arrival::Trace {
            name: "azure.csv".to_owned(),
            sha256: "ab".repeat(32),
            request_count: 801,
            duration_s: Finite::from(400),
            speed: Finite::from(2),
            in_flight_max: None,
        };
        assert_eq!(trace.in_words(), "trace azure.csv of 801 requests at 2×");
        assert_eq!(trace.rate_per_s(), Finite::new(4.0));
        assert!(trace.has_schedule() && trace.concurrency().is_none());
        for arrival in [bursty, trace] {
            let json = serde_json::to_string(&arrival).unwrap();
            assert_eq!(serde_json::from_str::<Arrival>(&json).unwrap(), arrival);
        }
    }
}
