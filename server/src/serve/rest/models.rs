//! Models of the catalogue.

use axum::Json;
use axum::http::StatusCode;
use domain::catalogue::{Model, ModelFacts, ModelForm};
use domain::id::ModelId;
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
        .routes(routes!(list_models, create_model))
        .routes(routes!(get_model, change_model, delete_model))
        .routes(routes!(archive_model))
        .routes(routes!(read_model_files))
}

/// Where a model comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SourceWord {
    /// An endpoint serves it already.
    Served,
    /// A Hugging Face repository.
    HuggingFace,
    /// A file or folder on the node.
    LocalPath,
    /// A provider serves it.
    Cloud,
}

/// A model to be made, or to take the place of one. Fields of other sources are not looked at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ModelRequest {
    /// Name shown; unique.
    #[schema(max_length = 200)]
    name: String,
    /// Where it comes from.
    source: SourceWord,
    /// Name sent in requests; the name when absent, of a cloud model that at its provider.
    #[schema(max_length = 300)]
    served_name: Option<String>,
    /// `hugging_face`: `organisation/name`.
    #[schema(max_length = 200)]
    repository: Option<String>,
    /// `hugging_face`: branch, tag or commit.
    #[schema(max_length = 100)]
    revision: Option<String>,
    /// `local_path`: absolute path.
    #[schema(max_length = 1000)]
    path: Option<String>,
    /// `cloud`: the provider.
    #[schema(max_length = 100)]
    provider: Option<String>,
    /// `cloud`: the model's name there.
    #[schema(max_length = 300)]
    cloud_model: Option<String>,
    /// `cloud`: US dollars for a million tokens of prompts.
    #[schema(minimum = 0, maximum = 1_000_000)]
    input_price: Option<f64>,
    /// `cloud`: US dollars for a million tokens of answers.
    #[schema(minimum = 0, maximum = 1_000_000)]
    output_price: Option<f64>,
    /// Path of `tokenizer.json` or its folder on the server's machine.
    #[schema(max_length = 1000)]
    tokenizer_path: Option<String>,
    /// Free text.
    #[schema(max_length = 2000)]
    description: Option<String>,
}

impl From<ModelRequest> for ModelForm {
    fn from(request: ModelRequest) -> Self {
        let source = match request.source {
            SourceWord::Served => "served",
            SourceWord::HuggingFace => "hugging_face",
            SourceWord::LocalPath => "local_path",
            SourceWord::Cloud => "cloud",
        };
        Self {
            name: request.name,
            source: source.to_owned(),
            served_name: request.served_name.unwrap_or_default(),
            repository: request.repository.unwrap_or_default(),
            revision: request.revision.unwrap_or_default(),
            path: request.path.unwrap_or_default(),
            provider: request.provider.unwrap_or_default(),
            cloud_model: request.cloud_model.unwrap_or_default(),
            input_price: text_of(request.input_price),
            output_price: text_of(request.output_price),
            tokenizer_path: request.tokenizer_path.unwrap_or_default(),
            description: request.description.unwrap_or_default(),
        }
    }
}

fn text_of(price: Option<f64>) -> String {
    price.map(|price| price.to_string()).unwrap_or_default()
}

/// A model of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
struct ModelEntry {
    /// Its id.
    id: Uuid,
    /// Name shown.
    name: String,
    /// Name sent in requests.
    served_name: String,
    /// `served`, `hugging_face`, `local_path`, `cloud`, or `reference` for the built-in engine.
    source: String,
    /// Its repository, when it comes from Hugging Face.
    repository: Option<String>,
    /// Its revision; empty for the default.
    revision: Option<String>,
    /// Its path on the node.
    path: Option<String>,
    /// Its provider, when it is a cloud model.
    provider: Option<String>,
    /// Its name there.
    cloud_model: Option<String>,
    /// US dollars for a million tokens of prompts, where that is known.
    input_price: Option<f64>,
    /// US dollars for a million tokens of answers, where that is known.
    output_price: Option<f64>,
    /// Path of its tokenizer; empty when unknown.
    tokenizer_path: String,
    /// Free text.
    description: String,
    /// What its files say; `null` when there are none on the server's machine.
    files: Option<ModelFilesBody>,
    /// When it was added.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was archived; `null` while it is in use.
    #[schema(format = DateTime)]
    archived_at: Option<String>,
}

