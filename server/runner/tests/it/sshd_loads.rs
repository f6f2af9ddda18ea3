//! Loads that are made on another machine than that of the engine, both behind a real sshd.

use std::path::PathBuf;

use domain::id::BenchmarkId;
use domain::plan::{Deployment, RunPlan};
use domain::run::event::RunOutcome;
use domain::run::{RunEvent, Stage, StageStatus};
use domain::workload::StopRule;
use serde_json::Value;
use testkit::{Link, LlamaServer, Sshd, TempDir};

use crate::docker_runs::{ask, containers_of};
use crate::house::{House, Login, log_of};
use crate::plans::{container_plan, endpoint_plan, far_plan};
use crate::sshd_docker::machine_with_docker;
use crate::sshd_llama_runs::{note_of, run_folders, stripped_assay};

struct Two {
    house: House,
    engines: Sshd,
    loads: Sshd,
    _folder: TempDir,
}

impl Two {
    async fn with(engines: Sshd) -> Self {
        let folder = testkit::data_dir();
        let mut house = House::open_whole().await;
        house.config.assay_binary = stripped_assay(folder.path());
        house.start();
        Self {
            house,
            engines,
            loads: Sshd::start(),
            _folder: folder,
        }
    }

    /// Starts the run: its engine on one machine, which is not known by its loopback's usual address, and its load
    /// on the other.
    async fn queue(&self, mut plan: RunPlan) -> BenchmarkId {
        let (engines, loads) = (&self.engines, &self.loads);
        let login = Login::Key(engines.client_key());
        let port = engines.port();
        let house = &self.house;
        plan.cluster = house
            .machine_at(Sshd::OTHER_HOST, engines, port, login)
            .await;
        let login = Login::Key(loads.client_key());
        let cluster = house.machine(loads, loads.port(), login).await;
        plan.load_from = cluster.nodes.first().cloned();
        house.queue(&plan).await
    }

    async fn assert_measured(mut self, id: BenchmarkId) {
        let house = &self.house;
        let state = house.wait_for_end(id).await;
        assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
        house.assert_clean(id, &state);
        let log = log_of(&state, Stage::WarmUp).join("\n");
        let place = format!("The load is made on 127.0.0.1:{}.", self.loads.port());
        assert!(log.contains(&place), "{log}");
        let benchmark = house.store.find_benchmark(id).await.unwrap().unwrap();
        let result = benchmark.result.unwrap();
        assert_eq!(result.summary.completed_count, 6);
        for sshd in [&self.engines, &self.loads] {
            assert_eq!(run_folders(sshd), Vec::<PathBuf>::new());
        }
        self.house.stop().await;
    }
}

#[tokio::test]
async fn llama_on_one_machine_is_measured_from_another() {
    let two = Two::with(Sshd::start()).await;
    let mut plan = far_plan(two.house.this_machine().await);
    if let Deployment::Process { command, .. } = &mut plan.deployment {
        command
            .words
            .extend(["--host", "{host}"].map(str::to_owned));
    }
    let id = two.queue(plan).await;
    two.house.wait_for_stage(id, Stage::VerifyDeployment).await;
    let journal = two.house.journal(id).await;
    let command = journal.iter().find_map(|entry| match &entry.event {
        RunEvent::EngineStarted { command, .. } => Some(command.clone()),
        _ => None,
    });
    let command = command.unwrap();
    assert!(command.contains("--host 127.0.0.2"), "{command}");
    two.assert_measured(id).await;
}

#[tokio::test]
async fn llama_in_a_docker_container_of_one_machine_is_measured_from_another() {
    let (engines, engine) = machine_with_docker();
    let two = Two::with(engines).await;
    let id = two.queue(container_plan(engine.llama_image(), &[])).await;
    let state = two.house.wait_for_stage(id, Stage::VerifyDeployment).await;
    let containers = containers_of(engine, id);
    let [container] = containers.as_slice() else {
        panic!("{containers:#?} and {state:#?}");
    };
    let name = container["Id"].as_str().unwrap();
    let inspected: Value = ask(engine, &format!("/containers/{name}/json"));
    let ports = &inspected["HostConfig"]["PortBindings"]["8080/tcp"][0];
    assert_eq!(ports["HostIp"], Sshd::OTHER_HOST);
    two.assert_measured(id).await;
}

/// A load that could not be stopped goes on there, at an endpoint that goes on too: the next run ends it first.
#[tokio::test]
async fn a_load_that_was_out_of_reach_does_not_take_part_in_the_next_run() {
    let mut two = Two::with(Sshd::start()).await;
    let (house, loads) = (&two.house, &two.loads);
    let server = LlamaServer::start(2);
    let link = Link::to(loads.port());
    let mut plan = endpoint_plan(server.url(), None);
    let login = Login::Key(loads.client_key());
    let cluster = house.machine(loads, link.port(), login).await;
    plan.load_from = cluster.nodes.first().cloned();
    let mut long = plan.clone();
    long.workload.stop = StopRule::Duration { seconds: 600 };
    let first = house.queue(&long).await;
    house.wait_for_stage(first, Stage::RunBenchmark).await;
    loads.authorize(&[]);
    link.cut();
    let state = house.wait_for_end(first).await;
    assert!(note_of(&state, Stage::CleanUp).contains("pending"));

    loads.authorize(&[loads.client_key()]);
    let next = house.queue(&plan).await;
    house
        .wait_until(next, |state| {
            let connection = state.stage(Stage::VerifyConnection);
            connection.is_some_and(|stage| matches!(stage.status, StageStatus::Done { .. }))
        })
        .await;
    assert!(house.late_cleanup(first).await.finished_at.is_some());
    let state = house.wait_for_end(next).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    assert_eq!(run_folders(loads), Vec::<PathBuf>::new());
    two.house.stop().await;
}
