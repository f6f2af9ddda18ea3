//! Latency by length: the measured, successful requests in equal bins of their prompt or answer
//! length.

use serde::{Deserialize, Serialize};

use super::line::{Recorded, Timing};
use super::quantile::{percentile_of_sorted, sorted};
use crate::finite::Finite;

/// Bins unless told otherwise.
pub const LENGTH_BINS_DEFAULT: u32 = 10;
/// Most bins that can be asked for.
pub const LENGTH_BINS_MAX: u32 = 100;

/// The length that requests are put into bins by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LengthSide {
    /// Tokens of the prompt.
    #[default]
    Input,
    /// Tokens of the answer.
    Output,
}

impl LengthSide {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Input, Self::Output];

    /// The name in the API and in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
        }
    }

    /// The side of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|side| side.as_str() == text)
    }

    /// Tokens of one request.
    pub fn tokens(self, timing: &Timing) -> u32 {
        match self {
            Self::Input => timing.input_tokens,
            Self::Output => timing.output_tokens,
        }
    }
}

/// The requests whose length lies in one bin. Values are `None` where no request has one: never 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LengthBin {
    /// Its number, from 1.
    pub bin_id: u32,
    /// Lower edge in tokens. Belongs to the bin.
    pub from_tokens: Finite,
    /// Upper edge in tokens. Belongs to the next bin; in the last bin, to it.
    pub to_tokens: Finite,
    /// Requests in it.
    pub request_count: u32,
    /// Mean time to first token in seconds.
    pub avg_ttft_s: Option<Finite>,
    /// Mean time per output token in seconds.
    pub avg_tpot_s: Option<Finite>,
    /// Mean end-to-end latency in seconds.
    pub avg_latency_s: Option<Finite>,
    /// 95th percentile of the time to first token in seconds.
    pub p95_ttft_s: Option<Finite>,
    /// 95th percentile of the time per output token in seconds.
    pub p95_tpot_s: Option<Finite>,
    /// 95th percentile of the end-to-end latency in seconds.
    pub p95_latency_s: Option<Finite>,
    /// Mean answer length in tokens.
    pub avg_output_len: Option<Finite>,
}

impl LengthBin {
    /// `0.0-78.5`: the edges with one decimal.
    pub fn bin_range(&self) -> String {
        format!("{:.1}-{:.1}", self.from_tokens.get(), self.to_tokens.get())
    }
}

/// Latency by length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LengthAnalysis {
    /// Prompt or answer.
    pub side: LengthSide,
    /// Requests in all bins.
    pub request_count: u32,
    /// Length of the shortest in tokens.
    pub min_tokens: u32,
    /// Length of the longest in tokens.
    pub max_tokens: u32,
    /// The bins from the shortest to the longest: as many as asked for, of equal width from 0 to
    /// the greatest length. None when there is no request.
    pub bins: Vec<LengthBin>,
}

impl LengthAnalysis {
    /// Puts the measured, successful ones of `records` into `bin_count` bins, at least 1 and at most
    /// [`LENGTH_BINS_MAX`]. Every request is in exactly one.
    pub fn of<'a, R: Recorded + 'a>(
        records: impl IntoIterator<Item = &'a R>,
        side: LengthSide,
        bin_count: u32,
    ) -> Self {
        let measured: Vec<Timing> = records
            .into_iter()
            .filter(|record| record.counts())
            .map(Recorded::timing)
            .collect();
        let lengths = || measured.iter().map(|timing| side.tokens(timing));
        let (min_tokens, max_tokens) = (
            lengths().min().unwrap_or_default(),
            lengths().max().unwrap_or_default(),
        );
        let bin_count = bin_count.clamp(1, LENGTH_BINS_MAX);
        let mut members: Vec<Vec<&Timing>> = Vec::new();
        if !measured.is_empty() {
            members.resize_with(bin_count as usize, Vec::new);
        }
        for timing in &measured {
            let place = place_of(side.tokens(timing), max_tokens, bin_count);
            if let Some(bin) = members.get_mut(place as usize) {
                bin.push(timing);
            }
        }
        let edge = |number: u32| {
            let share = f64::from(number) / f64::from(bin_count);
            Finite::new(f64::from(max_tokens) * share).unwrap_or_default()
        };
        let bins = (0..).zip(&members).map(|(place, members)| {
            let mut bin = describe(members);
            bin.bin_id = place + 1;
            (bin.from_tokens, bin.to_tokens) = (edge(place), edge(place + 1));
            bin
        });
        Self {
            side,
            request_count: count_of(measured.len()),
            min_tokens,
            max_tokens,
            bins: bins.collect(),
        }
    }

