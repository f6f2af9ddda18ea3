//! Runs on one node take turns, runs on two go side by side, and cancelling one leaves the other untouched.

use domain::id::BenchmarkId;
use domain::plan::RunPlan;
use domain::run::event::RunOutcome;
use domain::run::{RunEvent, RunState, Stage};
use domain::workload::StopRule;
use runner::DockerAddress;
use testkit::{DockerEngine, Sshd};

use crate::house::{House, Login};
use crate::plans::{container_plan, far_plan};

/// A load that goes on until it is cancelled.
fn endless(mut plan: RunPlan) -> RunPlan {
    plan.workload.stop = StopRule::Duration { seconds: 600 };
    plan
}

async fn far(house: &House, sshd: &Sshd) -> RunPlan {
    let login = Login::Key(sshd.client_key());
    endless(far_plan(house.machine(sshd, sshd.port(), login).await))
}

/// Measured requests that were answered so far, while none has failed.
fn completed(state: &RunState) -> u32 {
    let last = state.live.last();
    let failed = last.map(|sample| sample.failed_count);
    assert!(matches!(failed, None | Some(0)), "{state:#?}");
    last.map_or(0, |sample| sample.completed_count)
}

/// Cancels a run that measures while another does, and sees that the other goes on as it was.
async fn cancel_beside(house: &House, id: BenchmarkId, other: BenchmarkId) {
    let measuring = |state: &RunState| {
        state.running_stage() == Some(Stage::RunBenchmark) && completed(state) > 0
    };
    house.wait_until(id, measuring).await;
    house.wait_until(other, measuring).await;
    house.cancel(id).await;
    let state = house.wait_for_end(id).await;
    let by = "ada".to_owned();
    assert_eq!(state.outcome, Some(RunOutcome::Cancelled { by }));
    house.assert_clean(id, &state);
    let ended_at = house.journal(id).await.last().unwrap().at;
    // Its engine still answers, and each answer after the end of the other is one more.
    let before = {
        let journal = house.journal(other).await;
        completed(&RunState::of_journal(&journal))
    };
    let goes_on =
        |state: &RunState| measuring(state) && completed(state) > before && state.live.len() > 1;
    house.wait_until(other, goes_on).await;
    let journal = house.journal(other).await;
    let after = journal.iter().filter(|entry| entry.at > ended_at);
    for entry in after {
        let is_live = matches!(entry.event, RunEvent::Live { .. } | RunEvent::Log { .. });
        assert!(is_live, "{entry:?}");
    }
}

/// Two runs of one node and one of another: what waits begins when its node is free.
async fn check(house: &House, first: &RunPlan, other: &RunPlan) {
    let id = house.queue(first).await;
    let waits = house.queue(first).await;
    let beside = house.queue(other).await;
    cancel_beside(house, id, beside).await;

    // The second got the node after the first had left it.
    house.wait_for_stage(waits, Stage::RunBenchmark).await;
    let freed_at = house.journal(id).await.last().unwrap().at;
    let began_at = house.journal(waits).await.first().unwrap().at;
    assert!(freed_at <= began_at, "{freed_at:?} and {began_at:?}");
    cancel_beside(house, beside, waits).await;
    house.cancel(waits).await;
    let state = house.wait_for_end(waits).await;
    house.assert_clean(waits, &state);
}

#[tokio::test]
async fn on_two_machines_behind_sshd_with_llama() {
    let (one, two) = (Sshd::start(), Sshd::start());
    let mut house = House::open_whole().await;
    house.start();
    let (first, other) = (far(&house, &one).await, far(&house, &two).await);
    check(&house, &first, &other).await;
    assert!(!one.command_lines().join("\n").contains("llama"));
    assert!(!two.command_lines().join("\n").contains("llama"));
    house.stop().await;
}

#[tokio::test]
async fn in_a_docker_container_here_and_behind_sshd_with_llama() {
    let engine = DockerEngine::shared();
    let sshd = Sshd::start();
    let mut house = House::open_whole().await;
    house.config.docker = DockerAddress::Socket(engine.socket());
    house.start();
    let first = endless(container_plan(engine.llama_image(), &[]));
    let other = far(&house, &sshd).await;
    check(&house, &first, &other).await;
    house.stop().await;
}
