//! Runs whose engine is in a container of a machine behind a real sshd: its Docker Engine is reached through the link.

use domain::run::Stage;
use domain::run::event::RunOutcome;
use serde_json::Value;
use testkit::{DockerEngine, Sshd};

use crate::docker_runs::{ask, containers_of};
use crate::house::{House, Login};
use crate::plans::container_plan;
use crate::sshd_llama_runs::note_of;

/// A machine whose account uses the Docker Engine of the tests.
pub(crate) fn machine_with_docker() -> (Sshd, &'static DockerEngine) {
    let engine = DockerEngine::shared();
    engine.open_to_all();
    let host = format!("DOCKER_HOST=unix://{}", engine.socket().display());
    (Sshd::start_with(&[&host]), engine)
}

#[tokio::test]
async fn llama_in_a_container_of_a_far_machine_is_measured_and_removed() {
    let (sshd, engine) = machine_with_docker();
    let mut house = House::open_whole().await;
    house.start();
    let login = Login::Key(sshd.client_key());
    let mut plan = container_plan(engine.llama_image(), &[]);
    plan.cluster = house.machine(&sshd, sshd.port(), login).await;
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
    assert_eq!(host["Privileged"], false);
    let ports = &host["PortBindings"]["8080/tcp"][0];
    assert_eq!(ports["HostIp"], "127.0.0.1");

    let state = house.wait_for_end(id).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    house.assert_clean(id, &state);
    assert!(note_of(&state, Stage::DeployEngine).contains("round trip"));
    assert_eq!(
        note_of(&state, Stage::CleanUp),
        "One container was removed."
    );
    assert_eq!(containers_of(engine, id), Vec::<Value>::new());
    house.stop().await;
}

#[tokio::test]
async fn a_cancelled_run_leaves_no_container_there() {
    let (sshd, engine) = machine_with_docker();
    let mut house = House::open().await;
    house.start();
    let login = Login::Key(sshd.client_key());
    let mut plan = container_plan(engine.busybox_image(), &[]);
    if let domain::plan::Deployment::Container { entrypoint, .. } = &mut plan.deployment {
        *entrypoint = Some(["sleep", "600"].map(str::to_owned).into());
    }
    plan.cluster = house.machine(&sshd, sshd.port(), login).await;
    let id = house.queue(&plan).await;
    house.wait_for_stage(id, Stage::VerifyDeployment).await;
    assert_eq!(containers_of(engine, id).len(), 1);
    house.cancel(id).await;
    let state = house.wait_for_end(id).await;
    assert!(
        matches!(state.outcome, Some(RunOutcome::Cancelled { .. })),
        "{state:#?}"
    );
    assert_eq!(containers_of(engine, id), Vec::<Value>::new());
    house.stop().await;
}

/// What was never started there is not waited for.
#[tokio::test]
async fn a_machine_without_docker_is_told() {
    let sshd = Sshd::start_with(&["DOCKER_HOST=unix:///nowhere/docker.sock"]);
    let mut house = House::open().await;
    house.start();
    let login = Login::Key(sshd.client_key());
    let mut plan = container_plan("assay-test/none:1", &[]);
    plan.cluster = house.machine(&sshd, sshd.port(), login).await;
    let id = house.queue(&plan).await;
    let state = house.wait_for_end(id).await;
    let Some(RunOutcome::Failed { stage, reason }) = &state.outcome else {
        panic!("{state:#?}");
    };
    assert_eq!(*stage, Stage::VerifyConnection);
    assert!(reason.contains("no Docker Engine answers on"), "{reason}");
    assert_eq!(house.store.list_pending_cleanups().await.unwrap(), []);
    house.stop().await;
}
