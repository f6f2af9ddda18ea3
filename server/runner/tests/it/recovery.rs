//! What an earlier life left is ended, and one data directory has one runner.

use std::process::Command;
use std::time::Duration;

use domain::id::BenchmarkId;
use domain::run::event::RunOutcome;
use domain::run::{Input, JournalEntry, RunState, Stage, step};
use runner::{RunnerError, system_clock};
use testkit::Process;

use crate::house::House;
use crate::plans::{endpoint_plan, llama_plan, local_plan};

/// A process as the runner of an earlier life would have started it.
fn start_marked(house: &House, id: BenchmarkId, script: &str) -> Process {
    let instance = house.folder.path().canonicalize().unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .env("ASSAY_RUN_ID", id.to_string())
        .env("ASSAY_INSTANCE", instance);
    let mut process = Process::spawn(&mut command);
    process.wait_for_line("up", Duration::from_secs(10));
    process
}

/// A run as a killed runner leaves it: claimed for an hour, in the middle of `stage`.
async fn leave_in(house: &House, stage: Stage) -> BenchmarkId {
    let plan = llama_plan();
    let id = house.queue(&plan).await;
    let now = system_clock()();
    let name = house.config.name.clone();
    let far = now.plus_micros(3_600_000_000);
    let claimed = house.store.claim_next(&name, now, far).await.unwrap();
    assert_eq!(claimed, Some(id));
    let mut state = RunState::default();
    let mut input = Input::Start { runner: name };
    while state.running_stage() != Some(stage) {
        let events: Vec<_> = step(&state, &plan, &input)
            .events
            .into_iter()
            .map(|event| (now, event))
            .collect();
        let first_seq = state.seq + 1;
        let appended = house.store.append_journal(id, first_seq, &events).await;
        appended.unwrap();
        for (seq, (at, event)) in (first_seq..).zip(events) {
            state.apply(&JournalEntry { seq, at, event });
        }
        input = match state.running_stage() {
            Some(Stage::WarmUp) => Input::MeasuringBegan,
            _ => Input::EffectDone {
                note: String::new(),
            },
        };
    }
    house.store.update_status(id, &state, now).await.unwrap();
    id
}

#[tokio::test]
async fn a_run_left_in_any_stage_ends_and_its_engine_with_it() {
    let mut house = House::open().await;
    let mut left = Vec::new();
    for stage in Stage::ALL {
        let id = leave_in(&house, stage).await;
        let engine = start_marked(&house, id, "echo up; exec sleep 600");
        left.push((stage, id, engine));
    }
    house.start();
    for (stage, id, mut engine) in left {
        if stage == Stage::CleanUp {
            // All had been done but this.
            let state = house.wait_for_end(id).await;
            assert_eq!(state.outcome, Some(RunOutcome::Completed));
            house.assert_clean(id, &state);
        } else {
            let reason = house.wait_for_failure(id, stage).await;
            assert!(reason.contains("server was stopped"), "{reason}");
        }
        assert!(!engine.is_running(), "{stage:?}");
    }
    house.stop().await;
}

#[tokio::test]
async fn a_cancel_that_waits_for_a_run_left_in_clean_up_holds_nothing_up() {
    let mut house = House::open().await;
    let id = leave_in(&house, Stage::CleanUp).await;
    house.cancel(id).await;
    house.start();
    let state = house.wait_for_end(id).await;
    // It had its result.
    assert_eq!(state.outcome, Some(RunOutcome::Completed));
    assert_eq!(state.cancel_requested_by.as_deref(), Some("ada"));
    house.stop().await;
}

#[tokio::test]
async fn a_result_stored_just_before_the_kill_completes_its_llama_run() {
    let mut house = House::open_whole().await;
    house.start();
    let whole = house.queue(&llama_plan()).await;
    house.wait_for_end(whole).await;
    house.stop().await;
    let result = house.store.find_result(whole).await.unwrap().unwrap();

    let id = leave_in(&house, Stage::Collect).await;
    let now = system_clock()();
    house.store.insert_result(id, &result, now).await.unwrap();
    house.start();
    let state = house.wait_for_end(id).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed));
    assert_eq!(state.records_sha256, Some(result.manifest.records_sha256));
    house.stop().await;
}

#[tokio::test]
async fn a_run_that_was_claimed_and_not_begun_begins() {
    let mut house = House::open().await;
    let url = format!("http://127.0.0.1:{}", testkit::free_port());
    let id = house.queue(&endpoint_plan(&url, None)).await;
    let now = system_clock()();
    let claimed = house.store.claim_next("test", now, now).await.unwrap();
    assert_eq!(claimed, Some(id));
    house.start();
    house.wait_for_failure(id, Stage::VerifyConnection).await;
    house.stop().await;
}

// The test itself blocks while it waits.
#[tokio::test(flavor = "multi_thread")]
async fn processes_of_unknown_runs_are_stopped_and_those_of_others_left() {
    let mut house = House::open().await;
    let other_house = House::open().await;
    let (unknown, others) = (
        BenchmarkId(uuid::Uuid::new_v4()),
        BenchmarkId(uuid::Uuid::new_v4()),
    );
    let stubborn = "trap '' TERM; echo up; while :; do sleep 1; done";
    let mut stray = start_marked(&house, unknown, stubborn);
    let mut of_other = start_marked(&other_house, others, stubborn);
    house.start();
    testkit::wait_until("the stray to be stopped", Duration::from_secs(20), || {
        (!stray.is_running()).then_some(())
    });
    assert!(of_other.is_running());
    house.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_ends_its_runs() {
    let mut house = House::open().await;
    house.start();
    let id = house.queue(&local_plan(&["sleep", "600"])).await;
    house.wait_for_stage(id, Stage::VerifyDeployment).await;
    house.stop().await;
    let state = house.wait_for_end(id).await;
    house.assert_clean(id, &state);
    assert!(matches!(
        state.outcome,
        Some(RunOutcome::Failed { stage: Stage::VerifyDeployment, reason }) if reason.contains("server was stopped")
    ));
}

#[tokio::test]
async fn a_data_directory_has_one_runner() {
    let mut house = House::open().await;
    house.start();
    let again = || runner::spawn(house.config.clone(), house.store.clone(), system_clock());
    assert!(matches!(again(), Err(RunnerError::DataDirInUse(_))));
    house.stop().await;
    house.start();
    house.stop().await;
}
