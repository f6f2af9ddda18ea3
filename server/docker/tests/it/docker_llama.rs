//! A real engine in a container.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use docker::{ContainerSpec, LogStart, PublishedPort};
use futures::StreamExt;

use crate::support::Stage;

const READY_TIMEOUT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn llama_serves_from_a_container_until_it_is_stopped() {
    let stage = Stage::new().await;
    let image = stage.engine.llama_image().parse().unwrap();
    let mut spec = ContainerSpec::new("engine-llama", image, stage.mark.clone());
    spec.limits.cpus = vec![0];
    spec.limits.memory_bytes = Some(1 << 30);
    spec.port = Some(PublishedPort::on_loopback(8080));
    let id = stage.run(&spec).await;
    let address = stage.docker.published_port(&id, 8080).await.unwrap();
    assert_eq!(
        address,
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port())
    );
    // It says so, or why it ended.
    let log = stage.docker.follow_logs(&id, LogStart::Beginning);
    let mut lines = Vec::new();
    let reading = async {
        let mut log = std::pin::pin!(log);
        while let Some(line) = log.next().await {
            lines.push(line.unwrap().text);
            if lines.iter().any(|line| line.starts_with("ready on ")) {
                return true;
            }
        }
        false
    };
    let is_ready = tokio::time::timeout(READY_TIMEOUT, reading).await;
    assert_eq!(is_ready, Ok(true), "{lines:#?}");
    for path in ["health", "v1/models"] {
        testkit::wait_for_http(&format!("http://{address}/{path}"), READY_TIMEOUT);
    }

    let state = stage
        .docker
        .stop(&id, &stage.mark, Duration::from_secs(30))
        .await
        .unwrap();
    assert_eq!(state.exit_code, Some(0), "{}", state.describe());
    stage.docker.remove(&id, &stage.mark).await.unwrap();
    assert_eq!(
        testkit::get_http_status(&format!("http://{address}/health")),
        None
    );
}
