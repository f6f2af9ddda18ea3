//! Engines that are kept between the runs of a group, where nobody has them in hand: removed when their group
//! needs them no more, or somebody else needs their node.

use std::collections::BTreeSet;

use domain::id::BenchmarkId;
use domain::run::WarmEngine;
use store::{KeptEngine, StoreError};

use crate::config::{Chain, Shared};
use crate::leftovers::Removed;
use crate::node::Node;
use crate::reach::open_node;
use crate::reaper::{leftovers, stop_process_here};

/// The runs whose engines are kept: what carries their mark is no leftover.
pub(crate) async fn kept_runs(shared: &Shared) -> Result<BTreeSet<BenchmarkId>, String> {
    let kept = shared.store.list_warm_engines().await;
    let kept = kept.map_err(|error| Chain(&error).to_string())?;
    Ok(kept
        .iter()
        .map(|kept| kept.engine.from.started_by)
        .collect())
}

/// Removes an engine and everything else of the run that started it from its node.
///
/// # Errors
///
/// When the node cannot be asked, or something is still there; in words.
pub(crate) async fn remove_engine(
    shared: &Shared,
    node: &Node,
    engine: &WarmEngine,
) -> Result<Removed, String> {
    let run = engine.from.started_by;
    let is_container = engine.container.is_some();
    if let (Node::Here, false) = (node, is_container) {
        return Ok(Removed {
            processes: stop_process_here(shared, run).await?,
            containers: 0,
        });
    }
    leftovers(shared)
        .await?
        .remove(node, run, is_container)
        .await
}

/// Removes the engines that are kept for groups of which no run is to come.
pub(crate) async fn remove_unwanted(shared: &Shared) {
    remove_all(shared, shared.store.take_unwanted_warm_engines().await).await;
}

/// Removes the engines that wait for a run while none has them: nobody may come when the server has stopped.
pub(crate) async fn remove_waiting(shared: &Shared) {
    remove_all(shared, shared.store.take_waiting_warm_engines().await).await;
}

async fn remove_all(shared: &Shared, taken: Result<Vec<KeptEngine>, StoreError>) {
    let taken = match taken {
        Ok(taken) => taken,
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "kept engines cannot be listed");
            return;
        }
    };
    for kept in taken {
        let run = kept.engine.from.started_by;
        match remove_kept(shared, &kept).await {
            Ok(removed) => {
                tracing::info!(%run, ?removed, "removed an engine that nobody waits for");
            }
            Err(reason) => tracing::warn!(%run, reason, "a kept engine is not removed yet"),
        }
    }
}

/// Removes an engine wherever it is. What cannot be removed now is pending as a clean-up of the run that
/// started it.
async fn remove_kept(shared: &Shared, kept: &KeptEngine) -> Result<Removed, String> {
    let placed = shared.store.find_node(kept.node_id).await;
    let placed = placed.map_err(|error| Chain(&error).to_string())?;
    // A node that has something on it is not taken out of its cluster: see `refuse_pending` of the service.
    let placed = placed.ok_or("its node is in no cluster any more")?;
    let removed = match open_node(&shared.store, kept.node_id).await {
        Ok(node) => remove_engine(shared, &node, &kept.engine).await,
        Err(reason) => Err(reason),
    };
    if let Err(reason) = &removed {
        let node = (kept.node_id, placed.node.name.as_str());
        let run = kept.engine.from.started_by;
        let noted = shared
            .store
            .note_pending_cleanup(run, node, reason, shared.now())
            .await;
        noted.map_err(|error| Chain(&error).to_string())?;
    }
    removed
}
