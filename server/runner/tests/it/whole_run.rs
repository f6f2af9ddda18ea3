//! A run from the queue to its result, with the real load process.

use std::time::Duration;

use domain::run::event::RunOutcome;
use domain::run::{RunEvent, Stage, StageStatus};
use domain::workload::StopRule;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::house::House;
use crate::plans::{llama_plan, local_plan};

/// Enough for renewals and results to meet at least once.
const RUNS_THAT_MEET: usize = 8;

#[tokio::test]
async fn a_real_engine_is_measured_and_stopped() {
    let mut house = House::open_whole().await;
    house.start();
    let plan = llama_plan();
    let id = house.queue(&plan).await;
    let state = house.wait_for_end(id).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    house.assert_clean(id, &state);
    for stage in &state.stages {
        assert!(
            matches!(stage.status, StageStatus::Done { .. }),
            "{stage:?}"
        );
    }

    let journal = house.journal(id).await;
    let is_live = |event: &RunEvent| matches!(event, RunEvent::Live { .. });
    assert!(!journal.iter().any(|entry| is_live(&entry.event)));

    let benchmark = house.store.find_benchmark(id).await.unwrap().unwrap();
    let result = benchmark.result.unwrap();
    assert_eq!(result.summary.sent_count, 6);
    assert_eq!(result.summary.completed_count, 6);
    assert_eq!(result.summary.warmup_count, 2);
    let manifest = &result.manifest;
    assert_eq!(manifest.plan, plan);
    assert_eq!(manifest.engine.as_ref().unwrap().name, "llama.cpp");
    assert_eq!(manifest.served_models, ["tiny"]);
    assert_eq!(
        Some(&manifest.records_sha256),
        state.records_sha256.as_ref()
    );
    let load = state.stage(Stage::RunBenchmark).unwrap();
    assert_eq!(Some(manifest.ended_at), load.ended_at);
    let records = house
        .store
        .get_records(&manifest.records_sha256)
        .await
        .unwrap();
    assert_eq!(records.len() as u64, result.records_bytes);
    house.stop().await;
}

/// The driver of a run writes (leases, the journal) while its effect does (the result), through one
/// connection: neither may hold it while it is the other's turn. Renewals as often as the clock allows
/// make them meet.
#[tokio::test]
async fn a_driver_and_its_effect_never_wait_for_each_other() {
    let mut house = House::open_whole().await;
    house.config.lease = Duration::from_millis(6);
    house.start();
    let engine = house.config.assay_binary.to_string_lossy().into_owned();
    let mut plan = local_plan(&[
        &engine,
        "engine",
        "--model",
        "tiny",
        "--addr",
        "127.0.0.1:{port}",
        "--itl-ms",
        "1",
    ]);
    plan.workload.stop = StopRule::Requests { count: 2 };
    for _ in 0..RUNS_THAT_MEET {
        let id = house.queue(&plan).await;
        let state = house.wait_for_end(id).await;
        assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    }
    house.stop().await;
}

#[tokio::test]
async fn an_engine_that_answers_nothing_fails_the_stage() {
    let mut house = House::open_whole().await;
    house.start();
    let mut plan = llama_plan();
    // More than the server's context holds.
    plan.workload.input = "6000".parse().unwrap();
    plan.workload.warmup_requests = 0;
    let id = house.queue(&plan).await;
    let reason = house.wait_for_failure(id, Stage::RunBenchmark).await;
    assert!(reason.contains("all 6 requests failed"), "{reason}");
    // Each of them can be looked at.
    let result = house.store.find_result(id).await.unwrap().unwrap();
    assert_eq!(result.summary.failed_count, 6);
    let records = &result.manifest.records_sha256;
    assert!(!house.store.get_records(records).await.unwrap().is_empty());
    house.stop().await;
}

#[tokio::test]
async fn a_llama_server_killed_during_the_load_fails_the_run_which_keeps_its_records() {
    let mut house = House::open_whole().await;
    house.start();
    let mut plan = llama_plan();
    plan.workload.output = "400".parse().unwrap();
    plan.workload.stop = StopRule::Requests { count: 40 };
    let id = house.queue(&plan).await;
    let state = house.wait_for_stage(id, Stage::RunBenchmark).await;
    let engine = i32::try_from(state.engine_process_id.unwrap()).unwrap();
    kill(Pid::from_raw(engine), Signal::SIGKILL).unwrap();
    let reason = house.wait_for_failure(id, Stage::RunBenchmark).await;
    assert!(
        reason.contains("the engine ended during the load"),
        "{reason}"
    );
    let result = house.store.find_result(id).await.unwrap().unwrap();
    assert_eq!(result.summary.sent_count, 40);
    assert!(result.summary.failed_count > 0);
    house.stop().await;
}