/// What the files of a model say.
#[derive(Debug, Serialize, ToSchema)]
struct ModelFilesBody {
    /// `gguf`, `safetensors` or `other`.
    format: String,
    /// As the files name it; empty when they do not.
    architecture: String,
    /// Number of parameters, when it can be told.
    parameter_count: Option<u64>,
    /// How that is known: `tensor_shapes`, `weights_index` or `config`.
    parameter_source: Option<String>,
    /// Files.
    file_count: u32,
    /// Their size in bytes.
    bytes: u64,
    /// Digest over the files; `null` when it was not computed.
    sha256: Option<String>,
    /// When they were read.
    #[schema(format = DateTime)]
    read_at: String,
}

impl From<ModelFacts> for ModelFilesBody {
    fn from(facts: ModelFacts) -> Self {
        Self {
            format: facts.format.as_str().to_owned(),
            architecture: facts.architecture,
            parameter_count: facts.parameters.map(|known| known.count),
            parameter_source: facts
                .parameters
                .map(|known| known.source.as_str().to_owned()),
            file_count: facts.file_count,
            bytes: facts.bytes,
            sha256: facts.digest.map(|digest| digest.0),
            read_at: facts.read_at.to_rfc3339(),
        }
    }
}

impl From<Model> for ModelEntry {
    fn from(model: Model) -> Self {
        let form = ModelForm::of(&model);
        let given = |kind: &str, text: String| (form.source == kind).then_some(text);
        Self {
            id: model.id.0,
            name: model.name,
            served_name: model.served_name,
            source: form.source.clone(),
            repository: given("hugging_face", form.repository.clone()),
            revision: given("hugging_face", form.revision.clone()),
            path: given("local_path", form.path.clone()),
            provider: given("cloud", form.provider.clone()),
            cloud_model: given("cloud", form.cloud_model.clone()),
            input_price: form.input_price.parse().ok(),
            output_price: form.output_price.parse().ok(),
            tokenizer_path: model.tokenizer_path,
            description: model.description,
            files: model.facts.map(ModelFilesBody::from),
            created_at: model.created_at.to_rfc3339(),
            archived_at: model.archived_at.map(domain::time::Timestamp::to_rfc3339),
        }
    }
}

/// A page of the models.
#[derive(Debug, Serialize, ToSchema)]
struct ModelList {
    /// Always `models.list`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The page.
    page: u32,
    /// Rows of a page.
    limit: u32,
    /// Models in all.
    total_record: u32,
    /// Pages in all.
    total_pages: u32,
    /// The models, by name.
    models: Vec<ModelEntry>,
}

/// One model.
#[derive(Debug, Serialize, ToSchema)]
struct ModelAnswer {
    /// `model.get`, `model.create`, `model.edit`, `model.archive` or `model.read_files`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The model.
    model: ModelEntry,
    /// Which benchmarks asked it.
    used_by: UsedByBody,
}

/// Models, by name.
#[utoipa::path(
    get, path = "/models", tag = "Catalogue", operation_id = "list_models",
    params(RegistryParams),
    responses((status = 200, description = "A page of the models.", body = ModelList)),
)]
async fn list_models(
    caller: Caller,
    Params(params): Params<RegistryParams>,
) -> Result<Json<ModelList>, Refusal> {
    let Caller { ctx, actor } = caller;
    let all = service::catalogue::list_models(&ctx, &actor, &params.to_query()).await?;
    let page = params.cut(all);
    Ok(Json(ModelList {
        object: "models.list",
        message: "Successfully listed the models.",
        page: page.page,
        limit: page.limit,
        total_record: page.total_record,
        total_pages: page.total_pages,
        models: page.rows.into_iter().map(ModelEntry::from).collect(),
    }))
}

/// Adds a model. Files on the server's machine are read.
#[utoipa::path(
    post, path = "/models", tag = "Catalogue", operation_id = "create_model",
    request_body = ModelRequest,
    responses((status = 201, description = "It was added.", body = ModelAnswer)),
)]
async fn create_model(
    caller: Caller,
    Body(request): Body<ModelRequest>,
) -> Result<(StatusCode, Json<ModelAnswer>), Refusal> {
    let form = request.into();
    let model = service::catalogue::save_model(&caller.ctx, &caller.actor, None, &form).await?;
    let answer = answer(caller, model, "model.create", "The model was added.").await?;
    Ok((StatusCode::CREATED, answer))
}

