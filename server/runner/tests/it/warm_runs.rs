//! Engines that are kept, warm, between the runs of one group.

use std::fs;

use domain::id::{BenchmarkId, NodeId};
use domain::plan::{PlannedNode, RunPlan};
use domain::run::event::RunOutcome;
use domain::run::{RunState, Stage};
use domain::workload::StopRule;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runner::{DockerAddress, QueuePause};
use testkit::{DockerEngine, Sshd};

use crate::docker_runs::containers_of;
use crate::house::{House, Login, log_of, processes_of};
use crate::plans::{container_plan, far_plan, llama_plan};
use crate::sshd_docker::machine_with_docker;
use crate::sshd_llama_runs::note_of;

fn kept(mut plan: RunPlan) -> RunPlan {
    plan.keep_engine = true;
    plan
}

async fn wait_for_all(house: &House, runs: &[BenchmarkId]) -> Vec<RunState> {
    let mut states = Vec::new();
    for id in runs {
        states.push(house.wait_for_end(*id).await);
    }
    states
}

async fn nothing_is_kept(house: &House) -> bool {
    house.store.list_warm_engines().await.unwrap().is_empty()
}

fn process_of(state: &RunState) -> Pid {
    let id = state.engine_process_id.unwrap();
    Pid::from_raw(i32::try_from(id).unwrap())
}

/// A house in which the first of that many runs has ended, and left its engine for the next. Nothing begins
/// before the pause ends.
struct Waiting {
    house: House,
    plan: RunPlan,
    runs: Vec<BenchmarkId>,
    first: RunState,
    pause: QueuePause,
}

async fn a_waiting_engine(count: usize) -> Waiting {
    let mut house = House::open_whole().await;
    house.start();
    let mut plan = kept(llama_plan());
    plan.cluster = house.this_machine().await;
    let runs = house.queue_group(&vec![&plan; count]).await;
    house.wait_for_stage(runs[0], Stage::VerifyDeployment).await;
    let pause = house.pause();
    let first = house.wait_for_end(runs[0]).await;
    assert_eq!(processes_of(runs[0]).len(), 1, "it waits");
    Waiting {
        house,
        plan,
        runs,
        first,
        pause,
    }
}

/// Three runs and one engine: who took it over from whom is in the journal, the history and the manifests.
async fn check_group(house: &House, runs: &[BenchmarkId], last_note: &str) -> Vec<RunState> {
    let states = wait_for_all(house, runs).await;
    for (index, (id, state)) in (1..).zip(runs.iter().zip(&states)) {
        assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
        house.assert_clean(*id, state);
        assert_eq!(state.engine_process_id, states[0].engine_process_id);
        assert_eq!(state.engine_container, states[0].engine_container);
        assert_eq!(state.engine_command, states[0].engine_command);
        let from = state.taken_over.map(|from| {
            assert_eq!(from.started_by, runs[0]);
            (from.started_by_index, from.last_index)
        });
        let expected = (index > 1).then(|| (1, index - 1));
        assert_eq!(from, expected);
        let row = house.store.find_row(*id).await.unwrap().unwrap();
        assert_eq!(row.is_warm, index > 1);
        let result = house.store.find_result(*id).await.unwrap().unwrap();
        assert_eq!(result.manifest.taken_over, state.taken_over);
        assert_eq!(result.summary.completed_count, 6);
        // Asked again, whoever started it.
        assert!(note_of(state, Stage::VerifyDeployment).contains("serves"));
        assert_eq!(result.manifest.engine.unwrap().name, "llama.cpp");
        let note = note_of(state, Stage::CleanUp);
        if index < 3 {
            let next = format!("left running, warm, for run {}", index + 1);
            assert!(note.contains(&next), "{note}");
        } else {
            assert_eq!(note, last_note);
        }
        let log = house.folder.path().join(format!("runs/{id}/engine.log"));
        let log = fs::read_to_string(log).unwrap();
        let begins_later =
            log.starts_with("[assay] This log begins where the engine was taken over");
        assert_eq!(begins_later, index > 1, "{log}");
    }
    let note = note_of(&states[2], Stage::DeployEngine);
    assert!(
        note.contains("taken over from run 2, started by run 1"),
        "{note}"
    );
    assert!(nothing_is_kept(house).await);
    states
}

#[tokio::test]
async fn one_llama_process_serves_three_runs() {
    let mut house = House::open_whole().await;
    house.start();
    let plan = kept(llama_plan());
    let runs = house.queue_group(&[&plan; 3]).await;
    check_group(&house, &runs, "One process was stopped.").await;
    // What it printed meanwhile is in the log of the run it served, and the log of the first says whose is whose.
    let log = |id: BenchmarkId| {
        let path = house.folder.path().join(format!("runs/{id}/engine.log"));
        fs::read_to_string(path).unwrap()
    };
    assert!(log(runs[1]).lines().count() > 1, "{}", log(runs[1]));
    assert!(log(runs[0]).contains("[assay] Run 2 ended here."));
    house.stop().await;
}

