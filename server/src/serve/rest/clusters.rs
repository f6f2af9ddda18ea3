//! Clusters of the catalogue and their nodes.

use axum::Json;
use axum::http::StatusCode;
use domain::catalogue::{Cluster, EndpointForm, Node};
use domain::id::ClusterId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Refusal;
use super::extract::{Body, Caller, Params, PathId};
use super::registry::{ArchiveRequest, DeletedAnswer, RegistryParams, UsedByBody};
use crate::serve::edge::Edge;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(list_clusters, create_endpoint))
        .routes(routes!(get_cluster, change_endpoint, delete_cluster))
        .routes(routes!(check_cluster))
        .routes(routes!(archive_cluster))
}

/// An endpoint to be made, or to take the place of one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EndpointRequest {
    /// Name shown; unique.
    #[schema(max_length = 200)]
    name: String,
    /// A base URL that serves an OpenAI-compatible API.
    #[schema(max_length = 500)]
    base_url: String,
    /// A key of its own. Absent, an endpoint that is changed keeps its own, unless it moves.
    #[schema(max_length = 4096, write_only)]
    api_key: Option<String>,
    /// Whether the key of its own is destroyed.
    remove_key: Option<bool>,
    /// A credential of the registry instead of a key of its own; it must be for this address.
    credential_id: Option<Uuid>,
    /// Free text.
    #[schema(max_length = 2000)]
    description: Option<String>,
}

impl From<EndpointRequest> for EndpointForm {
    fn from(request: EndpointRequest) -> Self {
        let credential_id = request.credential_id.map(|id| id.to_string());
        Self {
            name: request.name,
            base_url: request.base_url,
            api_key: request.api_key.unwrap_or_default(),
            remove_key: if request.remove_key == Some(true) {
                "on".to_owned()
            } else {
                String::new()
            },
            credential_id: credential_id.unwrap_or_default(),
            description: request.description.unwrap_or_default(),
        }
    }
}

/// A cluster of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
struct ClusterEntry {
    /// Its id.
    id: Uuid,
    /// Name shown.
    name: String,
    /// `this_machine`, `machines` or `endpoint`.
    kind: String,
    /// Where an endpoint answers.
    base_url: Option<String>,
    /// The credential an endpoint sends, or machines are reached with; `null` without one.
    credential_id: Option<Uuid>,
    /// Free text.
    description: String,
    /// Its nodes, by name.
    nodes: Vec<NodeEntry>,
    /// What the last check found; `null` before the first one.
    last_check: Option<CheckBody>,
    /// When it was added.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was archived; `null` while it is in use.
    #[schema(format = DateTime)]
    archived_at: Option<String>,
}

/// A machine of a cluster, or the node that stands for an endpoint.
#[derive(Debug, Serialize, ToSchema)]
struct NodeEntry {
    /// Its id.
    id: Uuid,
    /// Host name, or the address of an endpoint.
    name: String,
    /// The benchmark that holds it now.
    held_by: Option<Uuid>,
    /// How it is reached over SSH; `null` for what is not.
    ssh: Option<SshBody>,
    /// How it is reached through its Docker Engine alone; `null` for what is not.
    docker: Option<DockerBody>,
    /// What it has; `null` when that is not known.
    inventory: Option<InventoryBody>,
}

/// How a machine is reached over SSH.
#[derive(Debug, Serialize, ToSchema)]
struct SshBody {
    /// `user@host:port`.
    address: String,
    /// The machine on the way.
    jump: Option<String>,
    /// The accepted key of the machine, as one line of a `known_hosts` file without the host.
    host_key: Option<String>,
    /// A key that was shown at the last check and waits to be accepted.
    offered_key: Option<OfferedKeyBody>,
}

/// A host key that waits for a person.
#[derive(Debug, Serialize, ToSchema)]
struct OfferedKeyBody {
    /// `node` or `jump`: whose it is.
    hop: &'static str,
    /// `ssh-ed25519` and the like.
    kind: String,
    /// `SHA256:…`.
    fingerprint: String,
    /// The fingerprint of the accepted key that this one differs from.
    accepted_before: Option<String>,
}

/// How a machine is reached through its Docker Engine alone.
#[derive(Debug, Serialize, ToSchema)]
struct DockerBody {
    /// `tcp://host:port`.
    address: String,
    /// Certificates of the authorities that its own must come from, as PEM.
    ca: String,
    /// The certificate by which this server proves itself, as PEM.
    certificate: String,
}

impl DockerBody {
    fn of(node: &Node) -> Option<Self> {
        let access = node.access.docker()?;
        Some(Self {
            address: access.address.to_url(),
            ca: access.ca.clone(),
            certificate: access.certificate.clone(),
        })
    }
}

