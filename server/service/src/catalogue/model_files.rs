//! What the files of a model on this machine say, read one model at a time.

use std::path::Path;

use domain::access::Role;
use domain::catalogue::{Model, ModelFacts, ModelSource};
use domain::id::ModelId;
use store::StoreError;
use tokio::sync::Semaphore;

use super::get_model;
use crate::{Actor, Ctx, ServiceError};

/// Larger models are saved without their digest; it is computed when somebody asks. In bytes.
const DIGEST_AT_SAVE_BYTES_MAX: u64 = 2 << 30;
/// Largest model whose digest is computed at all, in bytes.
const DIGEST_BYTES_MAX: u64 = 2 << 40;

/// Lets one model be read at a time: reading a large one keeps a disk busy for minutes.
#[derive(Debug)]
pub struct FilesReader(Semaphore);

impl Default for FilesReader {
    fn default() -> Self {
        Self(Semaphore::new(1))
    }
}

/// What is kept of the files of a model that is being saved: what was known if they are the same,
/// else what they say. Nothing when there are none here: the node may be another machine.
pub(super) async fn facts_at_save(
    ctx: &Ctx,
    source: &ModelSource,
    earlier: Option<&Model>,
) -> Result<Option<ModelFacts>, ServiceError> {
    let ModelSource::LocalPath { path } = source else {
        return Ok(None);
    };
    if let Some(earlier) = earlier
        && earlier.source == *source
        && earlier.facts.is_some()
    {
        return Ok(earlier.facts.clone());
    }
    // While another model is read, this one goes without its digest.
    let permit = ctx.files.0.try_acquire();
    let digest_bytes_max = permit.as_ref().map_or(0, |_| DIGEST_AT_SAVE_BYTES_MAX);
    Ok(read(ctx, path.clone(), digest_bytes_max).await?.ok())
}

/// Reads the files of a model anew, digest included, and keeps what they say. It goes on to its end
/// even when nobody waits any more.
pub async fn read_model_files(
    ctx: &Ctx,
    actor: &Actor,
    id: ModelId,
) -> Result<Model, ServiceError> {
    actor.require(Role::Operator, "read the files of models")?;
    let model = get_model(ctx, actor, id).await?;
    let ModelSource::LocalPath { path } = model.source.clone() else {
        return Err(ServiceError::Conflict(
            "This model has no files on this machine.".to_owned(),
        ));
    };
    let in_background = ctx.clone();
    let work = tokio::spawn(async move {
        let ctx = in_background;
        let Ok(_permit) = ctx.files.0.try_acquire() else {
            return Err(ServiceError::Conflict(
                "The files of a model are being read already. Try again when that is done."
                    .to_owned(),
            ));
        };
        let facts = read(&ctx, path, DIGEST_BYTES_MAX).await?;
        let facts = facts.map_err(|reason| ServiceError::Conflict(format!("{reason}.")))?;
        let saved = ctx.store.save_model_facts(id, &model.source, &facts).await;
        saved.map_err(|error| match error {
            StoreError::NotFound => ServiceError::Conflict(
                "The model was changed while its files were read. Read them again.".to_owned(),
            ),
            other => other.into(),
        })
    });
    work.await.map_err(ServiceError::internal)??;
    get_model(ctx, actor, id).await
}

async fn read(
    ctx: &Ctx,
    path: String,
    digest_bytes_max: u64,
) -> Result<Result<ModelFacts, String>, ServiceError> {
    let now = ctx.now();
    let work = tokio::task::spawn_blocking(move || {
        runner::model_files::read_model_files(Path::new(&path), digest_bytes_max, now)
    });
    work.await.map_err(ServiceError::internal)
}
