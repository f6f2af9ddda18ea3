//! Datasets: the registry, uploads, and the rows.

mod bodies;

use axum::Json;
use axum::body::Body as RequestBody;
use axum::http::{HeaderMap, StatusCode};
use domain::dataset::{DatasetForm, DatasetQuery, PREVIEW_ROWS_MAX};
use domain::id::DatasetId;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Refusal;
use super::extract::{Body, Caller, Params, PathId};
use crate::serve::edge::Edge;
use crate::serve::upload::receive_body;
use bodies::{DatasetAnswer, DatasetList, DoneAnswer, FileBody, FormatName, RowList, ShownName};

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(list_datasets, upload_dataset))
        .routes(routes!(get_dataset, update_dataset, delete_dataset))
        .routes(routes!(archive_dataset))
        .routes(routes!(list_dataset_rows))
}

/// What the registry shows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// The page, from 1.
    #[param(minimum = 1, maximum = 1_000_000, default = 1)]
    page: u32,
    /// Datasets of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: u32,
    /// Words of the name, the description or the file's name; all must be there.
    #[param(max_length = 200)]
    search: String,
    /// Whether archived ones are listed.
    #[param(inline)]
    shown: ShownName,
}

impl Default for ListParams {
    fn default() -> Self {
        Self {
            page: 1,
            limit: 50,
            search: String::new(),
            shown: ShownName::InUse,
        }
    }
}

/// The datasets, those that come with the product first, then by name.
#[utoipa::path(
    get, path = "/datasets", tag = "Catalogue", operation_id = "list_datasets",
    params(ListParams),
    responses((status = 200, description = "A page of the registry.", body = DatasetList)),
)]
async fn list_datasets(
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Json<DatasetList>, Refusal> {
    let query = DatasetQuery {
        search: params.search,
        shown: params.shown.shown(),
        page: params.page,
        page_size: params.limit,
    };
    let page = service::datasets::list_datasets(&caller.ctx, &caller.actor, &query).await?;
    Ok(Json(DatasetList::of(&query, page)))
}

/// What goes with a file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct UploadParams {
    /// Name of the dataset; when it is left out, that of the file without its ending.
    #[param(max_length = 200)]
    name: Option<String>,
    /// Free text.
    #[param(max_length = 2000)]
    description: Option<String>,
    /// Format of the file; when it is left out, the file tells.
    #[param(inline)]
    format: Option<FormatName>,
    /// Id of a model whose tokenizer counts; when it is left out, one token for each word.
    #[param(max_length = 64)]
    tokenizer: Option<String>,
    /// Name of the file.
    #[param(max_length = 200)]
    file_name: Option<String>,
}

/// Imports a file: at most 200 MB of JSON Lines, `ShareGPT`, Alpaca or CSV, in UTF-8. It is received
/// whole before the answer, and read afterwards: ask for the dataset until its state is `ready`.
#[utoipa::path(
    post, path = "/datasets", tag = "Catalogue", operation_id = "upload_dataset",
    params(UploadParams),
    request_body(
        content = FileBody, content_type = "application/octet-stream",
        description = "The bytes of the file.",
    ),
    responses((status = 202, description = "The file is being imported.", body = DatasetAnswer)),
)]
async fn upload_dataset(
    caller: Caller,
    Params(params): Params<UploadParams>,
    headers: HeaderMap,
    body: RequestBody,
) -> Result<(StatusCode, Json<DatasetAnswer>), Refusal> {
    let form = DatasetForm {
        name: params.name.unwrap_or_default(),
        description: params.description.unwrap_or_default(),
        format: params.format.map_or("", FormatName::as_str).to_owned(),
        tokenizer: params.tokenizer.unwrap_or_default(),
        file_name: params.file_name.unwrap_or_default(),
    };
    let dataset = receive_body(&caller.ctx, &caller.actor, &form, &headers, body).await?;
    let answer = DatasetAnswer::of("The file is being imported.", dataset);
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// A dataset; while it is imported, with how far it is.
#[utoipa::path(
    get, path = "/datasets/{id}", tag = "Catalogue", operation_id = "get_dataset",
    params(("id" = Uuid, Path, description = "The dataset.")),
    responses((status = 200, description = "The dataset.", body = DatasetAnswer)),
)]
async fn get_dataset(
    caller: Caller,
    PathId(id): PathId<DatasetId>,
) -> Result<Json<DatasetAnswer>, Refusal> {
    let dataset = service::datasets::get_dataset(&caller.ctx, &caller.actor, id).await?;
    Ok(Json(DatasetAnswer::of("Here it is.", dataset)))
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateBody {
    /// Name of the dataset.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// Free text.
    #[schema(max_length = 2000)]
    description: Option<String>,
}

/// Changes name and description. The rows of a dataset never change.
#[utoipa::path(
    patch, path = "/datasets/{id}", tag = "Catalogue", operation_id = "update_dataset",
    params(("id" = Uuid, Path, description = "The dataset.")),
    request_body = UpdateBody,
    responses((status = 200, description = "The dataset as it is now.", body = DatasetAnswer)),
)]
async fn update_dataset(
    caller: Caller,
    PathId(id): PathId<DatasetId>,
    Body(body): Body<UpdateBody>,
) -> Result<Json<DatasetAnswer>, Refusal> {
    let UpdateBody { name, description } = body;
    let Caller { ctx, actor } = caller;
    let dataset = service::datasets::amend_dataset(&ctx, &actor, id, name, description).await?;
    Ok(Json(DatasetAnswer::of("Changed.", dataset)))
}

