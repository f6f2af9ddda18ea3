//! The verdict on a level.

use std::collections::HashMap;

use super::errors::{Errors, Spread};
use super::flow::Flow;
use super::{Bounds, Level, LevelReport, LevelVerdict};
use crate::finite::Finite;
use crate::measure::health::{ClientHealth, HealthVerdict};
use crate::measure::record::{RequestPhase, RequestRecord, ms_between};
use crate::measure::truth::SentAnswer;

/// What is known about a level.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The client's records, warm-up included.
    pub records: &'a [RequestRecord],
    /// The engine's log, in any order.
    pub sent: &'a [SentAnswer],
    /// What the client says about itself and its host.
    pub health: &'a ClientHealth,
    /// CPU time of the load process, in seconds.
    pub cpu_s: Finite,
}

/// Compares and judges.
pub fn judge_level(level: Level, evidence: &Evidence<'_>, bounds: &Bounds) -> LevelReport {
    let by_prompt: HashMap<&str, &SentAnswer> = evidence
        .sent
        .iter()
        .map(|sent| (sent.prompt_sha256.as_str(), sent))
        .collect();
    let measured: Vec<&RequestRecord> = evidence
        .records
        .iter()
        .filter(|record| record.phase == RequestPhase::Measured)
        .collect();
    let mut errors = Errors::default();
    let mut pairs: Vec<(&RequestRecord, &SentAnswer)> = Vec::with_capacity(measured.len());
    for record in &measured {
        if let Some(sent) = by_prompt.get(record.prompt_sha256.as_str())
            && record.is_ok()
            && errors.add(record, sent)
        {
            pairs.push((record, sent));
        }
    }
    let lateness = |sent: &SentAnswer| -> Vec<f64> {
        let chunks = sent.due_ns.iter().zip(&sent.sent_ns);
        chunks.map(|(due, sent)| ms_between(*due, *sent)).collect()
    };
    let engine_late = Spread::of(pairs.iter().flat_map(|(_, sent)| lateness(sent)).collect());
    let (ttft, itl, e2e) = (
        Spread::of(errors.ttft),
        Spread::of(errors.itl),
        Spread::of(errors.e2e),
    );
    let (full, answer_ns) = match level {
        Level::Closed { streams } => (streams, u64::from(level.pace().answer_ms()) * 1_000_000),
        Level::Open { .. } => (1, 0),
    };
    // Each by its own clock.
    let recorded = Flow::of(
        pairs
            .iter()
            .map(|(record, _)| (record.sent_at, record.finished_at)),
    );
    let chunks = pairs.iter().flat_map(|(record, _)| record.chunk_at.iter());
    let chunks_per_s = recorded.chunks_per_s(full, answer_ns, chunks);
    let sent = Flow::of(
        pairs
            .iter()
            .map(|(_, sent)| (sent.arrived_ns, sent.finished_ns)),
    );
    let chunks = pairs.iter().flat_map(|(_, sent)| sent.sent_ns.iter());
    let sent_chunks_per_s = sent.chunks_per_s(full, answer_ns, chunks.copied());
    let all_chunks: usize = evidence
        .records
        .iter()
        .map(|record| record.chunk_at.len())
        .sum();
    let health = evidence.health;
    let stall = health.host_stall_ms.as_ref();
    let mut report = LevelReport {
        level,
        open_at_once: sent.peak,
        ttft_error_mean_ms: ttft.mean,
        ttft_error_p50_ms: ttft.p50,
        ttft_error_p99_ms: ttft.p99,
        itl_error_mean_ms: itl.mean,
        itl_error_p50_ms: itl.p50,
        itl_error_p99_ms: itl.p99,
        e2e_error_mean_ms: e2e.mean,
        e2e_error_p50_ms: e2e.p50,
        e2e_error_p99_ms: e2e.p99,
        rate_error: match level {
            Level::Closed { .. } => relative_error(chunks_per_s, sent_chunks_per_s),
            Level::Open { rate_per_s } => {
                relative_error(arrival_rate(&pairs), Some(f64::from(rate_per_s)))
            }
        },
        chunks_per_s: chunks_per_s.and_then(Finite::new),
        ideal_chunks_per_s: ideal_chunks_per_s(level),
        cpu_us_per_chunk: Finite::ratio(evidence.cpu_s.get() * 1e6, all_chunks as f64),
        peak_rss_mb: health
            .peak_rss_bytes
            .and_then(|bytes| Finite::new(bytes as f64 / 1e6)),
        compared_count: count(pairs.len()),
        lost_count: count(measured.len() - pairs.len()),
        engine_late_p50_ms: engine_late.p50,
        engine_late_p99_ms: engine_late.p99,
        host_stall_p99_ms: stall.map(|stall| stall.p99),
        host_stall_max_ms: stall.map(|stall| stall.max),
        steal_fraction: health.steal_fraction,
        verdict: LevelVerdict::Within,
        reasons: Vec::new(),
    };
    report.reasons = reasons(&report, health, bounds);
    if !report.reasons.is_empty() {
        report.verdict = LevelVerdict::ClientBound;
    }
    report
}

