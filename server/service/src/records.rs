//! Parsed raw records of the runs people are looking at.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use domain::measure::record::RequestRecord;

use crate::{Ctx, ServiceError};

/// Runs whose records are kept parsed.
const RUNS_MAX: usize = 3;
/// Most chunks of a run that is kept: 8 bytes each.
const CHUNKS_MAX: usize = 8_000_000;

/// The runs looked at last, newest first, by the digest of their records.
#[derive(Debug, Default)]
pub(crate) struct RecordsCache(Mutex<VecDeque<(String, Arc<Vec<RequestRecord>>)>>);

impl RecordsCache {
    fn find(&self, sha256: &str) -> Option<Arc<Vec<RequestRecord>>> {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.iter()
            .find(|(digest, _)| digest == sha256)
            .map(|(_, records)| Arc::clone(records))
    }

    fn keep(&self, sha256: &str, records: &Arc<Vec<RequestRecord>>) {
        let chunk_count: usize = records.iter().map(|record| record.chunk_at.len()).sum();
        if chunk_count > CHUNKS_MAX {
            return;
        }
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|(digest, _)| digest != sha256);
        runs.push_front((sha256.to_owned(), Arc::clone(records)));
        runs.truncate(RUNS_MAX);
    }
}

/// The parsed records of that digest.
pub(crate) async fn load_records(
    ctx: &Ctx,
    sha256: &str,
) -> Result<Arc<Vec<RequestRecord>>, ServiceError> {
    if let Some(records) = ctx.records.find(sha256) {
        return Ok(records);
    }
    let bytes = ctx.store.get_records(sha256).await?;
    let parsed = tokio::task::spawn_blocking(move || store::records::read_records(bytes));
    let records = parsed.await.map_err(ServiceError::internal)?;
    let records = Arc::new(records.map_err(ServiceError::internal)?);
    ctx.records.keep(sha256, &records);
    Ok(records)
}
