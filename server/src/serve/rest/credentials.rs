//! Credentials. A secret goes in and never comes out.

use axum::Json;
use axum::http::StatusCode;
use domain::catalogue::{Credential, CredentialForm, CredentialKind};
use domain::id::CredentialId;
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
        .routes(routes!(list_credentials, create_credential))
        .routes(routes!(
            get_credential,
            change_credential,
            delete_credential
        ))
        .routes(routes!(rotate_credential))
        .routes(routes!(test_credential))
        .routes(routes!(archive_credential))
}

/// A credential to be made, or to take the place of one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CredentialRequest {
    /// Name shown; unique.
    #[schema(max_length = 200)]
    name: String,
    /// What a new one is for; `provider_key` unless told otherwise. One that is changed stays what it is.
    kind: Option<KindInput>,
    /// The address it is for: it is only ever sent to the same scheme, host and port. A registry's as in the
    /// names of its images, such as `ghcr.io`.
    #[schema(max_length = 500)]
    base_url: String,
    /// The user of a registry.
    #[schema(max_length = 200)]
    user: Option<String>,
    /// The key, password or token. Absent, a credential that is changed keeps its own, unless it moves.
    #[schema(max_length = 4096, write_only)]
    secret: Option<String>,
    /// Free text.
    #[schema(max_length = 2000)]
    description: Option<String>,
}

/// What a credential is for.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum KindInput {
    /// A key of an OpenAI-compatible API.
    ProviderKey,
    /// User and password (or token) of a registry, with which images are pulled.
    RegistryLogin,
}

impl From<KindInput> for CredentialKind {
    fn from(kind: KindInput) -> Self {
        match kind {
            KindInput::ProviderKey => Self::ProviderKey,
            KindInput::RegistryLogin => Self::RegistryLogin,
        }
    }
}

impl From<CredentialRequest> for CredentialForm {
    fn from(request: CredentialRequest) -> Self {
        Self {
            name: request.name,
            kind: request
                .kind
                .map_or("", |kind| CredentialKind::from(kind).as_str())
                .to_owned(),
            base_url: request.base_url,
            user: request.user.unwrap_or_default(),
            secret: request.secret.unwrap_or_default(),
            description: request.description.unwrap_or_default(),
        }
    }
}

/// A new secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RotateRequest {
    /// The new key.
    #[schema(max_length = 4096, write_only)]
    secret: String,
}

/// A credential, without its secret.
#[derive(Debug, Serialize, ToSchema)]
struct CredentialBody {
    /// Its id, which stays when the secret is rotated.
    id: Uuid,
    /// Name shown.
    name: String,
    /// `provider_key` or `registry_login`; of clusters of machines `ssh_key`, `ssh_password` or
    /// `docker_key`.
    kind: String,
    /// The user of a registry; `null` for others.
    user: Option<String>,
    /// The address it is for.
    base_url: String,
    /// Scheme, host and port of it: where it may be sent.
    origin: String,
    /// The endpoint whose own key it is; `null` for those of the registry.
    endpoint_id: Option<Uuid>,
    /// Free text.
    description: String,
    /// What the last test found; `null` before the first one.
    last_test: Option<CredentialTestBody>,
    /// When it was added.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its secret was last replaced.
    #[schema(format = DateTime)]
    rotated_at: Option<String>,
    /// When it was archived; `null` while it is in use.
    #[schema(format = DateTime)]
    archived_at: Option<String>,
}

/// What a test of a credential found.
#[derive(Debug, Serialize, ToSchema)]
struct CredentialTestBody {
    /// `accepted`, `refused`, `unclear` or `no_answer`.
    outcome: String,
    /// The same as a sentence.
    message: String,
    /// When.
    #[schema(format = DateTime)]
    tested_at: String,
}

