//! When requests go out, and to which phase they belong.

use domain::finite::Finite;
use domain::load::{LoadEvent, LoadPhase};
use domain::measure::record::{Outcome, RequestPhase, RequestRecord};
use domain::workload::arrival::ArrivalProcess;
use domain::workload::{Arrival, StopRule};
use tokio_util::sync::CancellationToken;

use crate::harness::{plan, run, run_with, word_tokenizer};
use crate::scripted::{ScriptedServer, good};

fn phase_of(records: &[RequestRecord], phase: RequestPhase) -> Vec<&RequestRecord> {
    records
        .iter()
        .filter(|record| record.phase == phase)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_loop_warms_up_first_and_keeps_to_its_users() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.arrival = Arrival::ClosedLoop { concurrency: 6 };
    plan.workload.stop = StopRule::Requests { count: 60 };
    plan.workload.warmup_requests = 12;
    let (outcome, events) = run_with(&plan, CancellationToken::new()).await;
    let outcome = outcome.unwrap();
    let indices: Vec<u32> = outcome.records.iter().map(|record| record.index).collect();
    assert_eq!(indices, (0..72).collect::<Vec<_>>());
    let warmup = phase_of(&outcome.records, RequestPhase::WarmUp);
    let measured = phase_of(&outcome.records, RequestPhase::Measured);
    assert_eq!((warmup.len(), measured.len()), (12, 60));
    let last_of_warmup = warmup
        .iter()
        .map(|record| record.finished_at)
        .max()
        .unwrap();
    assert!(
        measured
            .iter()
            .all(|record| record.sent_at >= last_of_warmup)
    );
    assert!(server.open_peak() <= 6);
    // Each user's first request has no turnaround; on a busy machine a user may come too late for any.
    let turnarounds = outcome.host.turnaround_ms.len();
    assert!((54..60).contains(&turnarounds), "{turnarounds}");

    let summary = outcome.summarise(&plan.workload);
    assert_eq!(
        (
            summary.sent_count,
            summary.completed_count,
            summary.warmup_count
        ),
        (60, 60, 12)
    );
    assert!(summary.concurrency.unwrap().peak <= 6);
    let phases: Vec<LoadPhase> = events
        .iter()
        .filter_map(|event| match event {
            LoadEvent::Phase { phase } => Some(*phase),
            _ => None,
        })
        .collect();
    assert_eq!(phases, [LoadPhase::WarmUp, LoadPhase::Measured]);
    assert!(matches!(
        events[0],
        LoadEvent::Prepared {
            prompt_count: 72,
            ..
        }
    ));
    let Some(LoadEvent::Live { sample }) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!((sample.completed_count, sample.in_flight_count), (72, 0));
    assert_eq!(sample.done_fraction.get(), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_loop_sends_on_an_absolute_schedule() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    let process = ArrivalProcess::Constant;
    plan.workload.arrival = Arrival::open_loop(Finite::from(200), process);
    plan.workload.stop = StopRule::Requests { count: 50 };
    plan.workload.warmup_requests = 4;
    let outcome = run(&plan).await.unwrap();
    assert!(
        outcome
            .records
            .iter()
            .all(|record| record.outcome == Outcome::Ok)
    );
    let measured = phase_of(&outcome.records, RequestPhase::Measured);
    let gaps: Vec<u64> = measured
        .windows(2)
        .map(|pair| pair[1].scheduled_at - pair[0].scheduled_at)
        .collect();
    assert_eq!(gaps, vec![5_000_000; 49], "the schedule never shifts");
    assert!(
        measured
            .iter()
            .all(|record| record.sent_at >= record.scheduled_at),
        "never early"
    );
    let summary = outcome.summarise(&plan.workload);
    assert_eq!(summary.sent_count, 50);
    assert_eq!(summary.ttft_from_schedule_ms.unwrap().count, 50);
    assert!(outcome.host.turnaround_ms.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_stops_sending_and_the_rest_is_drained() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let constant = ArrivalProcess::Constant;
    for arrival in [
        Arrival::ClosedLoop { concurrency: 3 },
        Arrival::open_loop(Finite::from(100), constant),
    ] {
        let mut plan = plan(&server.url, &tokenizer);
        plan.workload.arrival = arrival.clone();
        plan.workload.stop = StopRule::Duration { seconds: 1 };
        let outcome = run(&plan).await.unwrap();
        let start = outcome
            .records
            .iter()
            .map(|r| r.scheduled_at.min(r.sent_at))
            .min()
            .unwrap();
        let deadline = start + 1_000_000_000;
        // A user may look at the clock just before the deadline and send just after it.
        let late = outcome
            .records
            .iter()
            .filter(|record| record.scheduled_at >= deadline);
        assert!(late.count() <= 3, "at most one for each user");
        for record in &outcome.records {
            let is_drained = record.phase == RequestPhase::Drained;
            assert_eq!(is_drained, record.finished_at > deadline, "{record:?}");
        }
        if arrival.has_schedule() {
            assert_eq!(
                outcome.records.len(),
                100,
                "one for each arrival before the deadline"
            );
        }
        assert!(outcome.summarise(&plan.workload).duration_s.get() <= 1.0);
    }
}
