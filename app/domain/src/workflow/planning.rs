//! From a complete draft to the plan of a run.

use super::draft::{Catalogue, Draft, EvaluationAnswers, NO_LIMIT};
use crate::catalogue::{
    Cluster, ClusterKind, Credential, CredentialKind, Model, ModelSource, Node, login_for_image,
};
use crate::engine::{
    ContainerChoice, EngineChoice, EnginePreset, ProxyUpstream, model_in_container, render_command,
};
use crate::field::FieldErrors;
use crate::id::{ClusterId, CredentialId};
use crate::plan::{Deployment, PLAN_VERSION, PlannedCluster, PlannedModel, PlannedNode, RunPlan};
use crate::workload::{
    Arrival, EvaluationMethod, PlannedDataset, Prompts, SpendLimit, WorkloadSpec,
};

/// Builds the plan, or says at which field of which step something is missing or gone.
pub fn build_plan(draft: &Draft, catalogue: &Catalogue) -> Result<RunPlan, FieldErrors> {
    let missing = |field: &str, message: &str| FieldErrors::one(field, message);
    let basic = draft
        .basic
        .as_ref()
        .ok_or_else(|| missing("name", "Fill in step 1."))?;
    let evaluation = draft
        .evaluation
        .as_ref()
        .ok_or_else(|| missing("input_tokens", "Fill in step 2."))?;
    let cluster = draft
        .cluster_id
        .and_then(|id| catalogue.cluster(id))
        .ok_or_else(|| missing("cluster_id", "Choose a cluster in step 3."))?;
    let answers = draft
        .model
        .as_ref()
        .ok_or_else(|| missing("model_id", "Fill in step 5."))?;
    let model = catalogue.model(answers.model_id).ok_or_else(|| {
        missing(
            "model_id",
            "The chosen model is gone: choose one in step 5.",
        )
    })?;
    let prompts = match basic.method {
        EvaluationMethod::Configuration => Prompts::Synthetic,
        EvaluationMethod::Dataset => Prompts::Datasets {
            datasets: planned_datasets(evaluation, catalogue)?,
            answer_lengths: evaluation.answer_lengths,
        },
    };
    let mut workload = evaluation.workload(basic.concurrent_requests, prompts);
    if model.source.is_cloud() {
        let usual = workload.usual_limit(!model.tokenizer_path.is_empty());
        let limit = SpendLimit {
            requests: draft.spend_limit.requests.or(usual.requests),
            tokens: draft.spend_limit.tokens.or(usual.tokens),
        };
        if !limit.is_some() {
            return Err(missing("requests_max", NO_LIMIT));
        }
        workload.spend_limit = Some(limit);
    }
    let deployment = deployment(draft, catalogue, cluster, model)?;
    Ok(RunPlan {
        version: PLAN_VERSION,
        name: basic.name.clone(),
        description: basic.description.clone(),
        tags: basic.tags.clone(),
        method: basic.method,
        model: PlannedModel {
            id: model.id,
            name: model.name.clone(),
            served_name: model.served_name.clone(),
            source: model.source.clone(),
            tokenizer_path: model.tokenizer_path.clone(),
            facts: model.facts.clone(),
        },
        cluster: PlannedCluster {
            id: cluster.id,
            name: cluster.name.clone(),
            kind: cluster.kind.clone(),
            nodes: planned_nodes(draft, cluster)?,
        },
        keep_engine: basic.keep_engine && basic.reruns > 1 && deployment.can_keep_engine(),
        deployment,
        upstream: upstream(draft, catalogue, cluster, model)?,
        workload,
        load_from: load_machine(draft, catalogue)?,
    })
}

impl EvaluationAnswers {
    /// The traffic of these answers, with the users of step 1.
    pub fn workload(&self, concurrent_requests: u32, prompts: Prompts) -> WorkloadSpec {
        let arrival = match self.open_loop {
            None => Arrival::ClosedLoop {
                concurrency: concurrent_requests,
            },
            Some((rate_per_s, process)) => Arrival::OpenLoop {
                rate_per_s,
                process,
                burstiness: self.shape.burstiness,
                in_flight_max: self.shape.in_flight_max,
            },
        };
        WorkloadSpec {
            api: self.api,
            input: self.input,
            output: self.output,
            shared_prefix_tokens: self.shared_prefix_tokens,
            prompts,
            arrival,
            stop: self.stop,
            warmup_requests: self.warmup_requests,
            seed: self.seed,
            ignore_eos: self.ignore_eos,
            request_timeout_s: self.request_timeout_s,
            ramp_s: self.shape.ramp_s,
            warmup_s: self.shape.warmup_s,
            slos: self.shape.slos.clone(),
            fresh_connections: self.shape.fresh_connections,
            ..WorkloadSpec::default()
        }
    }
}

