//! The server is killed between the run that leaves its engine and the one that takes it over, and at seeded
//! points around: nothing is left for ever.

use std::path::PathBuf;

use domain::id::BenchmarkId;
use domain::plan::RunPlan;
use domain::run::event::RunOutcome;
use domain::run::{JournalEntry, RunEvent, Stage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use runner::system_clock;
use testkit::DockerEngine;

use crate::house::House;
use crate::kills::{Here, InDocker, Place, Served};
use crate::warm_runs::second_node;

const SEED: u64 = 20_261_128;
/// Kills at seeded points of a group.
const KILLS: usize = 6;

async fn assert_nothing_left(house: &House, place: &impl Place, runs: &[BenchmarkId]) {
    for id in runs {
        let state = house.wait_for_end(*id).await;
        let note = house.folder.path().join(format!("runs/{id}/engine.pid"));
        let is_gone = async || place.left_of(*id).is_empty() && !note.exists();
        house.wait_for(is_gone).await;
        if state.is_started {
            house.assert_clean(*id, &state);
        }
    }
    let is_forgotten = async || house.store.list_warm_engines().await.unwrap().is_empty();
    house.wait_for(is_forgotten).await;
    assert_eq!(house.store.list_pending_cleanups().await.unwrap(), []);
}

/// The second run waits for a node that somebody else holds when the first has left its engine to it.
async fn between_two_runs(place: &impl Place, socket: PathBuf, house: &House) {
    let mut served = Served::new(house, socket);
    for is_cancelled in [false, true] {
        let mut plan = place.plan(0);
        plan.keep_engine = true;
        let mut second = plan.clone();
        second.cluster.nodes.push(second_node());
        let mut blocking = plan.clone();
        blocking.cluster.nodes = second.cluster.nodes[1..].to_vec();
        let blocker = house.queue(&blocking).await;
        let now = system_clock()();
        let hour = now.plus_micros(3_600_000_000);
        let claimed = house.store.claim_next("somebody else", now, hour).await;
        assert_eq!(claimed.unwrap(), Some(blocker));

        served.start();
        let runs = house.queue_group(&[&plan, &second]).await;
        let first = house.wait_for_end(runs[0]).await;
        assert_eq!(first.outcome, Some(RunOutcome::Completed), "{first:#?}");
        let engine = place.left_of(runs[0]);
        assert!(!engine.is_empty(), "it waits for the second run");
        served.kill();
        assert_eq!(place.left_of(runs[0]).len(), engine.len());

        served.start();
        if is_cancelled {
            let asked = house.store.request_cancel(runs[1], "ada", now).await;
            assert!(asked.unwrap());
        } else {
            house.store.release(blocker).await.unwrap();
        }
        let state = house.wait_for_end(runs[1]).await;
        let is_warm = state.taken_over.map(|from| from.started_by) == Some(runs[0]);
        let is_completed = state.outcome == Some(RunOutcome::Completed);
        assert_eq!(
            (is_warm, is_completed),
            (!is_cancelled, !is_cancelled),
            "{state:#?}"
        );
        if !is_cancelled {
            assert_eq!(state.engine_process_id, first.engine_process_id);
            assert_eq!(state.engine_container, first.engine_container);
        }
        house.store.release(blocker).await.unwrap();
        assert_nothing_left(house, place, &[runs[0], runs[1], blocker]).await;
        served.kill();
    }
}

/// Two runs with one engine, killed after the entry `length` of both journals, one after the other.
async fn at_seeded_points(place: &impl Place, socket: PathBuf, house: &House) {
    let mut served = Served::new(house, socket);
    served.start();
    let kept = |number| -> RunPlan {
        let mut plan = place.plan(number);
        plan.keep_engine = true;
        plan
    };
    let plan = kept(0);
    let runs = house.queue_group(&[&plan, &plan]).await;
    assert_nothing_left(house, place, &runs).await;
    let (first, second) = (house.journal(runs[0]).await, house.journal(runs[1]).await);
    // From the first one's clean-up to the second one's load.
    let start_of = |journal: &[JournalEntry], stage| {
        let event = RunEvent::StageStarted { stage };
        journal
            .iter()
            .find(|entry| entry.event == event)
            .unwrap()
            .seq
    };
    let from = start_of(&first, Stage::CleanUp);
    let (end, load) = (
        first.last().unwrap().seq,
        start_of(&second, Stage::RunBenchmark),
    );
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    for number in 1..=KILLS {
        let plan = kept(number);
        let runs = house.queue_group(&[&plan, &plan]).await;
        let point = random.random_range(from..=end + load);
        let (of, length) = if point <= end {
            (0, point)
        } else {
            (1, point - end)
        };
        served.wait_for_length(runs[of], length).await;
        served.kill();
        served.start();
        assert_nothing_left(house, place, &runs).await;
    }
    served.kill();
}

#[tokio::test]
async fn with_a_kept_process_here() {
    let house = House::open_whole().await;
    let assay = house.config.assay_binary.display().to_string();
    let socket = house.folder.path().join("no-docker.sock");
    let place = Here { assay };
    between_two_runs(&place, socket.clone(), &house).await;
    at_seeded_points(&place, socket, &house).await;
}

#[tokio::test]
async fn with_a_kept_docker_container_of_llama() {
    let engine = DockerEngine::shared();
    let house = House::open_whole().await;
    between_two_runs(&InDocker(engine), engine.socket(), &house).await;
    at_seeded_points(&InDocker(engine), engine.socket(), &house).await;
}
