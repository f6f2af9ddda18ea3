//! The reference engine by itself.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::parts::{Engine, PATIENCE};

fn client() -> reqwest::Client {
    // The first call of the process installs it; the others find it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

async fn post(engine: &Engine, path: &str, body: &Value) -> (u16, String) {
    let request = client().post(format!("{}{path}", engine.url)).json(body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_slots_wait_in_a_queue() {
    let engine = Engine::start("--ttft-ms 20 --itl-ms 2 --slots 1");
    let body = json!({ "prompt": "one two", "max_tokens": 3 });
    let ask = || post(&engine, "/v1/completions", &body);
    let answers = tokio::join!(ask(), ask(), ask());
    for (status, _) in [answers.0, answers.1, answers.2] {
        assert_eq!(status, 200);
    }
    let mut sent = engine.sent(3);
    sent.sort_by_key(|sent| sent.started_ns);
    for pair in sent.windows(2) {
        assert!(
            pair[1].started_ns >= pair[0].sent_ns[2],
            "one after the other"
        );
        assert!(
            pair[1].finished_ns >= pair[1].started_ns && pair[1].started_ns >= pair[1].arrived_ns
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_speaks_the_api_of_other_engines() {
    let mut engine = Engine::start("--ttft-ms 1 --itl-ms 1 --model m");
    let get = async |path: &str| {
        let text = client()
            .get(format!("{}{path}", engine.url))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    assert_eq!(get("/health").await["status"], "ok");
    assert_eq!(get("/v1/models").await["data"][0]["id"], "m");
    assert_eq!(get("/version").await["engine"], "assay-reference");

    let chat = json!({ "model": "m", "messages": [{ "role": "user", "content": "a b c" }], "max_tokens": 4 });
    let (_, whole) = post(&engine, "/v1/chat/completions", &chat).await;
    let whole: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(whole["usage"]["completion_tokens"], 4);
    assert_eq!(
        whole["choices"][0]["message"]["content"],
        "this is a reference"
    );

    let stream = json!({ "prompt": "a b", "max_tokens": 2, "stream": true });
    let (_, events) = post(&engine, "/v1/completions", &stream).await;
    let data: Vec<&str> = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .collect();
    assert_eq!(
        (data.len(), data[3]),
        (4, "[DONE]"),
        "two texts, finish, end; usage was not asked for"
    );

    for (body, count) in [
        (json!({ "content": "a b c" }), "tokens"),
        (json!({ "prompt": "a b" }), "count"),
    ] {
        let (_, answer) = post(&engine, "/tokenize", &body).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer[count].is_array() || answer[count] == 2, "{answer}");
    }
    let (status, error) = post(
        &engine,
        "/v1/completions",
        &json!({ "model": "other", "prompt": "a" }),
    )
    .await;
    assert_eq!(status, 404);
    assert!(error.contains("\"message\""), "{error}");

    engine.process.send_signal(Signal::SIGTERM);
    assert!(engine.process.wait_for_exit(PATIENCE).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_frees_its_slot_and_is_logged() {
    let engine = Engine::start("--ttft-ms 1 --itl-ms 20 --slots 1");
    let body = json!({ "prompt": "one", "max_tokens": 100_000, "stream": true });
    let request = client()
        .post(format!("{}/v1/completions", engine.url))
        .json(&body);
    let mut response = request.send().await.unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    drop(response);
    let (status, _) = post(
        &engine,
        "/v1/completions",
        &json!({ "prompt": "two", "max_tokens": 1 }),
    )
    .await;
    assert_eq!(status, 200);
    let sent = engine.sent(2);
    assert!(!sent[0].is_complete && sent[1].is_complete);
    assert!(sent[0].output_tokens >= 1 && sent[0].output_tokens < 100_000);
}

/// One request on a connection of its own: what came until the connection closed or was reset, and
/// whether it was a reset.
fn exchange(engine: &Engine, headers: &str, body: &Value) -> (String, bool) {
    let address = engine.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = body.to_string();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    let is_reset = ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset);
    (String::from_utf8(answer).unwrap(), is_reset)
}

/// A connection on which a request for four tokens has gone out.
fn ask_over_a_socket(engine: &Engine) -> TcpStream {
    let address = engine.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = four_tokens().to_string();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    stream
}

fn four_tokens() -> Value {
    json!({ "messages": [{ "role": "user", "content": "a b" }], "max_tokens": 4, "stream": true,
        "stream_options": { "include_usage": true } })
}

#[test]
fn every_fault_is_made_as_asked() {
    let engine = Engine::start("--ttft-ms 1 --itl-ms 1");
    let ask = |fault: &str| {
        exchange(
            &engine,
            &format!("x-assay-fault: {fault}\r\n"),
            &four_tokens(),
        )
    };
    let texts = |answer: &str| {
        answer.matches("\"content\":\" ").count() + answer.matches("\"content\":\"this").count()
    };
    let end = "0\r\n\r\n";

    let (whole, _) = exchange(&engine, "", &four_tokens());
    assert!(
        whole.ends_with(end) && whole.contains("[DONE]") && texts(&whole) == 4,
        "{whole}"
    );
    let (answer, _) = ask("429");
    assert!(
        answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"),
        "{answer}"
    );
    assert!(ask("503").0.starts_with("HTTP/1.1 503 "));
    assert_eq!(ask("close").0, "");
    let (answer, is_reset) = ask("reset@1");
    assert!(
        is_reset && texts(&answer) == 1 && !answer.contains("finish_reason\":\"length"),
        "{answer}"
    );
    let (answer, is_reset) = ask("cut");
    assert!(
        !is_reset && texts(&answer) == 2 && !answer.ends_with(end),
        "{answer}"
    );
    let (answer, _) = ask("truncate@3");
    assert!(
        texts(&answer) == 3 && answer.ends_with(end) && !answer.contains("[DONE]"),
        "{answer}"
    );
    let (answer, _) = ask("error");
    assert!(
        texts(&answer) == 2
            && answer.contains("data: {\"error\":{")
            && answer.starts_with("HTTP/1.1 200"),
        "{answer}"
    );
    let (answer, _) = ask("malformed");
    assert!(
        texts(&answer) == 4 && answer.contains("data: {\"choices\":[{\"index\":0,\n\n"),
        "{answer}"
    );
    let (answer, _) = ask("no-done");
    assert!(
        texts(&answer) == 4 && answer.ends_with(end) && !answer.contains("[DONE]"),
        "{answer}"
    );
    let (answer, _) = ask("empty");
    assert!(texts(&answer) == 0 && answer.contains("[DONE]"), "{answer}");
    let (slow, _) = ask("slow-headers");
    assert!(texts(&slow) == 4 && slow.ends_with(end), "{slow}");
    let (answer, _) = ask("sleepy");
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("is no fault"),
        "{answer}"
    );

    let sent = engine.sent(12);
    let of = |fault: &str| sent.iter().find(|sent| sent.fault == fault).unwrap();
    assert_eq!((of("429").status, of("close").status), (429, 0));
    assert_eq!(
        (of("reset").sent_ns.len(), of("reset").is_complete),
        (1, false)
    );
    assert!(of("slow-headers").sent_ns[0] - of("slow-headers").started_ns >= 450_000_000);
    assert!(
        sent.iter()
            .all(|sent| sent.arrived_ns <= sent.received_ns && sent.finished_ns > 0)
    );
}

#[test]
fn a_stall_lasts_until_the_client_goes_away() {
    let engine = Engine::start("--ttft-ms 1 --itl-ms 1 --slots 1 --fault stall@2");
    let mut stream = ask_over_a_socket(&engine);
    let mut answer = String::new();
    let mut part = [0; 4_096];
    while !answer.contains(" is\"") {
        let count = stream.read(&mut part).unwrap();
        answer.push_str(std::str::from_utf8(&part[..count]).unwrap());
    }
    stream.set_nonblocking(true).unwrap();
    assert_eq!(
        stream.read(&mut part).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    drop(stream);
    let sent = engine.sent(1);
    assert_eq!((sent[0].sent_ns.len(), sent[0].is_complete), (2, false));
}

#[test]
fn usage_lengths_and_closing_follow_the_options() {
    let engine = Engine::start(
        "--ttft-ms 1 --itl-ms 1 --output-tokens 2 --usage beside-choices --close-after-answer",
    );
    let (answer, _) = exchange(&engine, "", &four_tokens());
    assert!(
        answer.contains("\"finish_reason\":\"stop\"") && answer.contains("\"completion_tokens\":2"),
        "{answer}"
    );
    assert!(!answer.contains("\"choices\":[]"), "{answer}");
    let (answer, _) = exchange(&engine, "x-assay-usage: missing\r\n", &four_tokens());
    assert!(!answer.contains("usage"), "{answer}");
    let mut goes_on = four_tokens();
    goes_on["ignore_eos"] = json!(true);
    let (answer, _) = exchange(&engine, "x-assay-usage: continuous\r\n", &goes_on);
    assert_eq!(
        answer.matches("\"completion_tokens\":4").count(),
        2,
        "{answer}"
    );

    // It says that it keeps the connection, and does not.
    let mut stream = ask_over_a_socket(&engine);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.ends_with("0\r\n\r\n") && !answer.contains("connection: close"),
        "{answer}"
    );
}

#[test]
fn faults_of_a_share_repeat_with_the_seed_on_every_thread() {
    let engine =
        Engine::start("--ttft-ms 0 --itl-ms 0 --threads 2 --slots 2 --seed 5 --fault 500:0.5");
    let failed = |count: usize| {
        (0..count)
            .map(|_| {
                exchange(&engine, "", &four_tokens())
                    .0
                    .starts_with("HTTP/1.1 500")
            })
            .collect::<Vec<bool>>()
    };
    let first = failed(40);
    let count = first.iter().filter(|failed| **failed).count();
    assert!((5..=35).contains(&count), "{count}");
    let again = Engine::start("--ttft-ms 0 --itl-ms 0 --threads 1 --seed 5 --fault 500:0.5");
    let same: Vec<bool> = (0..40)
        .map(|_| {
            exchange(&again, "", &four_tokens())
                .0
                .starts_with("HTTP/1.1 500")
        })
        .collect();
    assert_eq!(first, same);
}
