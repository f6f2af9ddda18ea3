//! How many streams were open at once, and how fast their chunks went meanwhile.

use crate::measure::record::ms_between;

/// The streams of a level by one clock, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    /// How many were open from each instant on.
    levels: Vec<(u64, u32)>,
    /// The most that were open at once.
    pub(super) peak: u32,
}

impl Flow {
    /// From when each stream opened and closed, by an exact sweep. At a tie an end counts before a start.
    pub(super) fn of(spans: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut events: Vec<(u64, i32)> = spans
            .flat_map(|(start, end)| [(start, 1), (end, -1)])
            .collect();
        events.sort_unstable();
        let levels: Vec<(u64, u32)> = events
            .iter()
            .scan(0, |open, (at_ns, change)| {
                *open += change;
                Some((*at_ns, u32::try_from(*open).unwrap_or(0)))
            })
            .collect();
        let peak = levels.iter().map(|(_, open)| *open).max().unwrap_or(0);
        Self { levels, peak }
    }

    /// Chunks per second while the load was full: from the first instant at which `streams` were open, or
    /// as many as ever were, to the last. Of that, whole answers of `answer_ns` each, if it holds one, since
    /// a part of an answer may have more chunks than another.
    pub(super) fn chunks_per_s(
        &self,
        streams: u32,
        answer_ns: u64,
        chunks: impl Iterator<Item = u64>,
    ) -> Option<f64> {
        let full = streams.min(self.peak);
        let from_ns = self.levels.iter().find(|(_, open)| *open >= full)?.0;
        let leaves = self.levels.iter().zip(self.levels.iter().skip(1));
        let to_ns = leaves
            .filter(|((_, before), _)| *before >= full)
            .map(|(_, (at_ns, _))| *at_ns)
            .next_back()?;
        let length_ns = to_ns.saturating_sub(from_ns);
        let whole_ns = length_ns - length_ns.checked_rem(answer_ns).unwrap_or(0);
        let to_ns = from_ns + if whole_ns == 0 { length_ns } else { whole_ns };
        let inside = chunks.filter(|at_ns| from_ns < *at_ns && *at_ns <= to_ns);
        let seconds = ms_between(from_ns, to_ns) / 1e3;
        (seconds > 0.0).then(|| inside.count() as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn flow(spans: &[(u64, u64)]) -> Flow {
        Flow::of(spans.iter().map(|(start, end)| (start * S, end * S)))
    }

    fn rate(flow: &Flow, streams: u32, answer_s: u64, chunks: &[u64]) -> Option<f64> {
        let chunks = chunks.iter().map(|at| at * S);
        flow.chunks_per_s(streams, answer_s * S, chunks)
    }

    #[test]
    fn the_load_is_full_from_the_first_to_the_last_instant_of_so_many_streams() {
        // Two streams one after the other, beside one that stays: 2 are open from 10 to 20 and 30 to 40.
        let flow = flow(&[(0, 50), (10, 20), (30, 40)]);
        assert_eq!(flow.peak, 2);
        let chunks = [5, 10, 25, 30, 40, 41];
        assert_eq!(rate(&flow, 2, 0, &chunks), Some(0.1));
        assert_eq!(rate(&flow, 9, 0, &chunks), Some(0.1), "fewer than asked");
        assert_eq!(rate(&flow, 1, 0, &chunks), Some(6.0 / 50.0));
        assert_eq!(rate(&flow, 2, 20, &chunks), Some(0.1), "10 to 30");
        assert_eq!(rate(&flow, 2, 31, &chunks), Some(0.1), "no whole answer");
    }

    #[test]
    fn an_end_comes_before_a_start_at_the_same_instant() {
        assert_eq!(flow(&[(0, 10), (10, 20)]).peak, 1);
        let empty = flow(&[]);
        assert_eq!((empty.peak, rate(&empty, 1, 1, &[0])), (0, None));
    }
}