fn planned_datasets(
    evaluation: &EvaluationAnswers,
    catalogue: &Catalogue,
) -> Result<Vec<PlannedDataset>, FieldErrors> {
    let planned = evaluation.dataset_ids.iter().map(|id| {
        let dataset = catalogue.dataset(*id)?;
        Some(PlannedDataset {
            id: dataset.id,
            name: dataset.name.clone(),
            sha256: dataset.sha256.clone()?,
            row_count: dataset.row_count,
        })
    });
    let planned: Option<Vec<PlannedDataset>> = planned.collect();
    let planned = planned.ok_or_else(|| {
        FieldErrors::one(
            "dataset_ids",
            "A chosen dataset is gone: choose anew in step 2.",
        )
    })?;
    if planned.is_empty() {
        return Err(FieldErrors::one(
            "dataset_ids",
            "Choose at least one dataset in step 2.",
        ));
    }
    Ok(planned)
}

/// The machine that makes the load, checked once more.
fn load_machine(draft: &Draft, catalogue: &Catalogue) -> Result<Option<PlannedNode>, FieldErrors> {
    let Some(id) = draft.load_from else {
        return Ok(None);
    };
    let refused = |reason: String| FieldErrors::one("load_from", reason);
    if let Some(reason) = draft.refuses_load_from(id, catalogue) {
        return Err(refused(reason));
    }
    let machine = catalogue.machine(id).ok_or_else(|| {
        refused("The machine that was to make the load is gone: choose anew in step 4.".to_owned())
    })?;
    Ok(Some(planned_node(machine)))
}

fn planned_node(node: &Node) -> PlannedNode {
    PlannedNode {
        id: node.id,
        name: node.name.clone(),
        access: node.access.clone(),
        inventory: node.inventory.clone(),
    }
}

fn planned_nodes(draft: &Draft, cluster: &Cluster) -> Result<Vec<PlannedNode>, FieldErrors> {
    let chosen = cluster
        .nodes
        .iter()
        .filter(|node| draft.node_ids.contains(&node.id));
    let nodes: Vec<PlannedNode> = chosen.map(planned_node).collect();
    if nodes.is_empty() {
        return Err(FieldErrors::one(
            "node_ids",
            "Choose at least one node in step 4.",
        ));
    }
    Ok(nodes)
}

fn deployment(
    draft: &Draft,
    catalogue: &Catalogue,
    cluster: &Cluster,
    model: &Model,
) -> Result<Deployment, FieldErrors> {
    match &cluster.kind {
        ClusterKind::Endpoint {
            base_url,
            credential_id,
        } => Ok(Deployment::Endpoint {
            base_url: base_url.clone(),
            credential_id: if model.source.is_cloud() {
                Some(cloud_credential(draft, catalogue, cluster.id)?)
            } else {
                own_credential(*credential_id, base_url, catalogue)?
            },
        }),
        ClusterKind::ThisMachine | ClusterKind::Machines => {
            let engine = draft
                .model
                .as_ref()
                .and_then(|answers| answers.engine.as_ref());
            let engine =
                engine.ok_or_else(|| FieldErrors::one("preset", "Choose an engine in step 5."))?;
            let files = match &model.source {
                ModelSource::LocalPath { path } => path_on_node(cluster, path)?,
                ModelSource::HuggingFace { repository, .. } => repository.clone(),
                ModelSource::Served | ModelSource::Reference => model.served_name.clone(),
                ModelSource::Cloud { .. } if engine.preset == EnginePreset::Litellm => {
                    model.served_name.clone()
                }
                ModelSource::Cloud { .. } => {
                    return Err(FieldErrors::one(
                        "model_id",
                        "A provider serves this model: choose the litellm proxy in step 5, or an endpoint in step 3.",
                    ));
                }
            };
            if let Some(reason) = refuses_process(cluster, engine) {
                return Err(FieldErrors::one("runs_as", reason));
            }
            if let Some(container) = &engine.container {
                let login = login_for_image(&catalogue.credentials, &container.image);
                let login = login.map(|credential| credential.id);
                return container_deployment(engine, container, login, model, &files);
            }
            Ok(Deployment::Process {
                preset: engine.preset,
                command: render_command(engine, &files, &model.served_name),
                readiness_timeout_s: engine.readiness_timeout_s,
                archive: engine_archive(engine, &cluster.kind),
            })
        }
    }
}

/// Why an engine cannot run on that cluster as what it is to run as, if it cannot.
pub(super) fn refuses_process(cluster: &Cluster, engine: &EngineChoice) -> Option<String> {
    (cluster.is_docker_only() && engine.container.is_none()).then(|| {
        format!(
            "The machines of {} are reached through their Docker alone: choose a container, or machines over SSH in step 3.",
            cluster.name
        )
    })
}

/// What is brought to a far node; on this machine an engine is where it is.
fn engine_archive(engine: &EngineChoice, kind: &ClusterKind) -> Option<String> {
    let is_brought = *kind == ClusterKind::Machines && !engine.archive.is_empty();
    is_brought.then(|| engine.archive.clone())
}

