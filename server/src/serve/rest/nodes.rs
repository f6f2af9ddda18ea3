//! The nodes of a cluster, in the reference's shape: what `run-workflow` takes back as `nodes`, and how they
//! stand now.

use std::collections::BTreeMap;

use axum::Json;
use domain::catalogue::{
    Accelerator, Cluster, Inventory, Node, NodeReach, NodeWork, NodesDetail, PendingCleanup,
};
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
    /// `Ready`, `NotReady` for a node that did not let anybody in at the last check, or `Unknown`.
    status: &'static str,
    /// `reachable`, `not_reachable`, `host_key_waits`, `other_host_key` or `not_checked`.
    reachability: &'static str,
    /// The last look at it; `null` before the first one.
    last_check: Option<LastCheckBody>,
    /// The benchmark that holds it now.
    held_by: Option<Uuid>,
    /// What runs there now; `null` for a node that is free.
    running: Option<RunningBody>,
    /// What runs left there that could not be cleaned up yet, the oldest first.
    pending_cleanups: Vec<PendingBody>,
    /// How many of its accelerators no run holds: all or none, because a run holds whole nodes. `null`
    /// when its hardware is not known.
    free_accelerators: Option<u32>,
    /// What runs containers there, with its version; `null` when nothing does or it is not known.
    container_runtime: Option<String>,
    /// When its hardware was read.
    #[schema(format = DateTime)]
    inventory_read_at: Option<String>,
    /// The disk of the folder that commands run in there.
    disk: Option<DiskBody>,
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

/// The last look at a node.
#[derive(Debug, Serialize, ToSchema)]
struct LastCheckBody {
    /// When.
    #[schema(format = DateTime)]
    checked_at: String,
    /// Whether it answered and let somebody in.
    is_reachable: bool,
    /// What came of it, as a sentence.
    message: String,
    /// The time of a small exchange over the link in microseconds; `null` where it is not measured.
    round_trip_us: Option<u64>,
    /// What this installation had started there and was still there.
    found_there: Vec<FoundBody>,
}

/// Something of this installation on a machine.
#[derive(Debug, Serialize, ToSchema)]
struct FoundBody {
    /// The run it belongs to; `null` when its mark names none.
    benchmark_id: Option<Uuid>,
    /// Its name on the machine.
    name: String,
    /// `process` or `container`.
    kind: &'static str,
    /// Whether it ran.
    is_running: bool,
}

/// A run that holds a node.
#[derive(Debug, Serialize, ToSchema)]
struct RunningBody {
    /// The benchmark.
    benchmark_id: Uuid,
    /// Its name.
    benchmark_name: String,
    /// The stage it is in, such as `deploy_engine`; `null` between two stages.
    stage: Option<&'static str>,
    /// Since when it is in that stage.
    #[schema(format = DateTime)]
    stage_since: Option<String>,
    /// Since when the run goes on; `null` before its first event.
    #[schema(format = DateTime)]
    since: Option<String>,
}

/// A clean-up that failed so far and is tried again.
#[derive(Debug, Serialize, ToSchema)]
struct PendingBody {
    /// The run.
    benchmark_id: Uuid,
    /// Why the last try failed, as a sentence.
    reason: String,
    /// When the first try failed.
    #[schema(format = DateTime)]
    since: String,
    /// When the last try failed.
    #[schema(format = DateTime)]
    last_try_at: String,
}

/// A file system.
#[derive(Debug, Serialize, ToSchema)]
struct DiskBody {
    /// Its size in bytes.
    total_bytes: u64,
    /// What an ordinary user may still take, in bytes.
    free_bytes: u64,
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
    /// Size of the disk in bytes, where it is known.
    disk: Option<String>,
}

/// Something an engine can run on.
#[derive(Debug, Serialize, ToSchema)]
struct DeviceBody {
    /// Product name.
    name: String,
    /// `cpu`, `cuda`, or `rocm` for accelerators of AMD.
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
#[derive(Debug, Default, Serialize, ToSchema)]
struct DeviceInfo {
    /// Logical cores of a CPU.
    num_virtual_cores: Option<u32>,
    /// Sockets of a CPU, where it is known.
    num_sockets: Option<u32>,
    /// Number of an accelerator on its node.
    index: Option<u32>,
    /// Memory of an accelerator in bytes.
    memory_bytes: Option<u64>,
    /// How much of it was in use when it was read, by whomever.
    used_bytes: Option<u64>,
    /// Driver of an accelerator.
    driver: Option<String>,
}

/// How the nodes of a cluster stand: what they have, whether they are reachable, what runs there.
#[utoipa::path(
    get, path = "/clusters/{id}/node-metrics", tag = "Catalogue", operation_id = "get_node_metrics",
    params(("id" = Uuid, Path, description = "The cluster.")),
    responses((status = 200, description = "The nodes.", body = NodesAnswer)),
)]
async fn get_node_metrics(
    caller: Caller,
    PathId(id): PathId<ClusterId>,
) -> Result<Json<NodesAnswer>, Refusal> {
    let (cluster, detail) =
        service::catalogue::get_standing(&caller.ctx, &caller.actor, id).await?;
    let nodes = cluster.nodes.iter();
    Ok(Json(NodesAnswer {
        object: "cluster.node.metrics",
        message: "Successfully fetched node metrics",
        nodes: nodes
            .map(|node| (node.name.clone(), NodeBody::of(&cluster, node, &detail)))
            .collect(),
    }))
}

