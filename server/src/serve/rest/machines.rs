//! Clusters of machines over SSH or Docker: made, changed, and their host keys accepted.

use axum::Json;
use axum::http::StatusCode;
use domain::catalogue::{MachinesForm, SshHop};
use domain::id::{ClusterId, NodeId};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Refusal;
use super::clusters::{ClusterAnswer, answer};
use super::extract::{Body, Caller, PathId};
use crate::serve::edge::Edge;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(create_machines))
        .routes(routes!(change_machines))
        .routes(routes!(accept_host_key))
        .routes(routes!(forget_host_key))
}

/// A cluster of machines to be made, or to take the place of one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MachinesRequest {
    /// Name shown; unique.
    #[schema(max_length = 200)]
    name: String,
    /// The machines.
    #[schema(min_items = 1, max_items = 64)]
    machines: Vec<MachineRequest>,
    /// The account on machines whose address names none; Docker Engines have none.
    #[schema(max_length = 64)]
    user: Option<String>,
    /// How to reach all of them.
    login: LoginKind,
    /// The text of a private key (ed25519 or ECDSA). Absent, a cluster that is changed keeps its own.
    #[schema(max_length = 32768, write_only)]
    private_key: Option<String>,
    /// What unlocks the key.
    #[schema(max_length = 4096, write_only)]
    passphrase: Option<String>,
    /// A password. Absent, a cluster that is changed keeps its own, unless a machine is added or moves.
    #[schema(max_length = 4096, write_only)]
    password: Option<String>,
    /// A machine on the way to all of them, as `user@host:port`.
    #[schema(max_length = 400)]
    jump: Option<String>,
    /// Of Docker Engines: certificates, as PEM, of the authorities that theirs must come from.
    #[schema(max_length = 32768)]
    ca: Option<String>,
    /// Of Docker Engines: the certificate by which this server proves itself, as PEM.
    #[schema(max_length = 32768)]
    certificate: Option<String>,
    /// Of Docker Engines: the private key of that certificate, as PEM. Absent, a cluster that is changed keeps
    /// its own.
    #[schema(max_length = 32768, write_only)]
    docker_key: Option<String>,
    /// Free text.
    #[schema(max_length = 2000)]
    description: Option<String>,
}

/// One machine.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MachineRequest {
    /// `host`, `user@host` or `user@host:port`; of a Docker Engine `host` or `host:port`.
    #[schema(max_length = 400)]
    address: String,
    /// Its name; the host's when absent.
    #[schema(max_length = 100)]
    name: Option<String>,
}

/// How machines are reached.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LoginKind {
    /// Over SSH, with a private key.
    Key,
    /// Over SSH, with a password.
    Password,
    /// Over SSH, with the keys of the agent that the server's user runs.
    Agent,
    /// Through their Docker Engines over TLS: nothing but containers runs there.
    DockerTls,
}

impl From<MachinesRequest> for MachinesForm {
    fn from(request: MachinesRequest) -> Self {
        let lines = request.machines.into_iter().map(|machine| {
            // A line end would make two machines of one.
            let one_line = |text: String| text.replace(['\r', '\n'], " ");
            match machine.name.map(one_line) {
                Some(name) if !name.trim().is_empty() => {
                    format!("{} as {name}", one_line(machine.address))
                }
                _ => one_line(machine.address),
            }
        });
        Self {
            name: request.name,
            machines: lines.collect::<Vec<_>>().join("\n"),
            user: request.user.unwrap_or_default(),
            login: match request.login {
                LoginKind::Key => "key",
                LoginKind::Password => "password",
                LoginKind::Agent => "agent",
                LoginKind::DockerTls => "docker_tls",
            }
            .to_owned(),
            private_key: request.private_key.unwrap_or_default(),
            passphrase: request.passphrase.unwrap_or_default(),
            password: request.password.unwrap_or_default(),
            jump: request.jump.unwrap_or_default(),
            ca: request.ca.unwrap_or_default(),
            certificate: request.certificate.unwrap_or_default(),
            docker_key: request.docker_key.unwrap_or_default(),
            description: request.description.unwrap_or_default(),
        }
    }
}

/// Which machine on the way to a node.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum HopKind {
    /// The node itself.
    Node,
    /// The machine on the way to it.
    Jump,
}

