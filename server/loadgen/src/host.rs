//! What the load process observes about itself and its host while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use domain::finite::Finite;
use domain::measure::health::HostObservation;
use nix::sys::resource::{UsageWho, getrusage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Pace of the idle timer whose lateness shows stalls of the host.
const TICK: Duration = Duration::from_millis(5);
/// Most latenesses kept; beyond it a uniform sample of all ticks stands for them.
const LATENESSES_MAX: usize = 50_000;

/// Observes from its start until [`HostMonitor::finish`].
pub(crate) struct HostMonitor {
    started_at: Instant,
    cpu_at_start: Duration,
    steal_at_start: Option<CpuTicks>,
    stop: Arc<AtomicBool>,
    ticker: Option<JoinHandle<Vec<Finite>>>,
}

/// Time of all cores in clock ticks, as `/proc/stat` counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CpuTicks {
    total: u64,
    stolen: u64,
}

impl HostMonitor {
    /// Begins to observe. A system that allows no more threads costs the stalls, not the run.
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let is_stopped = Arc::clone(&stop);
        let ticker = std::thread::Builder::new()
            .name("host-stalls".to_owned())
            .spawn(move || watch_ticks(&is_stopped))
            .ok();
        Self {
            started_at: Instant::now(),
            cpu_at_start: cpu_time(),
            steal_at_start: read_cpu_ticks(),
            stop,
            ticker,
        }
    }

    /// Ends. `threads` made the load; `turnaround_ms` are the users' own pauses.
    pub(crate) fn finish(mut self, threads: u32, turnaround_ms: Vec<Finite>) -> HostObservation {
        let seconds = |time: Duration| Finite::new(time.as_secs_f64()).unwrap_or_default();
        let cpu_s = seconds(cpu_time().saturating_sub(self.cpu_at_start));
        let wall_s = seconds(self.started_at.elapsed());
        self.stop.store(true, Ordering::Relaxed);
        let ticker = self.ticker.take();
        HostObservation {
            timer_lateness_ms: ticker
                .and_then(|ticker| ticker.join().ok())
                .unwrap_or_default(),
            cpu_s,
            wall_s,
            threads,
            steal_fraction: self
                .steal_at_start
                .zip(read_cpu_ticks())
                .and_then(|(a, b)| b.steal_since(a)),
            peak_rss_bytes: read_peak_rss_bytes(),
            turnaround_ms,
            capped_count: 0,
            unsent_count: 0,
        }
    }
}

impl Drop for HostMonitor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn watch_ticks(stop: &AtomicBool) -> Vec<Finite> {
    let mut sample = Reservoir::new(LATENESSES_MAX);
    let mut due_at = Instant::now() + TICK;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(due_at.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        let lateness = now.saturating_duration_since(due_at);
        sample.add(Finite::new(lateness.as_secs_f64() * 1e3).unwrap_or_default());
        // After a stall the ticks it swallowed are not made up for: one stall is one late tick.
        due_at = (due_at + TICK).max(now);
    }
    sample.values
}

/// A uniform sample of a sequence of unknown length (Vitter's algorithm R).
struct Reservoir {
    values: Vec<Finite>,
    capacity: usize,
    seen_count: usize,
    rng: ChaCha8Rng,
}

impl Reservoir {
    fn new(capacity: usize) -> Self {
        Self {
            values: Vec::new(),
            capacity,
            seen_count: 0,
            rng: ChaCha8Rng::seed_from_u64(0),
        }
    }

    fn add(&mut self, value: Finite) {
        self.seen_count += 1;
        if self.values.len() < self.capacity {
            self.values.push(value);
        } else if let Some(kept) = self
            .values
            .get_mut(self.rng.random_range(0..self.seen_count))
        {
            *kept = value;
        }
    }
}

/// CPU time of this process, in user and kernel mode.
fn cpu_time() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
        return Duration::ZERO;
    };
    let time = |value: nix::sys::time::TimeVal| {
        let micros = value.tv_sec() * 1_000_000 + value.tv_usec();
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    };
    time(usage.user_time()) + time(usage.system_time())
}

impl CpuTicks {
    /// Reads the first line of `/proc/stat`.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().find(|line| line.starts_with("cpu "))?;
        let fields: Vec<u64> = line
            .split_whitespace()
            .skip(1)
            .map_while(|field| field.parse().ok())
            .collect();
        // user nice system idle iowait irq softirq steal; guest time is in user time already.
        let stolen = *fields.get(7)?;
        Some(Self {
            total: fields.iter().take(8).sum(),
            stolen,
        })
    }

    fn steal_since(self, earlier: Self) -> Option<Finite> {
        let stolen = self.stolen.saturating_sub(earlier.stolen);
        let total = self.total.saturating_sub(earlier.total);
        Finite::ratio(stolen as f64, total as f64)
    }
}

fn read_cpu_ticks() -> Option<CpuTicks> {
    CpuTicks::parse(&std::fs::read_to_string("/proc/stat").ok()?)
}

fn read_peak_rss_bytes() -> Option<u64> {
    parse_peak_rss_bytes(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse_peak_rss_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_a_share_of_all_time() {
        let before = CpuTicks::parse("cpu  10 0 10 80 0 0 0 0 0 0\ncpu0 1 2 3").unwrap();
        let after = CpuTicks::parse("cpu  40 0 20 120 0 0 0 20 7 0\n").unwrap();
        assert_eq!(after.steal_since(before).unwrap().get(), 0.2);
        assert_eq!(after.steal_since(after), None, "no time passed");
        assert_eq!(CpuTicks::parse("nothing"), None);
    }

    #[test]
    fn peak_memory_is_read_in_bytes() {
        let status = "Name:\tassay\nVmPeak:\t  9 kB\nVmHWM:\t    12 kB\n";
        assert_eq!(parse_peak_rss_bytes(status), Some(12_288));
    }

    #[test]
    fn a_long_run_keeps_a_bounded_sample_of_all_of_it() {
        let mut reservoir = Reservoir::new(100);
        (0..10_000u32).for_each(|n| reservoir.add(Finite::from(n)));
        assert_eq!(reservoir.values.len(), 100);
        let mean = reservoir
            .values
            .iter()
            .map(|value| value.get())
            .sum::<f64>()
            / 100.0;
        assert!((3_500.0..6_500.0).contains(&mean), "{mean}");
    }

    #[test]
    fn a_monitor_reports_what_it_saw() {
        let monitor = HostMonitor::start();
        let mut sum = 0u64;
        while monitor.started_at.elapsed() < 4 * TICK {
            sum = sum.wrapping_add(1);
        }
        let host = monitor.finish(3, vec![Finite::ZERO]);
        assert!(sum > 0 && host.cpu_s.get() > 0.0 && host.wall_s.get() >= 0.02);
        assert!(!host.timer_lateness_ms.is_empty());
        assert_eq!((host.threads, host.turnaround_ms.len()), (3, 1));
    }
}