impl NodeBody {
    fn of(cluster: &Cluster, node: &Node, detail: &NodesDetail) -> Self {
        let inventory = node.inventory.as_ref();
        let capacity = |amount: f64| UsageBody {
            current: None,
            capacity: amount,
        };
        let reach = cluster.reach_of(node);
        Self {
            id: node.id.0,
            hostname: node.name.clone(),
            status: match reach {
                NodeReach::Reachable => "Ready",
                NodeReach::NotChecked => "Unknown",
                NodeReach::HostKeyWaits | NodeReach::OtherHostKey | NodeReach::NotReachable => {
                    "NotReady"
                }
            },
            reachability: reach.as_str(),
            last_check: last_check_of(cluster, node),
            held_by: node.held_by.map(|id| id.0),
            running: detail.work_on(node.id).map(RunningBody::of),
            pending_cleanups: detail.pending_on(node.id).map(PendingBody::of).collect(),
            free_accelerators: node.free_accelerator_count(),
            container_runtime: inventory.and_then(|inventory| inventory.container_runtime.clone()),
            inventory_read_at: inventory.map(|inventory| inventory.read_at.to_rfc3339()),
            disk: inventory
                .and_then(|inventory| inventory.disk)
                .map(|disk| DiskBody {
                    total_bytes: disk.total_bytes,
                    free_bytes: disk.free_bytes,
                }),
            system_info: inventory.map(|inventory| SystemBody {
                os: inventory.os.clone(),
                kernel: inventory.kernel.clone(),
                architecture: Some(inventory.architecture.clone())
                    .filter(|architecture| !architecture.is_empty()),
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
                disk: inventory.disk.map(|disk| disk.total_bytes.to_string()),
            }),
            devices: inventory.map_or_else(Vec::new, |inventory| {
                devices_of(inventory, node.held_by.is_none())
            }),
        }
    }
}

fn last_check_of(cluster: &Cluster, node: &Node) -> Option<LastCheckBody> {
    let look = cluster.last_look_at(node)?;
    let found = node.last_check.as_ref().map(|check| &check.left_there);
    let found = found.into_iter().flatten().map(|found| FoundBody {
        benchmark_id: found.benchmark_id.map(|id| id.0),
        name: found.name.clone(),
        kind: found.what.as_str(),
        is_running: found.is_running,
    });
    Some(LastCheckBody {
        checked_at: look.checked_at.to_rfc3339(),
        is_reachable: cluster.reach_of(node) == NodeReach::Reachable,
        message: look.message.to_owned(),
        round_trip_us: look.round_trip_us,
        found_there: found.collect(),
    })
}

impl RunningBody {
    fn of(work: &NodeWork) -> Self {
        Self {
            benchmark_id: work.benchmark_id.0,
            benchmark_name: work.benchmark_name.clone(),
            stage: work.stage.map(domain::run::Stage::as_str),
            stage_since: work.stage_since.map(domain::time::Timestamp::to_rfc3339),
            since: work.since.map(domain::time::Timestamp::to_rfc3339),
        }
    }
}

impl PendingBody {
    fn of(pending: &PendingCleanup) -> Self {
        Self {
            benchmark_id: pending.benchmark_id.0,
            reason: pending.reason.clone(),
            since: pending.since.to_rfc3339(),
            last_try_at: pending.last_try_at.to_rfc3339(),
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
            num_sockets: (inventory.socket_count > 0).then_some(inventory.socket_count),
            ..DeviceInfo::default()
        },
        device_config: BTreeMap::new(),
        available_count,
    };
    let accelerators = inventory.accelerators.iter().map(|accelerator| DeviceBody {
        name: accelerator.name.clone(),
        kind: kind_of(accelerator),
        device_info: DeviceInfo {
            index: Some(accelerator.index),
            memory_bytes: Some(accelerator.memory_bytes),
            used_bytes: Some(accelerator.used_bytes),
            driver: Some(accelerator.driver.clone()),
            ..DeviceInfo::default()
        },
        device_config: BTreeMap::new(),
        available_count,
    });
    std::iter::once(cpu).chain(accelerators).collect()
}

/// The software that an accelerator is driven with, by its product's name.
fn kind_of(accelerator: &Accelerator) -> &'static str {
    let is_amd = ["AMD", "Instinct", "Radeon"];
    if is_amd.iter().any(|word| accelerator.name.contains(word)) {
        "rocm"
    } else {
        "cuda"
    }
}
