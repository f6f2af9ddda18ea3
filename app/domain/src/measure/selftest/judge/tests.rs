use proptest::prelude::*;

use super::super::{ceiling, level_for};
use super::*;
use crate::measure::health::HostObservation;
use crate::measure::record::tests::record;

const MS: u64 = 1_000_000;
/// The engine's clock has another zero than the client's.
const ENGINE_ZERO: u64 = 77_000 * MS;

/// The engine's line for a request that arrived at `at_ms`, answered exactly on the pace.
fn sent(name: &str, at_ms: u64, pace: super::super::Pace) -> SentAnswer {
    let arrived_ns = ENGINE_ZERO + at_ms * MS;
    let due: Vec<u64> = (0..pace.tokens)
        .map(|n| arrived_ns + u64::from(pace.ttft_ms + n * pace.itl_ms) * MS)
        .collect();
    SentAnswer {
        prompt_sha256: name.to_owned(),
        arrived_ns,
        received_ns: arrived_ns,
        started_ns: arrived_ns,
        finished_ns: *due.last().unwrap(),
        due_ns: due.clone(),
        sent_ns: due,
        is_complete: true,
        ..SentAnswer::default()
    }
}

/// The client's record of the same, with every chunk `late_ms` later and the send `early_ms` earlier.
fn recorded(sent: &SentAnswer, early_ms: u64, late_ms: u64) -> RequestRecord {
    let ms = |ns: u64| (ns - ENGINE_ZERO) / MS;
    let chunks: Vec<u64> = sent
        .sent_ns
        .iter()
        .map(|ns| ms(*ns) + late_ms + 100)
        .collect();
    let mut record = record(0, ms(sent.arrived_ns) + 100 - early_ms, &chunks);
    record.prompt_sha256.clone_from(&sent.prompt_sha256);
    record
}

fn judge(level: Level, records: &[RequestRecord], sent: &[SentAnswer]) -> LevelReport {
    let host = HostObservation::default();
    let health = ClientHealth::judge(records, false, &host);
    let evidence = Evidence {
        records,
        sent,
        health: &health,
        cpu_s: Finite::new(0.001).unwrap(),
    };
    judge_level(level, &evidence, &Bounds::default())
}

/// Three rounds of so many streams.
fn rounds(streams: u32) -> Vec<SentAnswer> {
    let pace = super::super::CLOSED_PACE;
    (0..3u32)
        .flat_map(|round| (0..streams).map(move |stream| (round, stream)))
        .map(|(round, stream)| sent(&format!("{round}-{stream}"), u64::from(round) * 820, pace))
        .collect()
}

#[test]
fn an_exact_client_is_within() {
    let sent = rounds(4);
    let records: Vec<_> = sent.iter().map(|sent| recorded(sent, 0, 0)).collect();
    let report = judge(Level::Closed { streams: 4 }, &records, &sent);
    assert_eq!(report.reasons, Vec::<String>::new());
    assert_eq!(report.verdict, LevelVerdict::Within);
    assert_eq!((report.open_at_once, report.compared_count), (4, 12));
    assert_eq!(report.ttft_error_mean_ms, Some(Finite::ZERO));
    assert_eq!(report.rate_error, Some(Finite::ZERO));
    let ideal = report.ideal_chunks_per_s.get();
    assert!((ideal - 4.0 * 32.0 / 0.82).abs() < 1e-9);
    assert!((report.chunks_per_s.unwrap().get() - ideal).abs() < 1e-6);
    assert_eq!(report.cpu_us_per_chunk.unwrap().get(), 1e3 / (12.0 * 32.0));
}

