//! Clusters, their nodes, and what is known of them.

use serde::{Deserialize, Serialize};

use super::{CatalogueQuery, NodeAccess, NodeCheck};
use crate::id::{BenchmarkId, ClusterId, CredentialId, NodeId};
use crate::time::Timestamp;

/// How a cluster is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ClusterKind {
    /// The machine the runner works on: engines are local processes.
    ThisMachine,
    /// Machines that are reached over SSH, or through their Docker Engines over TLS: engines are started on
    /// them.
    Machines,
    /// A base URL that already serves an OpenAI-compatible API.
    Endpoint {
        /// The URL, without a trailing slash.
        base_url: String,
        /// The sealed key, when the endpoint wants one.
        credential_id: Option<CredentialId>,
    },
}

impl ClusterKind {
    /// The kind's name in forms and in the database.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ThisMachine => "this_machine",
            Self::Machines => "machines",
            Self::Endpoint { .. } => "endpoint",
        }
    }

    /// The address of an endpoint.
    pub fn base_url(&self) -> Option<&str> {
        match self {
            Self::ThisMachine | Self::Machines => None,
            Self::Endpoint { base_url, .. } => Some(base_url),
        }
    }

    /// Whether engines are started there; else one serves already.
    pub fn starts_engines(&self) -> bool {
        match self {
            Self::ThisMachine | Self::Machines => true,
            Self::Endpoint { .. } => false,
        }
    }

    /// The credential an endpoint sends by itself, if it has one.
    pub fn credential_id(&self) -> Option<CredentialId> {
        match self {
            Self::ThisMachine | Self::Machines => None,
            Self::Endpoint { credential_id, .. } => *credential_id,
        }
    }
}

/// A named set of nodes, or an endpoint (which has one node that stands for it, so that runs
/// against it queue like on any other node).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its id.
    pub id: ClusterId,
    /// Name shown; unique.
    pub name: String,
    /// How it is reached.
    pub kind: ClusterKind,
    /// Free text.
    pub description: String,
    /// Its nodes, by name.
    pub nodes: Vec<Node>,
    /// The last check, if there was one.
    pub last_check: Option<ReachabilityCheck>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was put away; it is no longer offered then.
    pub archived_at: Option<Timestamp>,
}

impl Cluster {
    /// The credential that an endpoint is sent, or that the machines are signed in to with.
    pub fn credential_id(&self) -> Option<CredentialId> {
        self.kind.credential_id().or_else(|| {
            let mut nodes = self.nodes.iter();
            nodes.find_map(|node| node.access.credential_id())
        })
    }

    /// Whether its machines are reached through their Docker Engines alone: nothing but containers runs
    /// there, and no files are sent.
    pub fn is_docker_only(&self) -> bool {
        self.nodes.iter().any(|node| node.access.docker().is_some())
    }

    /// Whether a list shows it. A search looks at its nodes as well.
    pub fn is_shown(&self, query: &CatalogueQuery) -> bool {
        let id = self.id.to_string();
        let address = match &self.kind {
            ClusterKind::ThisMachine => "this machine",
            ClusterKind::Machines => "",
            ClusterKind::Endpoint { base_url, .. } => base_url,
        };
        let mut texts = vec![self.name.as_str(), &self.description, address, &id];
        let addresses = self.nodes.iter().filter_map(|node| node.access.address());
        let hosts: Vec<String> = addresses.map(|it| it.host().to_owned()).collect();
        texts.extend(hosts.iter().map(String::as_str));
        for node in &self.nodes {
            texts.push(&node.name);
            if let Some(inventory) = &node.inventory {
                texts.extend([inventory.cpu_model.as_str(), &inventory.os]);
                texts.extend(inventory.accelerators.iter().map(|one| one.name.as_str()));
            }
        }
        query.shows(&texts, self.archived_at)
    }
}

