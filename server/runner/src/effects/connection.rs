//! Can the node or endpoint be reached at all?

use docker::Address;
use domain::catalogue::NodeAccess;
use domain::plan::{Deployment, PlannedNode};
use domain::size::bytes_in_words;
use tokio::task::spawn_blocking;

use super::Run;
use crate::config::Chain;
use crate::inventory::read_inventory;
use crate::machines::refuses_public;
use crate::node::Node;
use crate::probe::probe_with;
use crate::reach::open_node;
use crate::reaper::clean_node;
use crate::warm::remove_engine;

pub(super) async fn verify_connection(run: &Run) -> Result<String, String> {
    for planned in run.plan.cluster.nodes.iter().chain(&run.plan.load_from) {
        remove_kept_of_others(run, planned).await?;
    }
    if let Some(machine) = &run.plan.load_from {
        clean_load_machine(run, machine).await?;
    }
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

/// Cleans up after earlier runs on the machine that makes the load: a load that went on there while it was out of
/// reach would take part in the measurement.
async fn clean_load_machine(run: &Run, machine: &PlannedNode) -> Result<(), String> {
    let session = run.load_session(machine).await?;
    clean_node(&run.shared, &Node::Far(session), machine.id).await
}

/// Removes what earlier runs left on this machine's node: it would take part in the measurement. Nothing is asked of
/// Docker where nothing is pending: a process needs none.
async fn clean_up_what_is_pending_here(run: &Run) -> Result<(), String> {
    let Some(planned) = run.plan.cluster.nodes.first() else {
        return Ok(());
    };
    let pending = run.shared.store.list_pending_cleanups_on(planned.id).await;
    if pending
        .map_err(|error| Chain(&error).to_string())?
        .is_empty()
    {
        return Ok(());
    }
    clean_node(&run.shared, &Node::Here, planned.id).await
}

/// Signs in where the node is far, and looks at what the node has.
async fn verify_node(run: &Run) -> Result<String, String> {
    let node = run.node().await?;
    let mut words = match &node {
        Node::Here => {
            clean_up_what_is_pending_here(run).await?;
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
        Node::Docker(address) => reach_docker(run, &node, address).await?,
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

/// Removes engines that are kept on a node of this run for runs of other groups: they would take part in
/// the measurement. The node is this run's now, and those runs start anew.
async fn remove_kept_of_others(run: &Run, planned: &PlannedNode) -> Result<(), String> {
    let store = &run.shared.store;
    let in_words = |error: store::StoreError| Chain(&error).to_string();
    let own = run.keeps_for().map(|(rerun, _)| rerun.group_id);
    let kept = store.list_warm_engines_on(planned.id).await;
    for kept in kept.map_err(in_words)? {
        if Some(kept.group_id) == own {
            continue;
        }
        let is_engines = run
            .plan
            .cluster
            .nodes
            .first()
            .is_some_and(|node| node.id == planned.id);
        let node = match planned.access {
            // It was started by another way to the same machine.
            _ if kept.node_id != planned.id => open_node(&run.shared.store, kept.node_id).await?,
            NodeAccess::Direct => Node::Here,
            _ if is_engines => run.node().await?,
            _ => Node::Far(run.load_session(planned).await?),
        };
        remove_engine(&run.shared, &node, &kept.engine).await?;
        let forgotten = store.forget_warm_engine(kept.group_id, kept.node_id).await;
        forgotten.map_err(in_words)?;
        run.log(format!(
            "An engine that was kept on {} for runs of another plan was removed.",
            planned.name
        ))
        .await;
    }
    Ok(())
}

/// Asks a Docker Engine behind TLS for a sign of life, and cleans up after earlier runs there.
async fn reach_docker(run: &Run, node: &Node, address: &Address) -> Result<String, String> {
    let docker = node.docker(&run.shared.config.docker).await?;
    let reach = docker.docker.reach().await;
    let reach = reach.map_err(|error| error.to_string())?;
    let reach = reach.ok_or("the Docker Engine is not reached over the network")?;
    if let Some(reason) = refuses_public(address, reach.address) {
        return Err(reason);
    }
    if let Some(planned) = run.plan.cluster.nodes.first() {
        clean_node(&run.shared, node, planned.id).await?;
    }
    Ok(format!(
        "Reached {address}; a round trip takes {:.2} ms.",
        reach.round_trip.as_secs_f64() * 1e3
    ))
}
