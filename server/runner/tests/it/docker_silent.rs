//! A Docker Engine that stops to answer while it runs an engine: nothing can be removed, nothing counts as removed,
//! and it is removed when it answers again.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::plan::{Deployment, PlannedCluster, RunPlan};
use domain::run::Stage;
use runner::DockerAddress;
use serde_json::Value;
use testkit::{DockerEngine, Sshd, TempDir};

use crate::docker_runs::containers_of;
use crate::house::{House, Login};
use crate::plans::container_plan;
use crate::sshd_llama_runs::note_of;

/// A way to the Docker Engine of the tests that can be closed and opened.
struct Door {
    _folder: TempDir,
    socket: PathBuf,
    engine: &'static DockerEngine,
}

impl Door {
    fn open_to(engine: &'static DockerEngine) -> Self {
        let folder = testkit::data_dir();
        // The account behind sshd goes through it.
        let mode = Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), mode).unwrap();
        let socket = folder.path().join("docker.sock");
        symlink(engine.socket(), &socket).unwrap();
        Self {
            _folder: folder,
            socket,
            engine,
        }
    }

    fn point_to(&self, target: &Path) {
        std::fs::remove_file(&self.socket).unwrap();
        symlink(target, &self.socket).unwrap();
    }

    fn close(&self) {
        self.point_to(Path::new("/nowhere/docker.sock"));
    }

    fn open(&self) {
        self.point_to(&self.engine.socket());
    }
}

fn waiting_plan(engine: &DockerEngine, cluster: PlannedCluster) -> RunPlan {
    let mut plan = container_plan(engine.busybox_image(), &[]);
    if let Deployment::Container { entrypoint, .. } = &mut plan.deployment {
        *entrypoint = Some(["sleep", "600"].map(str::to_owned).into());
    }
    plan.cluster = cluster;
    plan
}

async fn nothing_is_lost(house: &mut House, cluster: PlannedCluster, door: &Door) {
    house.config.lease = Duration::from_millis(500);
    house.start();
    let id = house.queue(&waiting_plan(door.engine, cluster)).await;
    house.wait_for_stage(id, Stage::VerifyDeployment).await;
    assert_eq!(containers_of(door.engine, id).len(), 1);

    door.close();
    house.cancel(id).await;
    let state = house.wait_for_end(id).await;
    assert!(note_of(&state, Stage::CleanUp).contains("pending"));
    let first = house.late_cleanup(id).await;
    house
        .wait_for(async || first.since < house.late_cleanup(id).await.last_try_at)
        .await;
    let tried = house.late_cleanup(id).await;
    assert_eq!((tried.since, tried.finished_at), (first.since, None));
    assert!(tried.reason.contains("ocker"), "{tried:?}");
    assert_eq!(containers_of(door.engine, id).len(), 1);

    door.open();
    house
        .wait_for(async || house.late_cleanup(id).await.finished_at.is_some())
        .await;
    assert_eq!(containers_of(door.engine, id), Vec::<Value>::new());
    house.stop().await;
}

/// It would take part in the measurement, and the next look for leftovers may be minutes away.
#[tokio::test]
async fn the_next_run_removes_what_was_left_before_it_begins() {
    let door = Door::open_to(DockerEngine::shared());
    let mut house = House::open().await;
    house.config.docker = DockerAddress::Socket(door.socket.clone());
    house.start();
    let cluster = house.this_machine().await;
    let plan = waiting_plan(door.engine, cluster);
    let id = house.queue(&plan).await;
    house.wait_for_stage(id, Stage::VerifyDeployment).await;
    door.close();
    house.cancel(id).await;
    house.wait_for_end(id).await;
    assert_eq!(house.late_cleanup(id).await.finished_at, None);
    assert_eq!(containers_of(door.engine, id).len(), 1);

    door.open();
    let next = house.queue(&plan).await;
    house.wait_for_stage(next, Stage::DeployEngine).await;
    assert_eq!(containers_of(door.engine, id), Vec::<Value>::new());
    assert!(house.late_cleanup(id).await.finished_at.is_some());
    house.cancel(next).await;
    house.wait_for_end(next).await;
    house.stop().await;
}

/// Whether the engine lived to the end cannot be asked then; what was measured is there all the same.
#[tokio::test]
async fn a_load_that_ended_keeps_its_records() {
    let door = Door::open_to(DockerEngine::shared());
    let mut house = House::open_whole().await;
    house.config.docker = DockerAddress::Socket(door.socket.clone());
    house.config.lease = Duration::from_millis(500);
    house.start();
    let plan = RunPlan {
        cluster: house.this_machine().await,
        ..container_plan(door.engine.llama_image(), &[])
    };
    let id = house.queue(&plan).await;
    house.wait_for_stage(id, Stage::WarmUp).await;
    door.close();
    let reason = house.wait_for_failure(id, Stage::RunBenchmark).await;
    assert!(
        reason.contains("is not known, and 6 of 6 requests were answered"),
        "{reason}"
    );
    let result = house.store.find_result(id).await.unwrap().unwrap();
    assert_eq!(result.summary.completed_count, 6);
    door.open();
    house
        .wait_for(async || house.late_cleanup(id).await.finished_at.is_some())
        .await;
    house.stop().await;
}

#[tokio::test]
async fn on_this_machine() {
    let door = Door::open_to(DockerEngine::shared());
    let mut house = House::open().await;
    house.config.docker = DockerAddress::Socket(door.socket.clone());
    let cluster = house.this_machine().await;
    nothing_is_lost(&mut house, cluster, &door).await;
}

#[tokio::test]
async fn on_a_machine_behind_sshd() {
    let engine = DockerEngine::shared();
    engine.open_to_all();
    let door = Door::open_to(engine);
    let sshd = Sshd::start_with(&[&format!("DOCKER_HOST=unix://{}", door.socket.display())]);
    let mut house = House::open().await;
    let cluster = house
        .machine(&sshd, sshd.port(), Login::Key(sshd.client_key()))
        .await;
    nothing_is_lost(&mut house, cluster, &door).await;
}
