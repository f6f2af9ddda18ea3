//! Records of the runs people are looking at, read once and kept for a while.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use domain::measure::line::RequestLine;
use domain::measure::record::RequestRecord;

use crate::{Ctx, ServiceError};

/// Runs that are kept with all their chunks.
const RUNS_MAX: usize = 3;
/// Most chunks of a run that is kept with them: 8 bytes each.
const CHUNKS_MAX: u64 = 8_000_000;
/// Runs that are kept without their chunks.
const LINE_RUNS_MAX: usize = 8;

/// The runs looked at last, newest first, by the digest of their records.
#[derive(Debug)]
struct Kept<T>(Mutex<VecDeque<(String, Arc<Vec<T>>)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Kept<T> {
    fn find(&self, sha256: &str) -> Option<Arc<Vec<T>>> {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.iter()
            .find(|(digest, _)| digest == sha256)
            .map(|(_, records)| Arc::clone(records))
    }

    fn keep(&self, sha256: &str, records: &Arc<Vec<T>>, runs_max: usize) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|(digest, _)| digest != sha256);
        runs.push_front((sha256.to_owned(), Arc::clone(records)));
        runs.truncate(runs_max);
    }
}

/// What was read of runs looked at lately.
#[derive(Debug, Default)]
pub(crate) struct RecordsCache {
    whole: Kept<RequestRecord>,
    lines: Kept<RequestLine>,
}

/// The records of that digest with the arrival of every chunk.
pub(crate) async fn load_records(
    ctx: &Ctx,
    sha256: &str,
) -> Result<Arc<Vec<RequestRecord>>, ServiceError> {
    if let Some(records) = ctx.records.whole.find(sha256) {
        return Ok(records);
    }
    let bytes = ctx.store.get_records(sha256).await?;
    let parsed = tokio::task::spawn_blocking(move || store::records::read_records(bytes));
    let records = parsed.await.map_err(ServiceError::internal)?;
    let records = Arc::new(records.map_err(ServiceError::internal)?);
    let chunk_count: u64 = records.iter().map(|r| r.timing().chunk_count).sum();
    if chunk_count <= CHUNKS_MAX {
        ctx.records.whole.keep(sha256, &records, RUNS_MAX);
    }
    Ok(records)
}

/// The requests of that digest without the arrivals of their chunks: quick for runs of any length.
pub(crate) async fn load_lines(
    ctx: &Ctx,
    sha256: &str,
) -> Result<Arc<Vec<RequestLine>>, ServiceError> {
    if let Some(lines) = ctx.records.lines.find(sha256) {
        return Ok(lines);
    }
    let file = ctx.store.open_records(sha256).await?;
    let read = tokio::task::spawn_blocking(move || store::records::read_lines(file));
    let lines = read.await.map_err(ServiceError::internal)?;
    let lines = Arc::new(lines.map_err(ServiceError::internal)?);
    ctx.records.lines.keep(sha256, &lines, LINE_RUNS_MAX);
    Ok(lines)
}
