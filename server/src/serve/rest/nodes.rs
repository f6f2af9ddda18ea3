//! The nodes of a cluster, in the reference's shape: what `run-workflow` takes back as `nodes`.

use std::collections::BTreeMap;

use axum::Json;
use domain::catalogue::{ClusterKind, Inventory, Node};
use domain::id::ClusterId;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Refusal;
use super::extract::{Caller, PathId};
use crate::serve::edge::Edge;

/// Bytes of a gigabyte.
const GB: f64 = 1e9;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(get_node_metrics))
}

/// The nodes of a cluster.
#[derive(Debug, Serialize, ToSchema)]
struct NodesAnswer {
    /// Always `cluster.node.metrics`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The nodes by host name.
    nodes: BTreeMap<String, NodeBody>,
}

/// One node. What is not measured is `null`.
#[derive(Debug, Serialize, ToSchema)]
struct NodeBody {
    /// Its id.
    id: Uuid,
    /// Its host name, or the address of an endpoint.
    hostname: String,
    /// `Ready`, or `Unknown` for a node whose hardware is not known.
    status: String,
    /// The benchmark that holds it now.
    held_by: Option<Uuid>,
    /// Its operating system.
    system_info: Option<SystemBody>,
    /// Always `null`: nodes are machines, not parts of Kubernetes.
    pods: Option<UsageBody>,
    /// Its CPU in logical cores.
    cpu: Option<UsageBody>,
    /// Its memory in GB (10⁹ bytes).
    memory: Option<UsageBody>,
    /// Its accelerators.
    gpu: Option<UsageBody>,
    /// Its network.
    network: NetworkBody,
    /// Always 0.
    events_count: u32,
    /// What it has, as text.
    capacity: Option<CapacityBody>,
    /// What an engine can run on.
    devices: Vec<DeviceBody>,
}

/// An operating system.
#[derive(Debug, Serialize, ToSchema)]
struct SystemBody {
    /// Name and version.
    os: String,
    /// Kernel.
    kernel: String,
    /// Architecture, where it is known.
    architecture: Option<String>,
}

/// How much of something there is and how much of it is used.
#[derive(Debug, Serialize, ToSchema)]
struct UsageBody {
    /// In use; `null` because it is only measured during runs.
    current: Option<f64>,
    /// In all.
    capacity: f64,
}

/// A network.
#[derive(Debug, Serialize, ToSchema)]
struct NetworkBody {
    /// Always empty: it is only measured during runs.
    bandwidth: Vec<f64>,
}

/// What a node has, as text.
#[derive(Debug, Serialize, ToSchema)]
struct CapacityBody {
    /// Logical cores.
    cpu: String,
    /// Memory in bytes.
    memory: String,
    /// Disk, where it is known.
    disk: Option<String>,
}

/// Something an engine can run on.
#[derive(Debug, Serialize, ToSchema)]
struct DeviceBody {
    /// Product name.
    name: String,
    /// `cpu` or `cuda`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What is known of it.
    device_info: DeviceInfo,
    /// Always empty: peak rates are not guessed.
    device_config: BTreeMap<String, f64>,
    /// How many of it no run holds.
    available_count: u32,
}

/// What is known of a device.
#[derive(Debug, Serialize, ToSchema)]
struct DeviceInfo {
    /// Logical cores of a CPU.
    num_virtual_cores: Option<u32>,
    /// Memory of an accelerator in bytes.
    memory_bytes: Option<u64>,
    /// Driver of an accelerator.
    driver: Option<String>,
}

/// What the nodes of a cluster have.
#[utoipa::path(
    get, path = "/clusters/{id}/node-metrics", tag = "Catalogue", operation_id = "get_node_metrics",
    params(("id" = Uuid, Path, description = "The cluster.")),
    responses((status = 200, description = "The nodes.", body = NodesAnswer)),
)]
async fn get_node_metrics(
    caller: Caller,
    PathId(id): PathId<ClusterId>,
) -> Result<Json<NodesAnswer>, Refusal> {
    let cluster = service::catalogue::get_cluster(&caller.ctx, &caller.actor, id).await?;
    let is_endpoint = matches!(cluster.kind, ClusterKind::Endpoint { .. });
    let nodes = cluster.nodes.into_iter();
    Ok(Json(NodesAnswer {
        object: "cluster.node.metrics",
        message: "Successfully fetched node metrics",
        nodes: nodes
            .map(|node| (node.name.clone(), NodeBody::of(node, is_endpoint)))
            .collect(),
    }))
}

impl NodeBody {
    fn of(node: Node, is_endpoint: bool) -> Self {
        let is_free = node.held_by.is_none();
        let inventory = node.inventory.as_ref();
        let capacity = |amount: f64| UsageBody {
            current: None,
            capacity: amount,
        };
        let status = if inventory.is_some() || is_endpoint {
            "Ready"
        } else {
            "Unknown"
        };
        Self {
            id: node.id.0,
            status: status.to_owned(),
            held_by: node.held_by.map(|id| id.0),
            system_info: inventory.map(|inventory| SystemBody {
                os: inventory.os.clone(),
                kernel: inventory.kernel.clone(),
                architecture: None,
            }),
            pods: None,
            cpu: inventory.map(|inventory| capacity(f64::from(inventory.cpu_core_count))),
            memory: inventory.map(|inventory| capacity(inventory.memory_bytes as f64 / GB)),
            gpu: inventory
                .filter(|inventory| !inventory.accelerators.is_empty())
                .map(|inventory| capacity(inventory.accelerators.len() as f64)),
            network: NetworkBody {
                bandwidth: Vec::new(),
            },
            events_count: 0,
            capacity: inventory.map(|inventory| CapacityBody {
                cpu: inventory.cpu_core_count.to_string(),
                memory: inventory.memory_bytes.to_string(),
                disk: None,
            }),
            devices: inventory.map_or_else(Vec::new, |inventory| devices_of(inventory, is_free)),
            hostname: node.name,
        }
    }
}

fn devices_of(inventory: &Inventory, is_free: bool) -> Vec<DeviceBody> {
    let available_count = u32::from(is_free);
    let cpu = DeviceBody {
        name: inventory.cpu_model.clone(),
        kind: "cpu",
        device_info: DeviceInfo {
            num_virtual_cores: Some(inventory.cpu_core_count),
            memory_bytes: None,
            driver: None,
        },
        device_config: BTreeMap::new(),
        available_count,
    };
    let accelerators = inventory.accelerators.iter().map(|accelerator| DeviceBody {
        name: accelerator.name.clone(),
        kind: "cuda",
        device_info: DeviceInfo {
            num_virtual_cores: None,
            memory_bytes: Some(accelerator.memory_bytes),
            driver: Some(accelerator.driver.clone()),
        },
        device_config: BTreeMap::new(),
        available_count,
    });
    std::iter::once(cpu).chain(accelerators).collect()
}
