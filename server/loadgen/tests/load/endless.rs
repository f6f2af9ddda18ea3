//! Servers that do not know when to begin or to stop, and what is said about them.

use domain::load::Header;
use domain::measure::record::Outcome;
use domain::workload::{Arrival, StopRule};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::harness::{plan, run, word_tokenizer};
use crate::scripted::{FINISH, Script, ScriptedServer, Step, TEXT, event, good, json, stream_head};

/// Longer than anything here may take by itself, however busy the machine is.
const LONG_NS: u64 = 900_000_000;

fn script(end: Step) -> Script {
    let events = [TEXT, FINISH, "[DONE]"].map(event);
    [stream_head()]
        .into_iter()
        .chain(events)
        .chain([end])
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stays_open_holds_up_neither_its_user_nor_the_verdict() {
    let framed = b"10\r\n: still here  \n\n\r\n".to_vec();
    let unframed = b"something else".to_vec();
    for end in [Step::Hold, Step::Flood(framed), Step::Flood(unframed)] {
        let server = ScriptedServer::start([], script(end.clone())).await;
        let tokenizer = word_tokenizer();
        let mut plan = plan(&server.url, &tokenizer);
        plan.workload.stop = StopRule::Requests { count: 4 };
        let outcome = run(&plan).await.unwrap();
        assert!(
            outcome.records.iter().all(|r| r.outcome == Outcome::Ok),
            "{end:?}"
        );
        for pair in outcome.records.windows(2) {
            let idle = pair[1].sent_at - pair[0].finished_at;
            assert!(idle < LONG_NS, "idle for {idle} ns");
        }
        let turnaround = outcome.host.turnaround_ms.iter().map(|ms| ms.get());
        assert!(turnaround.clone().all(|ms| ms < 900.0), "{turnaround:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_pauses_does_not_put_off_the_timeout() {
    let flood = Step::Flood(b"10\r\n: keep-alive   \n\r\n".to_vec());
    let server = ScriptedServer::start([vec![stream_head(), event(TEXT), flood]], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.request_timeout_s = 1;
    // Put off, it would never come: the flood has no end.
    let outcome = run(&plan).await.unwrap();
    let record = &outcome.records[0];
    assert_eq!(
        (record.outcome, record.chunk_at.len()),
        (Outcome::Timeout, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_came_before_its_request_is_none() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // It answers the first user's request to the second one, who has not sent yet.
    let hasty = tokio::spawn(async move {
        let (_probe, _) = listener.accept().await.unwrap();
        let (mut one, _) = listener.accept().await.unwrap();
        let (mut other, _) = listener.accept().await.unwrap();
        let (mut byte, mut other_byte) = ([0], [0]);
        let is_first = tokio::select! {
            peeked = one.peek(&mut byte) => peeked.is_ok_and(|count| count == 1),
            _ = other.peek(&mut other_byte) => false,
        };
        let idle = if is_first { &mut other } else { &mut one };
        for step in good() {
            let Step::Send(bytes) = step else { continue };
            idle.write_all(&bytes).await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    let tokenizer = word_tokenizer();
    let mut plan = plan(&url, &tokenizer);
    plan.workload.arrival = Arrival::ClosedLoop { concurrency: 2 };
    plan.workload.stop = StopRule::Requests { count: 2 };
    // The second user comes after half a second; the first one still waits then.
    plan.workload.ramp_s = 1;
    plan.workload.request_timeout_s = 2;
    let outcome = run(&plan).await.unwrap();
    hasty.abort();
    let last = outcome.records.iter().max_by_key(|record| record.sent_at);
    let last = last.unwrap();
    assert_eq!(last.outcome, Outcome::Protocol, "{last:?}");
    assert!(last.error.contains("before its request"), "{}", last.error);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_taken_out_of_the_servers_words_alone() {
    let refusal = Step::Send(json(401, r#"{"error":"close is no good key"}"#));
    let server = ScriptedServer::start([vec![Step::Close], vec![refusal]], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.headers = vec![Header::parse("x-own: close").unwrap()];
    plan.workload.stop = StopRule::Requests { count: 2 };
    let outcome = run(&plan).await.unwrap();
    let errors: Vec<&str> = outcome.records.iter().map(|r| r.error.as_str()).collect();
    assert_eq!(
        errors,
        [
            "the connection closed before an answer came: the server closed the connection",
            "[header] is no good key"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_terminal_would_act_on_is_recorded() {
    let words = r#"{"error":{"message":"\u001b[31mred\u0007\u009b2J\u202edne"}}"#;
    let server = ScriptedServer::start([vec![Step::Send(json(500, words))]], good()).await;
    let tokenizer = word_tokenizer();
    let outcome = run(&plan(&server.url, &tokenizer)).await.unwrap();
    assert_eq!(
        outcome.records[0].error,
        r"\u{1b}[31mred\u{7}\u{9b}2J\u{202e}dne"
    );
}
