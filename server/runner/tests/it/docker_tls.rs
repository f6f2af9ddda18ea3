//! Runs whose engine is in a container of a machine that is reached through its Docker Engine alone, over TLS.

use std::sync::OnceLock;
use std::time::Duration;

use domain::catalogue::{
    ClusterKind, CredentialKind, DockerAccess, DockerAddress, ModelSource, NodeAccess,
};
use domain::plan::{Deployment, PlannedCluster};
use domain::run::Stage;
use domain::run::event::RunOutcome;
use domain::secret::Secret;
use domain::workload::StopRule;
use serde_json::Value;
use testkit::{Authority, Certified, DockerEngine, Link};

use crate::docker_runs::{ask, containers_of};
use crate::house::House;
use crate::plans::{container_plan, local_plan};
use crate::sshd_llama_runs::note_of;

/// A Docker Engine behind TLS, and the authority of both sides.
pub(crate) struct Lab {
    pub(crate) engine: DockerEngine,
    pub(crate) authority: Authority,
    pub(crate) port: u16,
}

/// One for all tests.
pub(crate) fn lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| {
        let authority = Authority::new("lab");
        let (engine, port) = DockerEngine::start_tls(&authority);
        Lab {
            engine,
            authority,
            port,
        }
    })
}

pub(crate) async fn machine_behind_tls(
    house: &House,
    port: u16,
    ca: &Authority,
    own: &Certified,
) -> PlannedCluster {
    let address = DockerAddress {
        host: "127.0.0.1".to_owned(),
        port,
    };
    let key = Secret::new(own.key.clone());
    let sealed = house.seal(CredentialKind::DockerKey, address.to_url(), &key);
    let access = DockerAccess {
        ca: ca.pem(),
        certificate: own.certificate.clone(),
        credential_id: sealed.await,
        address,
    };
    let access = NodeAccess::DockerTls(Box::new(access));
    house.cluster(ClusterKind::Machines, "far", access).await
}

#[tokio::test]
async fn llama_in_a_container_behind_tls_is_measured_and_removed() {
    let lab = lab();
    let mut house = House::open_whole().await;
    house.start();
    let own = lab.authority.issue_to_client();
    let mut plan = container_plan(lab.engine.llama_image(), &[]);
    plan.cluster = machine_behind_tls(&house, lab.port, &lab.authority, &own).await;
    let id = house.queue(&plan).await;
    let state = house.wait_for_stage(id, Stage::VerifyDeployment).await;
    let containers = containers_of(&lab.engine, id);
    let [container] = containers.as_slice() else {
        panic!("{containers:#?} and {state:#?}");
    };
    let name = container["Id"].as_str().unwrap();
    let inspected: Value = ask(&lab.engine, &format!("/containers/{name}/json"));
    let host = &inspected["HostConfig"];
    assert_eq!(host["Privileged"], false);
    // The address by which it was reached, which is loopback here.
    let ports = &host["PortBindings"]["8080/tcp"][0];
    assert_eq!(ports["HostIp"], "127.0.0.1");

    let state = house.wait_for_end(id).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    house.assert_clean(id, &state);
    let connection = note_of(&state, Stage::VerifyConnection);
    assert!(
        connection.contains("a round trip takes") && connection.contains(" answers there."),
        "{connection}"
    );
    assert!(note_of(&state, Stage::DeployEngine).contains("round trip"));
    assert_eq!(
        note_of(&state, Stage::CleanUp),
        "One container was removed."
    );
    assert_eq!(containers_of(&lab.engine, id), Vec::<Value>::new());
    let result = house.store.find_result(id).await.unwrap().unwrap();
    assert!(result.manifest.round_trip_us.is_some());
    // The key is in nothing that people see.
    let secret = own.key.lines().nth(1).unwrap();
    let seen = format!("{:?} {result:?}", house.journal(id).await);
    assert!(!seen.contains(secret));
    house.stop().await;
}

/// The container is left to the next run of the plan, and found and removed over TLS as well.
#[tokio::test]
async fn one_llama_container_behind_tls_serves_two_runs() {
    let lab = lab();
    let mut house = House::open_whole().await;
    house.start();
    let own = lab.authority.issue_to_client();
    let mut plan = container_plan(lab.engine.llama_image(), &[]);
    plan.cluster = machine_behind_tls(&house, lab.port, &lab.authority, &own).await;
    plan.keep_engine = true;
    let runs = house.queue_group(&[&plan; 2]).await;
    let [first, second] = runs.as_slice() else {
        panic!("two runs: {runs:?}");
    };
    for id in &runs {
        let state = house.wait_for_end(*id).await;
        assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
        assert_eq!(state.taken_over.is_some(), id == second);
        let result = house.store.find_result(*id).await.unwrap().unwrap();
        assert!(result.manifest.round_trip_us.is_some());
    }
    assert_eq!(containers_of(&lab.engine, *first), Vec::<Value>::new());
    assert!(house.store.list_warm_engines().await.unwrap().is_empty());
    house.stop().await;
}

