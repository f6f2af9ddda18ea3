//! A provider's model through a litellm proxy that the run starts, with llama.cpp's server as the provider.

use std::fs;
use std::path::{Path, PathBuf};

use domain::catalogue::ModelSource;
use domain::engine::{
    ContainerAccelerators, ContainerChoice, ContainerMount, EngineChoice, EnginePreset,
    ProxyUpstream, render_command,
};
use domain::id::CredentialId;
use domain::plan::{Deployment, RunPlan};
use domain::run::event::RunOutcome;
use domain::run::{Stage, StageStatus};
use domain::workload::SpendLimit;
use runner::DockerAddress;
use testkit::{DockerEngine, LlamaServer, Sshd};

use crate::house::{House, Login};
use crate::plans::local_plan;

const KEY: &str = "sk-of-the-provider-42";

fn plan(url: &str, credential_id: CredentialId) -> RunPlan {
    let choice = EngineChoice {
        preset: EnginePreset::Litellm,
        arguments: Vec::new(),
        environment: vec![(
            "PATH".to_owned(),
            format!("{}:/usr/bin:/bin", testkit::litellm_folder().display()),
        )],
        readiness_timeout_s: 120,
        container: None,
        upstream_model: String::new(),
        archive: String::new(),
    };
    let mut plan = local_plan(&[]);
    plan.model.source = ModelSource::Cloud {
        provider: "here".to_owned(),
        model: LlamaServer::MODEL.to_owned(),
        price: None,
    };
    plan.deployment = Deployment::Process {
        preset: choice.preset,
        command: render_command(&choice, "", &plan.model.served_name),
        readiness_timeout_s: choice.readiness_timeout_s,
        archive: None,
    };
    let model = &plan.model.served_name;
    plan.upstream = Some(ProxyUpstream::new("here", model, "", url, credential_id));
    plan
}

#[tokio::test]
async fn a_cloud_model_is_measured_through_the_proxy() {
    let provider = LlamaServer::start_with(2, &["--api-key", KEY]);
    let mut house = House::open_whole().await;
    let credential = house.credential(provider.url(), KEY).await;
    house.start();
    let id = house.queue(&plan(provider.url(), credential)).await;
    let folder = house.folder.path().join("runs").join(id.to_string());

    house.wait_for_stage(id, Stage::WarmUp).await;
    // While it runs, its configuration is there and names the keys only.
    let config = fs::read_to_string(folder.join("litellm.json")).unwrap();
    assert!(config.contains("os.environ/ASSAY_PROVIDER_KEY"), "{config}");
    assert!(!config.contains(KEY), "{config}");

    let state = house.wait_for_end(id).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    house.assert_clean(id, &state);
    let engine = state.engine.as_ref().unwrap();
    assert_eq!(engine.name, "litellm");
    assert!(!engine.version.is_empty());
    let transfer = state.stage(Stage::TransferModel).unwrap();
    assert!(
        matches!(&transfer.status, StageStatus::Skipped { reason } if reason == "a provider serves it"),
        "{transfer:?}"
    );
    let log = fs::read_to_string(folder.join("engine.log")).unwrap();
    assert!(log.contains("/v1/chat/completions"), "{log}");
    assert!(!log.contains(KEY), "{log}");
    // A plan that says nothing about it has the usual limit.
    let benchmark = house.store.find_benchmark(id).await.unwrap().unwrap();
    let spend = benchmark.result.unwrap().summary.spend.unwrap();
    assert!(spend.requests >= 8 && !spend.is_reached, "{spend:?}");
    assert!(spend.limit.requests.is_some() && spend.limit.tokens.is_some());
    let journal = format!("{:?}", house.journal(id).await);
    assert!(!journal.contains(KEY), "{journal}");
    house.stop().await;
}