impl SshBody {
    fn of(node: &Node) -> Option<Self> {
        let access = node.access.ssh()?;
        let offered = node
            .last_check
            .as_ref()
            .and_then(|check| check.offered_key.clone());
        Some(Self {
            address: access.address.to_string(),
            jump: access.jump.as_ref().map(|jump| jump.address.to_string()),
            host_key: access.host_key.clone(),
            offered_key: offered.map(|key| OfferedKeyBody {
                hop: key.of.as_str(),
                kind: key.kind,
                fingerprint: key.fingerprint,
                accepted_before: key.accepted_before,
            }),
        })
    }
}

/// What a machine has.
#[derive(Debug, Serialize, ToSchema)]
struct InventoryBody {
    /// Host name.
    hostname: String,
    /// Operating system with version.
    os: String,
    /// Kernel version.
    kernel: String,
    /// CPU model.
    cpu_model: String,
    /// Logical cores.
    cpu_core_count: u32,
    /// Memory in bytes.
    memory_bytes: u64,
    /// Accelerators.
    accelerators: Vec<AcceleratorBody>,
    /// When it was read.
    #[schema(format = DateTime)]
    read_at: String,
}

/// An accelerator.
#[derive(Debug, Serialize, ToSchema)]
struct AcceleratorBody {
    /// Product name.
    name: String,
    /// Memory in bytes.
    memory_bytes: u64,
    /// Driver version.
    driver: String,
}

/// What a check found.
#[derive(Debug, Serialize, ToSchema)]
struct CheckBody {
    /// Whether it answered.
    is_reachable: bool,
    /// What it said, or why not, as a sentence.
    message: String,
    /// Models an endpoint serves.
    served_models: Vec<String>,
    /// Name and version of the engine, when it tells.
    engine: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    checked_at: String,
}

impl From<Node> for NodeEntry {
    fn from(node: Node) -> Self {
        let (ssh, docker) = (SshBody::of(&node), DockerBody::of(&node));
        let inventory = node.inventory.map(|inventory| InventoryBody {
            hostname: inventory.hostname,
            os: inventory.os,
            kernel: inventory.kernel,
            cpu_model: inventory.cpu_model,
            cpu_core_count: inventory.cpu_core_count,
            memory_bytes: inventory.memory_bytes,
            accelerators: inventory
                .accelerators
                .into_iter()
                .map(|one| AcceleratorBody {
                    name: one.name,
                    memory_bytes: one.memory_bytes,
                    driver: one.driver,
                })
                .collect(),
            read_at: inventory.read_at.to_rfc3339(),
        });
        Self {
            id: node.id.0,
            ssh,
            docker,
            name: node.name,
            held_by: node.held_by.map(|id| id.0),
            inventory,
        }
    }
}

impl From<Cluster> for ClusterEntry {
    fn from(cluster: Cluster) -> Self {
        let kind = cluster.kind.as_str().to_owned();
        let base_url = cluster.kind.base_url().map(str::to_owned);
        let credential_id = cluster.credential_id().map(|id| id.0);
        Self {
            id: cluster.id.0,
            name: cluster.name,
            kind,
            base_url,
            credential_id,
            description: cluster.description,
            nodes: cluster.nodes.into_iter().map(NodeEntry::from).collect(),
            last_check: cluster.last_check.map(|check| CheckBody {
                is_reachable: check.is_reachable,
                message: check.message,
                served_models: check.served_models,
                engine: check.engine.map(|engine| engine.in_words()),
                checked_at: check.checked_at.to_rfc3339(),
            }),
            created_at: cluster.created_at.to_rfc3339(),
            archived_at: cluster.archived_at.map(domain::time::Timestamp::to_rfc3339),
        }
    }
}

/// A page of the clusters.
#[derive(Debug, Serialize, ToSchema)]
struct ClusterList {
    /// Always `clusters.list`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The page.
    page: u32,
    /// Rows of a page.
    limit: u32,
    /// Clusters in all.
    total_record: u32,
    /// Pages in all.
    total_pages: u32,
    /// The clusters, by name.
    clusters: Vec<ClusterEntry>,
}

/// One cluster.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClusterAnswer {
    /// `cluster.get`, `.create`, `.edit`, `.check` or `.archive`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The cluster.
    cluster: ClusterEntry,
    /// Which benchmarks ran on it.
    used_by: UsedByBody,
}

/// Clusters with their nodes, by name.
#[utoipa::path(
    get, path = "/clusters", tag = "Catalogue", operation_id = "list_clusters",
    params(RegistryParams),
    responses((status = 200, description = "A page of the clusters.", body = ClusterList)),
)]
async fn list_clusters(
    caller: Caller,
    Params(params): Params<RegistryParams>,
) -> Result<Json<ClusterList>, Refusal> {
    let Caller { ctx, actor } = caller;
    let all = service::catalogue::list_clusters(&ctx, &actor, &params.to_query()).await?;
    let page = params.cut(all);
    Ok(Json(ClusterList {
        object: "clusters.list",
        message: "Successfully listed the clusters.",
        page: page.page,
        limit: page.limit,
        total_record: page.total_record,
        total_pages: page.total_pages,
        clusters: page.rows.into_iter().map(ClusterEntry::from).collect(),
    }))
}

