//! Models and clusters as the reference's answers show them.

use domain::catalogue::{Cluster, ClusterKind, Inventory, Model, ModelSource};
use domain::plan::{PlannedCluster, PlannedModel};
use domain::run::RunStatus;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A tag with its colour.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct TagBody {
    /// The tag.
    pub(super) name: String,
    /// As `#rrggbb`.
    pub(super) color: String,
}

/// Where a run stands, in the reference's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StatusWord {
    /// It waits or runs.
    Processing,
    /// It ended with a result.
    Success,
    /// It ended without.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl StatusWord {
    /// The word for a status.
    pub(super) fn of(status: RunStatus) -> Self {
        match status {
            RunStatus::Completed => Self::Success,
            RunStatus::Failed => Self::Failed,
            RunStatus::Cancelled => Self::Cancelled,
            _ => Self::Processing,
        }
    }
}

/// Where a run stands, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RunStatusWord {
    /// Waits for its nodes.
    Queued,
    /// Before the load.
    Provisioning,
    /// Warm-up.
    Warming,
    /// The measured window.
    Running,
    /// Results are being stored.
    Collecting,
    /// The engine is being stopped.
    CleaningUp,
    /// Ended with a result.
    Completed,
    /// Ended without.
    Failed,
    /// Cancelled.
    Cancelled,
}

impl From<RunStatus> for RunStatusWord {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Queued => Self::Queued,
            RunStatus::Provisioning => Self::Provisioning,
            RunStatus::Warming => Self::Warming,
            RunStatus::Running => Self::Running,
            RunStatus::Collecting => Self::Collecting,
            RunStatus::CleaningUp => Self::CleaningUp,
            RunStatus::Completed => Self::Completed,
            RunStatus::Failed => Self::Failed,
            RunStatus::Cancelled => Self::Cancelled,
        }
    }
}

/// A model. What the catalogue does not know is `null`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ModelBody {
    /// Its id.
    id: Uuid,
    /// Name shown.
    name: String,
    /// Who made it.
    author: Option<String>,
    /// Always `llm`.
    modality: String,
    /// Where it comes from: `hugging_face`, `local_path`, `served`, `reference`, or a provider.
    source: String,
    /// Name sent in requests.
    uri: String,
    /// Who added it.
    created_user: Option<String>,
    /// Parameters.
    model_size: Option<u64>,
    /// What it is for.
    tasks: Vec<TagBody>,
    /// Tags.
    tags: Vec<TagBody>,
    /// A picture.
    icon: Option<String>,
    /// Free text.
    description: String,
    /// `cloud_model`, `hugging_face`, `disk`, `url` (an endpoint serves it) or `reference`.
    provider_type: String,
    /// When it was added; `null` when it is gone from the catalogue.
    #[schema(format = DateTime)]
    created_at: Option<String>,
    /// When it was last changed, where that is known.
    #[schema(format = DateTime)]
    modified_at: Option<String>,
    /// The provider of a cloud model.
    provider: Option<String>,
    /// Not used here.
    is_present_in_model: Option<bool>,
    /// Not used here.
    model_cluster_recommended: Option<String>,
}

impl ModelBody {
    /// The model as a plan has it; `known` is the catalogue's entry, if it is still there.
    pub(super) fn of(planned: &PlannedModel, known: Option<&Model>) -> Self {
        let (source, provider_type) = source_words(&planned.source);
        Self {
            id: planned.id.0,
            name: planned.name.clone(),
            author: author_of(&planned.source),
            modality: "llm".to_owned(),
            source,
            uri: planned.served_name.clone(),
            created_user: None,
            model_size: planned
                .facts
                .as_ref()
                .and_then(|facts| Some(facts.parameters?.count)),
            tasks: Vec::new(),
            tags: Vec::new(),
            icon: None,
            description: known.map_or_else(String::new, |model| model.description.clone()),
            provider_type: provider_type.to_owned(),
            created_at: known.map(|model| model.created_at.to_rfc3339()),
            modified_at: None,
            provider: match &planned.source {
                ModelSource::Cloud { provider, .. } => Some(provider.clone()),
                _ => None,
            },
            is_present_in_model: None,
            model_cluster_recommended: None,
        }
    }
}

/// `source` and `provider_type` in the reference's words.
fn source_words(source: &ModelSource) -> (String, &'static str) {
    let provider_type = match source {
        ModelSource::HuggingFace { .. } => "hugging_face",
        ModelSource::LocalPath { .. } => "disk",
        ModelSource::Served => "url",
        ModelSource::Cloud { .. } => "cloud_model",
        ModelSource::Reference => "reference",
    };
    (source.kind().to_owned(), provider_type)
}

