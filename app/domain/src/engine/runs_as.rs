//! What an engine runs as on its node.

use serde::{Deserialize, Serialize};

/// What an engine runs as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunsAs {
    /// A program that is installed on the node.
    #[default]
    Process,
    /// A container of the node's Docker Engine.
    Container,
}

impl RunsAs {
    /// Every way, in the order of menus.
    pub const ALL: [Self; 2] = [Self::Process, Self::Container];

    /// The name in forms and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Container => "container",
        }
    }

    /// The way of that name; an empty one means a process.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        Self::ALL.into_iter().find(|way| way.as_str() == text)
    }

    /// The label of menus.
    pub fn label(self) -> &'static str {
        match self {
            Self::Process => "A program of the node",
            Self::Container => "A Docker container",
        }
    }
}
