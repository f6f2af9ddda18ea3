//! The plan of a run: immutable, complete, computed up front. It leaves no choice to execution.

mod fit;
mod spending;

use serde::{Deserialize, Serialize};

use crate::catalogue::{ClusterKind, Inventory, ModelFacts, ModelSource, NodeAccess};
use crate::engine::{ContainerChoice, ContainerMount, EngineCommand, EnginePreset, ProxyUpstream};
use crate::id::{ClusterId, CredentialId, ModelId, NodeId};
use crate::measure::quantile::has_few_samples;
use crate::workload::{Arrival, EvaluationMethod, StopRule, WorkloadSpec};

/// Version of [`RunPlan`] as it is stored.
pub const PLAN_VERSION: u32 = 1;

/// Everything a run does, as confirmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunPlan {
    /// [`PLAN_VERSION`] at the time.
    pub version: u32,
    /// Name of the benchmark.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Tags at the time; those of the benchmark may be edited later.
    pub tags: Vec<String>,
    /// How prompts come to be.
    pub method: EvaluationMethod,
    /// What is asked.
    pub model: PlannedModel,
    /// Where.
    pub cluster: PlannedCluster,
    /// How the engine comes to be there.
    pub deployment: Deployment,
    /// What it passes requests on to, where it is a proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<ProxyUpstream>,
    /// What is sent.
    pub workload: WorkloadSpec,
    /// The machine that makes the load; `None`: the server itself.
    #[serde(default)]
    pub load_from: Option<PlannedNode>,
    /// Whether a run leaves its engine to the next run of its group, warm. Else each starts its own.
    #[serde(default)]
    pub keep_engine: bool,
}

/// The model as it was when the plan was confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedModel {
    /// Its id.
    pub id: ModelId,
    /// Name shown.
    pub name: String,
    /// Name sent in requests.
    pub served_name: String,
    /// Where it comes from.
    pub source: ModelSource,
    /// Tokenizer path or empty.
    pub tokenizer_path: String,
    /// What its files said, digest included, when they had been read.
    #[serde(default)]
    pub facts: Option<ModelFacts>,
}

/// The cluster and the chosen nodes as they were when the plan was confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCluster {
    /// Its id.
    pub id: ClusterId,
    /// Name shown.
    pub name: String,
    /// How it is reached.
    pub kind: ClusterKind,
    /// The nodes this run holds while it lasts.
    pub nodes: Vec<PlannedNode>,
}

/// A chosen node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedNode {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// How it was to be reached.
    #[serde(default)]
    pub access: NodeAccess,
    /// What it has, when it was known.
    pub inventory: Option<Inventory>,
}

/// How the engine comes to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Deployment {
    /// It serves already.
    Endpoint {
        /// Base URL.
        base_url: String,
        /// The sealed key, if one is needed.
        credential_id: Option<CredentialId>,
    },
    /// The runner starts it as a process of the node and stops it again.
    #[serde(rename = "local_process")]
    Process {
        /// The preset it was made from.
        preset: EnginePreset,
        /// What is started.
        command: EngineCommand,
        /// How long it may take until it answers, in seconds.
        readiness_timeout_s: u32,
        /// Path on the server of the archive that holds it, where it is brought to a far node.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        archive: Option<String>,
    },
    /// The runner starts it in a container on the node and removes it again.
    Container {
        /// The preset it was made from.
        preset: EnginePreset,
        /// The image and what the container may use.
        container: ContainerChoice,
        /// The login of the image's registry, used when the node does not have the image.
        #[serde(default)]
        registry_login: Option<CredentialId>,
        /// Replaces the image's own entrypoint; `None` leaves it.
        entrypoint: Option<Vec<String>>,
        /// The words after the entrypoint.
        command: EngineCommand,
        /// What it sees of the node's files.
        mounts: Vec<ContainerMount>,
        /// How long it may take until it answers, in seconds.
        readiness_timeout_s: u32,
    },
}

