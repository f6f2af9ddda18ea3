//! The out folder: `requests.parquet` and `result.json`.

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
    std::fs::write(&partial, json).map_err(|error| error.to_string())?;
    std::fs::rename(&partial, folder.join(RESULT_FILE)).map_err(|error| error.to_string())?;
    Ok(written)
}
