//! The reference's payloads, word for word but for ids, against a real engine: what a client of the
//! reference sends ends in a finished benchmark, and every way to read it agrees with its records.

use domain::measure::quantile::{percentile_of_sorted, sorted};
use domain::measure::record::{RequestPhase, RequestRecord};
use reqwest::Method;
use serde_json::Value;
use testkit::LlamaServer;

use crate::house::{Browser, House};
use crate::program::Program;

/// The key of the engine, which a credential carries.
const KEY: &str = "sk-reference-5f0c2a";

/// Step 1 of the reference.
const STEP_1: &str = r#"{
  "name": "test-111",
  "tags": [],
  "description": "test-111",
  "concurrent_requests": 50,
  "eval_with": "METHOD",
  "workflow_total_steps": 9,
  "step_number": 1,
  "trigger_workflow": false
}"#;
/// Step 2 with configuration.
const STEP_2: &str = r#"{
  "name": "test-111",
  "tags": [],
  "description": "test-111",
  "concurrent_requests": 50,
  "eval_with": "configuration",
  "workflow_id": "WORKFLOW",
  "step_number": 2,
  "trigger_workflow": false,
  "max_input_tokens": 50,
  "max_output_tokens": 100
}"#;
/// Step 2 with datasets.
const STEP_2_DATASET: &str = r#"{
  "name": "test-111",
  "tags": [],
  "description": "test-111",
  "concurrent_requests": 50,
  "eval_with": "dataset",
  "workflow_id": "WORKFLOW",
  "step_number": 2,
  "trigger_workflow": false,
  "datset_ids": ["DATASET"]
}"#;
const STEP_3: &str = r#"{
  "name": "test-111",
  "tags": [],
  "description": "test-111",
  "concurrent_requests": 50,
  "eval_with": "configuration",
  "workflow_id": "WORKFLOW",
  "step_number": 3,
  "trigger_workflow": false,
  "cluster_id": "CLUSTER"
}"#;
/// Its nodes are those that the node metrics give.
const STEP_4: &str = r#"{
  "name": "test-111",
  "tags": [],
  "description": "test-111",
  "concurrent_requests": 50,
  "eval_with": "configuration",
  "workflow_id": "WORKFLOW",
  "step_number": 4,
  "trigger_workflow": false,
  "nodes": [NODE]
}"#;
const STEP_5: &str = r#"{
  "name": "test-111",
  "tags": [],
  "description": "test-111",
  "concurrent_requests": 50,
  "eval_with": "configuration",
  "workflow_id": "WORKFLOW",
  "step_number": 5,
  "model_id": "MODEL"
}"#;
const STEP_6: &str = r#"{
  "name": "test-111",
  "tags": [],
  "description": "test-111",
  "concurrent_requests": 50,
  "eval_with": "configuration",
  "workflow_id": "WORKFLOW",
  "step_number": 6,
  "credential_id": "CREDENTIAL"
}"#;
const STEP_7: &str = r#"{
  "name": "test-111",
  "tags": [],
  "description": "test-111",
  "concurrent_requests": 50,
  "eval_with": "configuration",
  "workflow_id": "WORKFLOW",
  "step_number": 7,
  "user_confirmation": true
}"#;
const STEP_8: &str = r#"{
  "name": "test-111",
  "tags": [],
  "description": "test-111",
  "concurrent_requests": 50,
  "eval_with": "configuration",
  "workflow_id": "WORKFLOW",
  "step_number": 8,
  "run_as_simulation": false,
  "trigger_workflow": true
}"#;

/// What the payloads name.
struct Catalogue {
    cluster: String,
    model: String,
    credential: String,
    node: String,
}