impl From<Credential> for CredentialBody {
    fn from(credential: Credential) -> Self {
        Self {
            id: credential.id.0,
            origin: credential.origin_in_words(),
            name: credential.name,
            kind: credential.kind.as_str().to_owned(),
            user: Some(credential.user).filter(|user| !user.is_empty()),
            base_url: credential.base_url,
            endpoint_id: credential.endpoint_id.map(|id| id.0),
            description: credential.description,
            last_test: credential.last_test.map(|test| CredentialTestBody {
                outcome: test.outcome.as_str().to_owned(),
                message: test.message,
                tested_at: test.tested_at.to_rfc3339(),
            }),
            created_at: credential.created_at.to_rfc3339(),
            rotated_at: credential
                .rotated_at
                .map(domain::time::Timestamp::to_rfc3339),
            archived_at: credential
                .archived_at
                .map(domain::time::Timestamp::to_rfc3339),
        }
    }
}

/// A page of the credentials.
#[derive(Debug, Serialize, ToSchema)]
struct CredentialList {
    /// Always `credentials.list`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The page.
    page: u32,
    /// Rows of a page.
    limit: u32,
    /// Credentials in all.
    total_record: u32,
    /// Pages in all.
    total_pages: u32,
    /// The credentials, by name.
    credentials: Vec<CredentialBody>,
}

/// One credential.
#[derive(Debug, Serialize, ToSchema)]
struct CredentialAnswer {
    /// `credential.get`, `.create`, `.edit`, `.rotate`, `.test` or `.archive`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The credential.
    credential: CredentialBody,
    /// Endpoints that send it.
    clusters: Vec<ClusterUse>,
    /// Benchmarks whose plan sends it.
    used_by: UsedByBody,
}

/// An endpoint that sends a credential.
#[derive(Debug, Serialize, ToSchema)]
struct ClusterUse {
    /// Its id.
    id: Uuid,
    /// Its name.
    name: String,
}

/// Credentials by name, keys of endpoints included.
#[utoipa::path(
    get, path = "/credentials", tag = "Catalogue", operation_id = "list_credentials",
    params(RegistryParams),
    responses((status = 200, description = "A page of the credentials.", body = CredentialList)),
)]
async fn list_credentials(
    caller: Caller,
    Params(params): Params<RegistryParams>,
) -> Result<Json<CredentialList>, Refusal> {
    let Caller { ctx, actor } = caller;
    let all = service::catalogue::list_credentials(&ctx, &actor, &params.to_query()).await?;
    let page = params.cut(all);
    Ok(Json(CredentialList {
        object: "credentials.list",
        message: "Successfully listed the credentials.",
        page: page.page,
        limit: page.limit,
        total_record: page.total_record,
        total_pages: page.total_pages,
        credentials: page.rows.into_iter().map(CredentialBody::from).collect(),
    }))
}

/// Adds a credential. For administrators.
#[utoipa::path(
    post, path = "/credentials", tag = "Catalogue", operation_id = "create_credential",
    request_body = CredentialRequest,
    responses((status = 201, description = "It was sealed.", body = CredentialAnswer)),
)]
async fn create_credential(
    caller: Caller,
    Body(request): Body<CredentialRequest>,
) -> Result<(StatusCode, Json<CredentialAnswer>), Refusal> {
    let Caller { ctx, actor } = &caller;
    let form = request.into();
    let made = service::catalogue::save_credential(ctx, actor, None, &form).await?;
    let answer = answer(caller, made, "credential.create", "The key was sealed.").await?;
    Ok((StatusCode::CREATED, answer))
}

/// A credential without its secret, with who uses it.
#[utoipa::path(
    get, path = "/credentials/{id}", tag = "Catalogue", operation_id = "get_credential",
    params(("id" = Uuid, Path, description = "The credential.")),
    responses((status = 200, description = "The credential.", body = CredentialAnswer)),
)]
async fn get_credential(
    caller: Caller,
    PathId(id): PathId<CredentialId>,
) -> Result<Json<CredentialAnswer>, Refusal> {
    let found = service::catalogue::get_credential(&caller.ctx, &caller.actor, id).await?;
    let message = "Successfully fetched the credential.";
    answer(caller, found, "credential.get", message).await
}