    /// Whether there are requests and all are of one length.
    pub fn has_one_length(&self) -> bool {
        self.request_count > 0 && self.min_tokens == self.max_tokens
    }

    /// The bins that have requests.
    pub fn filled_bins(&self) -> impl Iterator<Item = &LengthBin> {
        self.bins.iter().filter(|bin| bin.request_count > 0)
    }
}

/// The bin of a length, from 0. In whole numbers, so that no rounding moves a request.
fn place_of(tokens: u32, max_tokens: u32, bin_count: u32) -> u32 {
    let scaled = u64::from(tokens) * u64::from(bin_count);
    let place = scaled
        .checked_div(u64::from(max_tokens))
        .unwrap_or_default();
    u32::try_from(place)
        .unwrap_or(u32::MAX)
        .min(bin_count.saturating_sub(1))
}

fn count_of(requests: usize) -> u32 {
    u32::try_from(requests).unwrap_or(u32::MAX)
}

/// The figures of a bin; its number and edges are still those of none.
fn describe(members: &[&Timing]) -> LengthBin {
    let seconds = |value: fn(&Timing) -> Option<f64>| -> Vec<f64> {
        let values = members.iter().filter_map(|timing| value(timing));
        sorted(values.map(|ms| ms / 1e3).collect())
    };
    let (ttft, tpot, latency) = (
        seconds(Timing::ttft_ms),
        seconds(Timing::tpot_ms),
        seconds(Timing::e2e_ms),
    );
    let p95 = |sorted: &[f64]| percentile_of_sorted(sorted, 95.0).and_then(Finite::new);
    let output_lens: Vec<f64> = members
        .iter()
        .map(|timing| f64::from(timing.output_tokens))
        .collect();
    LengthBin {
        bin_id: 0,
        from_tokens: Finite::ZERO,
        to_tokens: Finite::ZERO,
        request_count: count_of(members.len()),
        avg_ttft_s: mean(&ttft),
        avg_tpot_s: mean(&tpot),
        avg_latency_s: mean(&latency),
        p95_ttft_s: p95(&ttft),
        p95_tpot_s: p95(&tpot),
        p95_latency_s: p95(&latency),
        avg_output_len: mean(&output_lens),
    }
}