/// An engine that wants a key, as a provider's endpoint, with a cloud model and a credential.
async fn catalogue(house: &mut House, program: &Program, engine_url: &str) -> (Browser, Catalogue) {
    let mut ada = house.administrator().await;
    let id_of = |text: String| text.trim_matches('"').to_owned();
    let address = engine_url.to_owned();
    let credential = [
        ("name", "provider key"),
        ("base_url", &address),
        ("secret", KEY),
        ("description", ""),
    ];
    let credential = ada.call("/api/credentials/save", &credential).await;
    let credential = id_of(credential.text().await.unwrap());
    let cluster = [
        ("name", "Provider"),
        ("base_url", &address),
        ("description", ""),
    ];
    let cluster = ada.call("/api/clusters/save_endpoint", &cluster).await;
    let cluster = id_of(cluster.text().await.unwrap());
    let model = [
        ("name", "Cloud tiny"),
        ("served_name", ""),
        ("source", "cloud"),
        ("provider", "openai"),
        ("cloud_model", LlamaServer::MODEL),
    ];
    let model = ada.call("/api/models/save", &model).await;
    let model = id_of(model.text().await.unwrap());
    let nodes = program
        .get(&format!("/clusters/{cluster}/node-metrics"))
        .await;
    let mut nodes = nodes["nodes"].as_object().unwrap().values();
    let catalogue = Catalogue {
        cluster,
        model,
        credential,
        node: nodes.next().unwrap().to_string(),
    };
    (ada, catalogue)
}

/// Sends the steps one by one; the id of the benchmark they end in.
async fn send_steps(
    program: &Program,
    catalogue: &Catalogue,
    method: &str,
    step_2: &str,
) -> String {
    let path = "/benchmark/run-workflow";
    let started = program.post(path, &STEP_1.replace("METHOD", method)).await;
    let workflow = started["workflow_id"].as_str().unwrap().to_owned();
    assert_eq!(started["status"], "in_progress");
    let steps = [step_2, STEP_3, STEP_4, STEP_5, STEP_6, STEP_7, STEP_8];
    for (number, step) in (2..).zip(steps) {
        let payload = step
            .replace("METHOD", method)
            .replace("WORKFLOW", &workflow)
            .replace("CLUSTER", &catalogue.cluster)
            .replace("NODE", &catalogue.node)
            .replace("MODEL", &catalogue.model)
            .replace("CREDENTIAL", &catalogue.credential);
        let standing = program.post(path, &payload).await;
        assert_eq!(standing["workflow_id"], *workflow, "step {number}");
        if number < 7 {
            assert_eq!(standing["current_step"], number + 1, "{standing}");
        }
    }
    program.wait_for_run(&workflow).await
}

#[tokio::test]
async fn the_reference_s_configuration_run_on_llama_ends_in_figures_that_agree() {
    let engine = LlamaServer::start_with(8, &["--api-key", KEY]);
    let mut house = House::start(&[]);
    let program = Program::new(&house, "reference", "operator");
    let (ada, catalogue) = catalogue(&mut house, &program, engine.url()).await;
    let benchmark = send_steps(&program, &catalogue, "configuration", STEP_2).await;

    let records = records(&ada, &benchmark).await;
    check_result(&program, &benchmark, &records).await;
    check_requests(&program, &benchmark, &records).await;
    check_lengths(&program, &benchmark, &records).await;
    check_page(&ada, &program, &benchmark).await;
    let text = house.process.output();
    assert!(!text.contains(KEY), "the log names the key");
}

