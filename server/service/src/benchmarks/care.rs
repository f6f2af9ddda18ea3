//! What becomes of a benchmark afterwards: what it is for, archived, deleted.

use domain::field::FieldErrors;
use domain::id::BenchmarkId;
use domain::reruns::Purpose;
use store::StoreError;

use super::get_changeable;
use crate::error::not_found;
use crate::{Actor, Ctx, ServiceError};

/// Says what the figures of a benchmark are for, by the purpose's name.
pub async fn set_purpose(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
    purpose: &str,
) -> Result<Purpose, ServiceError> {
    get_changeable(ctx, actor, id, "change the purpose of").await?;
    let purpose = Purpose::parse(purpose)
        .ok_or_else(|| FieldErrors::one("purpose", "Choose exploratory or gating."))?;
    ctx.store.set_purpose(id, purpose, ctx.now()).await?;
    Ok(purpose)
}

/// Takes a benchmark that has ended out of the lists (`is_archived`), or back into them. Nothing of
/// it is lost. Asking for what is so already changes nothing.
pub async fn set_archived(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
    is_archived: bool,
) -> Result<(), ServiceError> {
    let detail = get_changeable(ctx, actor, id, "archive").await?;
    if !detail.status.is_terminal() {
        return Err(goes_on("archive"));
    }
    ctx.store
        .archive_benchmark(id, is_archived, ctx.now())
        .await?;
    Ok(())
}

/// Removes a benchmark that has ended: its plan, log, result, raw records and working files.
pub async fn delete_benchmark(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
) -> Result<(), ServiceError> {
    get_changeable(ctx, actor, id, "delete").await?;
    match ctx.store.delete_benchmark(id).await {
        Ok(()) => {}
        Err(StoreError::Conflict(_)) => return Err(goes_on("delete")),
        Err(StoreError::NotFound) => return Err(not_found("benchmark")),
        Err(error) => return Err(error.into()),
    }
    let folder = ctx.store.data_dir().join("runs").join(id.to_string());
    match tokio::fs::remove_dir_all(&folder).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            // The benchmark is gone: what is left is of no use to anybody, and says no secret.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                folder = %folder.display(),
                "the working files of a deleted benchmark could not be removed"
            );
        }
        _ => {}
    }
    Ok(())
}

fn goes_on(what: &str) -> ServiceError {
    ServiceError::Conflict(format!(
        "This benchmark has not ended. Cancel it first, or wait for its end, to {what} it."
    ))
}
