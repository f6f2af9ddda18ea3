use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::catalogue::{ClusterKind, ModelSource};
use crate::engine::{EngineCommand, EnginePreset};
use crate::id::BenchmarkId;
use crate::id::{ClusterId, ModelId};
use crate::plan::{PLAN_VERSION, PlannedCluster, PlannedModel};
use crate::run::event::JournalEntry;
use crate::run::state::{RunStatus, StageState};
use crate::run::warm::TakenOver;
use crate::time::Timestamp;
use crate::workload::{
    Api, Arrival, EvaluationMethod, LengthSpec, Prompts, StopRule, WorkloadSpec,
};

fn plan(is_endpoint: bool, warmup_requests: u32) -> RunPlan {
    let endpoint = Deployment::Endpoint {
        base_url: "http://h".to_owned(),
        credential_id: None,
    };
    let process = Deployment::Process {
        preset: EnginePreset::LlamaCpp,
        command: EngineCommand {
            words: vec!["x".to_owned()],
            environment: Vec::new(),
        },
        readiness_timeout_s: 5,
        archive: None,
    };
    RunPlan {
        upstream: None,
        version: PLAN_VERSION,
        name: "n".to_owned(),
        description: String::new(),
        tags: Vec::new(),
        method: EvaluationMethod::Configuration,
        model: PlannedModel {
            id: ModelId(Uuid::nil()),
            name: "m".to_owned(),
            served_name: "m".to_owned(),
            source: ModelSource::Served,
            tokenizer_path: String::new(),
            facts: None,
        },
        cluster: PlannedCluster {
            id: ClusterId(Uuid::nil()),
            name: "c".to_owned(),
            kind: ClusterKind::ThisMachine,
            nodes: Vec::new(),
        },
        deployment: if is_endpoint { endpoint } else { process },
        workload: WorkloadSpec {
            api: Api::Chat,
            prompts: Prompts::Synthetic,
            input: LengthSpec::Fixed { tokens: 1 },
            output: LengthSpec::Fixed { tokens: 1 },
            shared_prefix_tokens: 0,
            arrival: Arrival::ClosedLoop { concurrency: 1 },
            stop: StopRule::Requests { count: 1 },
            warmup_requests,
            seed: 0,
            ignore_eos: true,
            request_timeout_s: 1,
            ..WorkloadSpec::default()
        },
        load_from: None,
        keep_engine: false,
    }
}

/// Folds what a step appends, as the driver does; gives the effect.
fn perform(state: &mut RunState, plan: &RunPlan, input: &Input) -> Option<Effect> {
    let step = step(state, plan, input);
    for event in step.events {
        tell(state, event);
    }
    step.effect
}

/// Folds what an effect tells while it goes on.
fn tell(state: &mut RunState, event: RunEvent) {
    let seq = state.seq + 1;
    state.apply(&JournalEntry {
        seq,
        at: Timestamp(seq),
        event,
    });
}

fn engine_started() -> RunEvent {
    RunEvent::EngineStarted {
        process_id: 7,
        container: None,
        command: "x".to_owned(),
        base_url: "http://h".to_owned(),
    }
}

fn engine_taken_over() -> RunEvent {
    RunEvent::EngineTakenOver {
        from: TakenOver {
            started_by: BenchmarkId(Uuid::nil()),
            started_by_index: 1,
            last_index: 2,
        },
        process_id: 7,
        container: None,
        command: "x".to_owned(),
        base_url: "http://h".to_owned(),
    }
}

fn result_stored() -> RunEvent {
    RunEvent::ResultStored {
        records_sha256: "ab".to_owned(),
    }
}

/// What happens in a property test: an input of the machine, or what an effect tells.
#[derive(Clone, Debug)]
enum Happening {
    Input(Input),
    Told(RunEvent),
}

fn done() -> Input {
    Input::EffectDone {
        note: String::new(),
    }
}

fn start() -> Input {
    Input::Start {
        runner: "r".to_owned(),
    }
}

fn failed() -> Input {
    Input::EffectFailed {
        reason: "no route".to_owned(),
    }
}

fn cancel() -> Input {
    Input::Cancel {
        by: "ann".to_owned(),
    }
}