/// A model, with who uses it.
#[utoipa::path(
    get, path = "/models/{id}", tag = "Catalogue", operation_id = "get_model",
    params(("id" = Uuid, Path, description = "The model.")),
    responses((status = 200, description = "The model.", body = ModelAnswer)),
)]
async fn get_model(
    caller: Caller,
    PathId(id): PathId<ModelId>,
) -> Result<Json<ModelAnswer>, Refusal> {
    let model = service::catalogue::get_model(&caller.ctx, &caller.actor, id).await?;
    answer(
        caller,
        model,
        "model.get",
        "Successfully fetched the model.",
    )
    .await
}

/// Replaces everything but id and creation.
#[utoipa::path(
    put, path = "/models/{id}", tag = "Catalogue", operation_id = "change_model",
    params(("id" = Uuid, Path, description = "The model.")),
    request_body = ModelRequest,
    responses((status = 200, description = "It was changed.", body = ModelAnswer)),
)]
async fn change_model(
    caller: Caller,
    PathId(id): PathId<ModelId>,
    Body(request): Body<ModelRequest>,
) -> Result<Json<ModelAnswer>, Refusal> {
    let form = request.into();
    let model = service::catalogue::save_model(&caller.ctx, &caller.actor, Some(id), &form).await?;
    answer(caller, model, "model.edit", "The model was changed.").await
}

/// Deletes a model that no benchmark used; one that was used can be archived.
#[utoipa::path(
    delete, path = "/models/{id}", tag = "Catalogue", operation_id = "delete_model",
    params(("id" = Uuid, Path, description = "The model.")),
    responses((status = 200, description = "It was deleted.", body = DeletedAnswer)),
)]
async fn delete_model(
    caller: Caller,
    PathId(id): PathId<ModelId>,
) -> Result<Json<DeletedAnswer>, Refusal> {
    service::catalogue::delete_model(&caller.ctx, &caller.actor, id).await?;
    Ok(Json(DeletedAnswer {
        object: "model.delete",
        message: "The model was deleted.",
        id: id.0,
    }))
}

/// Puts a model away, or brings it back.
#[utoipa::path(
    post, path = "/models/{id}/archive", tag = "Catalogue", operation_id = "archive_model",
    params(("id" = Uuid, Path, description = "The model.")),
    request_body = ArchiveRequest,
    responses((status = 200, description = "It is as asked.", body = ModelAnswer)),
)]
async fn archive_model(
    caller: Caller,
    PathId(id): PathId<ModelId>,
    Body(request): Body<ArchiveRequest>,
) -> Result<Json<ModelAnswer>, Refusal> {
    let Caller { ctx, actor } = &caller;
    let model = service::catalogue::archive_model(ctx, actor, id, request.is_archived).await?;
    answer(caller, model, "model.archive", "The model is as asked.").await
}

/// Reads the files of a model on the server's machine anew, digest included.
#[utoipa::path(
    post, path = "/models/{id}/read-files", tag = "Catalogue", operation_id = "read_model_files",
    params(("id" = Uuid, Path, description = "The model.")),
    responses((status = 200, description = "They were read.", body = ModelAnswer)),
)]
async fn read_model_files(
    caller: Caller,
    PathId(id): PathId<ModelId>,
) -> Result<Json<ModelAnswer>, Refusal> {
    let model = service::catalogue::read_model_files(&caller.ctx, &caller.actor, id).await?;
    answer(caller, model, "model.read_files", "The files were read.").await
}

async fn answer(
    caller: Caller,
    model: Model,
    object: &'static str,
    message: &'static str,
) -> Result<Json<ModelAnswer>, Refusal> {
    let Caller { ctx, actor } = caller;
    let used = service::catalogue::get_model_use(&ctx, &actor, model.id).await?;
    Ok(Json(ModelAnswer {
        object,
        message,
        model: model.into(),
        used_by: used.into(),
    }))
}
