//! Looking at machines over SSH or through their Docker Engines, and accepting the keys by which they prove themselves.

use domain::access::Role;
use domain::catalogue::{
    Cluster, Node, NodeAccess, OfferedKey, ReachabilityCheck, SshAccess, SshHop,
};
use domain::id::{ClusterId, NodeId};
use futures::StreamExt as _;

use super::clusters::get_cluster;
use super::machines::machines_cluster;
use crate::{Actor, Ctx, ServiceError};

/// How many machines are looked at side by side.
const LOOKS_AT_ONCE: usize = 8;

/// Pins the host key that the last look at a node was shown, if it is the one with that fingerprint, and
/// looks again. The key of a machine on the way is pinned for every node behind it.
pub async fn accept_host_key(
    ctx: &Ctx,
    actor: &Actor,
    cluster_id: ClusterId,
    node_id: NodeId,
    hop: SshHop,
    fingerprint: &str,
) -> Result<Cluster, ServiceError> {
    actor.require(Role::Operator, "accept host keys")?;
    let cluster = machines_cluster(ctx, actor, cluster_id).await?;
    let node = node_of(&cluster, node_id)?;
    let offered = node
        .last_check
        .as_ref()
        .and_then(|check| check.offered_key.as_ref())
        .filter(|offered| offered.of == hop && offered.fingerprint == fingerprint.trim());
    let Some(offered) = offered else {
        return Err(ServiceError::Conflict(
            "This is not the key that the machine showed last. Check the cluster again and compare.".to_owned(),
        ));
    };
    if let Some(before) = &offered.accepted_before {
        return Err(ServiceError::Conflict(format!(
            "Another key ({before}) was accepted before. Somebody who leads has to forget it first, knowing why it changed."
        )));
    }
    change_key(ctx, &cluster, node, hop, Some(offered)).await?;
    check_some(ctx, actor, cluster_id, &behind(&cluster, node, hop)).await
}

/// Forgets the host key that was accepted, and looks again: the key that is shown then waits for a person.
pub async fn forget_host_key(
    ctx: &Ctx,
    actor: &Actor,
    cluster_id: ClusterId,
    node_id: NodeId,
    hop: SshHop,
) -> Result<Cluster, ServiceError> {
    actor.require(Role::Lead, "forget host keys")?;
    let cluster = machines_cluster(ctx, actor, cluster_id).await?;
    let node = node_of(&cluster, node_id)?;
    change_key(ctx, &cluster, node, hop, None).await?;
    check_some(ctx, actor, cluster_id, &behind(&cluster, node, hop)).await
}

fn node_of(cluster: &Cluster, id: NodeId) -> Result<&Node, ServiceError> {
    let node = cluster.nodes.iter().find(|node| node.id == id);
    node.ok_or_else(|| crate::error::not_found("node"))
}

/// The nodes that a key of `node` or of the machine before it is about.
fn behind(cluster: &Cluster, node: &Node, hop: SshHop) -> Vec<NodeId> {
    let same_jump = |other: &&Node| {
        let jump = |node: &Node| Some(node.access.ssh()?.jump.as_ref()?.address.clone());
        jump(other).is_some() && jump(other) == jump(node)
    };
    match hop {
        SshHop::Node => vec![node.id],
        SshHop::Jump => {
            let others = cluster.nodes.iter().filter(same_jump);
            others.map(|other| other.id).collect()
        }
    }
}

async fn change_key(
    ctx: &Ctx,
    cluster: &Cluster,
    node: &Node,
    hop: SshHop,
    offered: Option<&OfferedKey>,
) -> Result<(), ServiceError> {
    let ids = behind(cluster, node, hop);
    for node in cluster.nodes.iter().filter(|node| ids.contains(&node.id)) {
        let Some(access) = node.access.ssh() else {
            continue;
        };
        let mut changed: SshAccess = access.clone();
        let key = offered.map(|offered| offered.line.clone());
        match (hop, &mut changed.jump) {
            (SshHop::Node, _) => changed.host_key = key,
            (SshHop::Jump, Some(jump)) => jump.host_key = key,
            (SshHop::Jump, None) => continue,
        }
        let changed = NodeAccess::Ssh(Box::new(changed));
        // Two who accept at once: the second is told, and sees what the first did.
        ctx.store
            .update_node_access(node.id, &node.access, &changed)
            .await?;
    }
    Ok(())
}

