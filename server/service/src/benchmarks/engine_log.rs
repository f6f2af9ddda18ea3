//! The end of the log of an engine that the runner started.

use std::io::SeekFrom;

use domain::id::BenchmarkId;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::get_benchmark;
use crate::{Actor, Ctx, ServiceError};

/// Most bytes of a log that are read: its end.
pub const ENGINE_LOG_BYTES_MAX: u64 = 1024 * 1024;

/// The engine's own log as a file to be read.
///
/// # Errors
/// When the runner started no engine, or the file is gone.
pub async fn open_engine_log(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
) -> Result<File, ServiceError> {
    let missing = || ServiceError::NotFound("There is no log of an engine.".to_owned());
    open(ctx, actor, id).await?.ok_or_else(missing)
}

async fn open(ctx: &Ctx, actor: &Actor, id: BenchmarkId) -> Result<Option<File>, ServiceError> {
    get_benchmark(ctx, actor, id).await?;
    let path = ctx
        .store
        .data_dir()
        .join("runs")
        .join(id.to_string())
        .join("engine.log");
    match File::open(&path).await {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ServiceError::internal(error)),
    }
}

/// The last [`ENGINE_LOG_BYTES_MAX`] bytes of the engine's own log; `None` when the runner started no
/// engine, or the file is gone.
pub async fn get_engine_log(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
) -> Result<Option<String>, ServiceError> {
    let Some(mut file) = open(ctx, actor, id).await? else {
        return Ok(None);
    };
    let length = file.metadata().await.map_err(ServiceError::internal)?.len();
    let start = length.saturating_sub(ENGINE_LOG_BYTES_MAX);
    file.seek(SeekFrom::Start(start))
        .await
        .map_err(ServiceError::internal)?;
    let mut bytes = Vec::new();
    // The engine may still be writing: the bound holds for what comes meanwhile too.
    let read = file
        .take(ENGINE_LOG_BYTES_MAX)
        .read_to_end(&mut bytes)
        .await;
    read.map_err(ServiceError::internal)?;
    let text = String::from_utf8_lossy(&bytes);
    let whole_lines = match text.split_once('\n') {
        Some((_, rest)) if start > 0 => rest,
        _ => &text,
    };
    Ok(Some(whole_lines.to_owned()))
}
