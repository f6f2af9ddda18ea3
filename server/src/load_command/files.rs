//! The out folder: `requests.parquet` and `result.json`.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;

use domain::load::{LoadPlan, REQUESTS_FILE, RESULT_FILE};
use domain::measure::METRICS_VERSION;
use domain::measure::health::HostObservation;
use domain::measure::summary::Summary;
use loadgen::LoadOutcome;
use serde::Serialize;
use store::records::{WrittenRecords, write_records};

/// Version of the result file's format.
const RESULT_FORMAT: u32 = 1;

#[derive(Serialize)]
struct ResultFile<'a> {
    format: u32,
    assay_version: &'static str,
    metrics_version: u32,
    /// Wall time of the zero of all instants.
    started_at: String,
    is_cancelled: bool,
    plan: &'a LoadPlan,
    records: RecordsFile<'a>,
    /// The prompts and their order in one digest.
    prompts_sha256: &'a str,
    /// The schedule of the measured arrivals in one digest; empty in closed loop.
    schedule_sha256: &'a str,
    host: Host,
    summary: &'a Summary,
}

#[derive(Serialize)]
struct RecordsFile<'a> {
    file: &'static str,
    sha256: &'a str,
    bytes: u64,
}

/// What the client observed, its samples aside: the summary describes these.
#[derive(Serialize)]
struct Host {
    threads: u32,
    cpu_s: f64,
    wall_s: f64,
}

impl From<&HostObservation> for Host {
    fn from(host: &HostObservation) -> Self {
        Self {
            threads: host.threads,
            cpu_s: host.cpu_s.get(),
            wall_s: host.wall_s.get(),
        }
    }
}

/// Makes the out folder and sees that it can be written to, before anything is sent. A result that is there
/// is refused, or taken away where it may be overwritten: else a run that fails would leave it as if it were
/// its own. The error is a text for users.
pub(super) fn prepare(folder: &Path, may_overwrite: bool) -> Result<(), String> {
    let shown = folder.display();
    let unusable =
        |why: std::io::Error| format!("The out folder {shown} cannot be written to: {why}.");
    let held = [RESULT_FILE, REQUESTS_FILE].map(|name| folder.join(name));
    if !may_overwrite && held.iter().any(|path| path.exists()) {
        return Err(format!(
            "The folder {shown} holds a result already. Give another one with --out, or --overwrite to replace it."
        ));
    }
    std::fs::create_dir_all(folder).map_err(unusable)?;
    check_writable(&folder.join("write-check.partial")).map_err(unusable)?;
    for path in held {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(unusable(error)),
            _ => {}
        }
    }
    Ok(())
}

/// Sees that a file can be written to, and leaves it as it was.
pub(super) fn check_writable(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let is_new = !path.exists();
    OpenOptions::new().append(true).create(true).open(path)?;
    if is_new {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// Writes both files; each appears under its name only when it is whole. The error is a text for users.
pub(super) fn write(
    plan: &LoadPlan,
    outcome: &LoadOutcome,
    prompts_sha256: &str,
    summary: &Summary,
) -> Result<WrittenRecords, String> {
    let folder = Path::new(&plan.out_dir);
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let written = write_records(&folder.join(REQUESTS_FILE), &outcome.records)
        .map_err(|error| error.to_string())?;
    let result = ResultFile {
        format: RESULT_FORMAT,
        assay_version: env!("CARGO_PKG_VERSION"),
        metrics_version: METRICS_VERSION,
        started_at: outcome.started_at.to_rfc3339(),
        is_cancelled: outcome.is_cancelled,
        plan,
        records: RecordsFile {
            file: REQUESTS_FILE,
            sha256: &written.sha256,
            bytes: written.bytes,
        },
        prompts_sha256,
        schedule_sha256: &outcome.schedule_sha256,
        host: Host::from(&outcome.host),
        summary,
    };
    let json = serde_json::to_vec_pretty(&result).map_err(|error| error.to_string())?;
    let partial = folder.join(RESULT_FILE).with_extension("partial");
    let whole = std::fs::write(&partial, json)
        .and_then(|()| std::fs::rename(&partial, folder.join(RESULT_FILE)));
    whole.map_err(|error| {
        // What is left of it is of no use.
        let _ = std::fs::remove_file(&partial);
        error.to_string()
    })?;
    Ok(written)
}
