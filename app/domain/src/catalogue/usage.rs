//! Who uses a thing of the catalogue.

use serde::{Deserialize, Serialize};

use crate::id::{BenchmarkId, ClusterId};
use crate::run::RunStatus;
use crate::time::Timestamp;

/// Benchmarks named of those that use a thing; the count says how many there are.
pub const USES_SHOWN_MAX: u32 = 10;

/// Which benchmarks use a thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedBy {
    /// How many, archived ones included.
    pub benchmark_count: u32,
    /// The newest of them, at most [`USES_SHOWN_MAX`], newest first.
    pub newest: Vec<BenchmarkUse>,
}

/// A benchmark that uses a thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchmarkUse {
    /// Its id.
    pub id: BenchmarkId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub status: RunStatus,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Who uses a credential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialUse {
    /// Endpoints that send it, with their names, archived ones included.
    pub clusters: Vec<(ClusterId, String)>,
    /// Benchmarks whose plan sends it.
    pub benchmarks: UsedBy,
}

impl CredentialUse {
    /// Whether nobody uses it.
    pub fn is_unused(&self) -> bool {
        self.clusters.is_empty() && self.benchmarks.benchmark_count == 0
    }
}
