//! How the nodes of a cluster stand now: whether each is reachable, what runs there, what is left there.

use serde::{Deserialize, Serialize};

use super::{Cluster, ClusterKind, MachineKeys, Node, PendingCleanup};
use crate::id::{BenchmarkId, NodeId};
use crate::run::Stage;
use crate::time::Timestamp;

/// What cluster pages and the API tell of a cluster's nodes besides the nodes themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodesDetail {
    /// The fingerprints of the accepted keys, a line for each node that is reached over SSH.
    pub keys: Vec<MachineKeys>,
    /// What is to be cleaned up still, the oldest first.
    pub pending: Vec<PendingCleanup>,
    /// What runs on the nodes now, at most one run on each.
    pub work: Vec<NodeWork>,
}

impl NodesDetail {
    /// What runs on a node now.
    pub fn work_on(&self, node: NodeId) -> Option<&NodeWork> {
        self.work.iter().find(|work| work.node_id == node)
    }

    /// What is to be cleaned up still on a node.
    pub fn pending_on(&self, node: NodeId) -> impl Iterator<Item = &PendingCleanup> {
        self.pending.iter().filter(move |one| one.node_id == node)
    }
}

/// A run that holds a node now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeWork {
    /// The node.
    pub node_id: NodeId,
    /// The run.
    pub benchmark_id: BenchmarkId,
    /// The benchmark's name.
    pub benchmark_name: String,
    /// Since when the run goes on; `None` before its first event.
    pub since: Option<Timestamp>,
    /// The stage it is in; `None` between two stages.
    pub stage: Option<Stage>,
    /// Since when it is in that stage.
    pub stage_since: Option<Timestamp>,
}

/// What is known of the way to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeReach {
    /// Nobody looked yet.
    NotChecked,
    /// It answered at the last check, or the server runs on it.
    Reachable,
    /// It showed a host key that waits for a person.
    HostKeyWaits,
    /// It showed another host key than the accepted one.
    OtherHostKey,
    /// It did not answer at the last check, or let nobody in.
    NotReachable,
}

impl NodeReach {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotChecked => "not_checked",
            Self::Reachable => "reachable",
            Self::HostKeyWaits => "host_key_waits",
            Self::OtherHostKey => "other_host_key",
            Self::NotReachable => "not_reachable",
        }
    }
}

/// When and with what outcome somebody looked at a node last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastLook<'a> {
    /// When.
    pub checked_at: Timestamp,
    /// What came of it, in a sentence.
    pub message: &'a str,
    /// The time of a small exchange over the link in microseconds, where it was measured.
    pub round_trip_us: Option<u64>,
}

impl Cluster {
    /// What is known of the way to one of its nodes. Endpoints and this machine are checked as a whole.
    pub fn reach_of(&self, node: &Node) -> NodeReach {
        if let Some(check) = &node.last_check {
            return match &check.offered_key {
                _ if check.is_reachable => NodeReach::Reachable,
                Some(offered) if offered.accepted_before.is_some() => NodeReach::OtherHostKey,
                Some(_) => NodeReach::HostKeyWaits,
                None => NodeReach::NotReachable,
            };
        }
        match (&self.kind, &self.last_check) {
            (ClusterKind::ThisMachine, _) => NodeReach::Reachable,
            (ClusterKind::Endpoint { .. }, Some(check)) if check.is_reachable => {
                NodeReach::Reachable
            }
            (ClusterKind::Endpoint { .. }, Some(_)) => NodeReach::NotReachable,
            // A machine that came in after the others were checked.
            (ClusterKind::Machines, _) | (ClusterKind::Endpoint { .. }, None) => {
                NodeReach::NotChecked
            }
        }
    }

    /// The last look at one of its nodes, if there was one.
    pub fn last_look_at<'a>(&'a self, node: &'a Node) -> Option<LastLook<'a>> {
        if let Some(check) = &node.last_check {
            return Some(LastLook {
                checked_at: check.checked_at,
                message: &check.message,
                round_trip_us: check.round_trip_us,
            });
        }
        let check = self.last_check.as_ref();
        let check = check.filter(|_| self.kind != ClusterKind::Machines);
        check.map(|check| LastLook {
            checked_at: check.checked_at,
            message: &check.message,
            round_trip_us: None,
        })
    }
}

