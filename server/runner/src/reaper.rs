//! Removing what is left of runs that nobody carries out any more.

use std::collections::BTreeSet;

use domain::catalogue::{self, NodeAccess, PendingCleanup};
use domain::id::{BenchmarkId, NodeId};
use domain::plan::Deployment;
use futures::StreamExt;
use store::StoreError;
use tokio::task::spawn_blocking;

use crate::config::{Chain, Shared};
use crate::leftovers::Leftovers;
use crate::node::Node;
use crate::process::scan::list_runs;
use crate::process::stop::stop_run;
use crate::process::{ENGINE_PROCESS_FILE, noted_engine};
use crate::reach::open_node;
use crate::warm::{kept_runs, remove_unwanted};

/// Most far machines that are looked at at once.
const MACHINES_AT_ONCE: usize = 8;

/// Stops every process of this instance whose run is not in `active` and has left no engine to the next run of
/// its group. There is one runner for each data directory, so nobody else can be carrying such a run out.
pub(crate) async fn stop_strays(shared: &Shared, active: &BTreeSet<BenchmarkId>) {
    let instance = shared.instance.clone();
    let Ok(runs) = spawn_blocking(move || list_runs(&instance)).await else {
        return;
    };
    // Asked for after the processes were listed: a run that has ended keeps no more engines.
    let kept = match kept_runs(shared).await {
        Ok(kept) => kept,
        Err(reason) => {
            tracing::warn!(reason, "processes that were left behind are not looked for");
            return;
        }
    };
    let is_stray = |run: &&BenchmarkId| !active.contains(run) && !kept.contains(run);
    for run in runs.iter().filter(is_stray) {
        match stop_process_here(shared, *run).await {
            Ok(count) => tracing::info!(%run, count, "stopped processes that were left behind"),
            Err(reason) => tracing::error!(%run, reason, "processes are left behind"),
        }
    }
}

/// Stops the processes of a run on this machine, and forgets its engine's.
pub(crate) async fn stop_process_here(shared: &Shared, run: BenchmarkId) -> Result<usize, String> {
    let folder = shared.run_folder(run);
    let count = stop_run(&shared.instance, run, noted_engine(&folder)).await?;
    // Of a run that has ended only its log stays.
    let _ = tokio::fs::remove_file(folder.join(ENGINE_PROCESS_FILE)).await;
    Ok(count)
}

/// Removes what this installation left in the Docker Engine of this machine and on every far machine,
/// if its run has ended. A run that has not is somebody's: whoever adopts it cleans up.
pub(crate) async fn reap_elsewhere(shared: &Shared, with_machines: bool) {
    remove_unwanted(shared).await;
    if let Err(reason) = reap_here(shared).await {
        tracing::warn!(reason, "containers that were left behind cannot be removed");
    }
    if !with_machines {
        return;
    }
    let nodes = match nodes(shared).await {
        Ok(nodes) => nodes,
        Err(reason) => {
            tracing::warn!(reason, "the machines of clusters cannot be listed");
            return;
        }
    };
    // Those whose key somebody has accepted, and those that prove themselves by certificates.
    let is_known = |node: &catalogue::Node| match &node.access {
        NodeAccess::Direct => false,
        NodeAccess::Ssh(ssh) => ssh.host_key.is_some(),
        NodeAccess::DockerTls(_) => true,
    };
    futures::stream::iter(nodes.into_iter().filter(is_known))
        .for_each_concurrent(MACHINES_AT_ONCE, |node| async move {
            if let Err(reason) = reap_machine(shared, node.id).await {
                tracing::debug!(node = node.name, reason, "a machine cannot be looked at");
            }
        })
        .await;
}

/// The nodes of all clusters.
async fn nodes(shared: &Shared) -> Result<Vec<catalogue::Node>, String> {
    let clusters = shared.store.list_clusters().await.map_err(in_words)?;
    Ok(clusters
        .into_iter()
        .flat_map(|cluster| cluster.nodes)
        .collect())
}

