//! Clusters: this machine, and endpoints.

use domain::access::Role;
use domain::catalogue::{Cluster, ClusterKind, EndpointForm, NewEndpoint, Node, ReachabilityCheck};
use domain::id::{ClusterId, NodeId};
use domain::secret::Secret;

use super::endpoint_key::KeyChange;
use crate::error::{name_taken, not_found};
use crate::{Actor, Ctx, ServiceError};

/// All clusters with their nodes, by name.
pub async fn list_clusters(ctx: &Ctx, _actor: &Actor) -> Result<Vec<Cluster>, ServiceError> {
    Ok(ctx.store.list_clusters().await?)
}

/// One cluster with its nodes.
pub async fn get_cluster(
    ctx: &Ctx,
    _actor: &Actor,
    id: ClusterId,
) -> Result<Cluster, ServiceError> {
    ctx.store
        .find_cluster(id)
        .await?
        .ok_or_else(|| not_found("cluster"))
}

/// Makes an endpoint, or changes the one of that id. A key is sealed and never read back to people.
pub async fn save_endpoint(
    ctx: &Ctx,
    actor: &Actor,
    id: Option<ClusterId>,
    form: &EndpointForm,
) -> Result<Cluster, ServiceError> {
    actor.require(Role::Operator, "edit clusters")?;
    let new = form.validate()?;
    match id {
        None => make_endpoint(ctx, form, new).await,
        Some(id) => change_endpoint(ctx, actor, id, form, new).await,
    }
}

async fn make_endpoint(
    ctx: &Ctx,
    form: &EndpointForm,
    new: NewEndpoint,
) -> Result<Cluster, ServiceError> {
    let change = KeyChange::decide(form, None, &new.base_url)?;
    let credential_id = change.carry_out(ctx, &new.name).await?;
    let cluster = new_endpoint(ctx, new, credential_id);
    if let Err(error) = ctx.store.insert_cluster(&cluster).await {
        change.undo(ctx, credential_id).await;
        return Err(name_taken("cluster")(error));
    }
    Ok(cluster)
}

async fn change_endpoint(
    ctx: &Ctx,
    actor: &Actor,
    id: ClusterId,
    form: &EndpointForm,
    new: NewEndpoint,
) -> Result<Cluster, ServiceError> {
    let mut cluster = get_cluster(ctx, actor, id).await?;
    let ClusterKind::Endpoint {
        base_url,
        credential_id,
    } = cluster.kind.clone()
    else {
        return Err(ServiceError::Conflict(
            "This machine has no address or key to edit.".to_owned(),
        ));
    };
    let change = KeyChange::decide(
        form,
        credential_id.map(|id| (id, base_url.as_str())),
        &new.base_url,
    )?;
    let kept_id = change.carry_out(ctx, &new.name).await?;
    if base_url != new.base_url {
        // What was found at the old address says nothing about the new one.
        cluster.last_check = None;
    }
    cluster.name = new.name;
    cluster.description = new.description;
    for node in &mut cluster.nodes {
        node.name = host_of(&new.base_url);
    }
    cluster.kind = ClusterKind::Endpoint {
        base_url: new.base_url,
        credential_id: kept_id,
    };
    if let Err(error) = ctx.store.update_cluster(&cluster).await {
        change.undo(ctx, kept_id).await;
        return Err(name_taken("cluster")(error));
    }
    change.finish(ctx).await?;
    Ok(cluster)
}

/// A cluster for an address that serves, with the one node that stands for it.
pub(super) fn new_endpoint(
    ctx: &Ctx,
    new: NewEndpoint,
    credential_id: Option<domain::id::CredentialId>,
) -> Cluster {
    let node = Node {
        id: NodeId(ctx.new_id()),
        name: host_of(&new.base_url),
        inventory: None,
        held_by: None,
    };
    Cluster {
        id: ClusterId(ctx.new_id()),
        name: new.name,
        kind: ClusterKind::Endpoint {
            base_url: new.base_url,
            credential_id,
        },
        description: new.description,
        nodes: vec![node],
        last_check: None,
        created_at: ctx.now(),
    }
}

/// Deletes an endpoint with its key. Benchmarks keep their own copy of what they ran.
pub async fn delete_cluster(ctx: &Ctx, actor: &Actor, id: ClusterId) -> Result<(), ServiceError> {
    actor.require(Role::Operator, "delete clusters")?;
    let cluster = get_cluster(ctx, actor, id).await?;
    let ClusterKind::Endpoint { credential_id, .. } = cluster.kind else {
        return Err(ServiceError::Conflict(
            "This machine is always there.".to_owned(),
        ));
    };
    if cluster.nodes.iter().any(|node| node.held_by.is_some()) {
        return Err(ServiceError::Conflict(
            "A benchmark is using this cluster. Wait for its end, or cancel it first.".to_owned(),
        ));
    }
    ctx.store.delete_cluster(id).await?;
    if let Some(credential_id) = credential_id {
        ctx.store.delete_credential(credential_id).await?;
    }
    Ok(())
}

/// Looks whether a cluster answers, and remembers what it said.
pub async fn check_cluster(
    ctx: &Ctx,
    actor: &Actor,
    id: ClusterId,
) -> Result<Cluster, ServiceError> {
    actor.require(Role::Operator, "check clusters")?;
    let cluster = get_cluster(ctx, actor, id).await?;
    let check = match &cluster.kind {
        ClusterKind::ThisMachine => {
            refresh_nodes(ctx, &cluster).await?;
            ReachabilityCheck {
                checked_at: ctx.now(),
                is_reachable: true,
                message: "The runner works on this machine.".to_owned(),
                served_models: Vec::new(),
                engine: None,
            }
        }
        ClusterKind::Endpoint {
            base_url,
            credential_id,
        } => {
            let key = open_key(ctx, *credential_id).await?;
            runner::probe::probe_endpoint(base_url, key.as_ref(), ctx.now()).await
        }
    };
    ctx.store.save_check(id, &check).await?;
    get_cluster(ctx, actor, id).await
}

/// Reads anew what the nodes of a cluster have. An endpoint has nothing to read.
pub async fn refresh_inventory(
    ctx: &Ctx,
    actor: &Actor,
    id: ClusterId,
) -> Result<Cluster, ServiceError> {
    actor.require(Role::Operator, "read inventories")?;
    let cluster = get_cluster(ctx, actor, id).await?;
    if cluster.kind == ClusterKind::ThisMachine {
        refresh_nodes(ctx, &cluster).await?;
    }
    get_cluster(ctx, actor, id).await
}

/// Reads this machine's inventory into the nodes of `cluster`.
pub(super) async fn refresh_nodes(ctx: &Ctx, cluster: &Cluster) -> Result<(), ServiceError> {
    let inventory = super::seed::read_inventory(ctx).await?;
    for node in &cluster.nodes {
        ctx.store.save_inventory(node.id, &inventory).await?;
    }
    Ok(())
}

async fn open_key(
    ctx: &Ctx,
    id: Option<domain::id::CredentialId>,
) -> Result<Option<Secret<String>>, ServiceError> {
    match id {
        Some(id) => Ok(Some(ctx.store.open_credential(id).await?)),
        None => Ok(None),
    }
}

/// `host:port` of a base URL, for the node's name.
fn host_of(base_url: &str) -> String {
    let without_scheme = base_url
        .split_once("://")
        .map_or(base_url, |(_, rest)| rest);
    without_scheme
        .split('/')
        .next()
        .unwrap_or(without_scheme)
        .to_owned()
}
