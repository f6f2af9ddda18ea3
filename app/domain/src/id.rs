//! Identifiers: one UUID newtype per thing, so that they cannot be mixed up. Never minted here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// A benchmark: one confirmed plan and its one run.
    BenchmarkId
    /// A saved state of the creation wizard.
    WorkflowId
    /// A model of the catalogue.
    ModelId
    /// A named set of nodes, or an endpoint.
    ClusterId
    /// One machine of a cluster.
    NodeId
    /// A sealed secret.
    CredentialId
    /// A person or a service account.
    UserId
    /// An API token.
    TokenId
    /// An imported set of prompts.
    DatasetId
    /// The runs of one plan that repeat each other.
    RerunGroupId
    /// A check of this machine's load generator.
    SelftestId
}
