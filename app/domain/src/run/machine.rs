//! The state machine of a run: an input in, events and at most one effect out. No I/O.
//!
//! The driver appends the events to the journal, folds them, performs the effect and gives its
//! result back as the next input. After a crash it folds the journal and gives [`Input::Recover`].

use super::event::{RunEvent, RunOutcome, Stage};
use super::state::{RunState, StageStatus};
use crate::catalogue::ModelSource;
use crate::plan::{Deployment, RunPlan};

/// What can happen to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A runner took it from the queue.
    Start {
        /// Name of the runner's process.
        runner: String,
    },
    /// The effect in flight ended well.
    EffectDone {
        /// What came of it, in a sentence; may be empty.
        note: String,
    },
    /// The effect in flight failed.
    EffectFailed {
        /// Why, and what to do.
        reason: String,
    },
    /// The load process went from warm-up to the measured window.
    MeasuringBegan,
    /// Somebody asked to cancel. The driver has aborted the effect in flight.
    Cancel {
        /// Who.
        by: String,
    },
    /// The runner was started again and found this run in its hands.
    Recover,
}

/// What the runner is asked to do. Each can be repeated without harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Check that the node or endpoint can be reached.
    VerifyConnection,
    /// Bring the model to the node, or check that it is there.
    TransferModel,
    /// Start the engine.
    DeployEngine,
    /// Wait until it answers, and compare it with the plan.
    VerifyDeployment,
    /// Run the load process through warm-up and the measured window.
    RunLoad,
    /// Store records, figures and manifest.
    Collect,
    /// Stop the engine and everything else that belongs to the run, and see that it is gone.
    CleanUp,
}

/// The answer of [`step`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// To be appended to the journal, in order.
    pub events: Vec<RunEvent>,
    /// To be performed then. `None`: go on with the effect in flight, or nothing is left.
    pub effect: Option<Effect>,
}

/// Decides what follows from an input. A finished run answers nothing.
pub fn step(state: &RunState, plan: &RunPlan, input: &Input) -> Step {
    if state.outcome.is_some() {
        return Step::default();
    }
    let mut step = Step::default();
    match (input, state.running_stage()) {
        (Input::Start { runner }, None) if !state.is_started => {
            step.events.push(RunEvent::Started {
                runner: runner.clone(),
            });
            advance(state, plan, None, &mut step);
        }

        (Input::Cancel { by }, running) => cancel(state, by, running, &mut step),

        // These go on where they were: of what they do, all may have been done.
        (Input::Recover, Some(stage @ (Stage::Collect | Stage::CleanUp))) => {
            step.effect = Some(effect_of(stage));
        }
        (Input::Recover, running) => {
            if state.is_started {
                let stage = running.or(state.next_stage()).unwrap_or(Stage::CleanUp);
                let reason = "The server was stopped while this stage was going on. Nothing is wrong with the plan: run it again.";
                step.events.push(RunEvent::StageFailed {
                    stage,
                    reason: reason.to_owned(),
                });
                clean_up_early(state, stage, "an earlier stage was interrupted", &mut step);
            }
        }

        (Input::MeasuringBegan, Some(Stage::WarmUp)) => {
            step.events.push(RunEvent::StageDone {
                stage: Stage::WarmUp,
                note: String::new(),
            });
            step.events.push(RunEvent::StageStarted {
                stage: Stage::RunBenchmark,
            });
        }

        (Input::EffectDone { note }, Some(Stage::CleanUp)) => {
            step.events.push(RunEvent::StageDone {
                stage: Stage::CleanUp,
                note: note.clone(),
            });
            step.events.push(RunEvent::Finished {
                outcome: outcome(state),
            });
        }
        (Input::EffectDone { note }, Some(stage)) => {
            step.events.push(RunEvent::StageDone {
                stage,
                note: note.clone(),
            });
            advance(state, plan, Some(stage), &mut step);
        }

        (Input::EffectFailed { reason }, Some(Stage::CleanUp)) => {
            let stage = Stage::CleanUp;
            step.events.push(RunEvent::StageFailed {
                stage,
                reason: reason.clone(),
            });
            let outcome = match outcome(state) {
                RunOutcome::Completed => RunOutcome::Failed {
                    stage,
                    reason: reason.clone(),
                },
                earlier => earlier,
            };
            step.events.push(RunEvent::Finished { outcome });
        }
        (Input::EffectFailed { reason }, Some(stage)) => {
            step.events.push(RunEvent::StageFailed {
                stage,
                reason: reason.clone(),
            });
            clean_up_early(state, stage, "an earlier stage failed", &mut step);
        }
        // A second start, a phase that is over, or the answer of an aborted effect.
        (Input::Start { .. } | Input::MeasuringBegan, _)
        | (Input::EffectDone { .. } | Input::EffectFailed { .. }, None) => {}
    }
    step
}

