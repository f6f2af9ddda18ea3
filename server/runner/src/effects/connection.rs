//! Can the node or endpoint be reached at all?

use domain::plan::Deployment;
use domain::size::bytes_in_words;
use tokio::task::spawn_blocking;

use super::Run;
use crate::inventory::read_inventory;
use crate::node::Node;
use crate::probe::probe_with;
use crate::reaper::clean_node;

pub(super) async fn verify_connection(run: &Run) -> Result<String, String> {
    match &run.plan.deployment {
        Deployment::Endpoint { base_url, .. } => {
            run.log(format!("Asking {base_url}.")).await;
            let key = run.key().await?;
            let shared = &run.shared;
            let check = probe_with(&shared.http, base_url, key.as_ref(), shared.now()).await;
            if check.is_reachable {
                Ok(check.message)
            } else {
                Err(check.message)
            }
        }
        Deployment::Process { .. } | Deployment::Container { .. } => verify_node(run).await,
    }
}

/// Signs in where the node is far, and looks at what the node has.
async fn verify_node(run: &Run) -> Result<String, String> {
    let node = run.node().await?;
    let mut words = match &node {
        Node::Here => {
            let now = run.shared.now();
            let inventory = spawn_blocking(move || read_inventory(now))
                .await
                .map_err(|error| format!("this machine could not be looked at: {error}"))?;
            format!(
                "{}: {}, {} cores, {} of memory.",
                inventory.hostname,
                inventory.vendor(),
                inventory.cpu_core_count,
                bytes_in_words(inventory.memory_bytes)
            )
        }
        Node::Far(session) => {
            let time = session.round_trip_time().await;
            let time = time.map_err(|error| error.to_string())?;
            // What an earlier run left there would take part in the measurement.
            if let Some(planned) = run.plan.cluster.nodes.first() {
                clean_node(&run.shared, &node, planned.id).await?;
            }
            format!(
                "Signed in at {}; a round trip takes {:.2} ms.",
                session.place(),
                time.as_secs_f64() * 1e3
            )
        }
    };
    if let Deployment::Container { .. } = run.plan.deployment {
        let docker = node.docker(&run.shared.config.docker).await?;
        let info = docker.docker.info().await;
        let version = info.map_err(|error| error.to_string())?.version;
        words.push_str(" Docker ");
        words.push_str(&version);
        words.push_str(" answers there.");
    }
    Ok(words)
}
