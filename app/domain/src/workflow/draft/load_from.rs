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

    /// The machines that can make the load of a run on `cluster`, besides the server itself. An engine
    /// that is started listens on its own node alone; an endpoint is reached from anywhere.
    pub fn load_machines<'a>(&'a self, cluster: &'a Cluster) -> Vec<&'a Node> {
        match cluster.kind {
            ClusterKind::ThisMachine => Vec::new(),
            ClusterKind::Machines => {
                let own = |node: &&Node| cluster.nodes.iter().any(|own| own.id == node.id);
                self.machines().filter(own).collect()
            }
            ClusterKind::Endpoint { .. } => self.machines().collect(),
        }
    }
}

impl Draft {
    /// Why that machine cannot make the load; `None`: it can.
    pub(crate) fn refuses_load_from(&self, id: NodeId, catalogue: &Catalogue) -> Option<String> {
        let cluster = self.cluster_id.and_then(|id| catalogue.cluster(id))?;
        let machines = catalogue.load_machines(cluster);
        let Some(machine) = machines.into_iter().find(|node| node.id == id) else {
            return Some(match cluster.kind {
                ClusterKind::ThisMachine => {
                    "An engine on this machine is reached from this machine alone.".to_owned()
                }
                _ => "Choose a machine of a cluster whose key is accepted.".to_owned(),
            });
        };
        // The engine is started on the first of the nodes.
        let engine_node = cluster
            .nodes
            .iter()
            .find(|node| self.node_ids.contains(&node.id));
        let is_engines = engine_node.is_none_or(|node| node.id == id);
        (cluster.kind == ClusterKind::Machines && !is_engines).then(|| {
            format!(
                "The engine listens on its own node alone: let {} make the load, or the server.",
                engine_node.map_or(machine.name.as_str(), |node| node.name.as_str())
            )
        })
    }
}