impl Node {
    /// How many of its accelerators no run holds: all or none, because a run holds whole nodes. `None` when
    /// it is not known what it has.
    pub fn free_accelerator_count(&self) -> Option<u32> {
        let inventory = self.inventory.as_ref()?;
        let count = u32::try_from(inventory.accelerators.len()).unwrap_or(u32::MAX);
        Some(if self.held_by.is_some() { 0 } else { count })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::catalogue::{
        Accelerator, Inventory, NodeAccess, NodeCheck, OfferedKey, ReachabilityCheck, SshHop,
    };
    use crate::id::ClusterId;

    fn node(last_check: Option<NodeCheck>) -> Node {
        Node {
            id: NodeId(Uuid::from_u128(1)),
            name: "one".to_owned(),
            access: NodeAccess::Direct,
            inventory: None,
            last_check,
            held_by: None,
        }
    }

    fn cluster(kind: ClusterKind, is_reachable: Option<bool>) -> Cluster {
        Cluster {
            id: ClusterId(Uuid::from_u128(2)),
            name: "c".to_owned(),
            kind,
            description: String::new(),
            nodes: Vec::new(),
            last_check: is_reachable.map(|is_reachable| ReachabilityCheck {
                checked_at: Timestamp(7),
                is_reachable,
                message: "in sum".to_owned(),
                served_models: Vec::new(),
                engine: None,
            }),
            created_at: Timestamp(0),
            archived_at: None,
        }
    }

    fn check(is_reachable: bool, offered_key: Option<OfferedKey>) -> NodeCheck {
        NodeCheck {
            checked_at: Timestamp(9),
            is_reachable,
            message: "its own".to_owned(),
            round_trip_us: Some(120),
            offered_key,
            left_there: Vec::new(),
        }
    }

    fn key(accepted_before: Option<&str>) -> OfferedKey {
        OfferedKey {
            of: SshHop::Node,
            kind: "ssh-ed25519".to_owned(),
            fingerprint: "SHA256:a".to_owned(),
            line: "ssh-ed25519 AAAA".to_owned(),
            accepted_before: accepted_before.map(str::to_owned),
        }
    }

    #[test]
    fn machines_are_judged_by_their_own_checks() {
        let rack = cluster(ClusterKind::Machines, Some(true));
        let reach = |check| rack.reach_of(&node(check));
        assert_eq!(reach(None), NodeReach::NotChecked);
        assert_eq!(reach(Some(check(true, None))), NodeReach::Reachable);
        assert_eq!(reach(Some(check(false, None))), NodeReach::NotReachable);
        let waits = Some(check(false, Some(key(None))));
        assert_eq!(reach(waits), NodeReach::HostKeyWaits);
        let other = Some(check(false, Some(key(Some("SHA256:b")))));
        assert_eq!(reach(other), NodeReach::OtherHostKey);
        assert_eq!(rack.last_look_at(&node(None)), None);
        let looked = node(Some(check(true, None)));
        let look = rack.last_look_at(&looked).unwrap();
        assert_eq!((look.message, look.round_trip_us), ("its own", Some(120)));
    }

    #[test]
    fn endpoints_and_this_machine_are_judged_as_a_whole() {
        let endpoint = ClusterKind::Endpoint {
            base_url: "http://x".to_owned(),
            credential_id: None,
        };
        let reach = |known| cluster(endpoint.clone(), known).reach_of(&node(None));
        assert_eq!(reach(None), NodeReach::NotChecked);
        assert_eq!(reach(Some(true)), NodeReach::Reachable);
        assert_eq!(reach(Some(false)), NodeReach::NotReachable);
        let here = cluster(ClusterKind::ThisMachine, None);
        assert_eq!(here.reach_of(&node(None)), NodeReach::Reachable);
        assert_eq!(here.last_look_at(&node(None)), None);
        let checked = cluster(endpoint, Some(false));
        let one = node(None);
        assert_eq!(checked.last_look_at(&one).unwrap().message, "in sum");
    }

    #[test]
    fn a_run_holds_all_accelerators_of_a_node() {
        let mut one = node(None);
        assert_eq!(one.free_accelerator_count(), None);
        one.inventory = Some(Inventory {
            accelerators: vec![Accelerator::default(), Accelerator::default()],
            ..Inventory::default()
        });
        assert_eq!(one.free_accelerator_count(), Some(2));
        one.held_by = Some(BenchmarkId(Uuid::from_u128(3)));
        assert_eq!(one.free_accelerator_count(), Some(0));
    }
}