#[tokio::test]
async fn one_docker_container_of_llama_serves_three_runs() {
    let engine = DockerEngine::shared();
    let mut house = House::open_whole().await;
    house.config.docker = DockerAddress::Socket(engine.socket());
    house.start();
    let plan = kept(container_plan(engine.llama_image(), &[]));
    let runs = house.queue_group(&[&plan; 3]).await;
    house.wait_for_stage(runs[0], Stage::VerifyDeployment).await;
    let first = containers_of(engine, runs[0]);
    assert_eq!(first.len(), 1);
    let pause = house.pause();
    house.wait_for_end(runs[0]).await;
    let between = containers_of(engine, runs[0]);
    assert_eq!(between.len(), 1);
    assert_eq!(between[0]["Id"], first[0]["Id"]);
    assert_eq!(between[0]["State"], "running");
    drop(pause);
    check_group(&house, &runs, "One container was removed.").await;
    for id in runs {
        assert_eq!(containers_of(engine, id).len(), 0);
    }
    house.stop().await;
}

#[tokio::test]
async fn one_docker_container_of_llama_behind_sshd_serves_three_runs() {
    let (sshd, engine) = machine_with_docker();
    let mut house = House::open_whole().await;
    house.start();
    let login = Login::Key(sshd.client_key());
    let mut plan = kept(container_plan(engine.llama_image(), &[]));
    plan.cluster = house.machine(&sshd, sshd.port(), login).await;
    let runs = house.queue_group(&[&plan; 3]).await;
    check_group(&house, &runs, "One container was removed.").await;
    for id in runs {
        assert_eq!(containers_of(engine, id).len(), 0);
    }
    house.stop().await;
}

#[tokio::test]
async fn one_llama_process_behind_sshd_serves_three_runs() {
    let sshd = Sshd::start();
    let mut house = House::open_whole().await;
    house.start();
    let login = Login::Key(sshd.client_key());
    let plan = kept(far_plan(house.machine(&sshd, sshd.port(), login).await));
    let runs = house.queue_group(&[&plan; 3]).await;
    check_group(&house, &runs, "One process was stopped.").await;
    assert!(!sshd.command_lines().join("\n").contains("llama"));
    let left = fs::read_dir(sshd.home().join(".assay/runs"))
        .into_iter()
        .flatten()
        .flatten();
    for installation in left {
        assert_eq!(fs::read_dir(installation.path()).unwrap().count(), 0);
    }
    house.stop().await;
}

#[tokio::test]
async fn each_run_starts_its_own_llama_process_unless_the_plan_says_otherwise() {
    let mut house = House::open_whole().await;
    house.start();
    let plan = llama_plan();
    let runs = house.queue_group(&[&plan; 2]).await;
    let states = wait_for_all(&house, &runs).await;
    for (id, state) in runs.iter().zip(&states) {
        assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
        assert_eq!(state.taken_over, None);
        house.assert_clean(*id, state);
    }
    assert_ne!(states[0].engine_process_id, states[1].engine_process_id);
    house.stop().await;
}

#[tokio::test]
async fn after_a_llama_run_that_failed_or_was_cancelled_the_next_starts_afresh() {
    let mut house = House::open_whole().await;
    house.start();
    let mut plan = kept(llama_plan());
    plan.workload.stop = StopRule::Duration { seconds: 2 };
    let runs = house.queue_group(&[&plan; 4]).await;

    let second = house.wait_for_stage(runs[1], Stage::RunBenchmark).await;
    assert!(second.taken_over.is_some(), "{second:#?}");
    kill(process_of(&second), Signal::SIGKILL).unwrap();
    let reason = house.wait_for_failure(runs[1], Stage::RunBenchmark).await;
    assert!(reason.contains("engine ended during the load"), "{reason}");

    let third = house.wait_for_stage(runs[2], Stage::RunBenchmark).await;
    assert_eq!(third.taken_over, None);
    assert_ne!(third.engine_process_id, second.engine_process_id);
    house.cancel(runs[2]).await;
    let third = house.wait_for_end(runs[2]).await;
    assert!(matches!(third.outcome, Some(RunOutcome::Cancelled { .. })));
    house.assert_clean(runs[2], &third);

    let fourth = house.wait_for_end(runs[3]).await;
    assert_eq!(fourth.outcome, Some(RunOutcome::Completed), "{fourth:#?}");
    assert_eq!(fourth.taken_over, None);
    let first = house.wait_for_end(runs[0]).await;
    for (id, state) in [(runs[0], &first), (runs[3], &fourth)] {
        house.assert_clean(id, state);
    }
    assert!(nothing_is_kept(&house).await);
    house.stop().await;
}

