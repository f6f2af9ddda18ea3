//! What a look at a machine found.

use serde::{Deserialize, Serialize};

use crate::id::{BenchmarkId, NodeId};
use crate::time::Timestamp;

/// What the last look at a node found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCheck {
    /// When.
    pub checked_at: Timestamp,
    /// Whether somebody could sign in there.
    pub is_reachable: bool,
    /// What came of it, in a sentence.
    pub message: String,
    /// The time of a small exchange over the link, in microseconds.
    #[serde(default)]
    pub round_trip_us: Option<u64>,
    /// A key that a machine on the way showed and nobody has accepted: nothing was sent to it.
    #[serde(default)]
    pub offered_key: Option<OfferedKey>,
    /// What this installation started there and is still there.
    #[serde(default)]
    pub left_there: Vec<FoundThere>,
}

impl NodeCheck {
    /// A look at `now` that has found nothing yet.
    pub fn nothing_found(now: Timestamp) -> Self {
        Self {
            checked_at: now,
            is_reachable: false,
            message: String::new(),
            round_trip_us: None,
            offered_key: None,
            left_there: Vec::new(),
        }
    }
}

/// Which machine on the way to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SshHop {
    /// The node itself.
    Node,
    /// The machine on the way to it.
    Jump,
}

impl SshHop {
    /// The name in forms and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Jump => "jump",
        }
    }

    /// The machine of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Node, Self::Jump]
            .into_iter()
            .find(|hop| hop.as_str() == text)
    }
}

/// A host key that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedKey {
    /// Whose it is.
    pub of: SshHop,
    /// `ssh-ed25519` and the like.
    pub kind: String,
    /// `SHA256:…`, as `ssh-keygen -l` shows it.
    pub fingerprint: String,
    /// The key as one line of a `known_hosts` file without the host.
    pub line: String,
    /// The fingerprint of the key that was accepted before, when this is another one.
    #[serde(default)]
    pub accepted_before: Option<String>,
}

/// Something of this installation on a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundThere {
    /// The run it belongs to; `None` when its mark names none.
    pub benchmark_id: Option<BenchmarkId>,
    /// Its name on the machine.
    pub name: String,
    /// What it is.
    pub what: ThereAs,
    /// Whether it runs.
    pub is_running: bool,
}

/// What something on a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThereAs {
    /// A supervised process.
    Process,
    /// A container.
    Container,
}

impl ThereAs {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Container => "container",
        }
    }
}

/// What a run may have left on a node that could not be reached when it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingCleanup {
    /// The run.
    pub benchmark_id: BenchmarkId,
    /// The node.
    pub node_id: NodeId,
    /// The node's name at that time.
    pub node_name: String,
    /// Why the last try failed, in a sentence.
    pub reason: String,
    /// When the first try failed.
    pub since: Timestamp,
    /// When the last try failed.
    pub last_try_at: Timestamp,
    /// When it was seen that nothing is left there; `None` while it is pending.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
}

/// Fingerprints (`SHA256:…`) of the accepted keys on the way to a node; `None`: not accepted yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineKeys {
    /// The node.
    pub node_id: NodeId,
    /// The node's own.
    pub node: Option<String>,
    /// That of the machine on the way.
    pub jump: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for hop in [SshHop::Node, SshHop::Jump] {
            assert_eq!(SshHop::parse(hop.as_str()), Some(hop));
        }
        assert_eq!(SshHop::parse("door"), None);
    }
}