impl Deployment {
    /// The preset and command of an engine that the run starts.
    pub fn started(&self) -> Option<(EnginePreset, &EngineCommand)> {
        match self {
            Self::Endpoint { .. } => None,
            Self::Process {
                preset, command, ..
            }
            | Self::Container {
                preset, command, ..
            } => Some((*preset, command)),
        }
    }

    /// Whether its engine can be kept between runs: one that Assay starts, and that does more than pass
    /// on. A proxy is given a key of its own for each run.
    pub fn can_keep_engine(&self) -> bool {
        self.started()
            .is_some_and(|(preset, _)| preset != EnginePreset::Litellm)
    }

    /// Whether this is the reference engine, which pages must label.
    pub fn is_reference(&self) -> bool {
        matches!(
            self,
            Self::Process {
                preset: EnginePreset::Reference,
                ..
            }
        )
    }

    /// The credential that requests to an endpoint carry, or an image is pulled with, if one is needed.
    fn credential_id(&self) -> Option<CredentialId> {
        match self {
            Self::Endpoint { credential_id, .. } => *credential_id,
            Self::Container { registry_login, .. } => *registry_login,
            Self::Process { .. } => None,
        }
    }

    /// `llama.cpp server`, `endpoint http://…`.
    pub fn in_words(&self) -> String {
        match self {
            Self::Endpoint { base_url, .. } => format!("endpoint {base_url}"),
            Self::Process { preset, .. } => preset.label().to_owned(),
            Self::Container {
                preset, container, ..
            } => format!("{} in a container of {}", preset.label(), container.image),
        }
    }
}

/// Something the plan checker wants a person to know before Execute. It does not forbid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanWarning {
    /// What, and what to do about it.
    pub message: String,
}

impl RunPlan {
    /// The credential of a registry or endpoint that the run opens: sent with requests, or given to a proxy.
    pub fn credential_id(&self) -> Option<CredentialId> {
        let upstream = self
            .upstream
            .as_ref()
            .map(|upstream| upstream.credential_id);
        upstream.or(self.deployment.credential_id())
    }

    /// Whether its engine is started on another machine than the server's.
    pub fn is_far(&self) -> bool {
        let nodes = &self.cluster.nodes;
        nodes.iter().any(|node| node.access != NodeAccess::Direct)
    }

    /// Whether that machine is reached through its Docker Engine alone: no files can be sent there.
    pub fn is_docker_only(&self) -> bool {
        let nodes = &self.cluster.nodes;
        nodes.iter().any(|node| node.access.docker().is_some())
    }

    /// Whether another machine than that of the engine makes the load: an engine that the run starts has to listen
    /// where that machine reaches it.
    pub fn is_loaded_from_elsewhere(&self) -> bool {
        let engine_node = self.cluster.nodes.first();
        let is_elsewhere =
            |machine: &PlannedNode| engine_node.is_none_or(|node| node.id != machine.id);
        self.deployment.started().is_some() && self.load_from.as_ref().is_some_and(is_elsewhere)
    }

