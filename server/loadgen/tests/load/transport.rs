//! What happens around a body: heads, ends of connections, refusals, silence.

use std::io::Write;

use domain::load::LoadPlan;
use domain::measure::record::{Outcome, RequestRecord};
use domain::workload::StopRule;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::harness::{plan, run, word_tokenizer};
use crate::scripted::{
    FINISH, Script, ScriptedServer, Step, TEXT, event, good, json, part, stream_head,
};

/// Records of requests by one user that were answered by these scripts, and the server.
async fn answered(scripts: Vec<Script>) -> (Vec<RequestRecord>, ScriptedServer) {
    answered_with(scripts, |_| {}).await
}

async fn answered_with(
    scripts: Vec<Script>,
    change: impl FnOnce(&mut LoadPlan),
) -> (Vec<RequestRecord>, ScriptedServer) {
    let count = u32::try_from(scripts.len()).unwrap();
    let server = ScriptedServer::start(scripts, good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.stop = StopRule::Requests { count };
    change(&mut plan);
    let outcome = run(&plan).await.unwrap();
    (outcome.records, server)
}

/// The outcome of the only request, which must not have been sent twice.
async fn outcome_of(script: Script) -> Outcome {
    let (records, server) = answered(vec![script]).await;
    assert_eq!((records.len(), server.seen().len()), (1, 1));
    assert_eq!(
        records[0].error.is_empty(),
        records[0].outcome == Outcome::Ok
    );
    records[0].outcome
}

fn text(text: impl Into<String>) -> Step {
    Step::Send(text.into().into_bytes())
}

/// A good body without any framing.
fn good_body() -> String {
    [TEXT, TEXT, FINISH, "[DONE]"]
        .map(|data| format!("data: {data}\n\n"))
        .concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn informational_answers_are_passed_over() {
    let mut script = vec![
        text("HTTP/1.1 100 Continue\r\n\r\n"),
        text("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
    ];
    script.extend(good());
    let (records, server) = answered(vec![script, good()]).await;
    for record in records {
        assert_eq!(
            (record.outcome, record.http_status),
            (Outcome::Ok, Some(200))
        );
        assert_eq!(record.chunk_at.len(), 2);
    }
    assert_eq!(server.used_connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_to_another_protocol_is_none_of_ours() {
    let script = vec![text(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    )];
    assert_eq!(outcome_of(script).await, Outcome::Protocol);
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_and_chunk_extensions_are_no_output_and_keep_the_connection() {
    let body = good_body();
    let script = vec![
        stream_head(),
        text(format!("{:x};name=value\r\n{body}\r\n", body.len())),
        text("0\r\nx-checksum: 1\r\nserver-timing: total;dur=1\r\n\r\n"),
    ];
    let (records, server) = answered(vec![script, good()]).await;
    for record in records {
        assert_eq!((record.outcome, record.chunk_at.len()), (Outcome::Ok, 2));
    }
    assert_eq!(server.used_connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_a_known_length_and_one_of_an_old_server() {
    let body = good_body();
    let known = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let old = format!("HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{body}");
    assert_eq!(outcome_of(vec![text(known)]).await, Outcome::Ok);
    assert_eq!(outcome_of(vec![text(old), Step::Close]).await, Outcome::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_before_the_end_is_truncated() {
    let cases = [
        vec![
            text(format!(
                "HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\ndata: {TEXT}\n\n"
            )),
            Step::Close,
        ],
        vec![stream_head(), event(TEXT), Step::Reset],
        vec![stream_head(), text("ff\r\ndata: {"), Step::Close],
        vec![text("HTTP/1.1 200 OK\r\ncontent-"), Step::Close],
        vec![text("HTTP/1.1 204 No Content\r\n\r\n")],
        vec![Step::Close],
        vec![Step::Reset],
    ];
    for (number, script) in cases.into_iter().enumerate() {
        assert_eq!(
            outcome_of(script).await,
            Outcome::Truncated,
            "case {number}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_after_the_finish_does_not_spoil_it() {
    for end in [Step::Close, Step::Reset] {
        let finished = vec![stream_head(), event(TEXT), event(FINISH), end.clone()];
        assert_eq!(outcome_of(finished).await, Outcome::Ok, "{end:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_a_protocol_error() {
    let cases = [
        vec![text("HTTP/9.1 200 OK\r\n\r\n")],
        vec![text("HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n")],
        vec![text(format!(
            "HTTP/1.1 200 OK\r\nx-long: {}\r\n\r\n",
            "x".repeat(1 << 20)
        ))],
        vec![stream_head(), event(TEXT), text("many\r\n")],
    ];
    for (number, mut script) in cases.into_iter().enumerate() {
        script.push(Step::Hold);
        assert_eq!(outcome_of(script).await, Outcome::Protocol, "case {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_at_any_point_is_a_timeout() {
    let cases = [
        (vec![], None, 0),
        (vec![text("HTTP/1.1 200 OK\r\nx-slow: ")], None, 0),
        (vec![stream_head()], Some(200), 0),
        (
            vec![stream_head(), event(TEXT), part("data: {\"choi")],
            Some(200),
            1,
        ),
    ];
    let scripts = cases
        .iter()
        .map(|(script, _, _)| [&script[..], &[Step::Hold]].concat());
    let (records, _server) = answered_with(scripts.collect(), |plan| {
        plan.workload.request_timeout_s = 1;
    })
    .await;
    for (record, (_, status, chunks)) in records.iter().zip(cases) {
        assert_eq!(record.outcome, Outcome::Timeout, "{}", record.error);
        assert_eq!(
            (record.http_status, record.chunk_at.len()),
            (status, chunks)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_in_gzip_is_known_before_the_next_one_comes() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(format!("data: {TEXT}\n\n").as_bytes())
        .unwrap();
    gzip.flush().unwrap();
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\r\n";
    let script = vec![text(head), Step::Send(gzip.get_ref().clone()), Step::Hold];
    let (records, _server) = answered_with(vec![script], |plan| {
        plan.workload.request_timeout_s = 1;
    })
    .await;
    assert_eq!(
        (records[0].outcome, records[0].chunk_at.len()),
        (Outcome::Timeout, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_every_kind_are_told_by_their_status() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(br#"{"error":{"message":"too long"}}"#)
        .unwrap();
    let packed = gzip.finish().unwrap();
    let packed_head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        packed.len()
    );
    let long = format!("<html>{}</html>", "x".repeat(100_000));
    let cases = [
        (
            vec![Step::Send(json(404, r#"{"detail":"Not Found"}"#))],
            Outcome::Http4xx,
            "Not Found",
        ),
        (
            vec![text(packed_head), Step::Send(packed)],
            Outcome::Http4xx,
            "too long",
        ),
        (
            vec![text(
                "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n",
            )],
            Outcome::Http429,
            "429",
        ),
        (
            vec![Step::Send(json(502, &long))],
            Outcome::Http5xx,
            "<html>xxx",
        ),
        (
            vec![
                text("HTTP/1.1 500 X\r\ncontent-length: 9\r\n\r\n"),
                Step::Hold,
            ],
            Outcome::Http5xx,
            "500",
        ),
        (
            vec![
                text("HTTP/1.1 503 X\r\ncontent-length: 9\r\n\r\nbusy"),
                Step::Reset,
            ],
            Outcome::Http5xx,
            "busy",
        ),
        (
            vec![text(
                "HTTP/1.1 529 X\r\ncontent-encoding: br\r\ncontent-length: 3\r\n\r\n\x01\x02\x03",
            )],
            Outcome::Http5xx,
            r"\u{1}",
        ),
    ];
    for (script, outcome, words) in cases {
        let (records, server) = answered(vec![script]).await;
        assert_eq!((records[0].outcome, server.seen().len()), (outcome, 1));
        assert!(records[0].error.starts_with(words), "{}", records[0].error);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_leaves_the_connection_open() {
    let busy = vec![Step::Send(json(429, r#"{"error":"busy"}"#))];
    let (records, server) = answered(vec![busy.clone(), busy, good()]).await;
    let outcomes: Vec<Outcome> = records.iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Outcome::Http429, Outcome::Http429, Outcome::Ok]);
    assert_eq!(server.used_connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drops_kept_connections_loses_no_request_and_each_is_counted() {
    for end in [Step::CloseAtNext, Step::ResetAtNext] {
        let script = [good(), vec![end.clone()]].concat();
        let (records, server) = answered(vec![script; 8]).await;
        let flags: Vec<bool> = records.iter().map(|record| record.reconnected).collect();
        assert_eq!(
            flags,
            [false, true, true, true, true, true, true, true],
            "{end:?}"
        );
        assert!(records.iter().all(|record| record.outcome == Outcome::Ok));
        assert_eq!(server.used_connections(), 8);
    }
}
