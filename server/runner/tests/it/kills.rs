//! The server is killed without warning, twenty times for each way to run an engine, at seeded points of its
//! journal: after the next start every run has ended, everything it had started is gone, and what another
//! installation runs at the same places is untouched.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use domain::id::BenchmarkId;
use domain::plan::{Deployment, PlannedCluster, RunPlan};
use domain::run::event::RunOutcome;
use domain::run::{JournalEntry, RunEvent, RunState, Stage};
use domain::workload::StopRule;
use nix::sys::signal::Signal;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use runner::DockerAddress;
use testkit::{DockerEngine, Process, Sshd};
use tokio::time::{Instant, sleep};

use crate::docker_tls::{lab, machine_behind_tls};
use crate::house::{House, Login, processes_of};
use crate::plans::{container_plan, far_plan, local_plan};
use crate::sshd_docker::machine_with_docker;
use crate::sshd_llama_runs::stripped_assay;

const KILLS: usize = 20;
const SEED: u64 = 20_261_128;
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks at a journal: shorter than most of its steps.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Where engines of a kind are started, asked beside the code under test.
pub(crate) trait Place {
    /// A short run there, the `number`th.
    fn plan(&self, number: usize) -> RunPlan;
    /// The same with an engine that only waits.
    fn waiting_plan(&self) -> RunPlan;
    /// What is there of a run.
    fn left_of(&self, run: BenchmarkId) -> Vec<String>;
}

/// The server as its own process, on the data of a house whose own runner does not run.
pub(crate) struct Served<'a> {
    house: &'a House,
    docker_socket: PathBuf,
    server: Option<Process>,
}

impl<'a> Served<'a> {
    pub(crate) fn new(house: &'a House, docker_socket: PathBuf) -> Self {
        Self {
            house,
            docker_socket,
            server: None,
        }
    }

    pub(crate) fn start(&mut self) {
        let mut command = Command::new(&self.house.config.assay_binary);
        command
            .args(["serve", "--addr", "127.0.0.1:0", "--data-dir"])
            .arg(self.house.folder.path())
            .arg("--docker-socket")
            .arg(&self.docker_socket)
            .env_remove("DATABASE_URL");
        let mut server = Process::spawn(&mut command);
        server.wait_for_line("listening on ", PATIENCE);
        self.server = Some(server);
    }

    pub(crate) fn kill(&mut self) {
        let mut server = self.server.take().unwrap();
        server.send_signal(Signal::SIGKILL);
        server.wait_for_exit(PATIENCE);
    }

    /// Waits until the journal of a run is that long, or ended.
    pub(crate) async fn wait_for_length(&self, id: BenchmarkId, length: i64) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = 0;
        loop {
            let new = self.house.store.read_journal(id, seen, 10_000).await;
            let new = new.unwrap();
            seen = new.last().map_or(seen, |entry| entry.seq);
            let is_end = |entry: &JournalEntry| matches!(entry.event, RunEvent::Finished { .. });
            if seen >= length || new.iter().any(is_end) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "it has come to {seen} of {length}"
            );
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Seeded numbers of entries to be killed after: as many in each stage, of a run that is like this one.
fn points(journal: &[JournalEntry]) -> Vec<i64> {
    let started = |stage: Stage| {
        let is_start = |entry: &&JournalEntry| entry.event == RunEvent::StageStarted { stage };
        journal.iter().find(is_start).map(|entry| entry.seq)
    };
    let starts: Vec<i64> = Stage::ALL.into_iter().filter_map(started).collect();
    let end = journal.last().unwrap().seq;
    let ends = starts.iter().skip(1).copied().chain([end]);
    let stages: Vec<(i64, i64)> = starts.iter().copied().zip(ends).collect();
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let stages = stages.into_iter().cycle().take(KILLS);
    stages
        .map(|(first, next)| random.random_range(first..next.max(first + 1)))
        .collect()
}

async fn kill_and_recover(house: &mut House, others: &House, place: &impl Place, socket: PathBuf) {
    let stands_by = others.queue(&place.waiting_plan()).await;
    others
        .wait_for_stage(stands_by, Stage::VerifyDeployment)
        .await;
    let theirs = place.left_of(stands_by);
    assert!(!theirs.is_empty());

    let mut served = Served::new(house, socket);
    served.start();
    let whole = house.queue(&place.plan(0)).await;
    let state = house.wait_for_end(whole).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    let mut killed_in: BTreeMap<String, u32> = BTreeMap::new();
    let points = points(&house.journal(whole).await);
    for (number, length) in (1..).zip(points) {
        let id = house.queue(&place.plan(number)).await;
        served.wait_for_length(id, length).await;
        served.kill();
        let then = RunState::of_journal(&house.journal(id).await);
        let stage = then.running_stage();
        *killed_in.entry(format!("{stage:?}")).or_default() += 1;

        served.start();
        let state = house.wait_for_end(id).await;
        house.assert_clean(id, &state);
        let left = place.left_of(id);
        assert_eq!(left, Vec::<String>::new(), "killed in {stage:?}");
        if let (
            Some(stage),
            Some(RunOutcome::Failed {
                stage: failed,
                reason,
            }),
        ) = (stage, &state.outcome)
        {
            assert!(stage <= *failed, "{stage:?}: {reason}");
            assert!(reason.contains("server was stopped"), "{reason}");
        }
    }
    let pending = house.store.list_pending_cleanups().await.unwrap();
    assert_eq!(pending, []);
    served.kill();
    let between: u32 = killed_in.values().sum::<u32>() - killed_in.get("None").unwrap_or(&0);
    assert!(between as usize >= KILLS / 2, "{killed_in:?}");

    assert_eq!(place.left_of(stands_by), theirs, "what others run goes on");
    others.cancel(stands_by).await;
    let state = others.wait_for_end(stands_by).await;
    others.assert_clean(stands_by, &state);
    assert_eq!(place.left_of(stands_by), Vec::<String>::new());
}

pub(crate) struct Here {
    pub(crate) assay: String,
}

impl Place for Here {
    fn plan(&self, _: usize) -> RunPlan {
        let words = "engine --model tiny --addr 127.0.0.1:{port} --itl-ms 1".split(' ');
        let words: Vec<&str> = [self.assay.as_str()].into_iter().chain(words).collect();
        short(local_plan(&words))
    }