#[tokio::test]
async fn a_kept_llama_process_that_died_is_replaced_and_the_run_says_so() {
    let Waiting {
        mut house,
        runs,
        first,
        pause,
        ..
    } = a_waiting_engine(2).await;
    kill(process_of(&first), Signal::SIGKILL).unwrap();
    drop(pause);
    let second = house.wait_for_end(runs[1]).await;
    assert_eq!(second.outcome, Some(RunOutcome::Completed), "{second:#?}");
    assert_eq!(second.taken_over, None);
    let log = log_of(&second, Stage::DeployEngine).join("\n");
    assert!(
        log.contains("run 1 left running cannot be taken over"),
        "{log}"
    );
    assert!(log.contains("A fresh one is started"), "{log}");
    for (id, state) in runs.iter().zip([&first, &second]) {
        house.assert_clean(*id, state);
    }
    house.stop().await;
}

#[tokio::test]
async fn a_kept_llama_process_goes_when_the_runs_it_waits_for_are_cancelled() {
    let Waiting {
        mut house,
        runs,
        first,
        pause: _pause,
        ..
    } = a_waiting_engine(3).await;
    house.cancel(runs[2]).await;
    house.wait_for_end(runs[2]).await;
    assert_eq!(processes_of(runs[0]).len(), 1, "the second may still come");
    house.cancel(runs[1]).await;
    let note = house
        .folder
        .path()
        .join(format!("runs/{}/engine.pid", runs[0]));
    house.wait_for(async || !note.exists()).await;
    house.assert_clean(runs[0], &first);
    assert!(nothing_is_kept(&house).await);
    house.stop().await;
}

/// The run that was to take it over is cancelled, and another plan's run gets the node before the third.
#[tokio::test]
async fn a_kept_llama_process_makes_room_for_another_plan() {
    let Waiting {
        mut house,
        plan,
        runs,
        first,
        pause,
    } = a_waiting_engine(2).await;
    let mut other = plan.clone();
    other.keep_engine = false;
    let stranger = house.queue(&other).await;
    let third = house.queue_again(runs[0], &plan).await;
    house.cancel(runs[1]).await;
    house.wait_for_end(runs[1]).await;
    assert_eq!(processes_of(runs[0]).len(), 1, "the third may still come");
    drop(pause);

    let state = house.wait_for_stage(stranger, Stage::RunBenchmark).await;
    assert_eq!(processes_of(runs[0]), Vec::<u32>::new());
    house.assert_clean(runs[0], &first);
    let log = log_of(&state, Stage::VerifyConnection).join("\n");
    assert!(
        log.contains("kept on here for runs of another plan was removed"),
        "{log}"
    );
    let third = house.wait_for_end(third).await;
    assert_eq!(third.outcome, Some(RunOutcome::Completed), "{third:#?}");
    assert_eq!(third.taken_over, None);
    assert!(nothing_is_kept(&house).await);
    house.stop().await;
}

/// Another cluster names the same machine: its run finds the engine there as well, by its own way.
#[tokio::test]
async fn a_kept_llama_process_behind_sshd_makes_room_for_a_run_by_another_name() {
    let sshd = Sshd::start();
    let mut house = House::open_whole().await;
    house.start();
    let machine = async || {
        let login = Login::Key(sshd.client_key());
        house.machine(&sshd, sshd.port(), login).await
    };
    let plan = kept(far_plan(machine().await));
    let stranger = far_plan(machine().await);
    let runs = house.queue_group(&[&plan; 2]).await;
    house.wait_for_stage(runs[0], Stage::VerifyDeployment).await;
    let pause = house.pause();
    house.wait_for_end(runs[0]).await;
    assert!(!nothing_is_kept(&house).await);
    let stranger = house.queue(&stranger).await;
    let third = house.queue_again(runs[0], &plan).await;
    house.cancel(runs[1]).await;
    house.wait_for_end(runs[1]).await;
    drop(pause);

    let state = house.wait_for_stage(stranger, Stage::RunBenchmark).await;
    let log = log_of(&state, Stage::VerifyConnection).join("\n");
    assert!(
        log.contains("for runs of another plan was removed"),
        "{log}"
    );
    house.wait_for_end(stranger).await;
    let third = house.wait_for_end(third).await;
    assert_eq!(third.outcome, Some(RunOutcome::Completed), "{third:#?}");
    assert_eq!(third.taken_over, None);
    assert!(nothing_is_kept(&house).await);
    house.stop().await;
}

#[tokio::test]
async fn a_kept_llama_process_ends_with_the_server() {
    let Waiting {
        mut house,
        runs,
        first,
        pause: _pause,
        ..
    } = a_waiting_engine(2).await;
    house.stop().await;
    house.assert_clean(runs[0], &first);
    assert!(nothing_is_kept(&house).await);
}

/// A node that is nobody's machine: it is only held.
pub(crate) fn second_node() -> PlannedNode {
    PlannedNode {
        id: NodeId(uuid::Uuid::new_v4()),
        name: "second".to_owned(),
        access: domain::catalogue::NodeAccess::default(),
        inventory: None,
    }
}
