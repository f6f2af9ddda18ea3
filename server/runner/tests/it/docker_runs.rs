//! Runs whose engine is in a container of a real Docker Engine.

use domain::id::BenchmarkId;
use domain::run::event::RunOutcome;
use domain::run::{Stage, StageStatus};
use domain::workload::StopRule;
use runner::DockerAddress;
use serde_json::{Value, json};
use testkit::DockerEngine;

use crate::house::{House, log_of};
use crate::plans::container_plan;

async fn open_house() -> (House, &'static DockerEngine) {
    let engine = DockerEngine::shared();
    let mut house = House::open_whole().await;
    house.config.docker = DockerAddress::Socket(engine.socket());
    house.start();
    (house, engine)
}

/// The containers with the label of a run, running or not, asked beside the code under test.
pub(crate) fn containers_of(engine: &DockerEngine, run: BenchmarkId) -> Vec<Value> {
    let list: Vec<Value> = ask(engine, "/containers/json?all=true");
    let belongs = |container: &Value| container["Labels"].to_string().contains(&run.to_string());
    list.into_iter().filter(belongs).collect()
}

pub(crate) fn ask<T: serde::de::DeserializeOwned>(engine: &DockerEngine, path: &str) -> T {
    let (status, body) = engine.request("GET", path);
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// Creates a container with these labels, beside the code under test; returns its id.
fn create(engine: &DockerEngine, labels: &Value) -> String {
    let body = json!({ "Image": engine.busybox_image(), "Cmd": ["true"], "Labels": labels });
    let (status, body) = engine.send_json("POST", "/containers/create", &body.to_string());
    assert_eq!(status, 201, "{body}");
    let created: Value = serde_json::from_str(&body).unwrap();
    created["Id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn llama_in_a_container_is_measured_and_removed() {
    let (mut house, engine) = open_house().await;
    let plan = container_plan(engine.llama_image(), &[]);
    let id = house.queue(&plan).await;
    let state = house.wait_for_stage(id, Stage::VerifyDeployment).await;
    let containers = containers_of(engine, id);
    let [container] = containers.as_slice() else {
        panic!("{containers:#?} and {state:#?}");
    };
    let name = container["Id"].as_str().unwrap();
    let inspected: Value = ask(engine, &format!("/containers/{name}/json"));
    let host = &inspected["HostConfig"];
    assert_eq!(host["CpusetCpus"], "0");
    assert_eq!(host["Memory"], 1 << 30);
    assert_eq!(host["Privileged"], false);
    let ports = &host["PortBindings"]["8080/tcp"][0];
    assert_eq!(ports["HostIp"], "127.0.0.1");
    let environment = inspected["Config"]["Env"].to_string();
    assert!(environment.contains("GREETING=hello you"), "{environment}");

    let state = house.wait_for_end(id).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    house.assert_clean(id, &state);
    let clean_up = &state.stage(Stage::CleanUp).unwrap().status;
    assert_eq!(
        *clean_up,
        StageStatus::Done {
            note: "One container was removed.".to_owned()
        }
    );
    assert_eq!(containers_of(engine, id), Vec::<Value>::new());
    assert_eq!(state.engine_container, Some(format!("assay-{id}")));
    let benchmark = house.store.find_benchmark(id).await.unwrap().unwrap();
    let result = benchmark.result.unwrap();
    assert_eq!(result.summary.completed_count, 6);
    assert_eq!(result.manifest.engine.unwrap().name, "llama.cpp");
    let log = log_of(&state, Stage::VerifyDeployment).join("\n");
    let log = log + &log_of(&state, Stage::DeployEngine).join("\n");
    assert!(log.contains("The image"), "{log}");
    house.stop().await;
}

#[tokio::test]
async fn a_container_that_ends_at_once_says_why_and_is_removed() {
    let (mut house, engine) = open_house().await;
    let mut plan = container_plan(engine.busybox_image(), &[]);
    if let domain::plan::Deployment::Container { entrypoint, .. } = &mut plan.deployment {
        let script = "echo no such model; exit 3";
        *entrypoint = Some(["sh", "-c", script].map(str::to_owned).into());
    }
    let id = house.queue(&plan).await;
    let state = house.wait_for_end(id).await;
    house.assert_clean(id, &state);
    let Some(RunOutcome::Failed { reason, .. }) = &state.outcome else {
        panic!("{state:#?}");
    };
    assert!(reason.contains("exit code 3"), "{reason}");
    assert!(reason.contains("no such model"), "{reason}");
    assert_eq!(containers_of(engine, id), Vec::<Value>::new());
    house.stop().await;
}

/// Somebody takes the container away while an hour of load is left.
#[tokio::test]
async fn a_load_does_not_outlive_its_engine() {
    let (mut house, engine) = open_house().await;
    let mut plan = container_plan(engine.llama_image(), &[]);
    plan.workload.stop = StopRule::Duration { seconds: 3_600 };
    let id = house.queue(&plan).await;
    house.wait_for_stage(id, Stage::RunBenchmark).await;
    let name = format!("/containers/assay-{id}?force=true");
    let (status, body) = engine.request("DELETE", &name);
    assert_eq!(status, 204, "{body}");
    let reason = house.wait_for_failure(id, Stage::RunBenchmark).await;
    assert!(reason.contains("removed by somebody else"), "{reason}");
    assert!(reason.contains("told to end before its plan"), "{reason}");
    // What was measured until then is kept.
    let result = house.store.find_result(id).await.unwrap().unwrap();
    assert!(result.summary.failed_count > 0);
    let records = &result.manifest.records_sha256;
    assert!(!house.store.get_records(records).await.unwrap().is_empty());
    house.stop().await;
}

/// Somebody restarts the container: the load was cut because it had ended, even if it is up again.
#[tokio::test]
async fn an_engine_that_was_restarted_by_somebody_is_why_the_load_was_cut() {
    let (mut house, engine) = open_house().await;
    let mut plan = container_plan(engine.llama_image(), &[]);
    plan.workload.stop = StopRule::Duration { seconds: 3_600 };
    let id = house.queue(&plan).await;
    house.wait_for_stage(id, Stage::RunBenchmark).await;
    let ask = |what: &str| {
        let (status, body) = engine.request("POST", &format!("/containers/assay-{id}/{what}"));
        assert_eq!(status, 204, "{body}");
    };
    ask("kill");
    // The load tells of failures twice a second, and the engine is looked at then.
    house
        .wait_until(id, |state| {
            let failed = state.live.iter().filter(|live| live.failed_count > 0);
            failed.count() >= 4
        })
        .await;
    ask("start");
    let reason = house.wait_for_failure(id, Stage::RunBenchmark).await;
    assert!(reason.contains("the engine ended during"), "{reason}");
    assert!(reason.contains("told to end before its plan"), "{reason}");
    house.stop().await;
}

#[tokio::test]
async fn a_cancelled_run_leaves_no_container() {
    let (mut house, engine) = open_house().await;
    let mut plan = container_plan(engine.busybox_image(), &[]);
    if let domain::plan::Deployment::Container { entrypoint, .. } = &mut plan.deployment {
        *entrypoint = Some(["sleep", "600"].map(str::to_owned).into());
    }
    let id = house.queue(&plan).await;
    house.wait_for_stage(id, Stage::VerifyDeployment).await;
    assert_eq!(containers_of(engine, id).len(), 1);
    house.cancel(id).await;
    let state = house.wait_for_end(id).await;
    house.assert_clean(id, &state);
    assert_eq!(
        state.outcome,
        Some(RunOutcome::Cancelled {
            by: "ada".to_owned()
        })
    );
    assert_eq!(containers_of(engine, id), Vec::<Value>::new());
    house.stop().await;
}

/// Not the one of the account's own `docker` command.
#[tokio::test]
async fn the_inventory_names_the_docker_engine_that_runs_are_given() {
    let version: Value = ask(DockerEngine::shared(), "/version");
    let version = format!("Docker {}", version["Version"].as_str().unwrap());
    let socket = DockerEngine::shared().socket();
    for (socket, expected) in [
        (socket.with_file_name("no.sock"), None),
        (socket, Some(version)),
    ] {
        let now = runner::system_clock()();
        let address = DockerAddress::Socket(socket);
        let inventory = runner::inventory::read_this_machine(now, &address).await;
        assert_eq!(inventory.unwrap().container_runtime, expected);
    }
}

#[tokio::test]
async fn an_image_that_is_nowhere_ends_the_run_with_the_reason() {
    let (mut house, engine) = open_house().await;
    let plan = container_plan("127.0.0.1:1/no/such-image:v1", &[]);
    let id = house.queue(&plan).await;
    let reason = house.wait_for_failure(id, Stage::DeployEngine).await;
    assert!(reason.contains("127.0.0.1:1"), "{reason}");
    assert_eq!(containers_of(engine, id), Vec::<Value>::new());
    house.stop().await;
}

#[tokio::test]
async fn a_folder_that_is_not_allowed_is_not_mounted() {
    let (mut house, engine) = open_house().await;
    let mut plan = container_plan(engine.busybox_image(), &[]);
    if let domain::plan::Deployment::Container { mounts, .. } = &mut plan.deployment {
        mounts.push(domain::engine::ContainerMount {
            source: "/etc".to_owned(),
            target: "/models".to_owned(),
        });
    }
    let id = house.queue(&plan).await;
    let reason = house.wait_for_failure(id, Stage::DeployEngine).await;
    assert!(reason.contains("/etc may not be mounted"), "{reason}");
    assert_eq!(containers_of(engine, id), Vec::<Value>::new());
    house.stop().await;
}

/// A server that was killed left a container of a run that has ended since.
#[tokio::test]
async fn a_container_of_a_run_that_ended_is_removed_at_the_start() {
    let (mut house, engine) = open_house().await;
    let mut plan = container_plan(engine.busybox_image(), &[]);
    if let domain::plan::Deployment::Container { entrypoint, .. } = &mut plan.deployment {
        *entrypoint = Some(["sleep", "600"].map(str::to_owned).into());
    }
    let id = house.queue(&plan).await;
    house.wait_for_stage(id, Stage::VerifyDeployment).await;
    let labels = containers_of(engine, id)[0]["Labels"].clone();
    house.cancel(id).await;
    house.wait_for_end(id).await;
    house.stop().await;

    let left = create(engine, &labels);
    let others = create(engine, &json!({ "assay.run": id.to_string() }));
    house.start();
    let is_gone = async || {
        containers_of(engine, id)
            .iter()
            .all(|one| one["Id"] != *left)
    };
    house.wait_for(is_gone).await;
    let (status, _) = engine.request("GET", &format!("/containers/{others}/json"));
    assert_eq!(
        status, 200,
        "what does not carry this installation's mark stays"
    );
    house.stop().await;
}
