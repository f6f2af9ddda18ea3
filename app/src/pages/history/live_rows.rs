//! Rows that change while the page is open.

use std::collections::BTreeMap;

use domain::history::{BenchmarkRow, HistoryPage};
use domain::id::BenchmarkId;
use domain::run::RunStatus;
use leptos::prelude::*;

use crate::api::ApiError;
use crate::live::{EventStream, Next, OnEvent, keep_stream};

/// Changed rows kept at most; the list is loaded anew before there are more.
const CHANGED_ROWS_MAX: usize = 500;

/// Rows that changed since the page was loaded.
#[derive(Clone, Copy)]
pub struct LiveRows {
    changed: RwSignal<BTreeMap<BenchmarkId, BenchmarkRow>>,
    /// Whether the connection is lost, so that rows may be old.
    pub is_stale: RwSignal<bool>,
}

impl LiveRows {
    /// The row as it is now; `loaded` as it came with the page.
    pub fn latest(self, loaded: &BenchmarkRow) -> BenchmarkRow {
        self.changed
            .with(|changed| changed.get(&loaded.id).unwrap_or(loaded).clone())
    }
}

/// Listens for changed rows. A change that may move rows (a new benchmark, another status) loads
/// the list anew; any other changes its row in place.
pub fn follow_rows(page: Resource<Result<HistoryPage, ApiError>>) -> LiveRows {
    let rows = LiveRows {
        changed: RwSignal::new(BTreeMap::new()),
        is_stale: RwSignal::new(false),
    };
    // The last status of every row heard of: one outside of the filters loads the list once for
    // each status, not at every event.
    let statuses = StoredValue::new(BTreeMap::<BenchmarkId, RunStatus>::new());
    Effect::new(move |_| {
        if let Some(Ok(page)) = &*page.read() {
            statuses.update_value(|statuses| {
                statuses.extend(page.rows.iter().map(|row| (row.id, row.status)));
            });
        }
    });
    keep_stream(move || {
        let on_row: OnEvent = Box::new(move |data| {
            // A row of a newer server that this page cannot read waits for the next load.
            let Ok(row) = serde_json::from_str::<BenchmarkRow>(&data) else {
                return Next::Listen;
            };
            let before = statuses.try_update_value(|statuses| statuses.insert(row.id, row.status));
            let Some(before) = before else {
                return Next::Close;
            };
            let is_full = rows
                .changed
                .try_with_untracked(|changed| changed.len() >= CHANGED_ROWS_MAX)
                .unwrap_or(false);
            if before == Some(row.status) && !is_full {
                rows.changed
                    .try_update(|changed| changed.insert(row.id, row));
            } else {
                rows.changed.try_update(BTreeMap::clear);
                page.refetch();
            }
            Next::Listen
        });
        EventStream::open("/live?history=1", vec![("row", on_row)], rows.is_stale)
    });
    rows
}