#[test]
fn the_happy_path_goes_through_every_stage() {
    let (plan, mut state) = (plan(false, 1), RunState::default());
    assert_eq!(state.status(), RunStatus::Queued);
    assert_eq!(
        perform(&mut state, &plan, &start()),
        Some(Effect::VerifyConnection)
    );
    assert_eq!(
        perform(&mut state, &plan, &done()),
        Some(Effect::TransferModel)
    );
    assert_eq!(
        perform(&mut state, &plan, &done()),
        Some(Effect::DeployEngine)
    );
    assert_eq!(
        perform(&mut state, &plan, &done()),
        Some(Effect::VerifyDeployment)
    );
    assert_eq!(state.status(), RunStatus::Provisioning);
    assert_eq!(perform(&mut state, &plan, &done()), Some(Effect::RunLoad));
    assert_eq!(state.status(), RunStatus::Warming);
    assert_eq!(perform(&mut state, &plan, &Input::MeasuringBegan), None);
    assert_eq!(state.status(), RunStatus::Running);
    assert_eq!(perform(&mut state, &plan, &done()), Some(Effect::Collect));
    assert_eq!(perform(&mut state, &plan, &done()), Some(Effect::CleanUp));
    assert_eq!(state.status(), RunStatus::CleaningUp);
    assert_eq!(perform(&mut state, &plan, &done()), None);
    assert_eq!(state.outcome, Some(RunOutcome::Completed));
}

#[test]
fn an_endpoint_skips_what_does_not_apply() {
    let (plan, mut state) = (plan(true, 0), RunState::default());
    perform(&mut state, &plan, &start());
    assert_eq!(
        perform(&mut state, &plan, &done()),
        Some(Effect::VerifyDeployment)
    );
    assert_eq!(perform(&mut state, &plan, &done()), Some(Effect::RunLoad));
    assert_eq!(state.status(), RunStatus::Running);
    for stage in [Stage::TransferModel, Stage::DeployEngine, Stage::WarmUp] {
        assert!(matches!(
            state.stage(stage).unwrap().status,
            StageStatus::Skipped { .. }
        ));
    }
}

#[test]
fn a_failure_cleans_up_and_keeps_the_reason() {
    let (plan, mut state) = (plan(false, 1), RunState::default());
    perform(&mut state, &plan, &start());
    assert_eq!(perform(&mut state, &plan, &failed()), Some(Effect::CleanUp));
    perform(&mut state, &plan, &done());
    let stage = Stage::VerifyConnection;
    assert_eq!(
        state.outcome,
        Some(RunOutcome::Failed {
            stage,
            reason: "no route".to_owned()
        })
    );
}

#[test]
fn a_cancel_in_the_queue_ends_at_once() {
    let (plan, mut state) = (plan(false, 1), RunState::default());
    assert_eq!(perform(&mut state, &plan, &cancel()), None);
    assert_eq!(state.status(), RunStatus::Cancelled);
}

#[test]
fn an_engine_that_cannot_be_stopped_fails_the_run() {
    let (plan, mut state) = (plan(true, 0), RunState::default());
    perform(&mut state, &plan, &start());
    while state.running_stage() != Some(Stage::CleanUp) {
        perform(&mut state, &plan, &done());
    }
    perform(&mut state, &plan, &failed());
    assert_eq!(state.status(), RunStatus::Failed);
}

#[test]
fn recovery_fails_the_stage_and_cleans_up() {
    let (plan, mut state) = (plan(false, 1), RunState::default());
    perform(&mut state, &plan, &start());
    perform(&mut state, &plan, &done());
    assert_eq!(
        perform(&mut state, &plan, &Input::Recover),
        Some(Effect::CleanUp)
    );
    // A second crash, now inside the clean-up, repeats it.
    assert_eq!(
        perform(&mut state, &plan, &Input::Recover),
        Some(Effect::CleanUp)
    );
    perform(&mut state, &plan, &done());
    assert!(matches!(
        state.outcome,
        Some(RunOutcome::Failed {
            stage: Stage::TransferModel,
            ..
        })
    ));
}

