//! The end of the log of an engine that the runner started.

use std::io::SeekFrom;

use domain::id::BenchmarkId;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::get_benchmark;
use crate::{Actor, Ctx, ServiceError};

/// Most bytes of a log that are read: its end.
pub const ENGINE_LOG_BYTES_MAX: u64 = 1024 * 1024;

/// The last [`ENGINE_LOG_BYTES_MAX`] bytes of the engine's own log; `None` when the runner started no
/// engine, or the file is gone.
pub async fn get_engine_log(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
) -> Result<Option<String>, ServiceError> {
    get_benchmark(ctx, actor, id).await?;
    let path = ctx
        .store
        .data_dir()
        .join("runs")
        .join(id.to_string())
        .join("engine.log");
    let mut file = match tokio::fs::File::open(&path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ServiceError::internal(error)),
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
