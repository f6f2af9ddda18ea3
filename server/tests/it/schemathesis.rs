//! The API against its own document: a property-based tester sends what the document allows and what
//! it forbids, and looks at every answer. All checks, no exceptions.

use std::process::Command;
use std::time::Duration;

use store::Store;
use testkit::{Process, target_dir, workspace_root};

use crate::house::House;
use crate::program::Program;

/// Fewest cases of a run that says something.
const CASES_MIN: u32 = 2_000;
/// How long the tester may take.
const TESTER_PATIENCE: Duration = Duration::from_mins(15);
/// What would take the ground from under the tester: the token it comes with, and its account.
const LEFT_OUT: &str = "(revoke_token|disable_user|set_user_role|reset_user_password)$";

#[tokio::test]
async fn schemathesis_finds_nothing_undocumented() {
    let mut house = House::start(&[]);
    house.administrator().await;
    let program = Program::new(&house, "tester", "administrator");
    run_a_benchmark(&house, &program).await;

    let tester = target_dir().join("venv/bin/st");
    assert!(
        tester.exists(),
        "{} is missing: `cargo xtask test` sets it up",
        tester.display()
    );
    let folder = testkit::data_dir();
    let mut command = Command::new(tester);
    command
        .arg("--config-file")
        .arg(workspace_root().join("end2end/schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", house.url), "--no-color"])
        .args(["--checks", "all", "--max-examples", "60"])
        .args(["--exclude-operation-id-regex", LEFT_OUT])
        .env("ASSAY_TOKEN", &program.token)
        .current_dir(folder.path());
    let mut tester = Process::spawn(&mut command);
    let status = tester.wait_for_exit(TESTER_PATIENCE);
    let output = tester.output();
    let log = house.process.output();
    assert!(status.success(), "{output}\nThe server's log:\n{log}");
    let cases = cases_of(&output).unwrap_or_else(|| panic!("no count of cases: {output}"));
    assert!(cases >= CASES_MIN, "{cases} cases: {output}");
}

/// So that there are figures, records, events and a workflow to ask for.
async fn run_a_benchmark(house: &House, program: &Program) {
    let store = Store::open_embedded(house.folder.path()).await.unwrap();
    let cluster = store.list_clusters().await.unwrap().remove(0).id;
    let model = store.list_models().await.unwrap().remove(0).id;
    let nodes = program
        .get(&format!("/clusters/{cluster}/node-metrics"))
        .await;
    let nodes: Vec<_> = nodes["nodes"].as_object().unwrap().values().collect();
    let call = serde_json::json!({
        "workflow_total_steps": 1, "step_number": 1, "trigger_workflow": true,
        "name": "For the tester", "tags": ["tester"], "description": "",
        "concurrent_requests": 2, "eval_with": "configuration",
        "max_input_tokens": 16, "max_output_tokens": 8,
        "request_count": 6, "warmup_requests": 2,
        "cluster_id": cluster, "nodes": nodes, "model_id": model,
        "engine": { "preset": "reference", "arguments": ["--ttft-ms", "5", "--itl-ms", "1"] },
        "user_confirmation": true,
    });
    let path = "/api/v1/benchmark/run-workflow";
    let standing = program.post(path, &call.to_string()).await;
    program
        .wait_for_run(standing["workflow_id"].as_str().unwrap())
        .await;
}

/// `2345` of `  2345 generated, 2345 passed`.
fn cases_of(output: &str) -> Option<u32> {
    let line = output.lines().find(|line| line.contains(" generated, "))?;
    line.split_whitespace()
        .next()?
        .replace(',', "")
        .parse()
        .ok()
}
