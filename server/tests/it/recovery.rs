//! The server is killed in the middle of runs, and started again: every run ends, with its reason,
//! and nothing it started is left.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use domain::access::Role;
use domain::catalogue::{ClusterKind, ModelSource};
use domain::engine::{EngineChoice, EngineCommand, EnginePreset, render_command};
use domain::id::{BenchmarkId, ClusterId, ModelId, NodeId, UserId};
use domain::plan::{Deployment, PLAN_VERSION, PlannedCluster, PlannedModel, PlannedNode, RunPlan};
use domain::run::event::RunOutcome;
use domain::run::{RunState, RunStatus, Stage};
use domain::time::Timestamp;
use domain::workload::{Api, Arrival, EvaluationMethod, Prompts, StopRule, WorkloadSpec};
use nix::sys::signal::Signal;
use store::Store;
use testkit::{Process, TempDir, is_process_alive};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(10);
const SERVED_NAME: &str = "assay-reference";
/// An engine that does not answer and does not listen to SIGTERM.
const STUBBORN: &str = "trap '' TERM; while :; do sleep 1; done";

/// A data directory with a server that can be killed and started again.
struct Site {
    folder: TempDir,
    store: Store,
    owner: UserId,
    server: Process,
}

impl Site {
    async fn open() -> Self {
        let folder = testkit::data_dir();
        let store = Store::open_embedded(folder.path()).await.unwrap();
        let owner = UserId(Uuid::new_v4());
        store
            .insert_user(owner, "ada", Role::Administrator, "-", Timestamp(1))
            .await
            .unwrap();
        Self {
            server: serve(folder.path()),
            folder,
            store,
            owner,
        }
    }

    async fn queue(&self, plan: &RunPlan) -> BenchmarkId {
        let id = BenchmarkId(Uuid::new_v4());
        self.store
            .insert_benchmark(id, plan, self.owner, false, Timestamp(2))
            .await
            .unwrap();
        id
    }

    async fn wait_until(&self, id: BenchmarkId, is_so: impl Fn(&RunState) -> bool) -> RunState {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let journal = self.store.read_journal(id, 0, 10_000).await.unwrap();
            let state = RunState::of_journal(&journal);
            if is_so(&state) {
                return state;
            }
            assert!(
                Instant::now() < deadline,
                "still not: {state:#?}\n{}",
                self.server.output()
            );
            sleep(LOOK_EVERY).await;
        }
    }

    async fn wait_for_stage(&self, id: BenchmarkId, stage: Stage) {
        self.wait_until(id, |state| state.running_stage() == Some(stage))
            .await;
    }

    fn kill(&mut self) {
        self.server.send_signal(Signal::SIGKILL);
        self.server.wait_for_exit(PATIENCE);
    }

    /// Starts the server again, and sees to what became of the run.
    async fn recover(&mut self, id: BenchmarkId) -> RunOutcome {
        self.server = serve(self.folder.path());
        let state = self.wait_until(id, |state| state.outcome.is_some()).await;
        assert_eq!(processes_of(id), Vec::<u32>::new());
        let deadline = Instant::now() + PATIENCE;
        while self.status(id).await != state.status() {
            assert!(Instant::now() < deadline, "the history does not say it");
            sleep(LOOK_EVERY).await;
        }
        state.outcome.unwrap()
    }

    async fn status(&self, id: BenchmarkId) -> RunStatus {
        let benchmark = self.store.find_benchmark(id).await.unwrap();
        benchmark.unwrap().status
    }

    /// The same, for a run that was interrupted in `stage`.
    async fn recover_failed(&mut self, id: BenchmarkId, at: Stage) {
        match self.recover(id).await {
            RunOutcome::Failed { stage, reason } => {
                assert_eq!(stage, at);
                assert!(reason.contains("server was stopped"), "{reason}");
            }
            other => panic!("it ended as {other:?}"),
        }
    }
}

fn serve(data_dir: &Path) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command
        .args(["serve", "--addr", "127.0.0.1:0", "--data-dir"])
        .arg(data_dir)
        .env_remove("DATABASE_URL");
    let mut server = Process::spawn(&mut command);
    server.wait_for_line("listening on ", PATIENCE);
    server
}

