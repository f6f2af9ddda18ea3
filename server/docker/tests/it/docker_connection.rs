//! The way to the Docker Engine, and what is said when there is none.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::thread;

use docker::{Address, Docker, Error, LogStart};
use futures::StreamExt;
use testkit::DockerEngine;

use crate::support::{Stage, connect};

#[tokio::test]
async fn the_docker_engine_tells_of_its_host() {
    let stage = Stage::new().await;
    let info = stage.docker.info().await.unwrap();
    let cpus = thread::available_parallelism().unwrap().get();
    assert!(
        info.cpus
            .is_some_and(|count| 0 < count as usize && cpus <= count as usize),
        "{info:?}"
    );
    assert!(
        info.memory_bytes.is_some_and(|bytes| 1 << 26 < bytes),
        "{info:?}"
    );
    assert!(
        !info.version.is_empty() && !info.operating_system.is_empty(),
        "{info:?}"
    );
    assert_eq!(info.architecture, std::env::consts::ARCH);
    assert!(
        info.runtimes.contains(&"runc".to_owned()) && !info.has_nvidia_runtime(),
        "{info:?}"
    );
    assert!(["1", "2"].contains(&&*info.cgroup_version), "{info:?}");
    assert!(info.root_folder.contains("docker-engine"), "{info:?}");
}

#[tokio::test]
async fn where_nothing_listens_there_is_no_docker_engine() {
    let folder = testkit::data_dir();
    let path = folder.path().join("none.sock");
    let error = Docker::connect(Address::Socket(path.clone()))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no Docker Engine answers at unix://{}: No such file or directory (os error 2)",
            path.display()
        )
    );
    // A socket that nobody serves any more.
    drop(UnixListener::bind(&path).unwrap());
    let error = Docker::connect(Address::Socket(path)).await.unwrap_err();
    assert!(
        matches!(&error, Error::NoDaemon { reason, .. } if reason.contains("refused")),
        "{error}"
    );
}

#[tokio::test]
async fn a_docker_engine_that_is_too_old_is_named() {
    let folder = testkit::data_dir();
    let path = folder.path().join("old.sock");
    answer_once(
        &path,
        "HTTP/1.1 200 OK",
        r#"{"Version":"18.09","ApiVersion":"1.39","MinAPIVersion":"1.12"}"#,
    );
    let error = Docker::connect(Address::Socket(path)).await.unwrap_err();
    assert!(
        matches!(&error, Error::ApiVersion { theirs, ours, .. } if theirs == "1.39" && ours == "1.41"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_no_docker_engine_is_not_taken_for_one() {
    let folder = testkit::data_dir();
    for (number, status, body) in [
        (1, "HTTP/1.1 200 OK", "<html>"),
        (2, "HTTP/1.1 200 OK", "{}"),
        (3, "SSH-2.0-x", ""),
    ] {
        let path = folder.path().join(format!("{number}.sock"));
        answer_once(&path, status, body);
        let error = Docker::connect(Address::Socket(path)).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Unreadable { .. } | Error::ConnectionLost { .. }
            ),
            "{error}"
        );
    }
    let path = folder.path().join("refused.sock");
    answer_once(
        &path,
        "HTTP/1.1 403 Forbidden",
        r#"{"message":"not for you"}"#,
    );
    let error = Docker::connect(Address::Socket(path)).await.unwrap_err();
    assert!(
        matches!(&error, Error::NotPermitted { reason, .. } if reason == "not for you"),
        "{error}"
    );
}

#[tokio::test]
async fn a_docker_engine_that_dies_is_told_by_whatever_waits_for_it() {
    let mut engine = DockerEngine::start();
    let docker = connect(&engine.socket()).await;
    let mark = crate::support::new_mark();
    let image = engine.busybox_image().parse().unwrap();
    let mut spec = docker::ContainerSpec::new("sleeper", image, mark.clone());
    spec.command = ["sh", "-c", "echo up; exec sleep 600"]
        .map(str::to_owned)
        .into();
    let id = docker
        .create(&spec, &docker::MountRules::none())
        .await
        .unwrap()
        .id;
    docker.start(&id).await.unwrap();
    let mut log = Box::pin(docker.follow_logs(&id, LogStart::Beginning));
    assert_eq!(log.next().await.unwrap().unwrap().text, "up");

    let waiting = tokio::spawn({
        let (docker, id) = (docker.clone(), id.clone());
        async move { docker.wait_for_end(&id).await }
    });
    let engine = tokio::task::spawn_blocking(move || {
        engine.kill();
        engine
    })
    .await
    .unwrap();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    match log.next().await {
        None => {}
        Some(line) => assert!(line.unwrap_err().is_transient()),
    }
    let error = docker.inspect(&id).await.unwrap_err();
    assert!(matches!(error, Error::NoDaemon { .. }), "{error}");
    let error = docker
        .remove_marked(&mark.instance, mark.run)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NoDaemon { .. }), "{error}");
    drop(engine);
}

/// Answers the first request with this.
fn answer_once(path: &std::path::Path, status: &'static str, body: &'static str) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        let answer = format!("{status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).unwrap();
    });
}