#[tokio::test]
async fn the_spending_limit_ends_a_run_through_the_proxy() {
    let provider = LlamaServer::start_with(2, &["--api-key", KEY]);
    let mut house = House::open_whole().await;
    let credential = house.credential(provider.url(), KEY).await;
    house.start();
    let mut limited = plan(provider.url(), credential);
    limited.workload.fresh_connections = true;
    limited.workload.spend_limit = Some(SpendLimit {
        requests: Some(5),
        tokens: None,
    });
    let id = house.queue(&limited).await;
    let state = house.wait_for_end(id).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    house.assert_clean(id, &state);
    let note = match &state.stage(Stage::RunBenchmark).unwrap().status {
        StageStatus::Done { note } => note.clone(),
        other => panic!("{other:?}"),
    };
    assert!(
        note.contains("The spending limit of 5 requests ended the load"),
        "{note}"
    );
    let benchmark = house.store.find_benchmark(id).await.unwrap().unwrap();
    let summary = benchmark.result.unwrap().summary;
    let spend = summary.spend.unwrap();
    assert!(spend.is_reached);
    assert_eq!((spend.requests, summary.sent_count), (5, 3));
    // The proxy passed on as many, warm-up included.
    let folder = house.folder.path().join("runs").join(id.to_string());
    let log = fs::read_to_string(folder.join("engine.log")).unwrap();
    assert_eq!(log.matches("POST /v1/chat/completions").count(), 5, "{log}");
    house.stop().await;
}

#[tokio::test]
async fn the_proxy_is_not_given_a_key_for_another_address() {
    let mut house = House::open().await;
    let credential = house.credential("http://elsewhere.example", KEY).await;
    house.start();
    let id = house.queue(&plan("http://127.0.0.1:9", credential)).await;
    let reason = house.wait_for_failure(id, Stage::DeployEngine).await;
    assert!(reason.contains("is not for http://127.0.0.1:9"), "{reason}");
    house.stop().await;
}

/// The program itself, seen by a container of an image that has nothing but a shell.
#[tokio::test]
async fn the_proxy_runs_in_a_container_of_docker() {
    let docker = DockerEngine::shared();
    let address = ["--host", docker.gateway(), "--api-key", KEY];
    let provider = LlamaServer::start_with(2, &address);
    let mut house = House::open_whole().await;
    house.config.docker = DockerAddress::Socket(docker.socket());
    let mut plan_of_container = plan(provider.url(), CredentialId(uuid::Uuid::nil()));
    // What the image of its makers has inside.
    let system = [
        ("/usr", "/usr"),
        ("/usr/lib", "/lib"),
        ("/usr/lib64", "/lib64"),
    ];
    let system = system.map(|(source, target)| (PathBuf::from(source), target.to_owned()));
    let own = testkit::litellm_folders().into_iter();
    let own = own.filter(|folder| !folder.starts_with("/usr"));
    let own = own.map(|folder| (folder.clone(), folder.display().to_string()));
    let seen = system.into_iter().filter(|(folder, _)| folder.exists());
    let seen: Vec<_> = seen.chain(own).collect();
    house.config.model_folders = seen.iter().map(|(folder, _)| folder.clone()).collect();
    let credential = house.credential(provider.url(), KEY).await;
    if let Some(upstream) = &mut plan_of_container.upstream {
        upstream.credential_id = credential;
    }
    let Deployment::Process {
        preset,
        command,
        readiness_timeout_s,
        ..
    } = plan_of_container.deployment.clone()
    else {
        panic!("it is made as a process");
    };
    let template = preset.container_template().unwrap();
    let entrypoint = template.entrypoint.unwrap();
    plan_of_container.deployment = Deployment::Container {
        preset,
        container: ContainerChoice {
            image: docker.busybox_image().to_owned(),
            port: 4_000,
            cpus: String::new(),
            memory_bytes: None,
            accelerators: ContainerAccelerators::None,
        },
        registry_login: None,
        entrypoint: Some(entrypoint.iter().map(|word| (*word).to_owned()).collect()),
        command,
        mounts: seen
            .into_iter()
            .map(|(source, target)| ContainerMount {
                source: source.display().to_string(),
                target,
            })
            .collect(),
        readiness_timeout_s,
    };
    house.start();
    let id = house.queue(&plan_of_container).await;

    house.wait_for_stage(id, Stage::WarmUp).await;
    let (status, inspected) = docker.request("GET", &format!("/containers/assay-{id}/json"));
    assert_eq!(status, 200, "{inspected}");
    let mut inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
    let environment = inspected["Config"]["Env"].take().to_string();
    assert!(environment.contains(&format!("ASSAY_PROVIDER_KEY={KEY}")));
    assert!(!inspected.to_string().contains(KEY), "{inspected}");

    let state = house.wait_for_end(id).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    house.assert_clean(id, &state);
    assert_eq!(state.engine.as_ref().unwrap().name, "litellm");
    let folder = house.folder.path().join("runs").join(id.to_string());
    let log = fs::read_to_string(folder.join("engine.log")).unwrap();
    assert!(log.contains("/v1/chat/completions"), "{log}");
    assert!(!log.contains(KEY), "{log}");
    let journal = format!("{:?}", house.journal(id).await);
    assert!(!journal.contains(KEY), "{journal}");
    house.stop().await;
}

