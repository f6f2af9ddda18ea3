//! How the nodes of a cluster stand: what their page and the API show.

use domain::catalogue::{Cluster, MachineKeys, NodeWork, NodesDetail};
use domain::id::ClusterId;
use domain::run::RunState;

use super::clusters::get_cluster;
use crate::{Actor, Ctx, ServiceError};

/// A cluster, the accepted keys of its machines, what runs on its nodes now, and what runs may have left there.
pub async fn get_standing(
    ctx: &Ctx,
    actor: &Actor,
    id: ClusterId,
) -> Result<(Cluster, NodesDetail), ServiceError> {
    let cluster = get_cluster(ctx, actor, id).await?;
    let mut pending = ctx.store.list_pending_cleanups().await?;
    pending.retain(|one| cluster.nodes.iter().any(|node| node.id == one.node_id));
    let detail = NodesDetail {
        keys: keys_of(&cluster),
        pending,
        work: work_on(ctx, id).await?,
    };
    Ok((cluster, detail))
}

fn keys_of(cluster: &Cluster) -> Vec<MachineKeys> {
    let keys = cluster.nodes.iter().filter_map(|node| {
        let access = node.access.ssh()?;
        let jump = access
            .jump
            .as_ref()
            .and_then(|jump| jump.host_key.as_deref());
        Some(MachineKeys {
            node_id: node.id,
            node: access
                .host_key
                .as_deref()
                .and_then(runner::machines::fingerprint),
            jump: jump.and_then(runner::machines::fingerprint),
        })
    });
    keys.collect()
}

/// The runs that hold nodes of a cluster, as their journals tell where they stand.
async fn work_on(ctx: &Ctx, id: ClusterId) -> Result<Vec<NodeWork>, ServiceError> {
    let mut work = Vec::new();
    for held in ctx.store.list_held_nodes(id).await? {
        let journal = ctx.store.read_lasting_journal(held.benchmark_id).await?;
        let state = RunState::of_journal(&journal);
        let stage = state.running_stage();
        work.push(NodeWork {
            node_id: held.node_id,
            benchmark_id: held.benchmark_id,
            benchmark_name: held.benchmark_name,
            since: state.started_at,
            stage,
            stage_since: stage
                .and_then(|stage| state.stage(stage))
                .and_then(|stage| stage.started_at),
        });
    }
    Ok(work)
}
