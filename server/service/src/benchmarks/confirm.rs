//! The runner's own door: rows it claims to have measured, compared with what is stored.

use domain::field::FieldErrors;
use domain::id::BenchmarkId;
use domain::measure::record::RequestRecord;

use crate::error::not_found;
use crate::records::load_records;
use crate::{Ctx, ServiceError};

/// Largest difference of two times that are the same, in seconds: they are nanoseconds inside.
const SAME_WITHIN_S: f64 = 1e-9;

/// A row that the runner claims to have measured.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimedRequest {
    /// The benchmark.
    pub benchmark_id: BenchmarkId,
    /// Position in the plan, from 0.
    pub index: u32,
    /// Whether it was answered completely.
    pub is_ok: bool,
    /// Prompt tokens.
    pub input_tokens: u32,
    /// Answer tokens.
    pub output_tokens: u32,
    /// Time to first token in seconds.
    pub ttft_s: Option<f64>,
    /// End-to-end latency in seconds.
    pub latency_s: Option<f64>,
}

impl ClaimedRequest {
    fn agrees_with(&self, record: &RequestRecord) -> bool {
        let same = |claimed: Option<f64>, stored_ms: Option<f64>| match (claimed, stored_ms) {
            (Some(claimed), Some(stored)) => (claimed - stored / 1e3).abs() <= SAME_WITHIN_S,
            (None, None) => true,
            _ => false,
        };
        self.is_ok == record.is_ok()
            && self.input_tokens == record.input_tokens
            && self.output_tokens == record.output_tokens
            && same(self.ttft_s, record.ttft_ms())
            && same(self.latency_s, record.e2e_ms())
    }
}

/// Confirms that these rows, all of one benchmark, are what is stored, and says how many they are. For
/// whoever holds the key of this process's runner. Nothing is ever changed: records are written once,
/// as one file.
pub async fn confirm_requests(
    ctx: &Ctx,
    runner_key: &str,
    rows: &[ClaimedRequest],
) -> Result<u32, ServiceError> {
    if !ctx.runner_key.fits(runner_key) {
        return Err(ServiceError::SignedOut);
    }
    let Some(first) = rows.first() else {
        return Err(FieldErrors::one("", "Give at least one row.").into());
    };
    if rows
        .iter()
        .any(|row| row.benchmark_id != first.benchmark_id)
    {
        return Err(FieldErrors::one("benchmark_id", "Give rows of one benchmark.").into());
    }
    let detail = ctx.store.find_benchmark(first.benchmark_id).await?;
    let detail = detail.ok_or_else(|| not_found("benchmark"))?;
    let conflict = |text: &str| ServiceError::Conflict(text.to_owned());
    let result = detail.result.ok_or_else(|| {
        conflict("This run has no records yet: the runner stores them itself, as one file, when the load has ended.")
    })?;
    let records = load_records(ctx, &result.manifest.records_sha256).await?;
    let is_stored = |row: &ClaimedRequest| {
        let mut stored = records.iter();
        stored.any(|record| record.index == row.index && row.agrees_with(record))
    };
    if !rows.iter().all(is_stored) {
        return Err(conflict(
            "These rows differ from the stored records, which are never changed.",
        ));
    }
    Ok(u32::try_from(rows.len()).unwrap_or(u32::MAX))
}