/// The organisation of a Hugging Face repository.
fn author_of(source: &ModelSource) -> Option<String> {
    match source {
        ModelSource::HuggingFace { repository, .. } => {
            repository.split('/').next().map(str::to_owned)
        }
        _ => None,
    }
}

/// A cluster with what its nodes have.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ClusterBody {
    /// Its id.
    id: Uuid,
    /// Name shown.
    name: String,
    /// A picture.
    icon: Option<String>,
    /// Where it answers; `null` for the machine the server runs on.
    ingress_url: Option<String>,
    /// `ON_PREM` for the server's own machine, `ENDPOINT` for an address that serves.
    cluster_type: String,
    /// When it was added; `null` when it is gone from the catalogue.
    #[schema(format = DateTime)]
    created_at: Option<String>,
    /// When it was last changed, where that is known.
    #[schema(format = DateTime)]
    modified_at: Option<String>,
    /// `available`, `not_available` after a check that failed, or `deleted`.
    status: String,
    /// The same as `id`.
    cluster_id: Uuid,
    /// Nodes with a CPU that is known.
    cpu_count: u32,
    /// Accelerators.
    gpu_count: u32,
    /// Always 0: no Habana devices are known here.
    hpu_count: u32,
    /// Nodes that can run an engine on their CPU.
    cpu_total_workers: u32,
    /// Of these, not held by a run.
    cpu_available_workers: u32,
    /// Accelerators of all nodes.
    gpu_total_workers: u32,
    /// Of these, on nodes that no run holds.
    gpu_available_workers: u32,
    /// Always 0.
    hpu_total_workers: u32,
    /// Always 0.
    hpu_available_workers: u32,
    /// Nodes.
    total_nodes: u32,
    /// Nodes that no run holds.
    available_nodes: u32,
}

impl ClusterBody {
    /// The cluster as a plan has it; `known` is the catalogue's entry, if it is still there.
    pub(super) fn of(planned: &PlannedCluster, known: Option<&Cluster>) -> Self {
        let nodes: Vec<(Option<&Inventory>, bool)> = match known {
            Some(cluster) => cluster
                .nodes
                .iter()
                .map(|node| (node.inventory.as_ref(), node.held_by.is_none()))
                .collect(),
            None => planned
                .nodes
                .iter()
                .map(|node| (node.inventory.as_ref(), false))
                .collect(),
        };
        let sum = |count: fn(&Inventory) -> usize, is_free_only: bool| {
            let counted = nodes
                .iter()
                .filter(|(_, is_free)| *is_free || !is_free_only)
                .filter_map(|(inventory, _)| inventory.map(count));
            u32::try_from(counted.sum::<usize>()).unwrap_or(u32::MAX)
        };
        let count = |amount: usize| u32::try_from(amount).unwrap_or(u32::MAX);
        let cpus = |_: &Inventory| 1;
        let gpus = |inventory: &Inventory| inventory.accelerators.len();
        let is_unreachable = known
            .and_then(|cluster| cluster.last_check.as_ref())
            .is_some_and(|check| !check.is_reachable);
        let status = match known {
            None => "deleted",
            Some(_) if is_unreachable => "not_available",
            Some(_) => "available",
        };
        let (cluster_type, ingress_url) = match known.map_or(&planned.kind, |known| &known.kind) {
            ClusterKind::ThisMachine | ClusterKind::Machines => ("ON_PREM", None),
            ClusterKind::Endpoint { base_url, .. } => ("ENDPOINT", Some(base_url.clone())),
        };
        Self {
            id: planned.id.0,
            name: planned.name.clone(),
            icon: None,
            ingress_url,
            cluster_type: cluster_type.to_owned(),
            created_at: known.map(|cluster| cluster.created_at.to_rfc3339()),
            modified_at: None,
            status: status.to_owned(),
            cluster_id: planned.id.0,
            cpu_count: sum(cpus, false),
            gpu_count: sum(gpus, false),
            hpu_count: 0,
            cpu_total_workers: sum(cpus, false),
            cpu_available_workers: sum(cpus, true),
            gpu_total_workers: sum(gpus, false),
            gpu_available_workers: sum(gpus, true),
            hpu_total_workers: 0,
            hpu_available_workers: 0,
            total_nodes: count(nodes.len()),
            available_nodes: count(nodes.iter().filter(|(_, is_free)| *is_free).count()),
        }
    }
}