#[tokio::test]
async fn the_proxy_runs_on_a_machine_behind_sshd() {
    let provider = LlamaServer::start_with(2, &["--api-key", KEY]);
    let sshd = Sshd::start();
    let mut house = House::open_whole().await;
    let credential = house.credential(provider.url(), KEY).await;
    house.start();
    let login = Login::Key(sshd.client_key());
    let cluster = house.machine(&sshd, sshd.port(), login).await;
    let mut far = plan(provider.url(), credential);
    far.cluster = cluster;
    let id = house.queue(&far).await;
    house.wait_for_stage(id, Stage::WarmUp).await;
    let lines = sshd.command_lines();
    assert!(
        lines.iter().any(|line| line.contains("litellm.json")),
        "{lines:?}"
    );
    assert!(!lines.iter().any(|line| line.contains(KEY)), "{lines:?}");
    let configs = files_named(&sshd.home().join(".assay"), "litellm.json");
    let [config] = configs.as_slice() else {
        panic!("{configs:?}");
    };
    let config = fs::read_to_string(config).unwrap();
    assert!(
        config.contains("os.environ/ASSAY_PROVIDER_KEY") && !config.contains(KEY),
        "{config}"
    );

    let state = house.wait_for_end(id).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    house.assert_clean(id, &state);
    assert_eq!(state.engine.as_ref().unwrap().name, "litellm");
    let transfer = state.stage(Stage::TransferModel).unwrap();
    assert!(
        matches!(&transfer.status, StageStatus::Skipped { reason } if reason == "a provider serves it"),
        "{transfer:?}"
    );
    let journal = format!("{:?}", house.journal(id).await);
    assert!(!journal.contains(KEY), "{journal}");
    assert_eq!(
        files_named(&sshd.home().join(".assay"), "litellm.json"),
        Vec::<PathBuf>::new()
    );

    // A machine without it says what to do.
    if let Deployment::Process { command, .. } = &mut far.deployment {
        command.environment.clear();
    }
    let id = house.queue(&far).await;
    let reason = house.wait_for_failure(id, Stage::DeployEngine).await;
    assert!(
        reason.contains("lacks litellm") && reason.contains("pip install"),
        "{reason}"
    );
    house.stop().await;
}

/// Files of that name in a folder, however deep.
fn files_named(folder: &Path, name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let found = entries.flat_map(|entry| match entry.path() {
        path if path.is_dir() => files_named(&path, name),
        path if path.ends_with(name) => vec![path],
        _ => Vec::new(),
    });
    found.collect()
}
