//! Runs whose engine is on a machine behind a real sshd.

use std::fs;
use std::path::PathBuf;

use domain::id::BenchmarkId;
use domain::run::event::RunOutcome;
use domain::run::{Stage, StageStatus};
use domain::workload::{SpendLimit, StopRule};
use testkit::{Link, Sshd};

use crate::house::{House, Login, log_of};
use crate::plans::far_plan;

/// What the account runs of an engine, asked beside the code under test.
fn engines(sshd: &Sshd) -> Vec<String> {
    let lines = sshd.command_lines().into_iter();
    lines.filter(|line| line.contains("llama_server")).collect()
}

pub(crate) fn note_of(state: &domain::run::RunState, stage: Stage) -> String {
    match &state.stage(stage).unwrap().status {
        StageStatus::Done { note } => note.clone(),
        other => panic!("{stage:?} is {other:?}"),
    }
}

pub(crate) fn run_folders(sshd: &Sshd) -> Vec<PathBuf> {
    let instances = fs::read_dir(sshd.home().join(".assay/runs"));
    let instances = instances.into_iter().flatten().flatten();
    let runs = instances.flat_map(|instance| fs::read_dir(instance.path()).unwrap().flatten());
    runs.map(|run| run.path()).collect()
}

#[tokio::test]
async fn a_model_is_sent_and_an_engine_started_measured_and_stopped() {
    let sshd = Sshd::start();
    let mut house = House::open_whole().await;
    house.start();
    let cluster = house
        .machine(&sshd, sshd.port(), Login::Key(sshd.client_key()))
        .await;
    let plan = far_plan(cluster);
    let id = house.queue(&plan).await;
    house.wait_for_stage(id, Stage::VerifyDeployment).await;
    assert_eq!(engines(&sshd).len(), 1, "{:?}", sshd.command_lines());
    let state = house.wait_for_end(id).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    house.assert_clean(id, &state);
    assert!(note_of(&state, Stage::TransferModel).contains("were sent to"));
    assert!(note_of(&state, Stage::DeployEngine).contains("round trip"));
    assert!(!log_of(&state, Stage::VerifyDeployment).is_empty());
    assert_eq!(engines(&sshd), Vec::<String>::new());
    assert_eq!(run_folders(&sshd), Vec::<PathBuf>::new());
    let sent = sshd
        .home()
        .join(format!(".assay/models/{}/model.gguf", plan.model.id));
    let here = fs::read(testkit::tiny_model_path()).unwrap();
    assert!(
        fs::read(sent).unwrap() == here,
        "the model is as it is here"
    );

    let again = house.queue(&plan).await;
    let state = house.wait_for_end(again).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    assert!(note_of(&state, Stage::TransferModel).contains("has it already"));
    house.stop().await;
}

#[tokio::test]
async fn a_machine_with_another_key_is_refused() {
    let mut sshd = Sshd::start();
    let mut house = House::open().await;
    house.start();
    let cluster = house
        .machine(&sshd, sshd.port(), Login::Key(sshd.client_key()))
        .await;
    sshd.change_host_key();
    let id = house.queue(&far_plan(cluster)).await;
    let reason = house.wait_for_failure(id, Stage::VerifyConnection).await;
    assert!(reason.contains("SHA256:"), "{reason}");
    assert_eq!(house.store.list_pending_cleanups().await.unwrap(), []);
    house.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    let sshd = Sshd::start();
    let mut house = House::open().await;
    house.start();
    let login = Login::Password("not the password");
    let cluster = house.machine(&sshd, sshd.port(), login).await;
    let id = house.queue(&far_plan(cluster)).await;
    let reason = house.wait_for_failure(id, Stage::VerifyConnection).await;
    assert!(reason.contains("password"), "{reason}");
    assert!(!reason.contains("not the password"), "{reason}");
    house.stop().await;
}