/// Removes a dataset with its rows; an import that goes on ends. What a benchmark has drawn from
/// can only be archived.
#[utoipa::path(
    delete, path = "/datasets/{id}", tag = "Catalogue", operation_id = "delete_dataset",
    params(("id" = Uuid, Path, description = "The dataset.")),
    responses((status = 200, description = "It is gone.", body = DoneAnswer)),
)]
async fn delete_dataset(
    caller: Caller,
    PathId(id): PathId<DatasetId>,
) -> Result<Json<DoneAnswer>, Refusal> {
    service::datasets::delete_dataset(&caller.ctx, &caller.actor, id).await?;
    Ok(Json(DoneAnswer::new("Deleted.")))
}

/// Whether it should be archived.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ArchiveBody {
    /// `false` takes it back into use.
    archived: bool,
}

/// Archives a dataset, or takes it back into use. New benchmarks cannot draw from an archived one.
#[utoipa::path(
    post, path = "/datasets/{id}/archive", tag = "Catalogue", operation_id = "archive_dataset",
    params(("id" = Uuid, Path, description = "The dataset.")),
    request_body = ArchiveBody,
    responses((status = 200, description = "The dataset as it is now.", body = DatasetAnswer)),
)]
async fn archive_dataset(
    caller: Caller,
    PathId(id): PathId<DatasetId>,
    Body(body): Body<ArchiveBody>,
) -> Result<Json<DatasetAnswer>, Refusal> {
    let dataset =
        service::datasets::archive_dataset(&caller.ctx, &caller.actor, id, body.archived).await?;
    Ok(Json(DatasetAnswer::of("Changed.", dataset)))
}

/// Which rows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct RowParams {
    /// The page, from 1.
    #[param(minimum = 1, maximum = 1_000_000, default = 1)]
    page: u32,
    /// Rows of a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
}

impl Default for RowParams {
    fn default() -> Self {
        Self { page: 1, limit: 20 }
    }
}

/// Rows of a dataset, in the order of its file. None until it is ready.
#[utoipa::path(
    get, path = "/datasets/{id}/rows", tag = "Catalogue", operation_id = "list_dataset_rows",
    params(("id" = Uuid, Path, description = "The dataset."), RowParams),
    responses((status = 200, description = "A page of rows.", body = RowList)),
)]
async fn list_dataset_rows(
    caller: Caller,
    PathId(id): PathId<DatasetId>,
    Params(params): Params<RowParams>,
) -> Result<Json<RowList>, Refusal> {
    let limit = params.limit.min(PREVIEW_ROWS_MAX);
    let offset = params.page.saturating_sub(1).saturating_mul(limit);
    let page = service::datasets::list_rows(&caller.ctx, &caller.actor, id, offset, limit).await?;
    Ok(Json(RowList::of(params.page, limit, page)))
}
