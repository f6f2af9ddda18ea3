//! The file of a trace.

use std::path::Path;

use domain::finite::Finite;
use domain::load::LoadPlan;
use domain::workload::Arrival;
use domain::workload::trace::{TraceRow, parse_trace, trace_duration_s};
use sha2::{Digest, Sha256};

use crate::error::LoadError;

/// Largest file that is read.
const TRACE_BYTES_MAX: u64 = 512 << 20;

/// What the file of a trace holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectedTrace {
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// Its rows.
    pub request_count: u32,
    /// From its first to its last row, in seconds of the trace's own time.
    pub duration_s: Finite,
}

/// Reads the whole file of a trace, in one of the forms of [`domain::workload::trace`], and says what
/// it holds.
pub fn inspect_trace(path: &Path) -> Result<InspectedTrace, LoadError> {
    let (rows, sha256) = read(path)?;
    Ok(InspectedTrace {
        sha256,
        request_count: u32::try_from(rows.len()).unwrap_or(u32::MAX),
        duration_s: trace_duration_s(&rows),
    })
}

/// The rows of the plan's trace; none where it has none. Refuses a file that is not what was planned.
pub(crate) async fn rows_of_plan(plan: &LoadPlan) -> Result<Vec<TraceRow>, LoadError> {
    let Arrival::Trace { name, sha256, .. } = plan.workload.arrival.clone() else {
        return Ok(Vec::new());
    };
    let path = plan.trace_path.clone().unwrap_or_default();
    let read = tokio::task::spawn_blocking(move || read(Path::new(&path)));
    let (rows, found) = read
        .await
        .map_err(|error| LoadError::Internal(error.to_string()))??;
    if found != sha256 {
        return Err(LoadError::Plan(format!(
            "the file of the trace {name} is not the one that was planned: its SHA-256 is {found}, planned was {sha256}"
        )));
    }
    Ok(rows)
}

fn read(path: &Path) -> Result<(Vec<TraceRow>, String), LoadError> {
    let name = path.display();
    let refused = |why: String| LoadError::Plan(format!("the trace {name} cannot be read: {why}"));
    let size = std::fs::metadata(path).map_err(|error| refused(error.to_string()))?;
    if !size.is_file() || size.len() > TRACE_BYTES_MAX {
        let megabytes = TRACE_BYTES_MAX >> 20;
        return Err(refused(format!("it is no file of at most {megabytes} MiB")));
    }
    let bytes = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| refused(error.to_string()))?;
    let rows = parse_trace(text).map_err(LoadError::Plan)?;
    Ok((rows, format!("{:x}", Sha256::digest(&bytes))))
}
