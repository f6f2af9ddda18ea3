//! Plans to give a runner.

use domain::catalogue::{ClusterKind, ModelSource, NodeAccess};
use domain::engine::{ContainerAccelerators, ContainerChoice, EngineCommand, EnginePreset};
use domain::id::{ClusterId, CredentialId, ModelId, NodeId};
use domain::plan::{Deployment, PLAN_VERSION, PlannedCluster, PlannedModel, PlannedNode, RunPlan};
use domain::workload::{
    Api, Arrival, EvaluationMethod, LengthSpec, Prompts, StopRule, WorkloadSpec,
};
use uuid::Uuid;

/// A few short requests.
pub(crate) fn short_workload() -> WorkloadSpec {
    WorkloadSpec {
        api: Api::Chat,
        prompts: Prompts::Synthetic,
        input: "16".parse::<LengthSpec>().unwrap(),
        output: "8".parse::<LengthSpec>().unwrap(),
        shared_prefix_tokens: 0,
        arrival: Arrival::ClosedLoop { concurrency: 2 },
        stop: StopRule::Requests { count: 6 },
        warmup_requests: 2,
        seed: 7,
        ignore_eos: true,
        request_timeout_s: 30,
        ..WorkloadSpec::default()
    }
}

fn plan(kind: ClusterKind, deployment: Deployment, source: ModelSource) -> RunPlan {
    RunPlan {
        upstream: None,
        version: PLAN_VERSION,
        name: "Trial".to_owned(),
        description: String::new(),
        tags: Vec::new(),
        method: EvaluationMethod::Configuration,
        model: PlannedModel {
            id: ModelId(Uuid::new_v4()),
            name: "Tiny".to_owned(),
            served_name: testkit::LlamaServer::MODEL.to_owned(),
            source,
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
                access: NodeAccess::default(),
                inventory: None,
            }],
        },
        deployment,
        workload: short_workload(),
        load_from: None,
        keep_engine: false,
    }
}

/// Against an endpoint.
pub(crate) fn endpoint_plan(base_url: &str, credential_id: Option<CredentialId>) -> RunPlan {
    let base_url = base_url.to_owned();
    let kind = ClusterKind::Endpoint {
        base_url: base_url.clone(),
        credential_id,
    };
    let deployment = Deployment::Endpoint {
        base_url,
        credential_id,
    };
    plan(kind, deployment, ModelSource::Served)
}

/// With an engine that the runner starts by this command.
pub(crate) fn local_plan(words: &[&str]) -> RunPlan {
    let deployment = Deployment::Process {
        preset: EnginePreset::Custom,
        command: EngineCommand {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            environment: vec![("GREETING".to_owned(), "hello".to_owned())],
        },
        readiness_timeout_s: 30,
        archive: None,
    };
    plan(ClusterKind::ThisMachine, deployment, ModelSource::Served)
}

/// With llama.cpp's server, started by the runner.
pub(crate) fn llama_plan() -> RunPlan {
    let mut words = testkit::LlamaServer::command_line(0, 2);
    let port = words.iter().position(|word| word == "--port").unwrap() + 1;
    "{port}".clone_into(&mut words[port]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    local_plan(&words)
}

/// With llama.cpp's server on a machine over SSH, which gets the model first.
pub(crate) fn far_plan(cluster: PlannedCluster) -> RunPlan {
    let model = testkit::tiny_model_path().display().to_string();
    let mut plan = llama_plan();
    if let Deployment::Process { command, .. } = &mut plan.deployment {
        for word in &mut command.words {
            if *word == model {
                "{models}/model.gguf".clone_into(word);
            }
        }
    }
    plan.model.source = ModelSource::LocalPath { path: model };
    plan.cluster = cluster;
    plan
}

/// With an engine in a container of that image.
pub(crate) fn container_plan(image: &str, words: &[&str]) -> RunPlan {
    let deployment = Deployment::Container {
        preset: EnginePreset::Custom,
        container: ContainerChoice {
            image: image.to_owned(),
            port: 8080,
            cpus: "0".to_owned(),
            memory_bytes: Some(1 << 30),
            accelerators: ContainerAccelerators::None,
        },
        registry_login: None,
        entrypoint: None,
        command: EngineCommand {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            environment: vec![("GREETING".to_owned(), "hello you".to_owned())],
        },
        mounts: Vec::new(),
        readiness_timeout_s: 60,
    };
    plan(ClusterKind::ThisMachine, deployment, ModelSource::Served)
}
