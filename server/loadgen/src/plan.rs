//! What a plan may ask for.

use domain::dataset::{DATASETS_OF_A_PLAN_MAX, ROWS_MAX};
use domain::finite::Finite;
use domain::load::{HEADERS_MAX, LOAD_PLAN_VERSION, LOAD_PLAN_VERSION_MIN, LoadPlan};
use domain::slo::check_slos;
use domain::workload::arrival::{
    BURSTINESS_MAX, BURSTINESS_MIN, CONCURRENCY_MAX, RATE_PER_S_MAX, RATE_PER_S_MIN,
    TRACE_SPEED_MAX, TRACE_SPEED_MIN,
};
use domain::workload::extra_body;
use domain::workload::lengths::LENGTH_TOKENS_MAX;
use domain::workload::{
    Arrival, LengthSpec, Prompts, RAMP_S_MAX, StopRule, WARMUP_S_MAX, WorkloadSpec,
};

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
    if plan.headers.len() > HEADERS_MAX {
        return Err(LoadError::Plan(format!(
            "the plan has {} extra headers; give at most {HEADERS_MAX}",
            plan.headers.len()
        )));
    }
    for header in &plan.headers {
        header.check().map_err(LoadError::Plan)?;
    }
    number_within(
        "the share of prompts with the prefix",
        workload.prefix_share,
        0.0,
        1.0,
    )?;
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
    within("the warm-up in seconds", workload.warmup_s, 0, WARMUP_S_MAX)?;
    if workload.warmup_s > 0 && workload.warmup_requests > 0 {
        return Err(LoadError::Plan(
            "the plan has a warm-up by requests and by seconds; give one of them".to_owned(),
        ));
    }
    ramp(workload)?;
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
        Arrival::Trace { .. } => trace(plan)?,
        Arrival::OpenLoop {
            rate_per_s,
            burstiness,
            ..
        } => {
            number_within("the rate", *rate_per_s, RATE_PER_S_MIN, RATE_PER_S_MAX)?;
            number_within(
                "the burstiness",
                *burstiness,
                BURSTINESS_MIN,
                BURSTINESS_MAX,
            )?;
            let expected = workload.expected_requests().unwrap_or(REQUESTS_MAX);
            within(
                "the number of requests (rate times duration)",
                expected,
                0,
                REQUESTS_MAX,
            )?;
        }
    }
    if let Some(cap) = workload.arrival.in_flight_max() {
        within("the cap of requests in flight", cap, 1, CONCURRENCY_MAX)?;
    }
    let (has_trace, has_file) = (
        matches!(workload.arrival, Arrival::Trace { .. }),
        plan.trace_path.is_some(),
    );
    if has_trace != has_file {
        return Err(LoadError::Plan(
            "a plan with a trace names its file, and no other plan does".to_owned(),
        ));
    }
    Ok(())
}

/// A ramp ends before the run does.
fn ramp(workload: &WorkloadSpec) -> Result<(), LoadError> {
    within("the ramp in seconds", workload.ramp_s, 0, RAMP_S_MAX)?;
    if let StopRule::Duration { seconds } = workload.stop
        && workload.ramp_s >= seconds.max(1)
    {
        return Err(LoadError::Plan(format!(
            "the ramp of {} s leaves nothing of the {seconds} s; give a shorter one",
            workload.ramp_s
        )));
    }
    Ok(())
}

/// A trace brings its own times and lengths.
fn trace(plan: &LoadPlan) -> Result<(), LoadError> {
    let workload = &plan.workload;
    let Arrival::Trace {
        request_count,
        speed,
        ..
    } = &workload.arrival
    else {
        return Ok(());
    };
    within("the rows of the trace", *request_count, 1, REQUESTS_MAX)?;
    number_within(
        "the speed of the trace",
        *speed,
        TRACE_SPEED_MIN,
        TRACE_SPEED_MAX,
    )?;
    let refused = |what: &str| {
        Err(LoadError::Plan(format!(
            "a trace says when requests come and how long they are; leave {what} out"
        )))
    };
    if workload.ramp_s > 0 {
        return refused("the ramp");
    }
    if matches!(workload.prompts, Prompts::Datasets { .. }) {
        return refused("the datasets");
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

fn number_within(what: &str, value: Finite, min: f64, max: f64) -> Result<(), LoadError> {
    if (min..=max).contains(&value.get()) {
        return Ok(());
    }
    // With an exponent where it would have hundreds of digits.
    let value = value.get();
    Err(LoadError::Plan(format!(
        "{what} is {value:?}; give a number from {min} to {max}"
    )))
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