#[test]
fn each_bound_that_is_not_kept_is_told() {
    let mut sent = rounds(4);
    let mut records: Vec<_> = sent.iter().map(|sent| recorded(sent, 20, 5)).collect();
    let late = judge(Level::Closed { streams: 4 }, &records, &sent);
    assert_eq!(late.ttft_error_mean_ms.unwrap().get(), 25.0);
    assert_eq!(late.itl_error_p99_ms.unwrap().get(), 0.0);
    assert_eq!(late.verdict, LevelVerdict::ClientBound);
    assert!(
        late.reasons[0].contains("25.00 ms, above 5 ms"),
        "{:?}",
        late.reasons
    );

    let few = judge(Level::Closed { streams: 5 }, &records, &sent);
    let words = few.reasons.join("\n");
    assert!(
        words.contains("Only 4 of 5 streams") && words.contains("% of the ideal"),
        "{words}"
    );

    records[0].outcome = crate::measure::record::Outcome::Truncated;
    sent.remove(1);
    let lost = judge(Level::Closed { streams: 4 }, &records, &sent);
    assert_eq!((lost.compared_count, lost.lost_count), (10, 2));
    assert!(lost.reasons.join("\n").contains("2 requests failed"));
}

#[test]
fn the_rate_of_an_open_loop_is_that_of_arrivals() {
    let pace = super::super::OPEN_PACE;
    let sent: Vec<_> = (0..100u64)
        .map(|n| sent(&n.to_string(), n * 10, pace))
        .collect();
    let records: Vec<_> = sent.iter().map(|sent| recorded(sent, 0, 0)).collect();
    let exact = judge(Level::Open { rate_per_s: 100 }, &records, &sent);
    assert_eq!(exact.verdict, LevelVerdict::Within, "{:?}", exact.reasons);
    let slow = judge(Level::Open { rate_per_s: 102 }, &records, &sent);
    assert!(slow.rate_error.unwrap().get() > 0.019);
    assert_eq!(slow.verdict, LevelVerdict::ClientBound);
}

#[test]
fn nothing_compared_is_no_proof() {
    let report = judge(Level::Closed { streams: 1 }, &[], &[]);
    assert_eq!(report.verdict, LevelVerdict::ClientBound);
    assert_eq!((report.ttft_error_mean_ms, report.rate_error), (None, None));
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<LevelReport>(&json).unwrap(), report);
    assert!(json.contains("\"streams\":1") && json.contains("\"verdict\":\"client_bound\""));
}

#[test]
fn the_ceiling_is_the_highest_level_within_and_a_run_has_the_level_above_it() {
    let report = |streams, is_within: bool| {
        let mut report = judge(Level::Closed { streams }, &[], &[]);
        if is_within {
            report.verdict = LevelVerdict::Within;
        }
        report
    };
    let levels = [
        report(64, true),
        report(1, true),
        report(512, true),
        report(2_048, false),
    ];
    assert_eq!(ceiling(&levels), Some(512));
    assert_eq!(ceiling(&levels[3..]), None);
    let streams = |concurrency| level_for(&levels, concurrency).and_then(LevelReport::streams);
    assert_eq!(
        (
            streams(1),
            streams(2),
            streams(64),
            streams(65),
            streams(4_096)
        ),
        (Some(1), Some(64), Some(64), Some(512), None)
    );
}

proptest! {
    /// Delays of the client are found again, whatever the zeros of both clocks are.
    #[test]
    fn errors_are_the_delays(early in 0u64..50, late in 0u64..50, streams in 1u32..20) {
        let sent = rounds(streams);
        let records: Vec<_> = sent.iter().map(|sent| recorded(sent, early, late)).collect();
        let report = judge(Level::Closed { streams }, &records, &sent);
        let delay = (early + late) as f64;
        for error in [report.ttft_error_mean_ms, report.ttft_error_p99_ms, report.e2e_error_mean_ms] {
            prop_assert!((error.unwrap().get() - delay).abs() < 1e-6);
        }
        prop_assert!(report.itl_error_p99_ms.unwrap().get() < 1e-6);
        prop_assert_eq!(report.open_at_once, streams);
        prop_assert_eq!(report.is_within(), report.reasons.is_empty());
    }

    /// More error never makes a verdict better.
    #[test]
    fn verdicts_are_monotone(a in 0u64..30, b in 0u64..30) {
        let sent = rounds(2);
        let judged = |late| {
            let records: Vec<_> = sent.iter().map(|sent| recorded(sent, 0, late)).collect();
            judge(Level::Closed { streams: 2 }, &records, &sent).is_within()
        };
        let (less, more) = (a.min(b), a.max(b));
        prop_assert!(judged(less) || !judged(more));
    }
}
