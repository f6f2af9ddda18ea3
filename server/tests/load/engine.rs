//! The reference engine by itself.

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
            pair[1].finished_ns >= pair[1].started_ns && pair[1].started_ns >= pair[1].received_ns
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
