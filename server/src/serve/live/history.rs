//! Rows of the history, each when it changed.

use std::collections::HashMap;

use domain::history::BenchmarkRow;
use domain::id::BenchmarkId;
use service::benchmarks::rows_changed_since;

use super::{End, Stream, event_of};

/// How far back each look goes beyond the one before: a change may become visible a little after the
/// time it carries.
const OVERLAP_MICROS: i64 = 5_000_000;

impl Stream {
    /// Sends each row that changes, as `row`, for as long as somebody reads.
    pub(super) async fn tell_history(&self) -> Result<(), End> {
        let mut seen_at = self.ctx.now();
        // What the last look found, so that the overlap is not told twice.
        let mut told: HashMap<BenchmarkId, BenchmarkRow> = HashMap::new();
        loop {
            let since = seen_at.plus_micros(-OVERLAP_MICROS);
            let changes = rows_changed_since(&self.ctx, &self.actor, since).await?;
            for (at, row) in &changes {
                seen_at = seen_at.max(*at);
                if told.get(&row.id) != Some(row) {
                    self.send(event_of("row", row)?).await?;
                }
            }
            told = changes.into_iter().map(|(_, row)| (row.id, row)).collect();
            self.pause().await;
        }
    }
}
