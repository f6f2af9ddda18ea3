//! What counts as output, as an end and as a failure.

use domain::measure::record::{Outcome, RequestRecord, TokenSource};

use crate::harness::{KEY, plan, run, word_tokenizer};
use crate::scripted::{
    FINISH, ROLE, Script, ScriptedServer, Step, TEXT, USAGE_TWO, event, good, json, part,
    stream_end, stream_head,
};

/// The record of one request that was answered by the script.
async fn record_of(script: Script) -> RequestRecord {
    record_with(script, |_| {}).await
}

async fn record_with(
    script: Script,
    change: impl FnOnce(&mut domain::load::LoadPlan),
) -> RequestRecord {
    let server = ScriptedServer::start([script], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    change(&mut plan);
    let outcome = run(&plan).await.unwrap();
    assert_eq!(outcome.records.len(), 1);
    assert_eq!(server.seen().len(), 1, "never sent twice");
    let record = outcome.records.into_iter().next().unwrap();
    let mut instants = vec![record.scheduled_at, record.sent_at];
    instants.extend(record.chunk_at.iter());
    instants.push(record.finished_at);
    assert!(instants.is_sorted(), "{instants:?}");
    record
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_stream_is_recorded_by_the_dictionary() {
    let record = record_of(good()).await;
    assert_eq!(
        (record.outcome, record.http_status),
        (Outcome::Ok, Some(200))
    );
    assert_eq!(
        record.chunk_at.len(),
        2,
        "role, finish and usage are no output"
    );
    assert_eq!((record.input_tokens, record.output_tokens), (11, 2));
    assert_eq!(record.token_source, TokenSource::Usage);
    assert_eq!(
        (record.planned_input_tokens, record.planned_output_tokens),
        (8, 2)
    );
    assert_eq!(
        (record.scheduled_at, record.reconnected),
        (record.sent_at, false)
    );
    assert!(record.connect_ns.is_some());
    assert_eq!(
        (record.prompt_sha256.len(), record.error.as_str()),
        (64, "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn events_may_be_split_and_joined_anywhere() {
    let stream: String = [ROLE, TEXT, TEXT, FINISH, USAGE_TWO, "[DONE]"]
        .map(|data| format!("data: {data}\r\n\r\n"))
        .concat();
    let joined = record_of(vec![stream_head(), part(&stream), stream_end()]).await;
    let bytewise = stream.chars().map(|letter| part(&letter.to_string()));
    let script = [stream_head()]
        .into_iter()
        .chain(bytewise)
        .chain([stream_end()]);
    let split = record_of(script.collect()).await;
    for record in [joined, split] {
        assert_eq!((record.outcome, record.output_tokens), (Outcome::Ok, 2));
        assert_eq!(
            record.chunk_at.len(),
            2,
            "one stamp per event, however it came"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_usage_the_tokenizer_counts() {
    let events = [TEXT, TEXT, "[DONE]"].map(event);
    let script = [stream_head()]
        .into_iter()
        .chain(events)
        .chain([stream_end()])
        .collect();
    let record = record_of(script).await;
    assert_eq!(
        (record.output_tokens, record.token_source),
        (2, TokenSource::Tokenizer)
    );
    assert_eq!(record.input_tokens, 8, "as the client made it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_inside_a_good_stream_is_a_failure() {
    let error = format!(r#"{{"error":{{"message":"slot {KEY} is gone"}}}}"#);
    let record = record_of(vec![
        stream_head(),
        event(TEXT),
        event(&error),
        event("[DONE]"),
        stream_end(),
    ])
    .await;
    assert_eq!(
        (record.outcome, record.http_status),
        (Outcome::StreamError, Some(200))
    );
    assert_eq!(record.error, "slot [key] is gone");
    assert_eq!(record.chunk_at.len(), 1, "what came before stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_an_end_is_truncated() {
    let without_finish = vec![stream_head(), event(TEXT), stream_end()];
    let broken_off = vec![stream_head(), event(TEXT), Step::Close];
    let nothing_at_all = vec![Step::Close];
    for script in [without_finish, broken_off, nothing_at_all] {
        let record = record_of(script).await;
        assert_eq!(record.outcome, Outcome::Truncated, "{}", record.error);
        assert!(!record.error.is_empty() && !record.reconnected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_tokens_than_ignore_eos_asked_for_are_truncated() {
    let asks = |plan: &mut domain::load::LoadPlan| {
        plan.workload.ignore_eos = true;
        plan.workload.output = domain::workload::LengthSpec::Fixed { tokens: 3 };
    };
    assert_eq!(record_with(good(), asks).await.outcome, Outcome::Truncated);
    assert_eq!(
        record_with(good(), |plan| plan.workload.ignore_eos = true)
            .await
            .outcome,
        Outcome::Ok
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_keep_the_servers_words_but_never_the_key() {
    let cases = [
        (400, Outcome::Http4xx),
        (429, Outcome::Http429),
        (503, Outcome::Http5xx),
        (302, Outcome::Protocol),
    ];
    for (status, outcome) in cases {
        let body = format!(r#"{{"error":{{"message":"no, {KEY}"}}}}"#);
        let record = record_of(vec![Step::Send(json(status, &body))]).await;
        assert_eq!(
            (record.outcome, record.http_status),
            (outcome, Some(status))
        );
        assert_eq!(record.error, "no, [key]");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_readable_is_a_protocol_error() {
    let no_json = record_of(vec![stream_head(), event("{"), stream_end()]).await;
    let no_http = record_of(vec![Step::Send(b"hello\r\n\r\n".to_vec()), Step::Hold]).await;
    assert_eq!(
        (no_json.outcome, no_http.outcome),
        (Outcome::Protocol, Outcome::Protocol)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_stream_gives_one_chunk() {
    let body = r#"{"choices":[{"message":{"content":"a b"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#;
    let record = record_of(vec![Step::Send(json(200, body))]).await;
    assert_eq!((record.outcome, record.chunk_at.len()), (Outcome::Ok, 1));
    assert_eq!((record.output_tokens, record.tpot_ms()), (2, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_its_last_byte_in_time_is_a_timeout() {
    let script = vec![stream_head(), event(TEXT), Step::Hold];
    let record = record_with(script, |plan| plan.workload.request_timeout_s = 1).await;
    assert_eq!(
        (record.outcome, record.chunk_at.len()),
        (Outcome::Timeout, 1)
    );
    assert!(record.finished_at - record.sent_at >= 990_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stays_open_after_done_ends_the_request_at_done() {
    let events = [TEXT, FINISH, "[DONE]"].map(event);
    let script = [stream_head()]
        .into_iter()
        .chain(events)
        .chain([Step::Hold])
        .collect();
    let record = record_of(script).await;
    assert_eq!(record.outcome, Outcome::Ok);
    assert!(
        record.finished_at - record.sent_at < 900_000_000,
        "the wait for the body is not in it"
    );
}
