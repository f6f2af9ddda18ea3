//! Datasets. Their files come in by a route of their own; see `pages::datasets::upload`.

use domain::catalogue::{Model, UsedBy};
#[cfg(feature = "ssr")]
use domain::dataset::DatasetEdit;
use domain::dataset::{Dataset, DatasetPage, DatasetQuery, RowPage};
use domain::id::DatasetId;
use leptos::prelude::*;
#[cfg(feature = "ssr")]
use leptos_axum::redirect;

use super::ApiError;
use super::codec::Json;
#[cfg(feature = "ssr")]
use super::context::{refuse, signed_in};
#[cfg(feature = "ssr")]
use crate::routes;

/// A page of the registry.
#[server(endpoint = "datasets/list", input = Json, output = Json)]
pub async fn list_datasets(
    /// What is shown.
    query: DatasetQuery,
) -> Result<DatasetPage, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::datasets::list_datasets(&ctx, &actor, &query)
        .await
        .map_err(refuse)
}

/// A dataset; while it is imported, with how far it is.
#[server(endpoint = "datasets/get", output = Json)]
pub async fn get_dataset(
    /// Which.
    id: DatasetId,
) -> Result<Dataset, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::datasets::get_dataset(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Which benchmarks draw from a dataset.
#[server(endpoint = "datasets/use", output = Json)]
pub async fn get_dataset_use(
    /// Which.
    id: DatasetId,
) -> Result<UsedBy, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::datasets::get_dataset_use(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Rows of a dataset.
#[server(endpoint = "datasets/rows", input = Json, output = Json)]
pub async fn list_dataset_rows(
    /// Which.
    id: DatasetId,
    /// Rows to pass over.
    offset: u32,
    /// Most rows.
    limit: u32,
) -> Result<RowPage, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::datasets::list_rows(&ctx, &actor, id, offset, limit)
        .await
        .map_err(refuse)
}

/// Models whose tokenizer can count.
#[server(endpoint = "datasets/tokenizers", output = Json)]
pub async fn list_tokenizers() -> Result<Vec<Model>, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::datasets::list_tokenizers(&ctx, &actor)
        .await
        .map_err(refuse)
}

/// Changes name and description.
#[server(endpoint = "datasets/update", output = Json)]
pub async fn update_dataset(
    /// Which.
    id: DatasetId,
    /// Name shown.
    #[server(default)]
    name: String,
    /// Free text.
    #[server(default)]
    description: String,
) -> Result<Dataset, ApiError> {
    let (ctx, actor) = signed_in()?;
    let edit = DatasetEdit { name, description };
    let dataset = service::datasets::update_dataset(&ctx, &actor, id, &edit)
        .await
        .map_err(refuse)?;
    redirect(&routes::dataset(id));
    Ok(dataset)
}

/// Archives a dataset, or takes it back into use.
#[server(endpoint = "datasets/archive", output = Json)]
pub async fn archive_dataset(
    /// Which.
    id: DatasetId,
    /// Whether to archive it.
    is_archived: bool,
) -> Result<Dataset, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::datasets::archive_dataset(&ctx, &actor, id, is_archived)
        .await
        .map_err(refuse)
}

/// Deletes a dataset and goes back to the list.
#[server(endpoint = "datasets/delete", output = Json)]
pub async fn delete_dataset(
    /// Which.
    id: DatasetId,
) -> Result<(), ApiError> {
    let (ctx, actor) = signed_in()?;
    service::datasets::delete_dataset(&ctx, &actor, id)
        .await
        .map_err(refuse)?;
    redirect(routes::DATASETS);
    Ok(())
}
