//! What is ours is found and removed; what is not is left alone.

use std::time::Duration;

use docker::{Mark, MountRules, Removed};

use crate::support::{Stage, new_mark};

/// How often a removal is tried again at most.
const ATTEMPTS_MAX: usize = 5;

#[tokio::test]
async fn everything_of_a_run_is_found_and_removed_and_nothing_else() {
    let stage = Stage::new().await;
    let Mark { instance, run } = stage.mark.clone();
    let labels = serde_json::json!({ "assay.instance": &instance, "assay.run": run.to_string() });
    let (network, volume) = (format!("net-{run}"), format!("vol-{run}"));
    let json = serde_json::json!({ "Name": &network, "Labels": &labels, "Internal": true });
    assert_eq!(
        stage
            .engine
            .send_json("POST", "/networks/create", &json.to_string())
            .0,
        201
    );
    let json = serde_json::json!({ "Name": &volume, "Labels": &labels });
    assert_eq!(
        stage
            .engine
            .send_json("POST", "/volumes/create", &json.to_string())
            .0,
        201
    );
    let running = stage.run(&stage.shell("sleep 600", &[])).await;
    let mut never_started = stage.shell("true", &[]);
    never_started.name.push_str("-never-started");
    stage
        .docker
        .create(&never_started, &MountRules::none())
        .await
        .unwrap();

    // Beside it: another run of this server, another server, and one without a mark.
    let mut others = Vec::new();
    for mark in [
        Mark::new(&instance, new_mark().run),
        Mark::new("another server", run),
    ] {
        let mut spec = stage.shell("sleep 600", &[]);
        spec.name = format!("other-{}-{}", run, others.len());
        spec.mark = mark;
        others.push(stage.run(&spec).await.to_string());
    }
    let unmarked = format!("unmarked-{run}");
    let json =
        serde_json::json!({ "Image": stage.engine.busybox_image(), "Cmd": ["sleep", "600"] });
    let path = format!("/containers/create?name={unmarked}");
    assert_eq!(
        stage.engine.send_json("POST", &path, &json.to_string()).0,
        201
    );
    others.push(unmarked);

    let found = stage.docker.list_marked(&instance).await.unwrap();
    assert_eq!(found.containers.len(), 3, "with the other run's");
    let of_run = found.of(run);
    assert_eq!(
        of_run
            .containers
            .iter()
            .filter(|container| container.is_running)
            .count(),
        1
    );
    assert!(
        of_run
            .containers
            .iter()
            .any(|container| container.id == running.as_str())
    );
    assert_eq!(of_run.networks[0].name, network);
    assert_eq!(of_run.volumes[0].name, volume);
    assert!(
        of_run
            .to_string()
            .ends_with(&format!("network {network}, volume {volume}")),
        "{of_run}"
    );

    let removed = stage.docker.remove_marked(&instance, run).await.unwrap();
    assert_eq!(
        removed,
        Removed {
            containers: 2,
            networks: 1,
            volumes: 1
        }
    );
    assert!(
        stage
            .docker
            .list_marked(&instance)
            .await
            .unwrap()
            .of(run)
            .is_empty()
    );
    for other in &others {
        assert_eq!(
            stage
                .engine
                .request("GET", &format!("/containers/{other}/json"))
                .0,
            200,
            "{other}"
        );
    }
    let again = stage.docker.remove_marked(&instance, run).await.unwrap();
    assert_eq!(again, Removed::default());
    for other in &others {
        stage
            .engine
            .request("DELETE", &format!("/containers/{other}?force=1&v=1"));
    }
}

#[tokio::test]
async fn a_creation_that_is_dropped_leaves_nothing_that_is_not_found() {
    let stage = Stage::new().await;
    for number in 0..20 {
        let mut spec = stage.shell("true", &[]);
        spec.name = format!("{}-{number}", spec.name);
        let rules = MountRules::none();
        let creation = stage.docker.create(&spec, &rules);
        // At various points: before, while and after the Docker Engine acts.
        let _ = tokio::time::timeout(Duration::from_millis(number * 3), creation).await;
    }
    // Creations that were sent may still be under way: the next one comes after them.
    let (_, body) = stage.engine.request("GET", "/containers/json?all=1");
    let all: serde_json::Value = serde_json::from_str(&body).unwrap();
    let ours = format!("/test-{}", stage.mark.run);
    let found = stage
        .docker
        .list_marked(&stage.mark.instance)
        .await
        .unwrap();
    for container in all.as_array().unwrap() {
        let name = container["Names"][0].as_str().unwrap();
        if name.starts_with(&ours) {
            let id = container["Id"].as_str().unwrap();
            assert!(
                found.containers.iter().any(|marked| marked.id == id),
                "{name}"
            );
        }
    }
    // One that is still under way may come while the others go; a clean-up is repeated then.
    let (instance, run) = (&stage.mark.instance, stage.mark.run);
    let mut removed = stage.docker.remove_marked(instance, run).await;
    for _ in 0..ATTEMPTS_MAX {
        if !matches!(removed, Err(docker::Error::StillThere { .. })) {
            break;
        }
        removed = stage.docker.remove_marked(instance, run).await;
    }
    removed.unwrap();
}