async fn reap_here(shared: &Shared) -> Result<(), String> {
    reap(shared, &Node::Here).await?;
    let pending = shared.store.list_pending_cleanups().await;
    let pending = pending.map_err(in_words)?;
    if pending.is_empty() {
        return Ok(());
    }
    let nodes = nodes(shared).await?;
    let is_here = |cleanup: &&PendingCleanup| {
        let node = nodes.iter().find(|node| node.id == cleanup.node_id);
        node.is_some_and(|node| node.access == NodeAccess::Direct)
    };
    for cleanup in pending.iter().filter(is_here) {
        finish(shared, &Node::Here, cleanup).await?;
    }
    Ok(())
}

async fn reap_machine(shared: &Shared, id: NodeId) -> Result<(), String> {
    let reaped = match open_node(&shared.store, id).await {
        Ok(node) => clean_node(shared, &node, id).await,
        Err(reason) => Err(reason),
    };
    if let Err(reason) = &reaped {
        let pending = shared.store.list_pending_cleanups_on(id).await;
        for cleanup in pending.map_err(in_words)? {
            put_off(shared, &cleanup, reason).await?;
        }
    }
    reaped
}

/// Removes what is left of ended runs on a node, and what was pending there. What cannot be removed now
/// stays pending.
pub(crate) async fn clean_node(shared: &Shared, node: &Node, id: NodeId) -> Result<(), String> {
    // Listed first: what is noted in between is for the next time.
    let pending = shared.store.list_pending_cleanups_on(id).await;
    let pending = pending.map_err(in_words)?;
    reap(shared, node).await?;
    for cleanup in pending {
        finish(shared, node, &cleanup).await?;
    }
    Ok(())
}

/// Does a clean-up that was pending. That nothing of the run was found is not enough: a Docker Engine
/// that does not answer shows nothing.
async fn finish(shared: &Shared, node: &Node, cleanup: &PendingCleanup) -> Result<(), String> {
    let (run, on) = (cleanup.benchmark_id, cleanup.node_id);
    let plans = shared.store.list_plans(&[run]).await.map_err(in_words)?;
    let has_container = match plans.get(&run) {
        Some(plan) => {
            let is_engines = plan.cluster.nodes.first().is_some_and(|node| node.id == on);
            is_engines && matches!(plan.deployment, Deployment::Container { .. })
        }
        // It was deleted since.
        None => node.docker(&shared.config.docker).await.is_ok(),
    };
    match leftovers(shared)
        .await?
        .remove(node, run, has_container)
        .await
    {
        Ok(removed) => {
            let finished = shared.store.finish_cleanup(run, on, shared.now()).await;
            finished.map_err(in_words)?;
            tracing::info!(%run, node = cleanup.node_name, ?removed, "a pending clean-up is done");
            Ok(())
        }
        Err(reason) => put_off(shared, cleanup, &reason).await,
    }
}

/// Notes why a clean-up is pending still.
async fn put_off(shared: &Shared, cleanup: &PendingCleanup, reason: &str) -> Result<(), String> {
    let node = (cleanup.node_id, cleanup.node_name.as_str());
    let noted = shared
        .store
        .note_pending_cleanup(cleanup.benchmark_id, node, reason, shared.now())
        .await;
    noted.map_err(in_words)
}

pub(crate) async fn leftovers(shared: &Shared) -> Result<Leftovers<'_>, String> {
    Ok(Leftovers {
        installation: shared.installation().await?,
        local_docker: &shared.config.docker,
    })
}

fn in_words(error: StoreError) -> String {
    Chain(&error).to_string()
}

async fn reap(shared: &Shared, node: &Node) -> Result<(), String> {
    let leftovers = leftovers(shared).await?;
    let runs: Vec<BenchmarkId> = leftovers.runs_on(node).await?.into_iter().collect();
    // Asked for after the list was made: a run that has ended makes nothing any more.
    let unfinished = shared.store.list_unfinished(&runs).await;
    let unfinished = unfinished.map_err(in_words)?;
    // Asked for last: a run keeps its engine before it ends.
    let kept = kept_runs(shared).await?;
    let is_left = |run: &BenchmarkId| !unfinished.contains(run) && !kept.contains(run);
    for run in runs.into_iter().filter(is_left) {
        let has_container = node.docker(&shared.config.docker).await.is_ok();
        let removed = leftovers.remove(node, run, has_container).await?;
        tracing::info!(%run, ?removed, "removed what was left behind");
    }
    Ok(())
}