/// What a check of a cluster found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachabilityCheck {
    /// When.
    pub checked_at: Timestamp,
    /// Whether it answered.
    pub is_reachable: bool,
    /// What it said, or why not, in a sentence.
    pub message: String,
    /// Models it serves (endpoints).
    pub served_models: Vec<String>,
    /// Name and version of the engine, when it tells.
    pub engine: Option<EngineIdentity>,
}

/// Name and version of an engine, as it tells them itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineIdentity {
    /// `vllm`, `llama.cpp`, `assay-reference`, …
    pub name: String,
    /// Its version, as told; empty when it does not tell.
    pub version: String,
}

impl EngineIdentity {
    /// `llama.cpp b9999` or just the name.
    pub fn in_words(&self) -> String {
        format!("{} {}", self.name, self.version)
            .trim_end()
            .to_owned()
    }
}

/// One machine of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Host name, or the address of an endpoint.
    pub name: String,
    /// How it is reached.
    #[serde(default)]
    pub access: NodeAccess,
    /// What it has, when it is known.
    pub inventory: Option<Inventory>,
    /// What the last look at it found, if there was one.
    #[serde(default)]
    pub last_check: Option<NodeCheck>,
    /// The benchmark that holds it now, if any.
    pub held_by: Option<BenchmarkId>,
}

/// What a machine has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// When it was read.
    pub read_at: Timestamp,
    /// Host name.
    pub hostname: String,
    /// Operating system with version.
    pub os: String,
    /// Kernel version.
    pub kernel: String,
    /// CPU model.
    pub cpu_model: String,
    /// Logical cores.
    pub cpu_core_count: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Accelerators; empty when there are none.
    pub accelerators: Vec<Accelerator>,
    /// Instruction set, such as `x86_64` or `aarch64`; empty when it is not known.
    #[serde(default)]
    pub architecture: String,
    /// CPU sockets; 0 when it is not known.
    #[serde(default)]
    pub socket_count: u32,
    /// Flags of the CPU that engines ask for, such as `avx2` or `avx512f`.
    #[serde(default)]
    pub cpu_features: Vec<String>,
    /// The disk of the folder that commands run in there: the server’s own on this machine.
    #[serde(default)]
    pub disk: Option<Disk>,
    /// What runs containers there, with its version, such as `Docker 28.2.2`.
    #[serde(default)]
    pub container_runtime: Option<String>,
}

impl Inventory {
    /// `cpu`, or `gpu` when there is an accelerator.
    pub fn node_type(&self) -> &'static str {
        if self.accelerators.is_empty() {
            "cpu"
        } else {
            "gpu"
        }
    }

    /// The accelerator's name, or the CPU model: the vendor column of the history.
    pub fn vendor(&self) -> String {
        self.accelerators
            .first()
            .map_or_else(|| self.cpu_model.clone(), |first| first.name.clone())
    }
}

/// A file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Its size in bytes.
    pub total_bytes: u64,
    /// What an ordinary user may still take, in bytes.
    pub free_bytes: u64,
}

/// One accelerator of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accelerator {
    /// Product name.
    pub name: String,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Driver version.
    pub driver: String,
    /// Its number on the node, by which engines and containers are given it.
    #[serde(default)]
    pub index: u32,
    /// The maker's own id of the device; empty when it tells none.
    #[serde(default)]
    pub uuid: String,
    /// Memory in use when it was read, in bytes.
    #[serde(default)]
    pub used_bytes: u64,
    /// How it is connected to the others: their number, and the kind of link in the maker's own word,
    /// such as `NV18`, `PIX`, `SYS` or `XGMI`.
    #[serde(default)]
    pub links: Vec<(u32, String)>,
}

/// An engine found on loopback at the first start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundEngine {
    /// Its base URL.
    pub base_url: String,
    /// The models it serves.
    pub served_models: Vec<String>,
    /// What it says it is.
    pub engine: Option<EngineIdentity>,
}

/// Ports of loopback where engines usually listen: vLLM, llama.cpp and others, Ollama, SGLang, LM
/// Studio.
pub const USUAL_PORTS: [u16; 5] = [8000, 8080, 11434, 30000, 1234];
