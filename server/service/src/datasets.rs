//! Datasets: the registry, uploads and imports, the rows for the preview.

mod builtin;
mod csv_records;
mod desk;
mod file;
mod import;
mod records;
mod tokens;
mod upload;

use domain::access::Role;
use domain::catalogue::{Model, UsedBy};
use domain::dataset::{
    Dataset, DatasetEdit, DatasetPage, DatasetQuery, LengthCounts, RowPage, TokenizerChoice,
};
use domain::id::DatasetId;
use store::Used;

pub use builtin::BUILTIN_NAME;
pub use desk::ImportDesk;
pub use upload::{Upload, begin_upload};

use crate::error::{name_taken, not_found, still_used};
use crate::{Actor, Ctx, ServiceError};

/// How long an import may be silent before another server takes it for abandoned, in microseconds.
const SILENCE_MAX_MICROS: i64 = 5 * 60 * 1_000_000;

/// Removes what an earlier life of this server left of its imports, and imports the datasets that
/// come with the product. For the start of the server.
pub async fn prepare(ctx: &Ctx) -> Result<(), ServiceError> {
    let folder = file::folder(ctx);
    let removed = tokio::task::spawn_blocking(move || file::empty_folder(&folder)).await;
    removed
        .map_err(ServiceError::internal)?
        .map_err(ServiceError::internal)?;
    let silent_since = ctx.now().plus_micros(-SILENCE_MAX_MICROS);
    let failed_count = ctx
        .store
        .fail_abandoned_imports(
            &ctx.facts.runner_name,
            silent_since,
            "The server stopped during the import. Upload the file again.",
        )
        .await?;
    let removed_count = ctx.store.sweep_dataset_files().await?;
    if failed_count > 0 || removed_count > 0 {
        tracing::info!(
            failed_count,
            removed_count,
            "unfinished imports were removed"
        );
    }
    builtin::ensure(ctx).await
}

/// Ends the imports that go on, and waits for them. For the end of the server.
pub async fn stop(ctx: &Ctx) {
    ctx.datasets.stop().await;
}

/// A page of the registry.
pub async fn list_datasets(
    ctx: &Ctx,
    _actor: &Actor,
    query: &DatasetQuery,
) -> Result<DatasetPage, ServiceError> {
    Ok(ctx.store.list_datasets(query).await?)
}

/// Datasets that new benchmarks may draw from.
pub async fn list_usable_datasets(ctx: &Ctx, _actor: &Actor) -> Result<Vec<Dataset>, ServiceError> {
    Ok(ctx.store.list_usable_datasets().await?)
}

/// One dataset, with its rejected rows; while it is imported, with how far it is.
pub async fn get_dataset(
    ctx: &Ctx,
    _actor: &Actor,
    id: DatasetId,
) -> Result<Dataset, ServiceError> {
    ctx.store
        .find_dataset(id)
        .await?
        .ok_or_else(|| not_found("dataset"))
}

/// Which benchmarks draw from a dataset.
pub async fn get_dataset_use(
    ctx: &Ctx,
    actor: &Actor,
    id: DatasetId,
) -> Result<UsedBy, ServiceError> {
    get_dataset(ctx, actor, id).await?;
    Ok(ctx.store.used_by(Used::Dataset(id)).await?)
}

/// Every length of the prompts and of the answers, with its number of rows.
pub async fn get_dataset_lengths(
    ctx: &Ctx,
    _actor: &Actor,
    id: DatasetId,
) -> Result<(LengthCounts, LengthCounts), ServiceError> {
    ctx.store
        .find_dataset_lengths(id)
        .await?
        .ok_or_else(|| not_found("dataset"))
}

/// Rows of a dataset from `offset` on, at most [`domain::dataset::PREVIEW_ROWS_MAX`]. None while it
/// is not ready.
pub async fn list_rows(
    ctx: &Ctx,
    actor: &Actor,
    id: DatasetId,
    offset: u32,
    limit: u32,
) -> Result<RowPage, ServiceError> {
    let dataset = get_dataset(ctx, actor, id).await?;
    let Some(sha256) = dataset.sha256 else {
        return Ok(RowPage {
            rows: Vec::new(),
            total_count: 0,
        });
    };
    let rows = ctx.store.read_dataset_rows(&sha256, offset, limit).await?;
    Ok(RowPage {
        rows,
        total_count: dataset.row_count,
    })
}

/// Models whose tokenizer can count.
pub async fn list_tokenizers(ctx: &Ctx, _actor: &Actor) -> Result<Vec<Model>, ServiceError> {
    let mut models = ctx.store.list_models().await?;
    models.retain(|model| model.archived_at.is_none());
    Ok(TokenizerChoice::choices(&models).cloned().collect())
}

/// Changes name and description.
pub async fn update_dataset(
    ctx: &Ctx,
    actor: &Actor,
    id: DatasetId,
    edit: &DatasetEdit,
) -> Result<Dataset, ServiceError> {
    actor.require(Role::Operator, "edit datasets")?;
    let edit = edit.validate()?;
    get_dataset(ctx, actor, id).await?;
    let updated = ctx.store.update_dataset(id, &edit).await;
    updated.map_err(name_taken("dataset"))?;
    get_dataset(ctx, actor, id).await
}

/// Changes what is given of name and description.
pub async fn amend_dataset(
    ctx: &Ctx,
    actor: &Actor,
    id: DatasetId,
    name: Option<String>,
    description: Option<String>,
) -> Result<Dataset, ServiceError> {
    actor.require(Role::Operator, "edit datasets")?;
    let now = get_dataset(ctx, actor, id).await?;
    let edit = DatasetEdit {
        name: name.unwrap_or(now.name),
        description: description.unwrap_or(now.description),
    };
    update_dataset(ctx, actor, id, &edit).await
}

/// Archives a dataset, or takes it back into use. Benchmarks that draw from it are not touched.
pub async fn archive_dataset(
    ctx: &Ctx,
    actor: &Actor,
    id: DatasetId,
    is_archived: bool,
) -> Result<Dataset, ServiceError> {
    actor.require(Role::Operator, "archive datasets")?;
    get_dataset(ctx, actor, id).await?;
    let at = is_archived.then(|| ctx.now());
    ctx.store.archive_dataset(id, at).await?;
    get_dataset(ctx, actor, id).await
}

/// Deletes a dataset that no benchmark draws from, with its file; an import that goes on ends.
pub async fn delete_dataset(ctx: &Ctx, actor: &Actor, id: DatasetId) -> Result<(), ServiceError> {
    actor.require(Role::Operator, "delete datasets")?;
    let dataset = get_dataset(ctx, actor, id).await?;
    if dataset.is_builtin {
        return Err(ServiceError::Conflict(
            "This dataset comes with the product and would be back at the next start. Archive it instead."
                .to_owned(),
        ));
    }
    ctx.datasets.cancel(id);
    let deleted = ctx.store.delete_dataset(id).await;
    deleted.map_err(still_used("dataset"))?;
    if let Some(sha256) = dataset.sha256 {
        file::remove_unused(ctx, &sha256).await?;
    }
    Ok(())
}