#[tokio::test]
async fn a_full_disk_is_told_as_root() {
    let sshd = Sshd::start();
    let Some(small) = sshd.small_disk() else {
        panic!("only root can make a small disk");
    };
    let mut house = House::open().await;
    house.start();
    std::os::unix::fs::symlink(small, sshd.home().join(".assay")).unwrap();
    let cluster = house
        .machine(&sshd, sshd.port(), Login::Key(sshd.client_key()))
        .await;
    let id = house.queue(&far_plan(cluster)).await;
    let reason = house.wait_for_failure(id, Stage::TransferModel).await;
    assert!(reason.contains("has not enough room"), "{reason}");
    assert_eq!(run_folders(&sshd), Vec::<PathBuf>::new());
    house.stop().await;
}

#[tokio::test]
async fn a_link_cut_during_the_transfer_ends_the_run_and_the_next_goes_on() {
    let sshd = Sshd::start();
    let link = Link::to(sshd.port());
    let mut house = House::open_whole().await;
    house.start();
    let cluster = house
        .machine(&sshd, link.port(), Login::Key(sshd.client_key()))
        .await;
    let plan = far_plan(cluster);
    link.cut_after(1 << 20);
    let id = house.queue(&plan).await;
    let reason = house.wait_for_failure(id, Stage::TransferModel).await;
    assert!(reason.contains("link"), "{reason}");
    let again = house.queue(&plan).await;
    let state = house.wait_for_end(again).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    let note = note_of(&state, Stage::TransferModel);
    assert!(
        note.contains(" of ") && note.contains("were sent"),
        "{note}"
    );
    house.stop().await;
}

/// The cable is pulled while it runs: the run ends, and the node is cleaned when it is back.
#[tokio::test]
async fn a_link_lost_during_the_run_leaves_a_clean_up_that_is_finished_later() {
    let sshd = Sshd::start();
    let link = Link::to(sshd.port());
    let mut house = House::open_whole().await;
    house.config.lease = std::time::Duration::from_millis(500);
    house.start();
    let cluster = house
        .machine(&sshd, link.port(), Login::Key(sshd.client_key()))
        .await;
    let mut plan = far_plan(cluster);
    plan.workload.stop = StopRule::Duration { seconds: 600 };
    let id: BenchmarkId = house.queue(&plan).await;
    house.wait_for_stage(id, Stage::RunBenchmark).await;
    assert_eq!(engines(&sshd).len(), 1);
    house
        .wait_until(id, |state| {
            state.live.iter().any(|live| live.completed_count > 0)
        })
        .await;
    // Nobody can sign in any more, and what is there is cut: the engine goes on.
    sshd.authorize(&[]);
    link.cut();
    let state = house.wait_for_end(id).await;
    let Some(RunOutcome::Failed { stage, reason }) = &state.outcome else {
        panic!("{state:#?}");
    };
    assert_eq!(*stage, Stage::RunBenchmark);
    assert!(reason.contains("link"), "{reason}");
    // What was measured until then is kept.
    let result = house.store.find_result(id).await.unwrap().unwrap();
    assert!(result.summary.completed_count > 0, "{result:#?}");
    assert!(note_of(&state, Stage::CleanUp).contains("pending"));
    let late = async || house.late_cleanup(id).await;
    let first = late().await;
    assert_eq!((first.finished_at, first.node_name.as_str()), (None, "far"));
    assert_eq!(engines(&sshd).len(), 1);
    // The reaper tries, and says why it still is not done.
    house
        .wait_for(async || late().await.last_try_at > first.since)
        .await;
    let tried = late().await;
    assert!(tried.reason.contains("refused"), "{tried:?}");
    assert_eq!((tried.since, tried.finished_at), (first.since, None));

    sshd.authorize(&[sshd.client_key()]);
    house
        .wait_for(async || late().await.finished_at.is_some())
        .await;
    assert_eq!(house.store.list_pending_cleanups().await.unwrap(), []);
    assert_eq!(engines(&sshd), Vec::<String>::new());
    assert_eq!(run_folders(&sshd), Vec::<PathBuf>::new());
    house.stop().await;
}

