//! A plan with a limit: the load stops before it would send more.

use domain::finite::Finite;
use domain::measure::record::{Outcome, RequestPhase};
use domain::workload::arrival::ArrivalProcess;
use domain::workload::{Arrival, SpendLimit, StopRule};

use crate::harness::{plan, run, word_tokenizer};
use crate::scripted::{ScriptedServer, Step, good};

fn limit(requests: Option<u32>, tokens: Option<u64>) -> SpendLimit {
    SpendLimit { requests, tokens }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_stop_at_the_limit_of_requests_warm_up_included() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.arrival = Arrival::ClosedLoop { concurrency: 3 };
    plan.workload.warmup_requests = 2;
    plan.workload.stop = StopRule::Duration { seconds: 600 };
    plan.workload.spend_limit = Some(limit(Some(7), None));
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
    // A request is taken for 8 tokens of prompt, 64 for the template and 2 of answer, and comes to 11 and 2.
    plan.workload.spend_limit = Some(limit(None, Some(200)));
    let outcome = run(&plan).await.unwrap();
    let spend = outcome.summarise(&plan.workload).spend.unwrap();
    assert!(spend.is_reached);
    assert!(spend.tokens <= 200, "{spend:?}");
    assert!(
        server.seen().len() >= 2,
        "two are let through in any case: {spend:?}"
    );
    assert_eq!(server.seen().len(), spend.requests as usize);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_stops_where_the_next_request_might_go_beyond_the_tokens() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.stop = StopRule::Requests { count: 100 };
    // One comes to 13 and is taken for 74: 10 × 13 + 74 are 204, and the eleventh might be too much.
    plan.workload.spend_limit = Some(limit(None, Some(203)));
    let outcome = run(&plan).await.unwrap();
    let spend = outcome.summarise(&plan.workload).spend.unwrap();
    assert_eq!((spend.requests, spend.tokens), (10, 130));
    assert!(spend.is_reached);
    assert_eq!(server.seen().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_below_one_request_sends_nothing_and_says_so() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.warmup_requests = 3;
    plan.workload.spend_limit = Some(limit(None, Some(73)));
    for arrival in [
        Arrival::ClosedLoop { concurrency: 2 },
        Arrival::open_loop(Finite::from(50), ArrivalProcess::Constant),
    ] {
        plan.workload.arrival = arrival;
        let outcome = run(&plan).await.unwrap();
        let summary = outcome.summarise(&plan.workload);
        assert!(summary.spend.unwrap().is_reached);
        assert_eq!((summary.sent_count, summary.warmup_count), (0, 0));
    }
    assert_eq!(server.seen().len(), 0);
}

/// A kept connection that closes as the next request goes out on it: that one would go out again.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_send_counts_as_a_request() {
    let script = [good(), vec![Step::CloseAtNext]].concat();
    let server = ScriptedServer::start([script.clone(), script], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.stop = StopRule::Requests { count: 9 };
    plan.workload.spend_limit = Some(limit(Some(2), None));
    let outcome = run(&plan).await.unwrap();
    let outcomes: Vec<Outcome> = outcome
        .records
        .iter()
        .map(|record| record.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Ok, Outcome::Truncated]);
    assert_eq!(server.used_connections(), 1);
    let spend = outcome.spend.unwrap();
    // The first came to 13; what became of the second is not known: 8 + 64 + 2.
    assert_eq!((spend.requests, spend.tokens), (2, 13 + 74));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_who_have_yet_to_join_do_not_hold_the_end_up() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.arrival = Arrival::ClosedLoop { concurrency: 2 };
    plan.workload.ramp_s = 80_000;
    plan.workload.stop = StopRule::Duration { seconds: 86_400 };
    plan.workload.spend_limit = Some(limit(Some(3), None));
    let outcome = run(&plan).await.unwrap();
    assert_eq!(server.seen().len(), 3);
    assert!(outcome.spend.unwrap().is_reached);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_not_reached_changes_nothing() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.stop = StopRule::Requests { count: 4 };
    plan.workload.spend_limit = Some(limit(Some(4), Some(1_000)));
    let spend = run(&plan).await.unwrap().spend.unwrap();
    assert!(!spend.is_reached);
    assert_eq!(spend.requests, 4);
    assert!(run(&plan).await.unwrap().spend.is_some());
    plan.workload.spend_limit = None;
    assert_eq!(run(&plan).await.unwrap().spend, None);
}
