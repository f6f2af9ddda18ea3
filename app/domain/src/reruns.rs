//! What a benchmark is for, and the runs that repeat each other.

use serde::{Deserialize, Serialize};

use crate::id::RerunGroupId;

/// What the figures of a benchmark are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To find something out.
    #[default]
    Exploratory,
    /// To decide whether something goes to production.
    Gating,
}

impl Purpose {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Exploratory, Self::Gating];

    /// The name in storage, in the API and in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exploratory => "exploratory",
            Self::Gating => "gating",
        }
    }

    /// The purpose of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
    }

    /// The word on pages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Exploratory => "Exploratory",
            Self::Gating => "Gating",
        }
    }
}

/// Most runs that one plan is executed as at once.
pub const RERUNS_MAX: u32 = 20;
/// Most runs of one group, those added later included.
pub const GROUP_RUNS_MAX: u32 = 100;

/// The place of a run among those of the same plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rerun {
    /// The group.
    pub group_id: RerunGroupId,
    /// Its number in the group, from 1. A deleted run's number is not given again while later ones
    /// are there.
    pub index: u32,
    /// The number of the group's last run.
    pub last_index: u32,
}

impl Rerun {
    /// `2/5`.
    pub fn in_short(self) -> String {
        format!("{}/{}", self.index, self.last_index)
    }
}