    fn waiting_plan(&self) -> RunPlan {
        patient(local_plan(&["sleep", "600"]))
    }

    fn left_of(&self, run: BenchmarkId) -> Vec<String> {
        processes_of(run).iter().map(u32::to_string).collect()
    }
}

pub(crate) struct InDocker(pub(crate) &'static DockerEngine);

impl Place for InDocker {
    fn plan(&self, _: usize) -> RunPlan {
        short(container_plan(self.0.llama_image(), &[]))
    }

    fn waiting_plan(&self) -> RunPlan {
        let mut plan = container_plan(self.0.busybox_image(), &["600"]);
        if let Deployment::Container { entrypoint, .. } = &mut plan.deployment {
            *entrypoint = Some(vec!["sleep".to_owned()]);
        }
        patient(plan)
    }

    fn left_of(&self, run: BenchmarkId) -> Vec<String> {
        let run = run.to_string();
        let kinds = ["/containers/json?all=true", "/networks", "/volumes"];
        let lists = kinds.iter().map(|path| {
            let (status, body) = self.0.request("GET", path);
            assert_eq!(status, 200, "{body}");
            let list: serde_json::Value = serde_json::from_str(&body).unwrap();
            match list.get("Volumes") {
                Some(volumes) => volumes.as_array().cloned().unwrap_or_default(),
                None => list.as_array().unwrap().clone(),
            }
        });
        let things = lists.flatten();
        let marked = things.filter(|thing| thing["Labels"].to_string().contains(&run));
        marked
            .map(|thing| format!("{} {}", thing["Id"], thing["State"]))
            .collect()
    }
}

/// The Docker Engine of a machine behind sshd or TLS.
struct InFarDocker {
    docker: InDocker,
    cluster: PlannedCluster,
    others_cluster: PlannedCluster,
}

impl Place for InFarDocker {
    fn plan(&self, number: usize) -> RunPlan {
        let mut plan = self.docker.plan(number);
        plan.cluster = self.cluster.clone();
        plan
    }

    fn waiting_plan(&self) -> RunPlan {
        let mut plan = self.docker.waiting_plan();
        plan.cluster = self.others_cluster.clone();
        plan
    }

    fn left_of(&self, run: BenchmarkId) -> Vec<String> {
        self.docker.left_of(run)
    }
}

/// Every third load is made there too.
struct BehindSshd {
    sshd: Sshd,
    cluster: PlannedCluster,
    others_cluster: PlannedCluster,
}

impl Place for BehindSshd {
    fn plan(&self, number: usize) -> RunPlan {
        // Each has a model of its own, which is sent anew.
        let mut plan = short(far_plan(self.cluster.clone()));
        if number.is_multiple_of(3) {
            plan.load_from = plan.cluster.nodes.first().cloned();
        }
        plan
    }

    fn waiting_plan(&self) -> RunPlan {
        let mut plan = far_plan(self.others_cluster.clone());
        if let Deployment::Process { command, .. } = &mut plan.deployment {
            command.words = ["sleep", "600"].map(str::to_owned).into();
        }
        patient(plan)
    }

    fn left_of(&self, run: BenchmarkId) -> Vec<String> {
        let mut left = self.sshd.command_lines_with(&format!("/{run}/"));
        let runs = std::fs::read_dir(self.sshd.home().join(".assay/runs"));
        let folders = runs.into_iter().flatten().flatten();
        let folders = folders.map(|instance| instance.path().join(run.to_string()));
        left.extend(
            folders
                .filter(|folder| folder.exists())
                .map(|folder| folder.display().to_string()),
        );
        left
    }
}

fn short(mut plan: RunPlan) -> RunPlan {
    plan.workload.stop = StopRule::Requests { count: 2 };
    plan
}

/// It outlasts all kills.
fn patient(mut plan: RunPlan) -> RunPlan {
    match &mut plan.deployment {
        Deployment::Process {
            readiness_timeout_s,
            ..
        }
        | Deployment::Container {
            readiness_timeout_s,
            ..
        } => *readiness_timeout_s = 600,
        Deployment::Endpoint { .. } => panic!("nothing is started there"),
    }
    plan
}

#[tokio::test]
async fn with_an_engine_as_a_process_here() {
    let (mut house, mut others) = (House::open_whole().await, House::open().await);
    others.start();
    let socket = house.folder.path().join("no-docker.sock");
    let assay = house.config.assay_binary.display().to_string();
    kill_and_recover(&mut house, &others, &Here { assay }, socket).await;
    others.stop().await;
}

#[tokio::test]
async fn with_an_engine_in_a_docker_container_with_llama() {
    let engine = DockerEngine::shared();
    let (mut house, mut others) = (House::open_whole().await, House::open().await);
    others.config.docker = DockerAddress::Socket(engine.socket());
    others.start();
    kill_and_recover(&mut house, &others, &InDocker(engine), engine.socket()).await;
    others.stop().await;
}

#[tokio::test]
async fn with_an_engine_behind_sshd_with_llama() {
    let sshd = Sshd::start();
    let (mut house, mut others) = (House::open_whole().await, House::open().await);
    let folder = testkit::data_dir();
    house.config.assay_binary = stripped_assay(folder.path());
    let login = || Login::Key(sshd.client_key());
    let cluster = house.machine(&sshd, sshd.port(), login()).await;
    let others_cluster = others.machine(&sshd, sshd.port(), login()).await;
    others.start();
    let socket = house.folder.path().join("no-docker.sock");
    let place = BehindSshd {
        sshd,
        cluster,
        others_cluster,
    };
    kill_and_recover(&mut house, &others, &place, socket).await;
    others.stop().await;
}

#[tokio::test]
async fn with_an_engine_in_a_docker_container_behind_sshd_with_llama() {
    let (sshd, engine) = machine_with_docker();
    let (mut house, mut others) = (House::open_whole().await, House::open().await);
    let login = || Login::Key(sshd.client_key());
    let place = InFarDocker {
        docker: InDocker(engine),
        cluster: house.machine(&sshd, sshd.port(), login()).await,
        others_cluster: others.machine(&sshd, sshd.port(), login()).await,
    };
    others.start();
    let socket = house.folder.path().join("no-docker.sock");
    kill_and_recover(&mut house, &others, &place, socket).await;
    others.stop().await;
}

#[tokio::test]
async fn with_an_engine_in_a_docker_container_behind_tls_with_llama() {
    let lab = lab();
    let (mut house, mut others) = (House::open_whole().await, House::open().await);
    let own = lab.authority.issue_to_client();
    let place = InFarDocker {
        docker: InDocker(&lab.engine),
        cluster: machine_behind_tls(&house, lab.port, &lab.authority, &own).await,
        others_cluster: machine_behind_tls(&others, lab.port, &lab.authority, &own).await,
    };
    others.start();
    let socket = house.folder.path().join("no-docker.sock");
    kill_and_recover(&mut house, &others, &place, socket).await;
    others.stop().await;
}