/// Adds an endpoint. It is not asked anything until it is checked.
#[utoipa::path(
    post, path = "/clusters", tag = "Catalogue", operation_id = "create_endpoint",
    request_body = EndpointRequest,
    responses((status = 201, description = "It was added.", body = ClusterAnswer)),
)]
async fn create_endpoint(
    caller: Caller,
    Body(request): Body<EndpointRequest>,
) -> Result<(StatusCode, Json<ClusterAnswer>), Refusal> {
    let Caller { ctx, actor } = &caller;
    let form = request.into();
    let made = service::catalogue::save_endpoint(ctx, actor, None, &form).await?;
    let answer = answer(caller, made, "cluster.create", "The endpoint was added.").await?;
    Ok((StatusCode::CREATED, answer))
}

/// A cluster, with who uses it.
#[utoipa::path(
    get, path = "/clusters/{id}", tag = "Catalogue", operation_id = "get_cluster",
    params(("id" = Uuid, Path, description = "The cluster.")),
    responses((status = 200, description = "The cluster.", body = ClusterAnswer)),
)]
async fn get_cluster(
    caller: Caller,
    PathId(id): PathId<ClusterId>,
) -> Result<Json<ClusterAnswer>, Refusal> {
    let found = service::catalogue::get_cluster(&caller.ctx, &caller.actor, id).await?;
    let message = "Successfully fetched the cluster.";
    answer(caller, found, "cluster.get", message).await
}

/// Replaces name, address, key and description of an endpoint.
#[utoipa::path(
    put, path = "/clusters/{id}", tag = "Catalogue", operation_id = "change_endpoint",
    params(("id" = Uuid, Path, description = "The endpoint.")),
    request_body = EndpointRequest,
    responses((status = 200, description = "It was changed.", body = ClusterAnswer)),
)]
async fn change_endpoint(
    caller: Caller,
    PathId(id): PathId<ClusterId>,
    Body(request): Body<EndpointRequest>,
) -> Result<Json<ClusterAnswer>, Refusal> {
    let Caller { ctx, actor } = &caller;
    let form = request.into();
    let changed = service::catalogue::save_endpoint(ctx, actor, Some(id), &form).await?;
    answer(caller, changed, "cluster.edit", "It was changed.").await
}

/// Deletes a cluster that no benchmark used, with its own key or password; one that was used can be archived.
#[utoipa::path(
    delete, path = "/clusters/{id}", tag = "Catalogue", operation_id = "delete_cluster",
    params(("id" = Uuid, Path, description = "The cluster.")),
    responses((status = 200, description = "It was deleted.", body = DeletedAnswer)),
)]
async fn delete_cluster(
    caller: Caller,
    PathId(id): PathId<ClusterId>,
) -> Result<Json<DeletedAnswer>, Refusal> {
    service::catalogue::delete_cluster(&caller.ctx, &caller.actor, id).await?;
    Ok(Json(DeletedAnswer {
        object: "cluster.delete",
        message: "The cluster was deleted.",
        id: id.0,
    }))
}

/// Asks whether it answers; `last_check` says what came. The hardware of machines is read anew.
#[utoipa::path(
    post, path = "/clusters/{id}/check", tag = "Catalogue", operation_id = "check_cluster",
    params(("id" = Uuid, Path, description = "The cluster.")),
    responses((status = 200, description = "It was asked.", body = ClusterAnswer)),
)]
async fn check_cluster(
    caller: Caller,
    PathId(id): PathId<ClusterId>,
) -> Result<Json<ClusterAnswer>, Refusal> {
    let checked = service::catalogue::check_cluster(&caller.ctx, &caller.actor, id).await?;
    answer(caller, checked, "cluster.check", "It was asked.").await
}

/// Puts a cluster away, or brings it back.
#[utoipa::path(
    post, path = "/clusters/{id}/archive", tag = "Catalogue", operation_id = "archive_cluster",
    params(("id" = Uuid, Path, description = "The endpoint.")),
    request_body = ArchiveRequest,
    responses((status = 200, description = "It is as asked.", body = ClusterAnswer)),
)]
async fn archive_cluster(
    caller: Caller,
    PathId(id): PathId<ClusterId>,
    Body(request): Body<ArchiveRequest>,
) -> Result<Json<ClusterAnswer>, Refusal> {
    let Caller { ctx, actor } = &caller;
    let kept = service::catalogue::archive_cluster(ctx, actor, id, request.is_archived).await?;
    answer(caller, kept, "cluster.archive", "It is as asked.").await
}

pub(super) async fn answer(
    caller: Caller,
    cluster: Cluster,
    object: &'static str,
    message: &'static str,
) -> Result<Json<ClusterAnswer>, Refusal> {
    let Caller { ctx, actor } = caller;
    let used = service::catalogue::get_cluster_use(&ctx, &actor, cluster.id).await?;
    Ok(Json(ClusterAnswer {
        object,
        message,
        cluster: cluster.into(),
        used_by: used.into(),
    }))
}