impl From<HopKind> for SshHop {
    fn from(hop: HopKind) -> Self {
        match hop {
            HopKind::Node => Self::Node,
            HopKind::Jump => Self::Jump,
        }
    }
}

/// A host key to be accepted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AcceptRequest {
    /// The node.
    node_id: Uuid,
    /// Whose key.
    hop: HopKind,
    /// `SHA256:…` of the key, as the last check showed it.
    #[schema(max_length = 100)]
    fingerprint: String,
}

/// A host key to be forgotten.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ForgetRequest {
    /// The node.
    node_id: Uuid,
    /// Whose key.
    hop: HopKind,
}

/// Adds machines that are reached over SSH, or through their Docker Engines. None is connected to until they are checked.
#[utoipa::path(
    post, path = "/clusters/machines", tag = "Catalogue", operation_id = "create_machines",
    request_body = MachinesRequest,
    responses((status = 201, description = "They were added.", body = ClusterAnswer)),
)]
async fn create_machines(
    caller: Caller,
    Body(request): Body<MachinesRequest>,
) -> Result<(StatusCode, Json<ClusterAnswer>), Refusal> {
    let Caller { ctx, actor } = &caller;
    let form = request.into();
    let made = service::catalogue::save_machines(ctx, actor, None, &form).await?;
    let answer = answer(caller, made, "cluster.create", "The machines were added.").await?;
    Ok((StatusCode::CREATED, answer))
}

/// Replaces name, machines, login and description of a cluster of machines. A machine keeps its id with its
/// address, else with its name, and its accepted host key with its address.
#[utoipa::path(
    put, path = "/clusters/{id}/machines", tag = "Catalogue", operation_id = "change_machines",
    params(("id" = Uuid, Path, description = "The cluster.")),
    request_body = MachinesRequest,
    responses((status = 200, description = "It was changed.", body = ClusterAnswer)),
)]
async fn change_machines(
    caller: Caller,
    PathId(id): PathId<ClusterId>,
    Body(request): Body<MachinesRequest>,
) -> Result<Json<ClusterAnswer>, Refusal> {
    let Caller { ctx, actor } = &caller;
    let form = request.into();
    let changed = service::catalogue::save_machines(ctx, actor, Some(id), &form).await?;
    answer(caller, changed, "cluster.edit", "It was changed.").await
}

/// Accepts the host key that a machine showed at the last check, and checks it again. Any other fingerprint is
/// refused, and so is a key that differs from an accepted one.
#[utoipa::path(
    post, path = "/clusters/{id}/host-keys/accept", tag = "Catalogue", operation_id = "accept_host_key",
    params(("id" = Uuid, Path, description = "The cluster.")),
    request_body = AcceptRequest,
    responses((status = 200, description = "It was accepted.", body = ClusterAnswer)),
)]
async fn accept_host_key(
    caller: Caller,
    PathId(id): PathId<ClusterId>,
    Body(request): Body<AcceptRequest>,
) -> Result<Json<ClusterAnswer>, Refusal> {
    let Caller { ctx, actor } = &caller;
    let (node, hop) = (NodeId(request.node_id), request.hop.into());
    let accepted =
        service::catalogue::accept_host_key(ctx, actor, id, node, hop, &request.fingerprint);
    let cluster = accepted.await?;
    answer(caller, cluster, "cluster.check", "It was accepted.").await
}

/// Forgets the accepted host key of a machine, and checks it: the key it shows then waits to be accepted.
#[utoipa::path(
    post, path = "/clusters/{id}/host-keys/forget", tag = "Catalogue", operation_id = "forget_host_key",
    params(("id" = Uuid, Path, description = "The cluster.")),
    request_body = ForgetRequest,
    responses((status = 200, description = "It was forgotten.", body = ClusterAnswer)),
)]
async fn forget_host_key(
    caller: Caller,
    PathId(id): PathId<ClusterId>,
    Body(request): Body<ForgetRequest>,
) -> Result<Json<ClusterAnswer>, Refusal> {
    let Caller { ctx, actor } = &caller;
    let (node, hop) = (NodeId(request.node_id), request.hop.into());
    let forgotten = service::catalogue::forget_host_key(ctx, actor, id, node, hop).await?;
    answer(caller, forgotten, "cluster.check", "It was forgotten.").await
}