/// Living processes with the mark of a run.
fn processes_of(id: BenchmarkId) -> Vec<u32> {
    let mark = format!("ASSAY_RUN_ID={id}");
    let carries_mark = |process_id: &u32| {
        let environment = fs::read(format!("/proc/{process_id}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|variable| variable == mark.as_bytes())
    };
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|process_id| carries_mark(process_id) && is_process_alive(*process_id))
        .collect()
}

/// Answers that take about a minute each, so that there is time to be killed in.
fn long_plan(kind: ClusterKind, deployment: Deployment) -> RunPlan {
    RunPlan {
        upstream: None,
        version: PLAN_VERSION,
        name: "Interrupted".to_owned(),
        description: String::new(),
        tags: Vec::new(),
        method: EvaluationMethod::Configuration,
        model: PlannedModel {
            id: ModelId(Uuid::new_v4()),
            name: "Reference engine".to_owned(),
            served_name: SERVED_NAME.to_owned(),
            source: ModelSource::Reference,
            tokenizer_path: String::new(),
            facts: None,
        },
        cluster: PlannedCluster {
            id: ClusterId(Uuid::new_v4()),
            name: "Here".to_owned(),
            kind,
            nodes: vec![PlannedNode {
                id: NodeId(Uuid::new_v4()),
                name: "here".to_owned(),
                access: domain::catalogue::NodeAccess::default(),
                inventory: None,
            }],
        },
        deployment,
        workload: WorkloadSpec {
            api: Api::Chat,
            prompts: Prompts::Synthetic,
            input: "16".parse().unwrap(),
            output: "3000".parse().unwrap(),
            shared_prefix_tokens: 0,
            arrival: Arrival::ClosedLoop { concurrency: 2 },
            stop: StopRule::Requests { count: 4 },
            warmup_requests: 2,
            seed: 1,
            ignore_eos: true,
            request_timeout_s: 600,
            ..WorkloadSpec::default()
        },
        load_from: None,
        keep_engine: false,
    }
}

fn script_plan(script: &str) -> RunPlan {
    let words = ["sh", "-c", script].map(str::to_owned);
    let deployment = Deployment::Process {
        preset: EnginePreset::Custom,
        command: EngineCommand {
            words: words.into(),
            environment: Vec::new(),
        },
        readiness_timeout_s: 600,
        archive: None,
    };
    long_plan(ClusterKind::ThisMachine, deployment)
}

fn reference_plan() -> RunPlan {
    let choice = EngineChoice {
        preset: EnginePreset::Reference,
        arguments: Vec::new(),
        environment: Vec::new(),
        readiness_timeout_s: 60,
        container: None,
        upstream_model: String::new(),
        archive: String::new(),
    };
    let deployment = Deployment::Process {
        preset: choice.preset,
        command: render_command(&choice, "", SERVED_NAME),
        readiness_timeout_s: choice.readiness_timeout_s,
        archive: None,
    };
    long_plan(ClusterKind::ThisMachine, deployment)
}

#[tokio::test]
async fn killed_while_an_endpoint_is_silent() {
    let mut site = Site::open().await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", silent.local_addr().unwrap());
    let kind = ClusterKind::Endpoint {
        base_url: base_url.clone(),
        credential_id: None,
    };
    let deployment = Deployment::Endpoint {
        base_url,
        credential_id: None,
    };
    let id = site.queue(&long_plan(kind, deployment)).await;
    site.wait_for_stage(id, Stage::VerifyConnection).await;
    site.kill();
    site.recover_failed(id, Stage::VerifyConnection).await;
}

/// The engine itself kills the server as soon as it runs: nobody has noted its process id then.
#[tokio::test]
async fn killed_between_the_start_of_the_engine_and_the_note_of_it() {
    let mut site = Site::open().await;
    let id = site
        .queue(&script_plan("kill -9 $PPID; exec sleep 600"))
        .await;
    site.server.wait_for_exit(PATIENCE);
    assert_eq!(processes_of(id).len(), 1);
    match site.recover(id).await {
        RunOutcome::Failed { stage, .. } => assert!(
            matches!(stage, Stage::DeployEngine | Stage::VerifyDeployment),
            "{stage:?}"
        ),
        other => panic!("it ended as {other:?}"),
    }
}

#[tokio::test]
async fn killed_while_the_engine_starts() {
    let mut site = Site::open().await;
    let id = site.queue(&script_plan(STUBBORN)).await;
    site.wait_for_stage(id, Stage::VerifyDeployment).await;
    site.kill();
    assert!(!processes_of(id).is_empty());
    site.recover_failed(id, Stage::VerifyDeployment).await;
}

#[tokio::test]
async fn killed_during_warm_up() {
    let mut site = Site::open().await;
    let id = site.queue(&reference_plan()).await;
    site.wait_until(id, |state| {
        state.live.iter().any(|sample| sample.in_flight_count > 0)
    })
    .await;
    site.kill();
    assert!(!processes_of(id).is_empty());
    site.recover_failed(id, Stage::WarmUp).await;
}

#[tokio::test]
async fn killed_while_measuring() {
    let mut site = Site::open().await;
    let mut plan = reference_plan();
    plan.workload.warmup_requests = 0;
    let id = site.queue(&plan).await;
    site.wait_until(id, |state| {
        state.live.iter().any(|sample| sample.in_flight_count > 0)
    })
    .await;
    site.kill();
    site.recover_failed(id, Stage::RunBenchmark).await;
}

#[tokio::test]
async fn killed_while_cleaning_up() {
    let mut site = Site::open().await;
    let id = site.queue(&script_plan(STUBBORN)).await;
    site.wait_for_stage(id, Stage::VerifyDeployment).await;
    let now = Timestamp(3);
    assert!(site.store.request_cancel(id, "ada", now).await.unwrap());
    site.wait_for_stage(id, Stage::CleanUp).await;
    site.kill();
    assert!(!processes_of(id).is_empty());
    let by = "ada".to_owned();
    assert_eq!(site.recover(id).await, RunOutcome::Cancelled { by });
}

/// What waited still waits, and runs after the restart.
#[tokio::test]
async fn what_waits_outlives_the_server() {
    let mut site = Site::open().await;
    let plan = script_plan(STUBBORN);
    let first = site.queue(&plan).await;
    site.wait_for_stage(first, Stage::VerifyDeployment).await;
    let second = site.queue(&plan).await;
    site.kill();
    assert_eq!(site.status(second).await, RunStatus::Queued);
    site.recover_failed(first, Stage::VerifyDeployment).await;
    site.wait_for_stage(second, Stage::VerifyDeployment).await;
    site.kill();
    site.recover_failed(second, Stage::VerifyDeployment).await;
}
