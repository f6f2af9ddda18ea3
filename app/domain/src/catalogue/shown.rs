//! Whether lists show what was archived.

use serde::{Deserialize, Serialize};

/// Which things a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// Those in use.
    #[default]
    InUse,
    /// Those that were archived.
    Archived,
    /// All of them.
    All,
}

impl Shown {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::InUse, Self::Archived, Self::All];

    /// The name in the API and in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InUse => "in_use",
            Self::Archived => "archived",
            Self::All => "all",
        }
    }

    /// The choice of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shown| shown.as_str() == text)
    }
}
