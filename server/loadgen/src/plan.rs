//! What a plan may ask for.

use domain::dataset::{DATASETS_OF_A_PLAN_MAX, ROWS_MAX};
use domain::finite::Finite;
use domain::load::{LOAD_PLAN_VERSION, LOAD_PLAN_VERSION_MIN, LoadPlan};
use domain::slo::check_slos;
use domain::workload::arrival::{CONCURRENCY_MAX, RATE_PER_S_MAX};
use domain::workload::extra_body;
use domain::workload::lengths::LENGTH_TOKENS_MAX;
use domain::workload::{Arrival, LengthSpec, Prompts, StopRule};

use crate::error::LoadError;

/// Most requests of one run.
pub(crate) const REQUESTS_MAX: u32 = 5_000_000;
/// Most rows of all datasets of a plan together.
const DATASET_ROWS_MAX: u64 = DATASETS_OF_A_PLAN_MAX as u64 * ROWS_MAX as u64;
/// Longest run and longest wait for an answer, in seconds: a week.
const SECONDS_MAX: u32 = 7 * 24 * 3_600;

/// Refuses a plan that cannot be carried out, in words that say what would be right.
pub(crate) fn check(plan: &LoadPlan) -> Result<(), LoadError> {
    let workload = &plan.workload;
    within(
        "the plan's version",
        plan.version,
        LOAD_PLAN_VERSION_MIN,
        LOAD_PLAN_VERSION,
    )?;
    if plan.model.trim().is_empty() {
        return Err(LoadError::Plan("the plan names no model".to_owned()));
    }
    datasets(plan)?;
    extra_body::check(&workload.extra_body).map_err(LoadError::Plan)?;
    check_slos(&workload.slos).map_err(LoadError::Plan)?;
    let is_ramped_closed_loop = workload.ramp_s > 0 && !workload.arrival.has_schedule();
    for (is_asked, what) in [
        (
            workload.arrival.in_flight_max().is_some(),
            "a cap of requests in flight",
        ),
        (is_ramped_closed_loop, "a ramp in closed loop"),
        (workload.warmup_s > 0, "a warm-up by time"),
        (
            workload.prefix_share != Finite::ONE,
            "a share of prompts with the prefix",
        ),
        (!plan.headers.is_empty(), "extra headers"),
    ] {
        if is_asked {
            return Err(not_yet(what));
        }
    }
    length("the input length", &workload.input)?;
    length("the output length", &workload.output)?;
    within(
        "the shared prefix",
        workload.shared_prefix_tokens,
        0,
        LENGTH_TOKENS_MAX,
    )?;
    within("the warm-up", workload.warmup_requests, 0, REQUESTS_MAX)?;
    within(
        "the request timeout in seconds",
        workload.request_timeout_s,
        1,
        SECONDS_MAX,
    )?;
    match workload.stop {
        StopRule::Requests { count } => within("the number of requests", count, 1, REQUESTS_MAX)?,
        StopRule::Duration { seconds } => {
            within("the duration in seconds", seconds, 1, SECONDS_MAX)?;
        }
    }
    match &workload.arrival {
        Arrival::ClosedLoop { concurrency } => {
            within("the concurrency", *concurrency, 1, CONCURRENCY_MAX)?;
        }
        Arrival::Trace { .. } => return Err(not_yet("a trace")),
        Arrival::OpenLoop { rate_per_s, .. } => {
            let rate = rate_per_s.get();
            if !(rate > 0.0 && rate <= RATE_PER_S_MAX) {
                let text =
                    format!("the rate is {rate}; give one above 0 and at most {RATE_PER_S_MAX}");
                return Err(LoadError::Plan(text));
            }
            let expected = workload.expected_requests().unwrap_or(REQUESTS_MAX);
            within(
                "the number of requests (rate times duration)",
                expected,
                0,
                REQUESTS_MAX,
            )?;
        }
    }
    Ok(())
}

/// One file for each dataset, and not more rows than their order can be kept of.
fn datasets(plan: &LoadPlan) -> Result<(), LoadError> {
    let (datasets, paths) = (plan.workload.prompts.datasets(), &plan.dataset_paths);
    if datasets.len() != paths.len() {
        return Err(LoadError::Plan(format!(
            "the plan names {} datasets and {} files of datasets; give one file for each",
            datasets.len(),
            paths.len()
        )));
    }
    let is_drawn = matches!(plan.workload.prompts, Prompts::Datasets { .. });
    if is_drawn && datasets.is_empty() {
        return Err(LoadError::Plan(
            "the plan draws prompts from datasets and names none".to_owned(),
        ));
    }
    let row_count = plan.workload.prompts.row_count();
    if row_count > DATASET_ROWS_MAX {
        return Err(LoadError::Plan(format!(
            "the datasets have {row_count} rows together; give at most {DATASET_ROWS_MAX}"
        )));
    }
    Ok(())
}

fn not_yet(what: &str) -> LoadError {
    LoadError::Plan(format!("{what} is not possible yet"))
}

fn within(what: &str, value: u32, min: u32, max: u32) -> Result<(), LoadError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(LoadError::Plan(format!(
        "{what} is {value}; give a number from {min} to {max}"
    )))
}

fn length(what: &str, length: &LengthSpec) -> Result<(), LoadError> {
    // Checked as text, since that is where the rules of lengths live.
    let known = length.to_string().parse::<LengthSpec>();
    known
        .map(drop)
        .map_err(|why| LoadError::Plan(format!("{what} {length} is not possible: {why}")))
}
