//! What a run makes of its service level objectives: a verdict for each, and goodput.

use serde::{Deserialize, Serialize};

use super::quantile::{has_few_samples, percentile_of_sorted, sorted};
use super::record::{RequestField, RequestRecord};
use crate::finite::Finite;
use crate::slo::{Percentile, Slo, SloMetric};
use crate::workload::Arrival;

/// With few samples, a verdict is given when chance alone would bring it about less often than this.
const CHANCE_MAX: f64 = 0.05;

/// Whether a run held an objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SloVerdict {
    /// It held.
    Met,
    /// It did not.
    Missed,
    /// Too few samples to say, or none.
    TooFewSamples,
}

impl SloVerdict {
    /// In words, for pages.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::TooFewSamples => "too few samples to say",
        }
    }
}

/// One objective of a run with what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SloResult {
    /// The objective as it was judged: its metric names the clock.
    pub slo: Slo,
    /// The figure that is judged: the percentile over successful requests (of ITL: over all their
    /// gaps), or the figure of the run; in the unit of the metric.
    pub value: Option<Finite>,
    /// Samples that the percentile was taken of; requests sent for a figure of the run.
    pub sample_count: u64,
    /// Requests that met the bound / sent, 0 to 1; `None` for a figure of the run.
    pub met_fraction: Option<Finite>,
    /// The verdict.
    pub verdict: SloVerdict,
}

/// Requests that met every bound of a request. A failed request misses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goodput {
    /// How many.
    pub good_count: u32,
    /// Per second of the measured window.
    pub per_s: Option<Finite>,
    /// Of the requests sent, 0 to 1.
    pub fraction: Option<Finite>,
}

/// Figures of the whole run that objectives can bound.
#[derive(Clone, Copy, Debug)]
pub struct RunFigures {
    /// Output tokens per second.
    pub output_tok_per_s: Option<Finite>,
    /// Failed / sent.
    pub error_rate: Option<Finite>,
}

/// The objectives by the clock they are judged on: where requests have a schedule, TTFT and E2E latency count
/// from it. From the send, a client that holds requests back would meet any bound.
pub fn as_judged(slos: &[Slo], arrival: &Arrival) -> Vec<Slo> {
    let judged = slos.iter().map(|slo| Slo {
        metric: if arrival.has_schedule() {
            slo.metric.from_schedule()
        } else {
            slo.metric
        },
        ..*slo
    });
    judged.collect()
}

/// Judges every objective over the requests of the measured window, failed ones included.
pub fn judge_slos(
    slos: &[Slo],
    measured: &[&RequestRecord],
    figures: RunFigures,
) -> Vec<SloResult> {
    let judged = slos.iter().map(|slo| match slo.quantile {
        Some(quantile) => judge_percentile(*slo, quantile, measured),
        None => judge_figure(*slo, measured.len() as u64, figures),
    });
    judged.collect()
}

/// Goodput over the requests of the measured window; `None` without a bound for requests.
pub fn goodput(slos: &[Slo], measured: &[&RequestRecord], duration_s: f64) -> Option<Goodput> {
    let bounds: Vec<&Slo> = slos
        .iter()
        .filter(|slo| slo.metric.is_per_request())
        .collect();
    if bounds.is_empty() {
        return None;
    }
    let is_good = |record: &&&RequestRecord| bounds.iter().all(|slo| is_met(slo, record));
    let good = measured.iter().filter(is_good).count();
    Some(Goodput {
        good_count: u32::try_from(good).unwrap_or(u32::MAX),
        per_s: Finite::ratio(good as f64, duration_s),
        fraction: Finite::ratio(good as f64, measured.len() as f64),
    })
}

/// Whether a request holds the bound of a metric of requests.
pub fn is_met(slo: &Slo, record: &RequestRecord) -> bool {
    if !record.is_ok() {
        return false;
    }
    match value_of(slo.metric, record) {
        Some(value) => slo.allows(value),
        // An answer in one piece has no pace to bound; one without output never came.
        None => matches!(slo.metric, SloMetric::TpotMs | SloMetric::ItlMs),
    }
}

