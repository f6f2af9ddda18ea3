//! The REST API: its document, its gate, its refusals.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::house::{Browser, House, header};

#[tokio::test]
async fn the_document_is_of_this_version_and_says_what_every_route_may_answer() {
    let house = House::start(&[]);
    let document = json_of(&Browser::new(&house.url), "/openapi.json", 200).await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut operation_ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(operation_ids.insert(id.to_owned()), "{id} is there twice");
            let responses = operation["responses"].as_object().unwrap();
            for status in ["401", "403", "500", "503"] {
                assert!(responses.contains_key(status), "{method} {path}: {status}");
            }
            assert!(operation["tags"][0].is_string(), "{method} {path}");
        }
    }
    let bare = document["paths"].as_object().unwrap().keys();
    for path in bare.filter(|path| path.starts_with("/benchmark")) {
        let versioned = format!("/api/v1{path}");
        assert!(document["paths"][&versioned].is_object(), "{versioned}");
    }
}

#[tokio::test]
async fn refusals_are_json_that_says_what_and_where() {
    let mut house = House::start(&[]);
    let anybody = Browser::new(&house.url);
    let refusal = json_of(&anybody, "/api/v1/benchmark", 401).await;
    assert_eq!(refusal["object"], "error");
    assert_eq!(refusal["code"], 401);

    let ada = house.administrator().await;
    let path = "/benchmark?page=0&limit=x&odd=1&order_by=-created_at,colour&page=2";
    let refusal = json_of(&ada, path, 422).await;
    let fields: Vec<&str> = refusal["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    for field in ["page", "limit", "odd", "order_by"] {
        assert!(fields.contains(&field), "{field}: {refusal}");
    }

    let nothing = format!("/api/v1/benchmark/{}", Uuid::nil());
    assert_eq!(json_of(&ada, &nothing, 404).await["code"], 404);
    assert_eq!(json_of(&ada, "/api/v1/benchmark/x", 404).await["code"], 404);
    assert_eq!(
        json_of(&ada, "/api/v1/no/such/route", 404).await["code"],
        404
    );
    assert_eq!(
        json_of(&ada, "/benchmark/no/such/route/at/all", 404).await["code"],
        404
    );

    let put = ada
        .request(Method::PUT, "/api/v1/benchmark")
        .header("origin", &ada.url);
    let response = put.send().await.unwrap();
    assert_eq!(response.status(), 405);
    assert!(header(&response, "allow").unwrap().contains("GET"));
    assert_eq!(response.json::<Value>().await.unwrap()["object"], "error");
}

#[tokio::test]
async fn the_history_is_the_same_at_both_paths() {
    let mut house = House::start(&[]);
    let ada = house.administrator().await;
    let at_reference = json_of(
        &ada,
        "/benchmark?page=1&limit=1&search=true&name=test-11",
        200,
    )
    .await;
    assert_eq!(at_reference["object"], "benchmarks.list");
    assert_eq!(at_reference["limit"], 1);
    let versioned = json_of(
        &ada,
        "/api/v1/benchmark?page=1&limit=1&search=true&name=test-11",
        200,
    )
    .await;
    assert_eq!(at_reference, versioned);
}

#[tokio::test]
async fn what_can_be_done_with_a_benchmark_is_refused_in_words() {
    let mut house = House::start(&[]);
    let ada = house.administrator().await;
    let nothing = format!("/api/v1/benchmark/{}", Uuid::nil());
    let ask = async |method: Method, path: &str, body: Option<Value>| {
        let request = ada
            .request(method, &format!("{nothing}{path}"))
            .header("origin", &ada.url);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json::<Value>().await.unwrap())
    };
    for (method, path, body) in [
        (Method::PUT, "/tags", Some(json!({ "tags": ["a"] }))),
        (
            Method::PUT,
            "/purpose",
            Some(json!({ "purpose": "gating" })),
        ),
        (Method::POST, "/archive", None),
        (Method::POST, "/unarchive", None),
        (Method::POST, "/clone", None),
        (Method::POST, "/reruns", None),
        (Method::GET, "/reruns", None),
        (Method::DELETE, "", None),
    ] {
        let (status, answer) = ask(method.clone(), path, body).await;
        assert_eq!(status, 404, "{method} {path}: {answer}");
        assert_eq!(answer["object"], "error", "{method} {path}");
    }
    let wrong = Some(json!({ "purpose": "fun" }));
    let (status, answer) = ask(Method::PUT, "/purpose", wrong).await;
    assert_eq!(
        (status, &answer["errors"][0]["field"]),
        (422, &json!("purpose"))
    );
    let (status, answer) = ask(Method::PUT, "/tags", Some(json!({ "tags": ["a,b"] }))).await;
    assert_eq!(
        (status, &answer["errors"][0]["field"]),
        (422, &json!("tags"))
    );
}

#[tokio::test]
async fn a_call_to_the_workflow_reads_back_as_it_was_answered() {
    let mut house = House::start(&[]);
    let ada = house.administrator().await;
    let answers = json!({
        "name": "bursts", "tags": ["night"], "description": "", "concurrent_requests": 2,
        "eval_with": "configuration", "api": "completions", "max_input_tokens": "normal:50,5",
        "max_output_tokens": "20", "shared_prefix_tokens": 8, "arrival": "gamma", "rate_per_s": 12.5,
        "burstiness": 0.25, "in_flight_max": 64, "ramp_s": 3, "request_count": 100, "warmup_s": 2,
        "slos": ["ttft_ms<=200@p99"], "fresh_connections": true, "ignore_eos": true,
        "request_timeout_s": 30
    });
    let mut call = answers.clone();
    call["workflow_total_steps"] = json!(8);
    let request = ada.request(Method::POST, "/api/v1/benchmark/run-workflow");
    let request = request.header("origin", &ada.url).json(&call);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let standing: Value = response.json().await.unwrap();
    let workflow = standing["workflow_id"].as_str().unwrap();
    let read = json_of(&ada, &format!("/api/v1/workflows/{workflow}"), 200).await;
    for (field, value) in answers.as_object().unwrap() {
        assert_eq!(standing["workflow_steps"][field], *value, "{field}");
        assert_eq!(read["workflow_steps"][field], *value, "{field}");
    }
}

async fn json_of(browser: &Browser, path: &str, status: u16) -> Value {
    let response = browser.request(Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), status, "{path}");
    let kind = header(&response, "content-type").unwrap();
    assert!(kind.starts_with("application/json"), "{path}: {kind}");
    response.json().await.unwrap()
}