#[tokio::test]
async fn the_reference_s_dataset_run_on_llama_ends_in_figures_that_agree() {
    let engine = LlamaServer::start_with(8, &["--api-key", KEY]);
    let mut house = House::start(&[]);
    let program = Program::new(&house, "reference", "operator");
    let (ada, catalogue) = catalogue(&mut house, &program, engine.url()).await;
    let datasets = program.get("/api/v1/datasets").await;
    let dataset = datasets["datasets"][0]["id"].as_str().unwrap().to_owned();
    let step_2 = STEP_2_DATASET.replace("DATASET", &dataset);
    let benchmark = send_steps(&program, &catalogue, "dataset", &step_2).await;

    let records = records(&ada, &benchmark).await;
    check_result(&program, &benchmark, &records).await;
    check_requests(&program, &benchmark, &records).await;
    check_lengths(&program, &benchmark, &records).await;
    check_page(&ada, &program, &benchmark).await;
    let rows = format!("/benchmark/request-metrics?benchmark_id={benchmark}&limit=200");
    let rows = program.get(&rows).await;
    for row in rows["items"].as_array().unwrap() {
        assert_eq!(row["dataset_id"], *dataset);
    }
    let path = format!("/benchmark/dataset/input-distribution?benchmark_id={benchmark}&num_bins=2");
    let all = program.post(&path, "[]").await;
    let of_it = program.post(&path, &format!(r#"["{dataset}"]"#)).await;
    assert_eq!(all, of_it);
    let other = format!(r#"["{}"]"#, uuid::Uuid::nil());
    let of_another = program.post(&path, &other).await;
    assert_eq!(of_another["param"]["result"], serde_json::json!([]));
}

/// The records of a run, from the file that people download.
async fn records(ada: &Browser, benchmark: &str) -> Vec<RequestRecord> {
    let path = format!("/benchmarks/{benchmark}/records.parquet");
    let file = ada.request(Method::GET, &path).send().await.unwrap();
    store::records::read_records(file.bytes().await.unwrap()).unwrap()
}

fn good(records: &[RequestRecord]) -> Vec<&RequestRecord> {
    let is_good =
        |record: &&RequestRecord| record.phase == RequestPhase::Measured && record.is_ok();
    records.iter().filter(is_good).collect()
}

fn close(a: &Value, b: f64, what: &str) {
    let a = a.as_f64().unwrap_or_else(|| panic!("{what} is {a}"));
    assert!(
        (a - b).abs() <= 1e-9 * b.abs().max(1.0),
        "{what}: {a} and {b}"
    );
}

/// A metric of one request.
type Metric = fn(&RequestRecord) -> Option<f64>;

/// The aggregates are those of the file, in milliseconds and per second.
async fn check_result(program: &Program, benchmark: &str, records: &[RequestRecord]) {
    let answer = program
        .get(&format!("/benchmark/result?benchmark_id={benchmark}"))
        .await;
    assert_eq!(answer["object"], "benchmark.result");
    let result = &answer["param"]["result"];
    let good = good(records);
    assert_eq!(result["successful_requests"], good.len());
    assert_eq!(result["failed_requests"], 0);
    let duration = result["duration"].as_f64().unwrap();
    let total = |tokens: fn(&RequestRecord) -> u32| -> f64 {
        good.iter().map(|record| f64::from(tokens(record))).sum()
    };
    let (input, output) = (total(|r| r.input_tokens), total(|r| r.output_tokens));
    close(&result["total_input_tokens"], input, "input tokens");
    close(&result["total_output_tokens"], output, "output tokens");
    close(
        &result["output_throughput"],
        output / duration,
        "output throughput",
    );
    close(
        &result["request_throughput"],
        good.len() as f64 / duration,
        "request throughput",
    );
    let metrics: [(&str, Metric); 4] = [
        ("ttft_ms", RequestRecord::ttft_ms),
        ("tpot_ms", RequestRecord::tpot_ms),
        ("e2el_ms", RequestRecord::e2e_ms),
        ("throughput", RequestRecord::output_tok_per_s),
    ];
    for (name, metric) in metrics {
        let values = sorted(good.iter().filter_map(|record| metric(record)).collect());
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        close(&result[format!("mean_{name}")], mean, name);
        for (field, p) in [
            ("min", 0.0),
            ("p25", 25.0),
            ("median", 50.0),
            ("p95", 95.0),
            ("p99", 99.0),
            ("max", 100.0),
        ] {
            let value = percentile_of_sorted(&values, p).unwrap();
            close(
                &result[format!("{field}_{name}")],
                value,
                &format!("{field}_{name}"),
            );
        }
    }
}

/// The rows are those of the file, in seconds; pairs of fields are those of the rows.
async fn check_requests(program: &Program, benchmark: &str, records: &[RequestRecord]) {
    let measured = records
        .iter()
        .filter(|record| record.phase == RequestPhase::Measured);
    let measured: Vec<&RequestRecord> = measured.collect();
    let mut rows: Vec<Value> = Vec::new();
    for page in 1.. {
        let path =
            format!("/benchmark/request-metrics?benchmark_id={benchmark}&page={page}&limit=200");
        let answer = program.get(&path).await;
        assert_eq!(answer["total_items"], measured.len());
        let items = answer["items"].as_array().unwrap();
        if items.is_empty() {
            break;
        }
        rows.extend(items.iter().cloned());
    }
    assert_eq!(rows.len(), measured.len());
    for (row, record) in rows.iter().zip(&measured) {
        assert_eq!(row["index"], record.index);
        assert_eq!(row["prompt_len"], record.input_tokens);
        assert_eq!(row["output_len"], record.output_tokens);
        close(&row["ttft"], record.ttft_ms().unwrap() / 1e3, "ttft");
        close(&row["latency"], record.e2e_ms().unwrap() / 1e3, "latency");
        let gaps = row["itl"].as_array().unwrap();
        assert_eq!(gaps.len() + 1, record.chunk_at.len());
    }
    let path =
        format!("/benchmark/{benchmark}/analysis/field1_vs_field2?field1=prompt_len&field2=tpot");
    let answer = program.post(&path, "").await;
    let pairs = answer["param"]["result"].as_array().unwrap();
    let expected: Vec<&RequestRecord> = good(records)
        .into_iter()
        .filter(|r| r.tpot_ms().is_some())
        .collect();
    assert_eq!(pairs.len(), expected.len());
    for (pair, record) in pairs.iter().zip(expected) {
        assert_eq!(pair["prompt_len"], record.input_tokens);
        close(&pair["tpot"], record.tpot_ms().unwrap() / 1e3, "tpot");
    }
}

/// Bins together hold every request; one bin has the figures of all.
async fn check_lengths(program: &Program, benchmark: &str, records: &[RequestRecord]) {
    let good = good(records);
    let mean = |value: fn(&RequestRecord) -> Option<f64>| {
        let values: Vec<f64> = good.iter().filter_map(|record| value(record)).collect();
        values.iter().sum::<f64>() / values.len() as f64 / 1e3
    };
    for side in ["input", "output"] {
        let path = |bins| {
            format!(
                "/benchmark/dataset/{side}-distribution?benchmark_id={benchmark}&num_bins={bins}"
            )
        };
        let answer = program.post(&path(7), "[]").await;
        assert_eq!(
            answer["object"],
            format!("benchmark.dataset.{side}.distribution")
        );
        let bins = answer["param"]["result"].as_array().unwrap();
        assert_eq!(bins.len(), 7);
        let sum: u64 = bins
            .iter()
            .map(|bin| bin["request_count"].as_u64().unwrap())
            .sum();
        assert_eq!(sum, good.len() as u64);
        let one = program.post(&path(1), "").await;
        let one = &one["param"]["result"][0];
        close(&one["avg_ttft"], mean(RequestRecord::ttft_ms), "avg_ttft");
        close(
            &one["avg_latency"],
            mean(RequestRecord::e2e_ms),
            "avg_latency",
        );
    }
}

/// The page shows the figures of the result, exact behind the rounded ones.
async fn check_page(ada: &Browser, program: &Program, benchmark: &str) {
    let page = ada.read(&format!("/benchmarks/{benchmark}")).await;
    let exact: Vec<f64> = page
        .split("data-exact=\"")
        .skip(1)
        .filter_map(|rest| {
            let text = rest.split('"').next()?.split(' ').next()?;
            text.replace(',', "").parse().ok()
        })
        .collect();
    let answer = program
        .get(&format!("/benchmark/result?benchmark_id={benchmark}"))
        .await;
    let result = &answer["param"]["result"];
    for field in [
        "median_ttft_ms",
        "median_tpot_ms",
        "median_e2el_ms",
        "output_throughput",
        "request_throughput",
    ] {
        let value = result[field].as_f64().unwrap();
        let is_shown = exact
            .iter()
            .any(|shown| (shown - value).abs() <= 1e-3 * value.abs());
        assert!(is_shown, "{field} {value} is not on the page: {exact:?}");
    }
    let listed = program
        .get("/benchmark?search=true&name=test-11&limit=1")
        .await;
    let row = &listed["benchmarks"][0];
    assert_eq!(row["id"], *benchmark);
    assert_eq!(row["status"], "success");
    assert_eq!(row["ttft"], result["median_ttft_ms"]);
    let detail = program
        .get(&format!("/benchmark/{benchmark}/model-cluster-detail"))
        .await;
    assert_eq!(detail["result"]["model"]["provider_type"], "cloud_model");
}
