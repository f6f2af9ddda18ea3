//! What a cloud model may spend: told before it runs, kept while it does, and told in its result.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::LlamaServer;

use crate::house::{Browser, House};
use crate::program::Program;

const KEY: &str = "sk-metered-77";
const RUN: &str = "/api/v1/benchmark/run-workflow";

/// The id that a form's answer gives.
async fn saved(browser: &mut Browser, path: &str, form: &[(&str, &str)]) -> String {
    let answer = browser.call(path, form).await.text().await.unwrap();
    answer.trim_matches('"').to_owned()
}

#[tokio::test]
async fn a_program_limits_a_cloud_run_on_llama_and_is_told_its_price() {
    let engine = LlamaServer::start_with(2, &["--api-key", KEY]);
    let mut house = House::start(&[]);
    let mut ada = house.administrator().await;
    let program = Program::new(&house, "metered", "administrator");
    let url = engine.url().to_owned();
    let form = [
        ("name", "Metered key"),
        ("base_url", &url),
        ("secret", KEY),
        ("description", ""),
    ];
    let credential = saved(&mut ada, "/api/credentials/save", &form).await;
    let form = [("name", "Metered"), ("base_url", &url), ("description", "")];
    let cluster = saved(&mut ada, "/api/clusters/save_endpoint", &form).await;
    let nodes = program
        .get(&format!("/clusters/{cluster}/node-metrics"))
        .await;
    let node = nodes["nodes"].as_object().unwrap().values().next().unwrap();
    let model = json!({
        "name": "Metered tiny", "source": "cloud", "provider": "openai", "cloud_model": LlamaServer::MODEL,
        "input_price": 2_000, "output_price": 10_000.0,
    });
    let made = program
        .call(Method::POST, "/api/v1/models", &model.to_string(), 201)
        .await;
    let priced = &made["model"];
    assert_eq!(priced["input_price"], 2_000.0, "{made}");
    let mut half = model.clone();
    half["name"] = "Half".into();
    half["output_price"] = Value::Null;
    let refused = program
        .call(Method::POST, "/api/v1/models", &half.to_string(), 422)
        .await;
    assert!(refused.to_string().contains("output_price"), "{refused}");

    let mut call = json!({
        "workflow_total_steps": 8, "name": "Metered", "concurrent_requests": 1, "eval_with": "configuration",
        "max_input_tokens": 32, "max_output_tokens": 8, "duration_s": 60, "warmup_requests": 2, "fresh_connections": true,
        "cluster_id": cluster, "nodes": [node], "model_id": priced["id"], "credential_id": credential,
    });
    // As many as are answered in a minute: nobody knows how many that is.
    let refused = program
        .call(Method::POST, RUN, &call.to_string(), 422)
        .await;
    assert!(
        refused.to_string().contains("spend_limit.requests"),
        "{refused}"
    );
    call["spend_limit"] = json!({"requests": 0});
    program
        .call(Method::POST, RUN, &call.to_string(), 422)
        .await;

    let plan = call.as_object_mut().unwrap();
    plan.remove("spend_limit");
    plan.remove("duration_s");
    plan.insert("request_count".to_owned(), 20.into());
    let standing = program.post(RUN, &call.to_string()).await;
    let spending = &standing["spending"];
    assert_eq!(spending["expected_requests"], 22, "{standing}");
    assert_eq!(spending["expected_input_tokens"], 22 * 32);
    assert_eq!(spending["expected_output_tokens"], 22 * 8);
    // 704 × $0.002 and 176 × $0.01.
    let cost = spending["expected_cost_usd"].as_f64().unwrap();
    assert!((cost - 3.168).abs() < 1e-9, "{cost}");
    assert_eq!(spending["requests_max"], 44);
    assert!(spending["cost_max_usd"].as_f64().unwrap() > cost);

    let workflow = standing["workflow_id"].as_str().unwrap();
    let limited = json!({
        "workflow_id": workflow, "spend_limit": {"requests": 7}, "user_confirmation": true,
    });
    let standing = program.post(RUN, &limited.to_string()).await;
    assert_eq!(standing["spending"]["requests_max"], 7, "{standing}");
    assert_eq!(standing["workflow_steps"]["requests_max"], 7);
    let trigger = json!({"workflow_id": workflow, "trigger_workflow": true});
    program.post(RUN, &trigger.to_string()).await;
    let benchmark = program.wait_for_run(workflow).await;
    let path = format!("/api/v1/benchmark/result?benchmark_id={benchmark}");
    let result = &program.get(&path).await["param"]["result"];
    assert_eq!(result["successful_requests"], 5, "{result}");
    assert_eq!(result["spent_requests"], 7);
    assert_eq!(result["limit_reached"], true);
    assert!(result["spent_tokens"].as_u64().unwrap() >= 7 * 32);
}
