//! What the tests have in common.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use docker::{Address, ContainerId, ContainerSpec, Docker, LogStart, Mark, MountRules};
use domain::id::BenchmarkId;
use futures::StreamExt;
use testkit::DockerEngine;
use uuid::Uuid;

use crate::log_watch;

/// A connection to the Docker Engine that the tests share, with a mark of the test's own. What carries the mark is
/// removed at the end by the engine's own end.
pub(crate) struct Stage {
    pub(crate) engine: &'static DockerEngine,
    pub(crate) docker: Docker,
    pub(crate) mark: Mark,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        log_watch::begin();
        let engine = DockerEngine::shared();
        let docker = connect(&engine.socket()).await;
        Self {
            docker,
            mark: new_mark(),
            engine,
        }
    }

    /// A container that runs `script` with busybox's shell, with `words` as its arguments.
    pub(crate) fn shell(&self, script: &str, words: &[&str]) -> ContainerSpec {
        let image = self.engine.busybox_image().parse().unwrap();
        let name = format!("test-{}", self.mark.run);
        let mut spec = ContainerSpec::new(name, image, self.mark.clone());
        spec.entrypoint = Some(["sh", "-c", script, "sh"].map(str::to_owned).into());
        spec.command = words.iter().map(|word| (*word).to_owned()).collect();
        spec
    }

    /// Creates and starts it, with nothing mounted.
    pub(crate) async fn run(&self, spec: &ContainerSpec) -> ContainerId {
        let created = self.docker.create(spec, &MountRules::none()).await.unwrap();
        self.docker.start(&created.id).await.unwrap();
        created.id
    }

    /// All lines of its output, until it ends.
    pub(crate) async fn output(&self, id: &ContainerId) -> Vec<String> {
        self.docker
            .follow_logs(id, LogStart::Beginning)
            .map(|line| line.unwrap().text)
            .collect()
            .await
    }

    /// The first line of its output.
    pub(crate) async fn first_line(&self, id: &ContainerId) -> String {
        let log = self.docker.follow_logs(id, LogStart::Beginning);
        std::pin::pin!(log).next().await.unwrap().unwrap().text
    }

    /// The description as the Docker Engine gives it, asked beside the code under test.
    pub(crate) fn raw(&self, id: &ContainerId) -> serde_json::Value {
        let (status, body) = self
            .engine
            .request("GET", &format!("/containers/{id}/json"));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

pub(crate) async fn connect(socket: &Path) -> Docker {
    Docker::connect(Address::Socket(socket.to_path_buf()))
        .await
        .unwrap()
}

/// A mark that no other test has.
pub(crate) fn new_mark() -> Mark {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    Mark::new(
        format!("instance {number}"),
        BenchmarkId(Uuid::from_u128(number.into())),
    )
}