/// Starts the next stage that applies, after `done`.
fn advance(state: &RunState, plan: &RunPlan, done: Option<Stage>, step: &mut Step) {
    let is_left = |stage: &Stage| {
        let is_pending = state
            .stage(*stage)
            .is_some_and(|s| s.status == StageStatus::Pending);
        is_pending && done.is_none_or(|done| *stage > done)
    };
    for stage in Stage::ALL.into_iter().filter(is_left) {
        if let Some(reason) = reason_to_skip(stage, plan) {
            step.events.push(RunEvent::StageSkipped {
                stage,
                reason: reason.to_owned(),
            });
            continue;
        }
        step.events.push(RunEvent::StageStarted { stage });
        step.effect = Some(effect_of(stage));
        return;
    }
}

fn effect_of(stage: Stage) -> Effect {
    match stage {
        Stage::VerifyConnection => Effect::VerifyConnection,
        Stage::TransferModel => Effect::TransferModel,
        Stage::DeployEngine => Effect::DeployEngine,
        Stage::VerifyDeployment => Effect::VerifyDeployment,
        Stage::WarmUp | Stage::RunBenchmark => Effect::RunLoad,
        Stage::Collect => Effect::Collect,
        Stage::CleanUp => Effect::CleanUp,
    }
}

fn reason_to_skip(stage: Stage, plan: &RunPlan) -> Option<&'static str> {
    match (stage, &plan.deployment) {
        (Stage::TransferModel | Stage::DeployEngine, Deployment::Endpoint { .. }) => {
            Some("the endpoint serves already")
        }
        (Stage::TransferModel, deployment)
            if deployment.is_reference() || matches!(plan.model.source, ModelSource::Reference) =>
        {
            Some("the reference engine runs no model")
        }
        (Stage::TransferModel, _) if plan.model.source.is_cloud() => Some("a provider serves it"),
        (Stage::WarmUp, _) if !plan.workload.has_warmup() => Some("the plan asks for no warm-up"),
        _ => None,
    }
}

fn cancel(state: &RunState, by: &str, running: Option<Stage>, step: &mut Step) {
    if state.cancel_requested_by.is_some() {
        return;
    }
    step.events
        .push(RunEvent::CancelRequested { by: by.to_owned() });
    match running {
        // Clean-up goes on to its end: that is what a cancel wants as well.
        Some(Stage::CleanUp) => {}
        Some(stage) => {
            step.events.push(RunEvent::StageCancelled { stage });
            clean_up_early(state, stage, "the run was cancelled", step);
        }
        None => {
            for stage in Stage::ALL {
                let reason = "the run was cancelled before it began".to_owned();
                step.events.push(RunEvent::StageSkipped { stage, reason });
            }
            let outcome = RunOutcome::Cancelled { by: by.to_owned() };
            step.events.push(RunEvent::Finished { outcome });
        }
    }
}

/// Marks the stages between `ended` and clean-up as not reached, and starts clean-up.
fn clean_up_early(state: &RunState, ended: Stage, reason: &str, step: &mut Step) {
    let not_reached = |stage: &Stage| {
        let is_pending = state
            .stage(*stage)
            .is_some_and(|s| s.status == StageStatus::Pending);
        is_pending && *stage > ended && *stage != Stage::CleanUp
    };
    for stage in Stage::ALL.into_iter().filter(not_reached) {
        step.events.push(RunEvent::StageSkipped {
            stage,
            reason: format!("not reached: {reason}"),
        });
    }
    step.events.push(RunEvent::StageStarted {
        stage: Stage::CleanUp,
    });
    step.effect = Some(Effect::CleanUp);
}

/// How the run ends once it is cleaned up.
fn outcome(state: &RunState) -> RunOutcome {
    let was_cancelled = state
        .stages
        .iter()
        .any(|s| s.status == StageStatus::Cancelled);
    match (state.failure(), &state.cancel_requested_by) {
        (Some((stage, reason)), _) => RunOutcome::Failed {
            stage,
            reason: reason.to_owned(),
        },
        (None, Some(by)) if was_cancelled => RunOutcome::Cancelled { by: by.clone() },
        _ => RunOutcome::Completed,
    }
}

/// Whether the engine of a run that cleans up may be left to the next run of its group: the plan wants
/// it, there is one, and nothing went wrong that could be the engine's doing.
pub fn may_keep_engine(state: &RunState, plan: &RunPlan) -> bool {
    plan.keep_engine
        && state.running_stage() == Some(Stage::CleanUp)
        && state.engine_base_url.is_some()
        && state.records_sha256.is_some()
        && state.cancel_requested_by.is_none()
        && outcome(state) == RunOutcome::Completed
}

#[cfg(test)]
mod tests;
