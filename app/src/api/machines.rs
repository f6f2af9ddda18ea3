//! Clusters of machines over SSH.

use domain::catalogue::{Cluster, MachinesForm, NodesDetail};
use domain::id::{ClusterId, NodeId};
use leptos::prelude::*;
#[cfg(feature = "ssr")]
use leptos_axum::redirect;

use super::ApiError;
use super::codec::Json;
#[cfg(feature = "ssr")]
use super::context::{optional_id, refuse, signed_in};
#[cfg(feature = "ssr")]
use crate::routes;

/// Saves a cluster of machines (a new one when `id` is empty), looks at each, and goes to its page.
#[server(endpoint = "clusters/save_machines", output = Json)]
pub async fn save_machines(
    /// Id of the cluster to change, or empty.
    #[server(default)]
    id: String,
    /// The form, each field under its own name.
    #[server(flatten)]
    form: MachinesForm,
) -> Result<ClusterId, ApiError> {
    let (ctx, actor) = signed_in()?;
    let id = optional_id(&id)?;
    let cluster = service::catalogue::save_machines(&ctx, &actor, id, &form)
        .await
        .map_err(refuse)?;
    // What the check finds stands on the cluster's page; machines that are off are saved all the same.
    service::catalogue::check_cluster(&ctx, &actor, cluster.id)
        .await
        .map_err(refuse)?;
    redirect(&routes::cluster(cluster.id));
    Ok(cluster.id)
}

/// A cluster and how its nodes stand: what runs there, what is to be cleaned up there still, accepted keys.
#[server(endpoint = "clusters/standing", output = Json)]
pub async fn get_standing(
    /// Which cluster.
    id: ClusterId,
) -> Result<(Cluster, NodesDetail), ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::get_standing(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Accepts the host key that a machine showed last, and looks again.
#[server(endpoint = "clusters/accept_host_key", output = Json)]
pub async fn accept_host_key(
    /// The cluster.
    id: ClusterId,
    /// The node.
    node_id: NodeId,
    /// `node`, or `jump` for the machine on the way.
    hop: String,
    /// `SHA256:…`, as shown.
    fingerprint: String,
) -> Result<Cluster, ApiError> {
    let (ctx, actor) = signed_in()?;
    let hop = hop_named(&hop)?;
    let accepted =
        service::catalogue::accept_host_key(&ctx, &actor, id, node_id, hop, &fingerprint);
    let cluster = accepted.await.map_err(refuse)?;
    redirect(&routes::cluster(id));
    Ok(cluster)
}

/// Forgets the host key that was accepted, and looks again.
#[server(endpoint = "clusters/forget_host_key", output = Json)]
pub async fn forget_host_key(
    /// The cluster.
    id: ClusterId,
    /// The node.
    node_id: NodeId,
    /// `node`, or `jump` for the machine on the way.
    hop: String,
) -> Result<Cluster, ApiError> {
    let (ctx, actor) = signed_in()?;
    let hop = hop_named(&hop)?;
    let cluster = service::catalogue::forget_host_key(&ctx, &actor, id, node_id, hop)
        .await
        .map_err(refuse)?;
    redirect(&routes::cluster(id));
    Ok(cluster)
}

#[cfg(feature = "ssr")]
fn hop_named(text: &str) -> Result<domain::catalogue::SshHop, ApiError> {
    domain::catalogue::SshHop::parse(text).ok_or_else(|| {
        refuse(service::ServiceError::NotFound(
            "There is no such machine on the way.".to_owned(),
        ))
    })
}
