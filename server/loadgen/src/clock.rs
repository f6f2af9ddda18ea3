//! The clock of a run.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use domain::time::Timestamp;

/// Monotonic nanoseconds since the start of the run, with one wall time for the zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunClock {
    zero: Instant,
    zero_at: Timestamp,
}

impl RunClock {
    /// A clock that starts now.
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let zero_at = Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX));
        Self {
            zero: Instant::now(),
            zero_at,
        }
    }

    /// Nanoseconds since the start.
    pub(crate) fn now_ns(&self) -> u64 {
        self.ns_at(Instant::now())
    }

    /// Nanoseconds from the start to an instant; 0 for one before it.
    pub(crate) fn ns_at(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.zero).as_nanos()).unwrap_or(u64::MAX)
    }

    /// The instant at `ns` since the start.
    pub(crate) fn instant(&self, ns: u64) -> Instant {
        self.zero + Duration::from_nanos(ns)
    }

    /// The wall time of the zero.
    pub(crate) fn zero_at(&self) -> Timestamp {
        self.zero_at
    }
}