#[tokio::test]
async fn whoever_does_not_know_the_other_is_told() {
    let lab = lab();
    let stranger = Authority::new("stranger");
    let (own, other) = (lab.authority.issue_to_client(), stranger.issue_to_client());
    let mut house = House::open().await;
    house.start();
    for (port, ca, own, words) in [
        (
            lab.port,
            &stranger,
            &own,
            "does not come from the authority",
        ),
        (
            lab.port,
            &lab.authority,
            &other,
            "does not accept the certificate of this server",
        ),
        (
            testkit::free_port(),
            &lab.authority,
            &own,
            "no Docker Engine answers at tcp://127.0.0.1",
        ),
    ] {
        let mut plan = container_plan("assay-test/none:1", &[]);
        plan.cluster = machine_behind_tls(&house, port, ca, own).await;
        let id = house.queue(&plan).await;
        let reason = house.wait_for_failure(id, Stage::VerifyConnection).await;
        assert!(reason.contains(words), "{reason}");
    }
    // Nothing was begun there.
    assert_eq!(house.store.list_pending_cleanups().await.unwrap(), []);
    house.stop().await;
}

#[tokio::test]
async fn nothing_but_containers_runs_there_and_a_missing_folder_is_told() {
    let lab = lab();
    let mut house = House::open().await;
    house.config.model_folders = vec![house.folder.path().to_path_buf()];
    let missing = house.folder.path().join("models-of-that-machine");
    house.start();
    let own = lab.authority.issue_to_client();
    let cluster = machine_behind_tls(&house, lab.port, &lab.authority, &own).await;
    let mut plan = local_plan(&["true"]);
    plan.cluster = cluster.clone();
    let id = house.queue(&plan).await;
    let reason = house.wait_for_failure(id, Stage::DeployEngine).await;
    assert!(reason.contains("nothing but containers"), "{reason}");

    let mut plan = container_plan(lab.engine.busybox_image(), &[]);
    plan.cluster = cluster;
    let path = missing.display().to_string();
    plan.model.source = ModelSource::LocalPath { path: path.clone() };
    if let Deployment::Container { mounts, .. } = &mut plan.deployment {
        *mounts = vec![domain::engine::ContainerMount {
            source: path.clone(),
            target: "/models/x".to_owned(),
        }];
    }
    let id = house.queue(&plan).await;
    let reason = house.wait_for_failure(id, Stage::DeployEngine).await;
    assert!(reason.contains(&path), "{reason}");
    house.stop().await;
}

/// The cable is pulled while it runs: the run ends, and the machine is cleaned when it is back.
#[tokio::test]
async fn a_way_that_is_lost_during_the_run_leaves_a_clean_up_that_is_finished_later() {
    let lab = lab();
    let link = Link::to(lab.port);
    let mut house = House::open_whole().await;
    house.config.lease = Duration::from_millis(500);
    house.start();
    let own = lab.authority.issue_to_client();
    let mut plan = container_plan(lab.engine.llama_image(), &[]);
    plan.cluster = machine_behind_tls(&house, link.port(), &lab.authority, &own).await;
    plan.workload.stop = StopRule::Duration { seconds: 600 };
    let id = house.queue(&plan).await;
    house.wait_for_stage(id, Stage::RunBenchmark).await;
    assert_eq!(containers_of(&lab.engine, id).len(), 1);
    house
        .wait_until(id, |state| {
            state.live.iter().any(|live| live.completed_count > 0)
        })
        .await;
    link.sever();
    let state = house.wait_for_end(id).await;
    let Some(RunOutcome::Failed { stage, reason }) = &state.outcome else {
        panic!("{state:#?}");
    };
    assert_eq!(*stage, Stage::RunBenchmark);
    assert!(reason.contains("was lost"), "{reason}");
    // What was measured until then is kept.
    let result = house.store.find_result(id).await.unwrap().unwrap();
    assert!(result.summary.completed_count > 0, "{result:#?}");
    assert!(note_of(&state, Stage::CleanUp).contains("pending"));
    assert_eq!(containers_of(&lab.engine, id).len(), 1);
    // The reaper tries, and cannot yet.
    let late = async || house.late_cleanup(id).await;
    let first = late().await;
    house
        .wait_for(async || late().await.last_try_at > first.since)
        .await;
    assert_eq!(late().await.finished_at, None);

    link.mend();
    house
        .wait_for(async || late().await.finished_at.is_some())
        .await;
    assert_eq!(house.store.list_pending_cleanups().await.unwrap(), []);
    assert_eq!(containers_of(&lab.engine, id), Vec::<Value>::new());
    house.stop().await;
}
