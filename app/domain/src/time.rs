//! Instants of the wall clock, as data. Durations inside a run are monotonic and live in `measure`.

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01 00:00:00 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From whole seconds since the epoch.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// This instant moved by `micros` microseconds.
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Seconds from `earlier` to this instant; negative when `earlier` is later.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        (self.0.saturating_sub(earlier.0)) as f64 / 1e6
    }

    /// `2026-11-23 07:42` in UTC: the form of tables. The zone is written once, in the heading.
    pub fn to_minute_text(self) -> String {
        self.format("%Y-%m-%d %H:%M")
    }

    /// `2026-11-23 07:42:10 UTC`: the form of details.
    pub fn to_second_text(self) -> String {
        self.format("%Y-%m-%d %H:%M:%S UTC")
    }

    /// `07:42:10.123`: the form of logs.
    pub fn to_clock_text(self) -> String {
        self.format("%H:%M:%S%.3f")
    }

    /// RFC 3339 with microseconds, as the REST API and exports print it.
    pub fn to_rfc3339(self) -> String {
        self.format("%Y-%m-%dT%H:%M:%S%.6fZ")
    }

    fn format(self, pattern: &str) -> String {
        jiff::Timestamp::from_microsecond(self.0)
            .map(|instant| instant.strftime(pattern).to_string())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_utc_and_stable() {
        let instant = Timestamp(1_795_419_730_123_456);
        assert_eq!(instant.to_minute_text(), "2026-11-23 07:42");
        assert_eq!(instant.to_second_text(), "2026-11-23 07:42:10 UTC");
        assert_eq!(instant.to_clock_text(), "07:42:10.123");
        assert_eq!(instant.to_rfc3339(), "2026-11-23T07:42:10.123456Z");
    }
}