#[test]
fn recovery_looks_again_whether_a_result_was_stored() {
    let (plan, mut state) = (plan(true, 0), RunState::default());
    perform(&mut state, &plan, &start());
    while state.running_stage() != Some(Stage::Collect) {
        perform(&mut state, &plan, &done());
    }
    let again = perform(&mut state, &plan, &Input::Recover);
    assert_eq!(again, Some(Effect::Collect));
    perform(&mut state, &plan, &done());
    perform(&mut state, &plan, &done());
    assert_eq!(state.outcome, Some(RunOutcome::Completed));
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let input = prop_oneof![
        6 => Just(done()),
        1 => Just(failed()),
        2 => Just(Input::MeasuringBegan),
        1 => Just(cancel()),
        1 => Just(Input::Recover),
        1 => Just(start()),
    ];
    let told = prop_oneof![
        Just(engine_started()),
        Just(engine_taken_over()),
        Just(result_stored()),
    ];
    prop_oneof![
        4 => input.prop_map(Happening::Input),
        1 => told.prop_map(Happening::Told),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_run_can_end_and_has_cleaned_up(
        is_endpoint: bool,
        warmup in 0u32..2,
        keep_engine: bool,
        happenings in prop::collection::vec(any_happening(), 0..40),
    ) {
        let (mut plan, mut state) = (plan(is_endpoint, warmup), RunState::default());
        plan.keep_engine = keep_engine;
        let mut in_flight = perform(&mut state, &plan, &start());
        for happening in &happenings {
            if may_keep_engine(&state, &plan) {
                let is_fine = |stage: &StageState| {
                    !matches!(stage.status, StageStatus::Failed { .. } | StageStatus::Cancelled)
                };
                prop_assert!(keep_engine && state.stages.iter().all(is_fine));
                prop_assert!(state.records_sha256.is_some() && state.cancel_requested_by.is_none());
            }
            let input = match happening {
                Happening::Input(input) => input,
                // An effect tells only while it is in flight.
                Happening::Told(event) => {
                    if in_flight.is_some() {
                        tell(&mut state, event.clone());
                    }
                    continue;
                }
            };
            // The driver answers only effects in flight.
            let is_answer = matches!(input, Input::EffectDone { .. } | Input::EffectFailed { .. });
            if is_answer && in_flight.is_none() {
                continue;
            }
            let was_terminal = state.status().is_terminal();
            let before = state.clone();
            let effect = perform(&mut state, &plan, input);
            if was_terminal {
                prop_assert_eq!(&before, &state, "a finished run changes no more");
                prop_assert_eq!(effect, None);
            }
            if effect.is_some() || is_answer {
                in_flight = effect;
            }
            let running = state.stages.iter().filter(|s| s.status == StageStatus::Running).count();
            prop_assert!(running <= 1);
            prop_assert_eq!(running == 1, !state.status().is_terminal(), "never stuck");
        }
        // From wherever it stands, answering effects ends it.
        for _ in 0..Stage::ALL.len() {
            perform(&mut state, &plan, &done());
        }
        prop_assert!(state.status().is_terminal());
        let clean_up = &state.stage(Stage::CleanUp).unwrap().status;
        prop_assert!(
            matches!(clean_up, StageStatus::Done { .. } | StageStatus::Failed { .. }),
            "a run that began has tried to clean up"
        );
    }
}

/// The run cleans up, with an engine and a result.
fn cleaning_up(engine: RunEvent) -> (RunPlan, RunState) {
    let (mut plan, mut state) = (plan(false, 1), RunState::default());
    plan.keep_engine = true;
    perform(&mut state, &plan, &start());
    while state.running_stage() != Some(Stage::CleanUp) {
        match state.running_stage() {
            Some(Stage::DeployEngine) => tell(&mut state, engine.clone()),
            Some(Stage::Collect) => tell(&mut state, result_stored()),
            _ => {}
        }
        assert!(!may_keep_engine(&state, &plan), "it is still needed here");
        perform(&mut state, &plan, &done());
    }
    (plan, state)
}

#[test]
fn only_the_engine_of_a_run_that_completes_may_be_kept() {
    for engine in [engine_started(), engine_taken_over()] {
        let (mut plan, mut state) = cleaning_up(engine);
        assert!(may_keep_engine(&state, &plan));
        perform(&mut state, &plan, &cancel());
        assert!(!may_keep_engine(&state, &plan), "somebody wants an end");
        plan.keep_engine = false;
        assert!(!may_keep_engine(&state, &plan));
    }
    let (mut plan, mut state) = (plan(false, 1), RunState::default());
    plan.keep_engine = true;
    perform(&mut state, &plan, &start());
    tell(&mut state, engine_started());
    tell(&mut state, result_stored());
    assert_eq!(perform(&mut state, &plan, &failed()), Some(Effect::CleanUp));
    assert!(!may_keep_engine(&state, &plan));
}

#[test]
fn an_engine_that_was_started_after_all_is_not_warm() {
    let mut state = RunState::default();
    tell(&mut state, engine_taken_over());
    assert_eq!(state.taken_over.map(|from| from.last_index), Some(2));
    assert_eq!(state.engine_process_id, Some(7));
    tell(&mut state, engine_started());
    assert_eq!(state.taken_over, None);
}

#[test]
fn a_warm_up_by_time_is_no_warm_up_to_skip() {
    for (warmup_s, expected) in [(3, Some(Stage::WarmUp)), (0, Some(Stage::RunBenchmark))] {
        let (mut plan, mut state) = (plan(true, 0), RunState::default());
        plan.workload.warmup_s = warmup_s;
        perform(&mut state, &plan, &start());
        while state.running_stage() < Some(Stage::WarmUp) {
            perform(&mut state, &plan, &done());
        }
        assert_eq!(state.running_stage(), expected);
    }
}