/// Looks at some nodes of a cluster and keeps what was found.
async fn check_some(
    ctx: &Ctx,
    actor: &Actor,
    id: ClusterId,
    nodes: &[NodeId],
) -> Result<Cluster, ServiceError> {
    let cluster = get_cluster(ctx, actor, id).await?;
    let some = cluster.nodes.iter().filter(|node| nodes.contains(&node.id));
    look_at(ctx, some.collect()).await?;
    let cluster = get_cluster(ctx, actor, id).await?;
    ctx.store.save_check(id, &in_sum(ctx, &cluster)).await?;
    get_cluster(ctx, actor, id).await
}

/// Looks at every node of a cluster; what it says in sum.
pub(super) async fn check_machines(
    ctx: &Ctx,
    actor: &Actor,
    cluster: &Cluster,
) -> Result<ReachabilityCheck, ServiceError> {
    look_at(ctx, cluster.nodes.iter().collect()).await?;
    let cluster = get_cluster(ctx, actor, cluster.id).await?;
    Ok(in_sum(ctx, &cluster))
}

async fn look_at(ctx: &Ctx, nodes: Vec<&Node>) -> Result<(), ServiceError> {
    let installation = ctx.store.installation_id().await?.to_string();
    let mut looks = Vec::new();
    for node in nodes {
        if node.access != NodeAccess::Direct {
            looks.push(look_at_one(
                ctx,
                node.id,
                node.access.clone(),
                &installation,
            ));
        }
    }
    let mut looked = futures::stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE);
    while let Some(saved) = looked.next().await {
        saved?;
    }
    Ok(())
}

async fn look_at_one(
    ctx: &Ctx,
    id: NodeId,
    access: NodeAccess,
    installation: &str,
) -> Result<(), ServiceError> {
    let (store, now) = (&ctx.store, ctx.now());
    let (check, inventory) = match &access {
        NodeAccess::Direct => return Ok(()),
        NodeAccess::Ssh(access) => runner::machines::look(store, access, installation, now).await,
        NodeAccess::DockerTls(access) => {
            runner::machines::look_through_docker(store, access, installation, now).await
        }
    };
    match ctx.store.save_node_check(id, &check).await {
        // Somebody removed the node meanwhile.
        Err(store::StoreError::NotFound) => return Ok(()),
        saved => saved?,
    }
    if let Some(inventory) = inventory {
        ctx.store.save_inventory(id, &inventory).await?;
    }
    Ok(())
}

fn in_sum(ctx: &Ctx, cluster: &Cluster) -> ReachabilityCheck {
    let checks = || {
        cluster
            .nodes
            .iter()
            .filter_map(|node| node.last_check.as_ref())
    };
    let reachable = checks().filter(|check| check.is_reachable).count();
    let waiting = checks().filter(|check| check.offered_key.is_some()).count();
    let count = cluster.nodes.len();
    let first = cluster.nodes.iter().find_map(|node| {
        let check = node.last_check.as_ref()?;
        (!check.is_reachable).then(|| format!("{}: {}", node.name, check.message))
    });
    let can = if cluster.is_docker_only() {
        "can be reached through Docker"
    } else {
        "can be signed in to"
    };
    let message = match (count, first) {
        (_, None) if count == 1 => format!("The machine {can}."),
        (_, None) => format!("All {count} machines {can}."),
        (1, Some(first)) => first,
        (_, Some(_)) if waiting > 0 && reachable + waiting == count => format!(
            "{reachable} of {count} machines {can}; {waiting} wait for a host key to be accepted."
        ),
        (_, Some(first)) => {
            format!("{reachable} of {count} machines {can}. {first}")
        }
    };
    ReachabilityCheck {
        checked_at: ctx.now(),
        is_reachable: reachable == count,
        message,
        served_models: Vec::new(),
        engine: None,
    }
}
