//! How containers end, and what is left.

use std::time::Duration;

use docker::{ContainerStatus, Error, MountRules};

use crate::support::{Stage, new_mark};

#[tokio::test]
async fn an_end_before_readiness_is_told_with_its_exit_code() {
    let stage = Stage::new().await;
    let id = stage
        .run(&stage.shell("echo cannot load the model >&2; exit 3", &[]))
        .await;
    let state = stage.docker.wait_for_end(&id).await.unwrap();
    assert_eq!(
        (state.status, state.exit_code),
        (ContainerStatus::Ended, Some(3))
    );
    assert_eq!(state.describe(), "it ended with exit code 3");
    assert!(state.started_at.is_some() && state.finished_at.is_some());
    let last = stage.docker.last_logs(&id, 10).await.unwrap();
    assert_eq!(last[0].text, "cannot load the model");
    stage.docker.remove(&id, &stage.mark).await.unwrap();
}

#[tokio::test]
async fn used_up_memory_is_told_as_such() {
    let stage = Stage::new().await;
    // `tail` keeps a line without end in memory.
    let mut spec = stage.shell("exec tail /dev/zero", &[]);
    spec.limits.memory_bytes = Some(16 << 20);
    let id = stage.run(&spec).await;
    let state = stage.docker.wait_for_end(&id).await.unwrap();
    assert!(state.is_out_of_memory, "{state:?}");
    assert_eq!(
        state.describe(),
        "it was killed because its memory of 16 MiB was used up"
    );
    stage.docker.remove(&id, &stage.mark).await.unwrap();
}

#[tokio::test]
async fn one_that_ignores_the_signal_is_killed_after_its_grace() {
    let stage = Stage::new().await;
    let id = stage
        .run(&stage.shell("trap '' TERM; echo up; while :; do sleep 1; done", &[]))
        .await;
    assert_eq!(stage.first_line(&id).await, "up");
    let state = stage
        .docker
        .stop(&id, &stage.mark, Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!(state.exit_code, Some(137));
    assert_eq!(state.describe(), "it was ended by signal 9 (exit code 137)");
    let again = stage
        .docker
        .stop(&id, &stage.mark, Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!(again, state);
    stage.docker.remove(&id, &stage.mark).await.unwrap();
}

#[tokio::test]
async fn one_that_heeds_the_signal_ends_by_itself() {
    let stage = Stage::new().await;
    let script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done";
    let id = stage.run(&stage.shell(script, &[])).await;
    assert_eq!(stage.first_line(&id).await, "up");
    let state = stage
        .docker
        .stop(&id, &stage.mark, Duration::from_mins(1))
        .await
        .unwrap();
    assert_eq!(state.exit_code, Some(0));
    assert_eq!(stage.output(&id).await, ["up", "bye"]);
    stage.docker.remove(&id, &stage.mark).await.unwrap();
}

#[tokio::test]
async fn removal_takes_the_anonymous_volumes_and_leaves_nothing() {
    let stage = Stage::new().await;
    let id = stage.run(&stage.shell("echo up; sleep 600", &[])).await;
    let raw = stage.raw(&id);
    let volume = raw["Mounts"][0]["Name"].as_str().unwrap().to_owned();
    assert_eq!(
        stage.engine.request("GET", &format!("/volumes/{volume}")).0,
        200
    );
    stage.docker.remove(&id, &stage.mark).await.unwrap();
    assert_eq!(
        stage
            .engine
            .request("GET", &format!("/containers/{id}/json"))
            .0,
        404
    );
    assert_eq!(
        stage.engine.request("GET", &format!("/volumes/{volume}")).0,
        404
    );
    // Gone already is as good, for what cleans up twice.
    stage.docker.remove(&id, &stage.mark).await.unwrap();
    let gone = Error::NoSuchContainer { id: id.to_string() };
    assert_eq!(stage.docker.inspect(&id).await, Err(gone.clone()));
    assert_eq!(stage.docker.start(&id).await, Err(gone.clone()));
    assert_eq!(
        stage.docker.stop(&id, &stage.mark, Duration::ZERO).await,
        Err(gone)
    );
}

#[tokio::test]
async fn a_container_of_others_is_neither_stopped_nor_removed() {
    let stage = Stage::new().await;
    let id = stage.run(&stage.shell("sleep 600", &[])).await;
    let other = new_mark();
    let refused = Error::NotOurs { id: id.to_string() };
    assert_eq!(
        stage.docker.stop(&id, &other, Duration::ZERO).await,
        Err(refused.clone())
    );
    assert_eq!(stage.docker.remove(&id, &other).await, Err(refused));
    assert!(stage.docker.inspect(&id).await.unwrap().is_running());
    stage.docker.remove(&id, &stage.mark).await.unwrap();
}

#[tokio::test]
async fn an_image_that_is_not_there_cannot_be_created_from() {
    let stage = Stage::new().await;
    let mut spec = stage.shell("true", &[]);
    spec.image = "assay-test/missing:1".parse().unwrap();
    let error = stage
        .docker
        .create(&spec, &MountRules::none())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::ImageUnknown { .. }), "{error}");
}
