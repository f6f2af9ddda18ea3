//! Which machine makes the load.

use super::{Catalogue, Draft};
use crate::catalogue::{Cluster, ClusterKind, Node};
use crate::id::NodeId;

impl Catalogue {
    /// A machine over SSH whose key somebody has accepted.
    pub fn machine(&self, id: NodeId) -> Option<&Node> {
        self.machines().find(|node| node.id == id)
    }

    fn machines(&self) -> impl Iterator<Item = &Node> {
        let nodes = self.clusters.iter().flat_map(|cluster| &cluster.nodes);
        nodes.filter(|node| node.access.ssh().is_some_and(|ssh| ssh.host_key.is_some()))
    }

    /// The machines that can make the load of a run on `cluster`, besides the server itself.
    pub fn load_machines(&self, cluster: &Cluster) -> Vec<&Node> {
        match cluster.kind {
            ClusterKind::ThisMachine => Vec::new(),
            ClusterKind::Machines | ClusterKind::Endpoint { .. } => self.machines().collect(),
        }
    }
}

impl Draft {
    /// Why that machine cannot make the load; `None`: it can.
    pub(crate) fn refuses_load_from(&self, id: NodeId, catalogue: &Catalogue) -> Option<String> {
        let cluster = self.cluster_id.and_then(|id| catalogue.cluster(id))?;
        let machines = catalogue.load_machines(cluster);
        let can = machines.iter().any(|machine| machine.id == id);
        (!can).then(|| {
            match cluster.kind {
                ClusterKind::ThisMachine => {
                    "An engine on this machine is reached from this machine alone."
                }
                _ if cluster.is_docker_only() => {
                    "A machine that is reached through its Docker alone makes no load: choose the server, or a machine over SSH."
                }
                _ => "Choose a machine of a cluster whose key is accepted.",
            }
            .to_owned()
        })
    }
}