/// The bounds that were not kept. What could not be measured keeps none.
fn reasons(report: &LevelReport, health: &ClientHealth, bounds: &Bounds) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut check = |value: Option<Finite>, most: Finite, words: &dyn Fn(f64) -> String| match value
    {
        None => reasons.push(words(f64::NAN)),
        Some(value) if value > most => reasons.push(words(value.get())),
        Some(_) => {}
    };
    check(
        report.ttft_error_mean_ms,
        bounds.ttft_error_mean_ms,
        &|ms| {
            format!(
                "The mean error of TTFT is {ms:.2} ms, above {} ms.",
                bounds.ttft_error_mean_ms
            )
        },
    );
    check(report.itl_error_p99_ms, bounds.itl_error_p99_ms, &|ms| {
        format!(
            "The error of ITL is {ms:.2} ms at the 99th percentile, above {} ms.",
            bounds.itl_error_p99_ms
        )
    });
    match report.level {
        Level::Closed { streams } => {
            let ideal = report.ideal_chunks_per_s.get();
            let share = report
                .chunks_per_s
                .and_then(|rate| Finite::ratio(rate.get(), ideal));
            if share.is_none_or(|share| share < bounds.chunk_rate_min) {
                reasons.push(format!(
                    "The chunk rate is {:.1} % of the ideal, below {:.1} %.",
                    share.unwrap_or_default().get() * 100.0,
                    bounds.chunk_rate_min.get() * 100.0
                ));
            }
            if report.open_at_once < streams {
                reasons.push(format!(
                    "Only {} of {streams} streams were open at once.",
                    report.open_at_once
                ));
            }
        }
        Level::Open { .. } => check(report.rate_error, bounds.rate_error, &|share| {
            format!(
                "The rate is {:.2} % off, more than {:.2} %.",
                share * 100.0,
                bounds.rate_error.get() * 100.0
            )
        }),
    }
    if report.lost_count > 0 {
        reasons.push(format!(
            "{} requests failed or were not found in the engine's log.",
            report.lost_count
        ));
    }
    if health.verdict == HealthVerdict::ClientBound {
        reasons.extend(health.reasons.iter().cloned());
    }
    reasons
}

/// Requests per second as they arrived at the engine: gaps over the time between the first and the last.
fn arrival_rate(pairs: &[(&RequestRecord, &SentAnswer)]) -> Option<f64> {
    let arrived = || pairs.iter().map(|(_, sent)| sent.arrived_ns);
    let seconds = ms_between(arrived().min()?, arrived().max()?) / 1e3;
    (seconds > 0.0).then(|| (pairs.len() as f64 - 1.0) / seconds)
}

fn relative_error(value: Option<f64>, truth: Option<f64>) -> Option<Finite> {
    let (value, truth) = (value?, truth?);
    Finite::ratio((value - truth).abs(), truth)
}

fn ideal_chunks_per_s(level: Level) -> Finite {
    let pace = level.pace();
    let rate = match level {
        Level::Closed { streams } => f64::from(streams) / pace.answer_s(),
        Level::Open { rate_per_s } => f64::from(rate_per_s),
    };
    Finite::new(rate * f64::from(pace.tokens)).unwrap_or_default()
}

fn count(amount: usize) -> u32 {
    u32::try_from(amount).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