/// The program of these tests without its symbols, which are ten times as large as itself.
pub(crate) fn stripped_assay(folder: &std::path::Path) -> PathBuf {
    let path = folder.join("assay");
    let stripped = std::process::Command::new("strip")
        .arg("-o")
        .arg(&path)
        .arg(testkit::target_dir().join("debug/assay"))
        .status();
    assert!(stripped.unwrap().success());
    path
}

#[tokio::test]
async fn the_load_is_made_on_the_engines_node() {
    let sshd = Sshd::start();
    let folder = testkit::data_dir();
    let mut house = House::open_whole().await;
    house.config.assay_binary = stripped_assay(folder.path());
    house.start();
    let cluster = house
        .machine(&sshd, sshd.port(), Login::Key(sshd.client_key()))
        .await;
    let mut plan = far_plan(cluster);
    plan.load_from = plan.cluster.nodes.first().cloned();
    let dataset = house
        .dataset("Three", &["one two", "three four", "five six"])
        .await;
    plan.workload.prompts = domain::workload::Prompts::Datasets {
        datasets: vec![dataset],
        answer_lengths: domain::workload::AnswerLengths::default(),
    };
    let id = house.queue(&plan).await;
    house.wait_for_stage(id, Stage::RunBenchmark).await;
    let state = house.wait_for_end(id).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    house.assert_clean(id, &state);
    let log = log_of(&state, Stage::WarmUp).join("\n");
    assert!(log.contains("of this program were sent to"), "{log}");
    assert!(log.contains("The load is made on"), "{log}");
    let benchmark = house.store.find_benchmark(id).await.unwrap().unwrap();
    let result = benchmark.result.unwrap();
    assert_eq!(result.summary.completed_count, 6);
    assert_eq!(result.manifest.load_from, "far");
    assert_eq!(result.manifest.round_trip_us, None);
    assert_eq!(engines(&sshd), Vec::<String>::new());
    assert_eq!(run_folders(&sshd), Vec::<PathBuf>::new());
    house.stop().await;
}

/// What a load may send holds wherever it is made.
#[tokio::test]
async fn a_load_that_is_made_on_the_node_keeps_its_limit() {
    let sshd = Sshd::start();
    let mut house = House::open_whole().await;
    house.start();
    let cluster = house
        .machine(&sshd, sshd.port(), Login::Key(sshd.client_key()))
        .await;
    let mut plan = far_plan(cluster);
    plan.load_from = plan.cluster.nodes.first().cloned();
    let limit = |requests| {
        Some(SpendLimit {
            requests: Some(requests),
            tokens: None,
        })
    };
    // A server that closes a kept connection makes a request go out twice, and both count.
    plan.workload.fresh_connections = true;
    plan.workload.spend_limit = limit(plan.workload.warmup_requests + 2);
    let id = house.queue(&plan).await;
    let state = house.wait_for_end(id).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    house.assert_clean(id, &state);
    let note = note_of(&state, Stage::RunBenchmark);
    assert!(
        note.contains("ended the load before its plan did"),
        "{note}"
    );
    let benchmark = house.store.find_benchmark(id).await.unwrap().unwrap();
    let summary = benchmark.result.unwrap().summary;
    assert_eq!(summary.sent_count, 2);
    assert!(summary.spend.unwrap().is_reached);

    // One that leaves nothing for the measured window ends the run, with its reason.
    plan.workload.spend_limit = limit(plan.workload.warmup_requests);
    let id = house.queue(&plan).await;
    let reason = house.wait_for_failure(id, Stage::RunBenchmark).await;
    assert!(
        reason.contains("ended the load before the measured window"),
        "{reason}"
    );
    assert_eq!(run_folders(&sshd), Vec::<PathBuf>::new());
    house.stop().await;
}