    /// What a person should know before this plan is carried out.
    pub fn warnings(&self) -> Vec<PlanWarning> {
        let mut messages: Vec<String> = Vec::new();
        let workload = &self.workload;
        if let Some(count) = workload.expected_requests() {
            let enough_for = [(99.0, 1_000), (95.0, 200), (90.0, 100)];
            let few = enough_for
                .into_iter()
                .find(|(p, _)| !has_few_samples(u64::from(count), *p));
            match few {
                Some((99.0, _)) => {}
                Some((p, _)) => messages.push(format!(
                    "{count} requests are too few for p99: percentiles above p{p} will be marked “few samples”. p99 needs 1,000."
                )),
                None => messages.push(format!(
                    "{count} requests are too few for tail percentiles: p90 needs 100, p95 200, p99 1,000."
                )),
            }
        }
        if let (Some(concurrency), StopRule::Requests { count }) =
            (workload.arrival.concurrency(), workload.stop)
            && count < concurrency.saturating_mul(2)
        {
            messages.push(format!(
                "{count} requests at a concurrency of {concurrency} hardly hold the load: ask for at least {}.",
                concurrency.saturating_mul(2)
            ));
        }
        messages.extend(repeated_prompts(workload));
        if let Some(concurrency) = workload.arrival.concurrency()
            && workload.warmup_requests < concurrency
        {
            messages.push(format!(
                "Warm-up of {} requests is below the concurrency of {concurrency}: first-use costs of the engine may fall into the measured window.",
                workload.warmup_requests
            ));
        }
        match &self.deployment {
            Deployment::Process { preset: EnginePreset::Reference, .. } => messages.push(
                "The reference engine answers on a schedule and runs no model: its figures say nothing about any model.".to_owned(),
            ),
            Deployment::Process { preset: EnginePreset::Litellm, .. }
            | Deployment::Container { preset: EnginePreset::Litellm, .. } => messages.push(
                "Requests pass through a litellm proxy: its own time is in every latency, and what it can pass on at once bounds the throughput. An endpoint with the provider’s address goes without.".to_owned(),
            ),
            Deployment::Process { .. } | Deployment::Container { .. } if !self.is_far() => messages.push(
                "Engine and load share this machine’s processor: watch the client’s health on the result.".to_owned(),
            ),
            Deployment::Endpoint { .. } | Deployment::Process { .. } | Deployment::Container { .. } => {}
        }
        if let Deployment::Process { command, .. } = &self.deployment
            && self.is_loaded_from_elsewhere()
            && !command.names_host()
        {
            messages.push("The command does not say where to listen: with {host} in it, the engine listens where the machine that makes the load reaches it.".to_owned());
        }
        messages.extend(workload.early_limit());
        messages.extend(fit::limits(self));
        messages.extend(fit::warnings(self));
        messages
            .into_iter()
            .map(|message| PlanWarning { message })
            .collect()
    }

    /// How long it will take, as far as it can be told, in words.
    pub fn duration_in_words(&self) -> String {
        let workload = &self.workload;
        match (workload.stop, &workload.arrival) {
            (StopRule::Duration { seconds }, _) => {
                format!("{seconds} s of measured load, plus start, warm-up and drain")
            }
            (StopRule::Requests { count }, Arrival::ClosedLoop { concurrency }) => format!(
                "about {} answers one after another for each of {concurrency} users; how long one answer takes is what is measured",
                count.div_ceil((*concurrency).max(1))
            ),
            (StopRule::Requests { .. }, Arrival::OpenLoop { .. } | Arrival::Trace { .. }) => {
                format!(
                    "about {:.0} s of measured load, plus start, warm-up and drain",
                    workload.expected_arrivals_s().unwrap_or_default()
                )
            }
        }
    }
}

/// What to know when datasets have fewer rows than the run takes prompts.
fn repeated_prompts(workload: &WorkloadSpec) -> Option<String> {
    let rows = match workload.prompts.row_count() {
        0 => return None,
        1 => "1 row".to_owned(),
        count => format!("{count} rows"),
    };
    let row_count = workload.prompts.row_count();
    let Some(prompt_count) = workload.expected_prompts() else {
        return Some(format!(
            "The datasets have {rows}: if the run takes more prompts than that, warm-up included, they repeat in a new order, and a prefix cache of the engine may answer faster than it would otherwise."
        ));
    };
    (prompt_count > row_count).then(|| format!(
        "The datasets have {rows} for {prompt_count} requests, warm-up included: after {row_count} prompts they repeat in a new order, each {} times at most, and a prefix cache of the engine may answer faster than it would otherwise.",
        prompt_count.div_ceil(row_count)
    ))
}
