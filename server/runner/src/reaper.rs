//! Removing what is left of runs that nobody carries out any more.

use std::collections::BTreeSet;

use domain::id::{BenchmarkId, NodeId};
use futures::StreamExt;
use tokio::task::spawn_blocking;

use crate::config::{Chain, Shared};
use crate::leftovers::Leftovers;
use crate::node::Node;
use crate::process::noted_engine;
use crate::process::scan::list_runs;
use crate::process::stop::stop_run;
use crate::reach::open_session;

/// Most far machines that are looked at at once.
const MACHINES_AT_ONCE: usize = 8;

/// Stops every process of this instance whose run is not in `active`. There is one runner for each
/// data directory, so nobody else can be carrying such a run out.
pub(crate) async fn stop_strays(shared: &Shared, active: &BTreeSet<BenchmarkId>) {
    let instance = shared.instance.clone();
    let Ok(runs) = spawn_blocking(move || list_runs(&instance)).await else {
        return;
    };
    for run in runs.difference(active) {
        let engine = noted_engine(&shared.run_folder(*run));
        match stop_run(&shared.instance, *run, engine).await {
            Ok(count) => tracing::info!(%run, count, "stopped processes that were left behind"),
            Err(reason) => tracing::error!(%run, reason, "processes are left behind"),
        }
    }
}

/// Removes what this installation left in the Docker Engine of this machine and on every far machine,
/// if its run has ended. A run that has not is somebody's: whoever adopts it cleans up.
pub(crate) async fn reap_elsewhere(shared: &Shared, with_machines: bool) {
    if let Err(reason) = reap(shared, &Node::Here).await {
        tracing::warn!(reason, "containers that were left behind cannot be removed");
    }
    if !with_machines {
        return;
    }
    let machines = match far_machines(shared).await {
        Ok(machines) => machines,
        Err(reason) => {
            tracing::warn!(reason, "the machines of clusters cannot be listed");
            return;
        }
    };
    futures::stream::iter(machines)
        .for_each_concurrent(MACHINES_AT_ONCE, |(id, name)| async move {
            if let Err(reason) = reap_machine(shared, id).await {
                tracing::debug!(node = name, reason, "a machine cannot be looked at");
            }
        })
        .await;
}

/// Far machines whose key somebody has accepted.
async fn far_machines(shared: &Shared) -> Result<Vec<(NodeId, String)>, String> {
    let clusters = shared.store.list_clusters().await;
    let clusters = clusters.map_err(|error| Chain(&error).to_string())?;
    let nodes = clusters.into_iter().flat_map(|cluster| cluster.nodes);
    Ok(nodes
        .filter(|node| node.access.ssh().is_some_and(|ssh| ssh.host_key.is_some()))
        .map(|node| (node.id, node.name))
        .collect())
}

async fn reap_machine(shared: &Shared, id: NodeId) -> Result<(), String> {
    let session = open_session(&shared.store, id).await?;
    clean_node(shared, &Node::Far(session), id).await
}

/// Removes what is left of ended runs on a node, and what was pending there.
pub(crate) async fn clean_node(shared: &Shared, node: &Node, id: NodeId) -> Result<(), String> {
    // Listed first: what is noted in between is for the next time.
    let pending = shared.store.list_pending_cleanups_on(id).await;
    let pending = pending.map_err(|error| Chain(&error).to_string())?;
    reap(shared, node).await?;
    for cleanup in pending {
        let finished = shared.store.finish_cleanup(cleanup.benchmark_id, id).await;
        finished.map_err(|error| Chain(&error).to_string())?;
        tracing::info!(run = %cleanup.benchmark_id, node = cleanup.node_name, "a pending clean-up is done");
    }
    Ok(())
}

async fn reap(shared: &Shared, node: &Node) -> Result<(), String> {
    let leftovers = Leftovers {
        installation: shared.installation().await?,
        local_docker: &shared.config.docker,
    };
    let runs: Vec<BenchmarkId> = leftovers.runs_on(node).await?.into_iter().collect();
    // Asked for after the list was made: a run that has ended makes nothing any more.
    let unfinished = shared.store.list_unfinished(&runs).await;
    let unfinished = unfinished.map_err(|error| Chain(&error).to_string())?;
    for run in runs.into_iter().filter(|run| !unfinished.contains(run)) {
        let has_container = node.docker(&shared.config.docker).await.is_ok();
        let removed = leftovers.remove(node, run, has_container).await?;
        tracing::info!(%run, ?removed, "removed what was left behind");
    }
    Ok(())
}