fn mean(values: &[f64]) -> Option<Finite> {
    Finite::ratio(values.iter().sum(), values.len() as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::measure::record::tests::record;
    use crate::measure::record::{Outcome, RequestPhase, RequestRecord};

    /// An answered request: prompt of `input` tokens, first token after `ttft_ms`, two tokens.
    fn request(index: u32, input: u32, ttft_ms: u64) -> RequestRecord {
        let mut request = record(index, 0, &[ttft_ms, ttft_ms + 10]);
        request.input_tokens = input;
        request
    }

    fn value(value: Option<Finite>) -> f64 {
        value.unwrap().get()
    }

    #[test]
    fn bins_are_those_of_the_reference() {
        let records = [
            request(0, 64, 100),
            request(1, 157, 400),
            request(2, 12, 200),
        ];
        let analysis = LengthAnalysis::of(&records, LengthSide::Input, 2);
        assert_eq!((analysis.min_tokens, analysis.max_tokens), (12, 157));
        let [low, high] = analysis.bins.as_slice() else {
            panic!("two bins: {analysis:?}");
        };
        assert_eq!((low.bin_id, low.request_count), (1, 2));
        assert_eq!((high.bin_id, high.request_count), (2, 1));
        assert_eq!(low.bin_range(), "0.0-78.5");
        assert_eq!(high.bin_range(), "78.5-157.0");
        assert!((value(low.avg_ttft_s) - 0.15).abs() < 1e-12);
        assert!((value(low.p95_ttft_s) - 0.195).abs() < 1e-12);
        assert!((value(low.avg_tpot_s) - 0.01).abs() < 1e-12);
        assert!((value(high.avg_latency_s) - 0.41).abs() < 1e-12);
        assert!((value(high.avg_output_len) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn what_was_not_measured_is_missing_and_not_zero() {
        let mut failed = request(1, 500, 100);
        failed.outcome = Outcome::Http5xx;
        let mut warm_up = request(2, 900, 100);
        warm_up.phase = RequestPhase::WarmUp;
        let mut one_token = record(3, 0, &[50]);
        one_token.input_tokens = 100;
        let records = [one_token, failed, warm_up];
        let analysis = LengthAnalysis::of(&records, LengthSide::Input, 4);
        assert!(analysis.has_one_length());
        assert_eq!(analysis.bins.len(), 4);
        let empty = &analysis.bins[0];
        assert_eq!((empty.avg_ttft_s, empty.p95_latency_s), (None, None));
        assert_eq!(empty.avg_output_len, None);
        let filled: Vec<u32> = analysis.filled_bins().map(|bin| bin.bin_id).collect();
        assert_eq!(filled, [4], "the longest is in the last bin");
        assert_eq!(analysis.bins[3].avg_tpot_s, None, "one token has no pace");
        let none: [RequestRecord; 0] = [];
        assert_eq!(LengthAnalysis::of(&none, LengthSide::Input, 4).bins, []);
    }

    #[test]
    fn answers_without_a_token_are_in_the_first_bin() {
        let records = [record(0, 0, &[]), record(1, 0, &[])];
        let analysis = LengthAnalysis::of(&records, LengthSide::Output, 3);
        let counts: Vec<u32> = analysis.bins.iter().map(|bin| bin.request_count).collect();
        assert_eq!(counts, [2, 0, 0]);
    }

    proptest! {
        #[test]
        fn every_request_is_in_the_one_bin_whose_edges_hold_it(
            lengths in prop::collection::vec(0u32..5_000, 1..200),
            bin_count in 1u32..=LENGTH_BINS_MAX,
        ) {
            let records: Vec<_> = (0..).zip(&lengths)
                .map(|(index, length)| request(index, *length, u64::from(*length) + 1))
                .collect();
            let analysis = LengthAnalysis::of(&records, LengthSide::Input, bin_count);
            prop_assert_eq!(analysis.bins.len(), bin_count as usize);
            let total: u32 = analysis.bins.iter().map(|bin| bin.request_count).sum();
            prop_assert_eq!(total, analysis.request_count);
            let max = f64::from(*lengths.iter().max().unwrap());
            prop_assert_eq!(analysis.bins[0].from_tokens, Finite::ZERO);
            prop_assert!((analysis.bins.last().unwrap().to_tokens.get() - max).abs() < 1e-9);
            for pair in analysis.bins.windows(2) {
                prop_assert_eq!(pair[0].to_tokens, pair[1].from_tokens);
            }
            for bin in &analysis.bins {
                let (low, high) = (bin.from_tokens.get(), bin.to_tokens.get());
                let is_last = bin.bin_id == bin_count;
                // An edge that is no whole number of tokens is rounded; no length lies so close to one.
                let within = lengths.iter().filter(|length| {
                    let length = f64::from(**length);
                    let is_first = bin.bin_id == 1;
                    (length >= low - 1e-9 || is_first) && (length < high - 1e-9 || is_last)
                }).count();
                if max > 0.0 {
                    prop_assert_eq!(within, bin.request_count as usize);
                }
                prop_assert_eq!(bin.request_count == 0, bin.avg_ttft_s.is_none());
                if let (Some(avg), Some(p95)) = (bin.avg_ttft_s, bin.p95_ttft_s) {
                    prop_assert!(avg.get() >= low / 1e3 && avg.get() <= (high + 1.0) / 1e3 + 1e-9);
                    prop_assert!(p95.get() <= (high + 1.0) / 1e3 + 1e-9);
                }
            }
        }
    }
}