fn value_of(metric: SloMetric, record: &RequestRecord) -> Option<f64> {
    match metric {
        SloMetric::TtftMs => record.ttft_ms(),
        SloMetric::TtftFromScheduleMs => record.ttft_from_schedule_ms(),
        SloMetric::TpotMs => record.tpot_ms(),
        SloMetric::ItlMs => RequestField::Itl.value(record).map(Finite::get),
        SloMetric::E2eMs => record.e2e_ms(),
        SloMetric::E2eFromScheduleMs => record.e2e_from_schedule_ms(),
        SloMetric::OutputTokPerS | SloMetric::ErrorRate => None,
    }
}

fn judge_percentile(slo: Slo, quantile: Percentile, measured: &[&RequestRecord]) -> SloResult {
    let good = measured.iter().filter(|record| record.is_ok());
    let samples: Vec<f64> = if slo.metric == SloMetric::ItlMs {
        good.flat_map(|record| record.itl_ms()).collect()
    } else {
        good.filter_map(|record| value_of(slo.metric, record))
            .collect()
    };
    let samples = sorted(samples);
    let value = percentile_of_sorted(&samples, quantile.get()).and_then(Finite::new);
    let beyond = samples.iter().filter(|value| !slo.allows(**value)).count() as u64;
    let met = measured
        .iter()
        .filter(|record| is_met(&slo, record))
        .count();
    SloResult {
        slo,
        value,
        sample_count: samples.len() as u64,
        met_fraction: Finite::ratio(met as f64, measured.len() as f64),
        verdict: match value {
            None => SloVerdict::TooFewSamples,
            Some(value) => verdict(&slo, quantile, value.get(), samples.len() as u64, beyond),
        },
    }
}

/// The verdict by a percentile of `count` samples, `beyond` of which break the bound.
///
/// With enough samples the percentile itself decides. With fewer, the count of samples that break
/// the bound does, by an exact binomial test (Clopper and Pearson, 1934): if just the share that
/// may break the bound did, would so many (missed) or so few (met) be rarer than 5 %? So that ten
/// slow requests of ten are a miss, and ten fast ones do not prove a p99.
fn verdict(slo: &Slo, quantile: Percentile, value: f64, count: u64, beyond: u64) -> SloVerdict {
    if !has_few_samples(count, quantile.get()) {
        return if slo.allows(value) {
            SloVerdict::Met
        } else {
            SloVerdict::Missed
        };
    }
    let share = 1.0 - quantile.get() / 100.0;
    if 1.0 - binomial_cdf(beyond.checked_sub(1), count, share) < CHANCE_MAX {
        SloVerdict::Missed
    } else if binomial_cdf(Some(beyond), count, share) < CHANCE_MAX {
        SloVerdict::Met
    } else {
        SloVerdict::TooFewSamples
    }
}

/// Chance of at most `most` events in `count` trials of chance `share` (above 0 and below 1); of
/// `None`, fewer than none: 0.
fn binomial_cdf(most: Option<u64>, count: u64, share: f64) -> f64 {
    let Some(most) = most else { return 0.0 };
    if most >= count {
        return 1.0;
    }
    // Each term from the one before, in logarithms: the first one alone may be too small for an f64.
    let mut log_term = count as f64 * (1.0 - share).ln();
    let mut sum = log_term.exp();
    for events in 1..=most {
        let ratio = (count - events + 1) as f64 / events as f64 * share / (1.0 - share);
        log_term += ratio.ln();
        sum += log_term.exp();
    }
    sum.min(1.0)
}

