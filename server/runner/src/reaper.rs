//! Stopping what an earlier life of this server left running.

use std::collections::BTreeSet;

use domain::id::BenchmarkId;
use tokio::task::spawn_blocking;

use crate::config::Shared;
use crate::process::noted_engine;
use crate::process::scan::list_runs;
use crate::process::stop::stop_run;

/// Stops every process of this instance whose run is not in `active`. There is one runner for each
/// data directory, so nobody else can be carrying such a run out.
pub(crate) async fn stop_strays(shared: &Shared, active: &BTreeSet<BenchmarkId>) {
    let instance = shared.instance.clone();
    let Ok(runs) = spawn_blocking(move || list_runs(&instance)).await else {
        return;
    };
    for run in runs.difference(active) {
        let engine = noted_engine(&shared.run_folder(*run));
        match stop_run(&shared.instance, *run, engine).await {
            Ok(count) => tracing::info!(%run, count, "stopped processes that were left behind"),
            Err(reason) => tracing::error!(%run, reason, "processes are left behind"),
        }
    }
}