/// Replaces name, address and description; with a secret, that too. For administrators.
#[utoipa::path(
    put, path = "/credentials/{id}", tag = "Catalogue", operation_id = "change_credential",
    params(("id" = Uuid, Path, description = "The credential.")),
    request_body = CredentialRequest,
    responses((status = 200, description = "It was changed.", body = CredentialAnswer)),
)]
async fn change_credential(
    caller: Caller,
    PathId(id): PathId<CredentialId>,
    Body(request): Body<CredentialRequest>,
) -> Result<Json<CredentialAnswer>, Refusal> {
    let Caller { ctx, actor } = &caller;
    let form = request.into();
    let changed = service::catalogue::save_credential(ctx, actor, Some(id), &form).await?;
    answer(caller, changed, "credential.edit", "It was changed.").await
}

/// Destroys a credential that nobody uses. For administrators.
#[utoipa::path(
    delete, path = "/credentials/{id}", tag = "Catalogue", operation_id = "delete_credential",
    params(("id" = Uuid, Path, description = "The credential.")),
    responses((status = 200, description = "It was destroyed.", body = DeletedAnswer)),
)]
async fn delete_credential(
    caller: Caller,
    PathId(id): PathId<CredentialId>,
) -> Result<Json<DeletedAnswer>, Refusal> {
    service::catalogue::delete_credential(&caller.ctx, &caller.actor, id).await?;
    Ok(Json(DeletedAnswer {
        object: "credential.delete",
        message: "The key was destroyed.",
        id: id.0,
    }))
}

/// Gives it a new secret under the same id. For administrators.
#[utoipa::path(
    post, path = "/credentials/{id}/rotate", tag = "Catalogue", operation_id = "rotate_credential",
    params(("id" = Uuid, Path, description = "The credential.")),
    request_body = RotateRequest,
    responses((status = 200, description = "It was rotated.", body = CredentialAnswer)),
)]
async fn rotate_credential(
    caller: Caller,
    PathId(id): PathId<CredentialId>,
    Body(request): Body<RotateRequest>,
) -> Result<Json<CredentialAnswer>, Refusal> {
    let Caller { ctx, actor } = &caller;
    let rotated = service::catalogue::rotate_credential(ctx, actor, id, &request.secret).await?;
    answer(caller, rotated, "credential.rotate", "It was rotated.").await
}

/// Tries it at its own address; `last_test` says what came.
#[utoipa::path(
    post, path = "/credentials/{id}/test", tag = "Catalogue", operation_id = "test_credential",
    params(("id" = Uuid, Path, description = "The credential.")),
    responses((status = 200, description = "It was tried.", body = CredentialAnswer)),
)]
async fn test_credential(
    caller: Caller,
    PathId(id): PathId<CredentialId>,
) -> Result<Json<CredentialAnswer>, Refusal> {
    let tested = service::catalogue::test_credential(&caller.ctx, &caller.actor, id).await?;
    answer(caller, tested, "credential.test", "It was tried.").await
}

/// Puts a credential away, or brings it back. For administrators.
#[utoipa::path(
    post, path = "/credentials/{id}/archive", tag = "Catalogue", operation_id = "archive_credential",
    params(("id" = Uuid, Path, description = "The credential.")),
    request_body = ArchiveRequest,
    responses((status = 200, description = "It is as asked.", body = CredentialAnswer)),
)]
async fn archive_credential(
    caller: Caller,
    PathId(id): PathId<CredentialId>,
    Body(request): Body<ArchiveRequest>,
) -> Result<Json<CredentialAnswer>, Refusal> {
    let Caller { ctx, actor } = &caller;
    let kept = service::catalogue::archive_credential(ctx, actor, id, request.is_archived).await?;
    answer(caller, kept, "credential.archive", "It is as asked.").await
}

async fn answer(
    caller: Caller,
    credential: Credential,
    object: &'static str,
    message: &'static str,
) -> Result<Json<CredentialAnswer>, Refusal> {
    let Caller { ctx, actor } = caller;
    let used = service::catalogue::get_credential_use(&ctx, &actor, credential.id).await?;
    let clusters = used.clusters.into_iter();
    Ok(Json(CredentialAnswer {
        object,
        message,
        credential: credential.into(),
        clusters: clusters
            .map(|(id, name)| ClusterUse { id: id.0, name })
            .collect(),
        used_by: used.benchmarks.into(),
    }))
}
