//! Clusters: this machine, and endpoints; machines over SSH have files of their own.

use domain::access::Role;
use domain::catalogue::{
    CatalogueQuery, Cluster, ClusterKind, EndpointForm, NewEndpoint, Node, ReachabilityCheck,
    UsedBy,
};
use domain::id::{ClusterId, CredentialId, NodeId};
use domain::secret::Secret;
use store::Used;

use super::archived_at;
use super::endpoint_key::KeyChange;
use super::machine_checks::check_machines;
use super::machines::refuse_pending;
use crate::error::{name_taken, not_found, still_used};
use crate::{Actor, Ctx, ServiceError};

/// The clusters of a query with their nodes, by name.
pub async fn list_clusters(
    ctx: &Ctx,
    _actor: &Actor,
    query: &CatalogueQuery,
) -> Result<Vec<Cluster>, ServiceError> {
    let mut clusters = ctx.store.list_clusters().await?;
    clusters.retain(|cluster| cluster.is_shown(query));
    Ok(clusters)
}

/// One cluster with its nodes, archived or not.
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

/// Which benchmarks ran on a cluster.
pub async fn get_cluster_use(
    ctx: &Ctx,
    actor: &Actor,
    id: ClusterId,
) -> Result<UsedBy, ServiceError> {
    get_cluster(ctx, actor, id).await?;
    Ok(ctx.store.used_by(Used::Cluster(id)).await?)
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
    let credentials = ctx.store.list_credentials().await?;
    let change = KeyChange::decide(form, &new, None, &credentials)?;
    let mut cluster = new_endpoint(ctx, new.name, new.base_url.clone(), new.description);
    let credential_id = change.carry_out(ctx, cluster.id, &new.base_url).await?;
    cluster.kind = ClusterKind::Endpoint {
        base_url: new.base_url,
        credential_id,
    };
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
    let Some(old_url) = cluster.kind.base_url().map(str::to_owned) else {
        return Err(ServiceError::Conflict(
            "This cluster is no endpoint: it has no base URL to edit.".to_owned(),
        ));
    };
    let credentials = ctx.store.list_credentials().await?;
    let change = KeyChange::decide(form, &new, Some(&cluster), &credentials)?;
    let credential_id = change.carry_out(ctx, id, &new.base_url).await?;
    if old_url != new.base_url {
        // What was found at the old address says nothing about the new one.
        cluster.last_check = None;
    }
    cluster.name = new.name;
    cluster.description = new.description;
    for node in &mut cluster.nodes {
        node.name = host_of(&new.base_url);
    }
    let base_url = new.base_url;
    cluster.kind = ClusterKind::Endpoint {
        base_url: base_url.clone(),
        credential_id,
    };
    if let Err(error) = ctx.store.update_cluster(&cluster).await {
        change.undo(ctx, credential_id).await;
        return Err(name_taken("cluster")(error));
    }
    change.finish(ctx, &base_url).await?;
    Ok(cluster)
}

/// A cluster for an address that serves, with the one node that stands for it.
pub(super) fn new_endpoint(
    ctx: &Ctx,
    name: String,
    base_url: String,
    description: String,
) -> Cluster {
    let node = Node {
        id: NodeId(ctx.new_id()),
        name: host_of(&base_url),
        access: domain::catalogue::NodeAccess::default(),
        inventory: None,
        last_check: None,
        held_by: None,
    };
    Cluster {
        id: ClusterId(ctx.new_id()),
        name,
        kind: ClusterKind::Endpoint {
            base_url,
            credential_id: None,
        },
        description,
        nodes: vec![node],
        last_check: None,
        created_at: ctx.now(),
        archived_at: None,
    }
}

/// Puts a cluster away, or brings it back. What was planned on it still runs: its key stays.
pub async fn archive_cluster(
    ctx: &Ctx,
    actor: &Actor,
    id: ClusterId,
    is_archived: bool,
) -> Result<Cluster, ServiceError> {
    actor.require(Role::Operator, "archive clusters")?;
    let mut cluster = get_cluster(ctx, actor, id).await?;
    refuse_this_machine(&cluster)?;
    cluster.archived_at = archived_at(ctx, cluster.archived_at, is_archived);
    ctx.store
        .set_archived(Used::Cluster(id), cluster.archived_at)
        .await?;
    Ok(cluster)
}

/// Deletes a cluster that no benchmark used, with its own key or password.
pub async fn delete_cluster(ctx: &Ctx, actor: &Actor, id: ClusterId) -> Result<(), ServiceError> {
    actor.require(Role::Operator, "delete clusters")?;
    let cluster = get_cluster(ctx, actor, id).await?;
    refuse_this_machine(&cluster)?;
    if cluster.kind == ClusterKind::Machines {
        refuse_pending(ctx, &cluster.nodes.iter().collect::<Vec<_>>()).await?;
    }
    let own_key = match cluster.credential_id() {
        Some(id) => ctx.store.find_credential(id).await?,
        None => None,
    };
    ctx.store
        .delete_cluster(id)
        .await
        .map_err(still_used("cluster"))?;
    match own_key {
        Some(key) if key.endpoint_id.is_some() => Ok(ctx.store.delete_credential(key.id).await?),
        _ => Ok(()),
    }
}

fn refuse_this_machine(cluster: &Cluster) -> Result<(), ServiceError> {
    if cluster.kind == ClusterKind::ThisMachine {
        return Err(ServiceError::Conflict(
            "This machine is always there.".to_owned(),
        ));
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
        ClusterKind::Machines => check_machines(ctx, actor, &cluster).await?,
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
            let key = open_key(ctx, *credential_id, base_url).await?;
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
    match cluster.kind {
        ClusterKind::ThisMachine => refresh_nodes(ctx, &cluster).await?,
        ClusterKind::Machines => return check_cluster(ctx, actor, id).await,
        ClusterKind::Endpoint { .. } => {}
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

/// The key of an endpoint, for its own address only.
async fn open_key(
    ctx: &Ctx,
    id: Option<CredentialId>,
    base_url: &str,
) -> Result<Option<Secret<String>>, ServiceError> {
    let Some(id) = id else { return Ok(None) };
    let bound = ctx.store.open_credential(id).await?;
    let key = bound.for_url(base_url).cloned();
    key.map(Some).ok_or_else(|| {
        ServiceError::Conflict(
            "The key of this endpoint is not for its address. Give the endpoint its key again."
                .to_owned(),
        )
    })
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
