//! Cancelling ends a run within two seconds in every stage, and leaves nothing running.

use domain::id::BenchmarkId;
use domain::run::event::RunOutcome;
use domain::run::{RunEvent, RunState, Stage, StageStatus};
use testkit::LlamaServer;

use crate::house::House;
use crate::plans::{endpoint_plan, llama_plan, local_plan};

/// Seconds that a cancel may take.
const CANCEL_S_MAX: f64 = 2.0;

async fn assert_cancelled(house: &House, id: BenchmarkId, in_stage: Stage) -> RunState {
    let state = house.wait_for_end(id).await;
    let by = "ada".to_owned();
    assert_eq!(state.outcome, Some(RunOutcome::Cancelled { by }));
    assert_eq!(
        state.stage(in_stage).unwrap().status,
        StageStatus::Cancelled
    );
    house.assert_clean(id, &state);
    let journal = house.journal(id).await;
    let asked = journal
        .iter()
        .find(|entry| matches!(entry.event, RunEvent::CancelRequested { .. }));
    let took_s = state.ended_at.unwrap().seconds_since(asked.unwrap().at);
    assert!(took_s < CANCEL_S_MAX, "it took {took_s} s");
    state
}

#[tokio::test]
async fn while_an_engine_starts_that_does_not_listen() {
    let mut house = House::open().await;
    house.start();
    let stubborn = "trap '' TERM; sleep 600 & while :; do wait; done";
    let id = house.queue(&local_plan(&["sh", "-c", stubborn])).await;
    house.wait_for_stage(id, Stage::VerifyDeployment).await;
    house.cancel(id).await;
    assert_cancelled(&house, id, Stage::VerifyDeployment).await;
    house.stop().await;
}

#[tokio::test]
async fn while_the_load_goes_on() {
    let measuring = r#"read -r plan
echo '{"event":"phase","phase":"warm_up"}'
echo '{"event":"phase","phase":"measured"}'
exec sleep 600"#;
    let mut house = House::open_with_load_script(measuring).await;
    house.start();
    let id = house.queue(&llama_plan()).await;
    house.wait_for_stage(id, Stage::RunBenchmark).await;
    house.cancel(id).await;
    let state = assert_cancelled(&house, id, Stage::RunBenchmark).await;
    assert!(matches!(
        state.stage(Stage::WarmUp).unwrap().status,
        StageStatus::Done { .. }
    ));
    assert!(!testkit::is_process_alive(state.engine_process_id.unwrap()));
    house.stop().await;
}

#[tokio::test]
async fn while_it_waits_for_its_node() {
    let server = LlamaServer::start(1);
    let mut house = House::open_with_load_script("exec sleep 600").await;
    house.start();
    let plan = endpoint_plan(server.url(), None);
    let first = house.queue(&plan).await;
    house.wait_for_stage(first, Stage::WarmUp).await;
    let second = house.queue(&plan).await;
    let third = house.queue(&plan).await;
    house.cancel(third).await;
    let state = house.wait_for_end(third).await;
    let by = "ada".to_owned();
    assert_eq!(state.outcome, Some(RunOutcome::Cancelled { by }));
    assert!(!state.is_started);

    // The second still waits, and runs when the node is free.
    assert!(house.journal(second).await.is_empty());
    house.cancel(first).await;
    assert_cancelled(&house, first, Stage::WarmUp).await;
    house.wait_for_stage(second, Stage::WarmUp).await;
    house.cancel(second).await;
    assert_cancelled(&house, second, Stage::WarmUp).await;
    house.stop().await;
}
