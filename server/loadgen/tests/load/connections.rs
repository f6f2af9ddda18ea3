//! Connections: kept, lost, refused.

use domain::measure::record::{BROKE_OFF, Outcome, RequestRecord};
use domain::workload::{Arrival, StopRule};
use loadgen::LoadError;
use tokio_util::sync::CancellationToken;

use crate::harness::{KEY, plan, run, run_with, word_tokenizer};
use crate::scripted::{ScriptedServer, Seen, Step, TEXT, event, good, json, stream_head};

#[tokio::test(flavor = "multi_thread")]
async fn a_user_keeps_the_connection_and_sends_the_key() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&format!("{}/v1/", server.url), &tokenizer);
    plan.workload.stop = StopRule::Requests { count: 20 };
    plan.workload.warmup_requests = 5;
    let outcome = run(&plan).await.unwrap();
    assert!(
        outcome
            .records
            .iter()
            .all(|record| record.outcome == Outcome::Ok)
    );
    assert_eq!(server.used_connections(), 1);
    let opened = outcome
        .records
        .iter()
        .filter(|record| record.connect_ns.is_some())
        .count();
    assert_eq!(opened, 1);
    for seen in server.seen() {
        assert!(
            seen.head.starts_with("POST /v1/chat/completions HTTP/1.1"),
            "{}",
            seen.head
        );
        assert!(
            seen.head.contains(&format!("authorization: Bearer {KEY}")),
            "{}",
            seen.head
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_can_have_a_connection_of_its_own() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.stop = StopRule::Requests { count: 12 };
    plan.workload.fresh_connections = true;
    for arrival in [
        Arrival::ClosedLoop { concurrency: 3 },
        Arrival::open_loop(
            domain::finite::Finite::from(400),
            domain::workload::arrival::ArrivalProcess::Constant,
        ),
    ] {
        let before = server.used_connections();
        plan.workload.arrival = arrival;
        let outcome = run(&plan).await.unwrap();
        let is_fresh = |record: &RequestRecord| {
            record.outcome == Outcome::Ok && record.connect_ns.is_some() && !record.reconnected
        };
        assert!(outcome.records.iter().all(is_fresh));
        assert_eq!(server.used_connections() - before, 12);
    }
    let closes = |seen: &Seen| seen.head.contains("connection: close\r\n");
    assert!(server.seen().iter().all(closes));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_that_closes_unanswered_is_replaced_and_the_clock_goes_on() {
    let server = ScriptedServer::start([good(), vec![Step::Close]], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.stop = StopRule::Requests { count: 3 };
    let outcome = run(&plan).await.unwrap();
    let flags: Vec<bool> = outcome
        .records
        .iter()
        .map(|record| record.reconnected)
        .collect();
    assert_eq!(flags, [false, true, false]);
    assert!(
        outcome
            .records
            .iter()
            .all(|record| record.outcome == Outcome::Ok)
    );
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    assert_eq!(
        seen[1].body, seen[2].body,
        "the same request went out again"
    );
    let again = &outcome.records[1];
    let connect_ns = again.connect_ns.expect("a fresh connection was opened");
    assert!(
        again.first_token_at().unwrap() - again.sent_at > connect_ns,
        "its clock never restarted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn once_is_enough() {
    let server =
        ScriptedServer::start([good(), vec![Step::Close], vec![Step::Close]], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.stop = StopRule::Requests { count: 2 };
    let outcome = run(&plan).await.unwrap();
    assert_eq!(server.seen().len(), 3);
    assert_eq!(
        outcome.records[1].outcome,
        Outcome::Truncated,
        "a fresh connection is not tried again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_inside_an_answer_is_a_failure() {
    let broken = vec![stream_head(), event(TEXT), Step::Close];
    let server = ScriptedServer::start([good(), broken], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.stop = StopRule::Requests { count: 3 };
    let outcome = run(&plan).await.unwrap();
    let outcomes: Vec<Outcome> = outcome
        .records
        .iter()
        .map(|record| record.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Ok, Outcome::Truncated, Outcome::Ok]);
    let why = &outcome.records[1].error;
    assert!(why.starts_with(BROKE_OFF), "{why}");
    assert_eq!(server.seen().len(), 3, "nothing was sent twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_after_every_answer_loses_no_request() {
    let mut closing = good();
    closing.push(Step::Close);
    let server = ScriptedServer::start([], closing).await;
    let tokenizer = word_tokenizer();
    for arrival in [
        Arrival::ClosedLoop { concurrency: 8 },
        Arrival::open_loop(
            domain::finite::Finite::from(400),
            domain::workload::arrival::ArrivalProcess::Poisson,
        ),
    ] {
        let mut plan = plan(&server.url, &tokenizer);
        plan.workload.arrival = arrival;
        plan.workload.stop = StopRule::Requests { count: 200 };
        let outcome = run(&plan).await.unwrap();
        assert_eq!(outcome.records.len(), 200);
        let bad = outcome
            .records
            .iter()
            .find(|record| record.outcome != Outcome::Ok);
        assert!(bad.is_none(), "{bad:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_listens_is_told_before_the_run() {
    let tokenizer = word_tokenizer();
    let url = format!("http://127.0.0.1:{}", testkit::free_port());
    let refused = run(&plan(&url, &tokenizer)).await.unwrap_err();
    assert!(
        matches!(refused, LoadError::Unreachable { .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains(&url), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_up_without_any_answer_ends_the_run() {
    let unknown = vec![Step::Send(json(
        404,
        r#"{"error":{"message":"no such model"}}"#,
    ))];
    let server = ScriptedServer::start([], unknown).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.warmup_requests = 3;
    let refused = run(&plan).await.unwrap_err();
    assert!(
        matches!(refused, LoadError::WarmUp { count: 3, .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains("no such model"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_ends_requests_in_flight() {
    let server = ScriptedServer::start([], vec![stream_head(), event(TEXT), Step::Hold]).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.arrival = Arrival::ClosedLoop { concurrency: 4 };
    plan.workload.stop = StopRule::Requests { count: 100 };
    let cancel = CancellationToken::new();
    let (ran, ()) = tokio::join!(run_with(&plan, cancel.clone()), async {
        server.wait_for_requests(4).await;
        cancel.cancel();
    });
    let outcome = ran.0.unwrap();
    assert!(outcome.is_cancelled);
    assert_eq!(
        outcome.records.len(),
        4,
        "what was never sent has no record"
    );
    assert!(
        outcome
            .records
            .iter()
            .all(|record| record.outcome == Outcome::Cancelled)
    );
}