/// Where a model's files are on the node. A far one gets them into a folder of the model's own, whose
/// place the runner knows when it gets there. Through Docker alone no files are sent: they have to lie at
/// the same path there.
fn path_on_node(cluster: &Cluster, path: &str) -> Result<String, FieldErrors> {
    if cluster.kind != ClusterKind::Machines || cluster.is_docker_only() {
        return Ok(path.to_owned());
    }
    let name = path.trim_end_matches('/').rsplit('/').next();
    match name.filter(|name| !name.is_empty() && *name != "..") {
        Some(name) => Ok(format!("{{models}}/{name}")),
        None => Err(FieldErrors::one(
            "model_id",
            "The path of this model names no file or folder that could be sent.",
        )),
    }
}

fn container_deployment(
    engine: &EngineChoice,
    container: &ContainerChoice,
    registry_login: Option<CredentialId>,
    model: &Model,
    files: &str,
) -> Result<Deployment, FieldErrors> {
    let template = engine.preset.container_template().ok_or_else(|| {
        FieldErrors::one(
            "runs_as",
            "This engine does not run in a container: choose anew in step 5.",
        )
    })?;
    let (mounts, seen) = match &model.source {
        ModelSource::LocalPath { .. } => {
            let (mount, seen) = model_in_container(files).ok_or_else(|| {
                FieldErrors::one(
                    "model_id",
                    "A container is given the model's folder: the model needs a whole path.",
                )
            })?;
            (vec![mount], seen)
        }
        _ => (Vec::new(), files.to_owned()),
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Ok(Deployment::Container {
        preset: engine.preset,
        container: container.clone(),
        registry_login,
        entrypoint: template.entrypoint.map(words),
        command: render_command(engine, &seen, &model.served_name),
        mounts,
        readiness_timeout_s: engine.readiness_timeout_s,
    })
}

/// What the proxy passes requests on to, where one is started.
fn upstream(
    draft: &Draft,
    catalogue: &Catalogue,
    cluster: &Cluster,
    model: &Model,
) -> Result<Option<ProxyUpstream>, FieldErrors> {
    let answers = draft.model.as_ref();
    let engine = answers.and_then(|answers| answers.engine.as_ref());
    let engine = engine
        .filter(|engine| cluster.kind.starts_engines() && engine.preset == EnginePreset::Litellm);
    let Some(engine) = engine else {
        return Ok(None);
    };
    let ModelSource::Cloud {
        provider, model, ..
    } = &model.source
    else {
        return Err(FieldErrors::one(
            "model_id",
            "The litellm proxy passes requests on to a provider: choose a cloud model in step 5.",
        ));
    };
    let id = cloud_credential(draft, catalogue, cluster.id)?;
    let credential = catalogue.credential(id);
    let base_url = credential.map_or("", |credential| credential.base_url.as_str());
    let upstream = ProxyUpstream::new(provider, model, &engine.upstream_model, base_url, id);
    Ok(Some(upstream))
}

/// The credential of step 6, checked once more.
fn cloud_credential(
    draft: &Draft,
    catalogue: &Catalogue,
    cluster_id: ClusterId,
) -> Result<CredentialId, FieldErrors> {
    let refused = |message: String| FieldErrors::one("credential_id", message);
    let id = draft
        .credential_id
        .ok_or_else(|| refused("Choose a credential in step 6.".to_owned()))?;
    sendable(id, Some(cluster_id), catalogue).map_err(refused)?;
    Ok(id)
}

/// The credential an endpoint has by itself. One that was archived since is still sent.
fn own_credential(
    id: Option<CredentialId>,
    base_url: &str,
    catalogue: &Catalogue,
) -> Result<Option<CredentialId>, FieldErrors> {
    let Some(id) = id else { return Ok(None) };
    let fits = catalogue
        .credential(id)
        .is_some_and(|credential| credential.fits(base_url));
    if fits {
        return Ok(Some(id));
    }
    Err(FieldErrors::one(
        "cluster_id",
        "The key of the chosen endpoint is not for its address: give the endpoint its key again.",
    ))
}

/// The credential of that id, if a run on that cluster may send it; else why not.
pub(super) fn sendable(
    id: CredentialId,
    cluster_id: Option<ClusterId>,
    catalogue: &Catalogue,
) -> Result<&Credential, String> {
    let cluster = cluster_id.and_then(|id| catalogue.cluster(id));
    let cluster = cluster.ok_or("Choose a cluster in step 3 first.")?;
    let credential = catalogue
        .credential(id)
        .ok_or("The chosen credential is gone: choose one in step 6.")?;
    if let Some(owner) = credential.endpoint_id
        && owner != cluster.id
    {
        return Err(format!(
            "“{}” belongs to another endpoint. Choose one of the registry.",
            credential.name
        ));
    }
    if credential.kind != CredentialKind::ProviderKey {
        return Err(format!(
            "“{}” is a {}: choose a provider's key.",
            credential.name,
            credential.kind.label()
        ));
    }
    // A proxy is told the address of the credential itself.
    let base_url = cluster.kind.base_url();
    match credential.refusal(base_url.unwrap_or(&credential.base_url)) {
        Some(reason) => Err(reason),
        None => Ok(credential),
    }
}