fn judge_figure(slo: Slo, sent_count: u64, figures: RunFigures) -> SloResult {
    let value = match slo.metric {
        SloMetric::OutputTokPerS => figures.output_tok_per_s,
        SloMetric::ErrorRate => figures.error_rate,
        _ => None,
    };
    SloResult {
        slo,
        value,
        sample_count: sent_count,
        met_fraction: None,
        verdict: match value {
            None => SloVerdict::TooFewSamples,
            Some(value) if slo.allows(value.get()) => SloVerdict::Met,
            Some(_) => SloVerdict::Missed,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::Outcome;
    use super::super::record::tests::record;
    use super::*;
    use crate::slo::parse_slos;
    use crate::workload::arrival::ArrivalProcess;

    const NO_FIGURES: RunFigures = RunFigures {
        output_tok_per_s: None,
        error_rate: None,
    };

    /// Requests with these TTFTs in ms, each a second long.
    fn requests(ttfts: &[u64]) -> Vec<RequestRecord> {
        let numbered = (0..).zip(ttfts);
        numbered
            .map(|(n, ttft)| record(n, 0, &[*ttft, 1_000]))
            .collect()
    }

    fn judge(slo: &str, records: &[RequestRecord]) -> SloResult {
        let measured: Vec<&RequestRecord> = records.iter().collect();
        judge_slos(&parse_slos(slo).unwrap(), &measured, NO_FIGURES)[0]
    }

    #[test]
    fn a_percentile_decides_where_there_are_enough_samples() {
        let mut ttfts = vec![100; 1_000];
        ttfts[..10].fill(300);
        let result = judge("ttft_ms<=200@p99", &requests(&ttfts));
        assert_eq!(
            (result.verdict, result.sample_count),
            (SloVerdict::Met, 1_000)
        );
        assert_eq!(result.met_fraction, Finite::new(0.99));
        ttfts[..20].fill(300);
        assert_eq!(
            judge("ttft_ms<=200@p99", &requests(&ttfts)).verdict,
            SloVerdict::Missed
        );
    }

    #[test]
    fn few_samples_decide_only_what_chance_hardly_would() {
        // 0.99^299 is the first below 5 %.
        for (slow, fast, expected) in [
            (0, 10, SloVerdict::TooFewSamples),
            (1, 9, SloVerdict::TooFewSamples),
            (2, 8, SloVerdict::Missed),
            (10, 0, SloVerdict::Missed),
            (0, 298, SloVerdict::TooFewSamples),
            (0, 299, SloVerdict::Met),
        ] {
            let ttfts = [vec![300; slow], vec![100; fast]].concat();
            let verdict = judge("ttft_ms<=200@p99", &requests(&ttfts)).verdict;
            assert_eq!(verdict, expected, "{slow} slow, {fast} fast");
        }
        assert_eq!(
            judge("ttft_ms<=200", &[]).verdict,
            SloVerdict::TooFewSamples
        );
    }

    #[test]
    fn goodput_counts_requests_that_met_every_bound_and_a_failed_one_misses() {
        let mut records = requests(&[100, 100, 300, 100]);
        records[3].outcome = Outcome::Truncated;
        let measured: Vec<&RequestRecord> = records.iter().collect();
        let of = |slos: &str| goodput(&parse_slos(slos).unwrap(), &measured, 2.0);
        let good = of("ttft_ms<=200, e2e_ms<=1000, error_rate<=0").unwrap();
        assert_eq!(
            (good.good_count, good.per_s, good.fraction),
            (2, Finite::new(1.0), Finite::new(0.5))
        );
        assert_eq!(of("ttft_ms<=200, e2e_ms<=999").unwrap().good_count, 0);
        assert_eq!(of("error_rate<=0"), None, "no bound for requests");
        assert_eq!(
            judge("ttft_ms<=200", &records).met_fraction,
            Finite::new(0.5)
        );
    }

    #[test]
    fn an_answer_in_one_piece_meets_any_pace_and_one_without_output_no_latency() {
        let (one_piece, nothing) = (record(0, 0, &[100]), record(1, 0, &[]));
        let met = |slo: &str, record: &RequestRecord| is_met(&slo.parse().unwrap(), record);
        assert!(met("tpot_ms<=1", &one_piece) && met("itl_ms<=1", &one_piece));
        assert!(met("ttft_ms<=100", &one_piece) && !met("ttft_ms<=99", &one_piece));
        assert!(!met("e2e_ms<=9999", &nothing));
    }

    #[test]
    fn late_sends_show_from_schedule_only() {
        let mut late = record(0, 500, &[600]);
        late.scheduled_at = 0;
        assert!(is_met(&"e2e_ms<=100".parse().unwrap(), &late));
        assert!(!is_met(
            &"e2e_from_schedule_ms<=599".parse().unwrap(),
            &late
        ));
    }

    #[test]
    fn on_a_schedule_objectives_are_judged_from_it_and_say_so() {
        let mut late = record(0, 500, &[600]);
        late.scheduled_at = 0;
        let slos = parse_slos("ttft_ms<=200@p90, e2e_ms<=200, tpot_ms<=9, error_rate<=0").unwrap();
        let judge = |arrival: &Arrival| {
            let slos = as_judged(&slos, arrival);
            let good = goodput(&slos, &[&late], 1.0).unwrap().good_count;
            let words = slos.iter().map(Slo::in_words).collect::<Vec<_>>();
            (good, words)
        };
        let (good, words) = judge(&Arrival::open_loop(Finite::ONE, ArrivalProcess::Poisson));
        assert_eq!(good, 0, "600 ms after it was due");
        assert_eq!(
            words,
            [
                "TTFT from schedule p90 at most 200 ms",
                "E2E latency from schedule p99 at most 200 ms",
                "TPOT p99 at most 9 ms",
                "Error rate at most 0"
            ]
        );
        let (good, words) = judge(&Arrival::ClosedLoop { concurrency: 1 });
        assert_eq!((good, words[0].as_str()), (1, "TTFT p90 at most 200 ms"));
    }

    #[test]
    fn figures_of_the_run_need_no_percentile() {
        let figures = RunFigures {
            output_tok_per_s: Finite::new(480.0),
            error_rate: Some(Finite::ZERO),
        };
        let slos = parse_slos("output_tok_per_s>=500, error_rate<=0").unwrap();
        let verdicts = |figures| {
            judge_slos(&slos, &[], figures)
                .iter()
                .map(|r| r.verdict)
                .collect::<Vec<_>>()
        };
        assert_eq!(verdicts(figures), [SloVerdict::Missed, SloVerdict::Met]);
        assert_eq!(verdicts(NO_FIGURES), [SloVerdict::TooFewSamples; 2]);
    }

    proptest! {
        #[test]
        fn the_chance_of_any_count_is_one_and_grows(count in 1u64..3_000, share in 0.001f64..0.6) {
            prop_assert!((binomial_cdf(Some(count), count, share) - 1.0).abs() < 1e-12);
            let all_but_one = binomial_cdf(Some(count - 1), count, share);
            let all = share.powf(count as f64);
            prop_assert!((all_but_one + all - 1.0).abs() < 1e-6, "{}", all_but_one);
            prop_assert!(binomial_cdf(Some(count / 2), count, share) <= all_but_one + 1e-12);
        }

        #[test]
        fn one_more_slow_request_never_turns_missed_into_met(slow in 0u64..50, count in 50u64..1_500) {
            let slo: Slo = "ttft_ms<=200@p99".parse().unwrap();
            let few = has_few_samples(count, 99.0);
            let at = |beyond| verdict(&slo, Percentile::default(), if beyond * 100 > count { 300.0 } else { 100.0 }, count, beyond);
            if at(slow) == SloVerdict::Missed {
                prop_assert_eq!(at(slow + 1), SloVerdict::Missed, "few: {}", few);
            }
        }
    }
}
