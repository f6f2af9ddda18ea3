//! A plan with a limit: the load stops before it would send more.

use domain::finite::Finite;
use domain::measure::record::RequestPhase;
use domain::workload::arrival::ArrivalProcess;
use domain::workload::{Arrival, SpendLimit, StopRule};

use crate::harness::{plan, run, word_tokenizer};
use crate::scripted::{ScriptedServer, good};

fn limit(requests: Option<u32>, tokens: Option<u64>) -> Option<SpendLimit> {
    Some(SpendLimit { requests, tokens })
}

#[tokio::test(flavor = "multi_thread")]
async fn users_stop_at_the_limit_of_requests_warm_up_included() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.arrival = Arrival::ClosedLoop { concurrency: 3 };
    plan.workload.warmup_requests = 2;
    plan.workload.stop = StopRule::Duration { seconds: 600 };
    plan.workload.spend_limit = limit(Some(7), None);
    let outcome = run(&plan).await.unwrap();
    assert_eq!(server.seen().len(), 7);
    let measured = |record: &&_| {
        let record: &domain::measure::record::RequestRecord = record;
        record.phase == RequestPhase::Measured
    };
    assert_eq!(outcome.records.iter().filter(measured).count(), 5);
    let summary = outcome.summarise(&plan.workload);
    let spend = summary.spend.unwrap();
    assert!(spend.is_reached);
    assert_eq!(spend.requests, 7);
    // The window is what was used of it, else throughput would be too low.
    assert!(summary.duration_s.get() < 600.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn arrivals_stop_at_the_limit_of_tokens() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.arrival = Arrival::OpenLoop {
        rate_per_s: Finite::from(50),
        process: ArrivalProcess::Constant,
        burstiness: Finite::ONE,
        in_flight_max: None,
    };
    plan.workload.stop = StopRule::Duration { seconds: 600 };
    // A request may come to 8 and 2 tokens, and comes to 11 and 2.
    plan.workload.spend_limit = limit(None, Some(45));
    let outcome = run(&plan).await.unwrap();
    let spend = outcome.summarise(&plan.workload).spend.unwrap();
    assert!(spend.is_reached);
    assert!(spend.tokens <= 45, "{spend:?}");
    assert!(server.seen().len() >= 3, "{spend:?}");
    assert_eq!(server.seen().len(), spend.requests as usize);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_not_reached_changes_nothing() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.stop = StopRule::Requests { count: 4 };
    plan.workload.spend_limit = limit(Some(4), Some(1_000));
    let spend = run(&plan).await.unwrap().spend.unwrap();
    assert!(!spend.is_reached);
    assert_eq!(spend.requests, 4);
    assert!(run(&plan).await.unwrap().spend.is_some());
    plan.workload.spend_limit = None;
    assert_eq!(run(&plan).await.unwrap().spend, None);
}
