//! A record beside the line of the engine's log about the same request.

use crate::finite::Finite;
use crate::measure::quantile::{percentile_of_sorted, sorted};
use crate::measure::record::{RequestRecord, ms_between};
use crate::measure::truth::SentAnswer;

/// Absolute errors in ms.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Errors {
    pub(super) ttft: Vec<f64>,
    pub(super) itl: Vec<f64>,
    pub(super) e2e: Vec<f64>,
}

impl Errors {
    /// Adds those of one request. Both clocks have zeros of their own, so only spans are compared.
    /// `false` when the two do not tell of the same chunks.
    pub(super) fn add(&mut self, record: &RequestRecord, sent: &SentAnswer) -> bool {
        let (Some(first_sent), Some(last_sent)) = (sent.sent_ns.first(), sent.sent_ns.last())
        else {
            return false;
        };
        let (Some(ttft), Some(e2e)) = (record.ttft_ms(), record.e2e_ms()) else {
            return false;
        };
        if record.chunk_at.len() != sent.sent_ns.len() {
            return false;
        }
        self.ttft
            .push((ttft - ms_between(sent.arrived_ns, *first_sent)).abs());
        self.e2e
            .push((e2e - ms_between(sent.arrived_ns, *last_sent)).abs());
        let gaps = sent.sent_ns.iter().zip(sent.sent_ns.iter().skip(1));
        let gaps = gaps.map(|(from, to)| ms_between(*from, *to));
        self.itl.extend(
            record
                .itl_ms()
                .zip(gaps)
                .map(|(ours, true_gap)| (ours - true_gap).abs()),
        );
        true
    }
}

/// Mean, median and 99th percentile.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spread {
    pub(super) mean: Option<Finite>,
    pub(super) p50: Option<Finite>,
    pub(super) p99: Option<Finite>,
}

impl Spread {
    pub(super) fn of(values: Vec<f64>) -> Self {
        let values = sorted(values);
        let at = |p| percentile_of_sorted(&values, p).and_then(Finite::new);
        Self {
            mean: Finite::ratio(values.iter().sum(), values.len() as f64),
            p50: at(50.0),
            p99: at(99.0),
        }
    }
}
