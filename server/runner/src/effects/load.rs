//! Run the load process through warm-up and the measured window.

mod events;
mod far;
mod here;

use std::time::Duration;

use docker::Docker;
use domain::load::{LOAD_PLAN_VERSION, LoadPlan};
use domain::measure::summary::Summary;
use domain::run::RunState;
use tokio::time::{sleep, timeout};

use super::Run;
use super::collect::collect;
use super::verify::{exit_of_engine, with_last_lines};

/// Folder of the load's files inside the run's.
pub(super) const LOAD_FOLDER: &str = "load";
/// Last lines of its log that a reason quotes.
const QUOTED_LINES: usize = 5;
/// How often a Docker Engine on the network is asked for a sign of life: each costs the measuring machine a
/// handshake.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(5);
/// How many of them may be missed in a row, and one more.
const SIGNS_MISSED_MAX: u32 = 2;
/// How often an engine is looked at while requests fail. Not while they are answered: a look is work on the
/// machine that is measured.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a load that is told to end, because the link to its engine is lost, may take to tell what it has.
const ENDS_WITHIN: Duration = Duration::from_secs(20);
/// How long a load goes on without its engine: a short one then ends by itself, with all its requests.
const GOES_ON_FOR: Duration = Duration::from_secs(5);

pub(super) async fn run_load(run: &Run, state: &RunState) -> Result<String, String> {
    let mut load = Box::pin(carry_load(run));
    let result = tokio::select! {
        result = &mut load => after_load(run, result).await,
        // Nothing would be answered any more, and the rest of the load would measure that.
        reason = link_lost(run) => {
            run.link_is_lost.notify_one();
            // Whatever it still says, the link is why it ended.
            let _ = timeout(ENDS_WITHIN, &mut load).await;
            Err(reason)
        }
    };
    drop(load);
    if result.is_err() && run.found.lock().await.load.is_some() {
        // A failed request keeps its row: what was recorded says more than the reason.
        if let Err(error) = collect(run, state).await {
            run.log(format!("The records are lost: {error}")).await;
        }
    }
    result
}

/// What became of a load that ended, with what became of its engine.
async fn after_load(run: &Run, result: Result<String, String>) -> Result<String, String> {
    let seen = run.found.lock().await.engine_end.take();
    // One that ended may have been started again by somebody else since.
    let end = match (exit_of_engine(run).await, seen) {
        (Ok(None) | Err(_), Some(seen)) => Ok(Some(seen)),
        (end, _) => end,
    };
    match (end, result) {
        // Whatever the load says, an engine that is gone is the better reason.
        (Ok(Some(status)), Err(reason) | Ok(reason)) => {
            let reason = reason.trim_end_matches('.');
            let reason = format!("the engine ended during the load ({status}), and {reason}");
            Err(with_last_lines(run, &reason).await)
        }
        (Ok(None), result) => result,
        (Err(unknown), Ok(said)) => {
            let said = said.trim_end_matches('.');
            Err(format!(
                "whether the engine lived to the end of the load is not known, and {said}: {unknown}"
            ))
        }
        (Err(unknown), Err(reason)) => Err(format!("{unknown}; and {reason}")),
    }
}

/// Waits until the link to the engine's machine is lost; never, where there is none.
async fn link_lost(run: &Run) -> String {
    let (session, docker) = {
        let found = run.found.lock().await;
        let engine = found.engine.as_ref();
        (
            engine.and_then(|engine| engine.session().cloned()),
            engine.and_then(|engine| engine.docker_over_network().cloned()),
        )
    };
    match (session, docker) {
        (Some(session), _) => session.lost().await.to_string(),
        (None, Some(docker)) => docker_lost(&docker).await,
        (None, None) => std::future::pending().await,
    }
}

/// Waits until a Docker Engine on the network gives no sign of life any more. One that was missed may come from
/// a busy machine.
async fn docker_lost(docker: &Docker) -> String {
    let mut missed = 0;
    loop {
        sleep(SIGN_OF_LIFE_EVERY).await;
        match docker.ping().await {
            Ok(()) => missed = 0,
            Err(error) => {
                missed += 1;
                if missed == SIGNS_MISSED_MAX {
                    return format!("the way to the engine's machine was lost: {error}");
                }
            }
        }
    }
}

/// Waits until a load is to be told to end: the hour that may be left would measure nothing.
async fn is_to_end(run: &Run) {
    tokio::select! {
        () = engine_gone(run) => {}
        () = run.link_is_lost.notified() => {}
    }
}

/// Waits until failed requests made one look at the engine, it is gone, and the load had its time to end by
/// itself.
async fn engine_gone(run: &Run) {
    loop {
        run.failures.notified().await;
        // A look that fails says nothing about the engine.
        if let Ok(Some(how)) = exit_of_engine(run).await {
            run.found.lock().await.engine_end = Some(how);
            sleep(GOES_ON_FOR).await;
            return;
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn carry_load(run: &Run) -> Result<String, String> {
    let result = match &run.plan.load_from {
        None => here::carry(run).await?,
        Some(machine) => far::carry(run, machine).await?,
    };
    let verdict = if result.is_cut {
        let summary = &result.summary;
        Err(format!(
            "the load was told to end before its plan did: {} of {} requests were answered",
            summary.completed_count, summary.sent_count
        ))
    } else {
        judge(&result.summary)
    };
    run.found.lock().await.load = Some(result);
    verdict
}

/// The plan of the load, but for what depends on where it is made.
fn plan_of(run: &Run) -> Result<LoadPlan, String> {
    let model = &run.plan.model;
    let tokenizer_path = Some(&model.tokenizer_path).filter(|path| !path.is_empty());
    Ok(LoadPlan {
        version: LOAD_PLAN_VERSION,
        dataset_paths: Vec::new(),
        trace_path: None,
        headers: Vec::new(),
        base_url: String::new(),
        model: model.served_name.clone(),
        workload: run.plan.limited_workload()?,
        tokenizer_path: tokenizer_path.cloned(),
        out_dir: String::new(),
    })
}

/// Why there are no figures, with the end of its log.
fn ended_without_result(how: &str, log: &[String]) -> String {
    let reason = format!("the load process ended without a result ({how})");
    match log.join("\n") {
        words if words.is_empty() => reason,
        words => format!("{reason}. The end of its log:\n{words}"),
    }
}

/// A run in which nothing was answered has no figures: its stage failed.
fn judge(summary: &Summary) -> Result<String, String> {
    let sent_count = summary.sent_count;
    let ended_by = summary.spend.and_then(|spend| spend.ended_by());
    if summary.completed_count > 0 {
        let answered = format!(
            "{} of {sent_count} requests were answered.",
            summary.completed_count
        );
        return Ok(match ended_by {
            None => answered,
            Some(limit) => format!(
                "{answered} The spending limit of {limit} ended the load before its plan did."
            ),
        });
    }
    if let Some(limit) = ended_by.filter(|_| sent_count == 0) {
        return Err(format!(
            "the spending limit of {limit} ended the load before the measured window: raise it"
        ));
    }
    let Some(worst) = summary.failures.iter().max_by_key(|failure| failure.count) else {
        return Err("no request was answered in the measured window: give it more time or ask for shorter answers".to_owned());
    };
    let class = worst.outcome.in_words();
    Err(match worst.example.as_str() {
        "" => format!("all {sent_count} requests failed, most of them so: {class}"),
        example => {
            format!("all {sent_count} requests failed, most of them so: {class} ({example})")
        }
    })
}
