//! How a node stands, as the API tells it: free, held by a run in a stage, with something left to clean up.

use std::time::{Duration, Instant};

use domain::id::{BenchmarkId, NodeId};
use domain::time::Timestamp;
use serde_json::{Value, json};
use store::Store;
use uuid::Uuid;

use crate::house::{House, PATIENCE};
use crate::live::queue_requests;
use crate::program::Program;

/// So many that the run goes on until it is cancelled.
const REQUESTS_FOR_LONG: u32 = 20_000;
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The one node of this machine.
async fn node(program: &Program) -> Value {
    let listed = program.get("/api/v1/clusters").await;
    let id = listed["clusters"][0]["id"].as_str().unwrap();
    let answer = program.get(&format!("/clusters/{id}/node-metrics")).await;
    let mut nodes = answer["nodes"].as_object().unwrap().values();
    nodes.next().unwrap().clone()
}

async fn node_when(program: &Program, is_it: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let found = node(program).await;
        if is_it(&found) {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "{found}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[tokio::test]
async fn the_nodes_of_a_cluster_tell_what_runs_there_and_what_is_free() {
    let mut house = House::start(&[]);
    house.administrator().await;
    let program = Program::new(&house, "nodes", "operator");

    let free = node(&program).await;
    assert_eq!(free["status"], "Ready");
    assert_eq!(free["reachability"], "reachable");
    assert_eq!(free["running"], Value::Null);
    assert_eq!(free["pending_cleanups"], json!([]));
    let accelerator_count = free["devices"].as_array().unwrap().len() - 1;
    assert_eq!(free["free_accelerators"], accelerator_count);
    assert_eq!(free["devices"][0]["available_count"], 1);
    assert!(free["devices"][0]["device_info"]["num_virtual_cores"].as_u64() > Some(0));
    assert!(free["disk"]["total_bytes"].as_u64() > free["disk"]["free_bytes"].as_u64());
    assert!(!free["system_info"]["architecture"].is_null(), "{free}");
    assert!(free["inventory_read_at"].is_string(), "{free}");

    let run = queue_requests(&house, REQUESTS_FOR_LONG).await;
    let held = node_when(&program, |node| node["running"]["stage"] == "run_benchmark").await;
    let running = &held["running"];
    assert_eq!(running["benchmark_id"], run.to_string());
    assert_eq!(running["benchmark_name"], "Watched");
    let (since, stage_since) = (running["since"].as_str(), running["stage_since"].as_str());
    assert!(since.unwrap() < stage_since.unwrap(), "{running}");
    assert_eq!(held["held_by"], run.to_string());
    assert_eq!(held["free_accelerators"], 0);
    assert_eq!(held["devices"][0]["available_count"], 0);

    let store = Store::open_embedded(house.folder.path()).await.unwrap();
    let node_id = NodeId(held["id"].as_str().unwrap().parse().unwrap());
    let other = BenchmarkId(Uuid::now_v7());
    let left = store.note_pending_cleanup(other, (node_id, "here"), "No route.", Timestamp(1));
    left.await.unwrap();
    let cancel = json!({ "benchmark_id": run.to_string() }).to_string();
    program.post("/benchmark/cancel", &cancel).await;
    let after = node_when(&program, |node| node["running"].is_null()).await;
    let pending = &after["pending_cleanups"][0];
    assert_eq!(pending["benchmark_id"], other.to_string());
    assert_eq!(pending["reason"], "No route.");
    assert_eq!(after["free_accelerators"], accelerator_count);
}
