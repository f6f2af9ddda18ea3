//! What a benchmark is made of and can be chosen: models, clusters, nodes, credentials.

pub mod cluster;
pub mod credential;
pub mod credential_form;
pub mod docker_access;
pub mod endpoint_form;
mod machine_address;
pub mod machines_form;
pub mod model;
pub mod model_form;
pub mod model_shapes;
pub mod node_access;
pub mod node_check;
pub mod node_standing;
pub mod registry_login;
pub mod ssh_secret;
pub mod usage;

use serde::{Deserialize, Serialize};

pub use cluster::{
    Accelerator, Cluster, ClusterKind, Disk, EngineIdentity, FoundEngine, Inventory, Node,
    ReachabilityCheck, USUAL_PORTS,
};
pub use credential::{
    BoundSecret, Credential, CredentialKind, CredentialTest, Origin, TestOutcome,
};
pub use credential_form::{CredentialForm, NewCredential};
pub use docker_access::{DOCKER_PORT, DockerAccess, DockerAddress, MachineAddress};
pub use endpoint_form::{EndpointForm, NewEndpoint};
pub use machines_form::{
    LoginChoice, MachinesForm, NewDockerLogin, NewLogin, NewMachine, NewMachines,
};
pub use model::{
    FilesDigest, Model, ModelFacts, ModelSource, ParameterCount, ParameterSource, WeightsFormat,
};
pub use model_form::{ModelForm, NewModel};
pub use node_access::{NodeAccess, SSH_PORT, SshAccess, SshAddress, SshJump, SshLogin};
pub use node_check::{
    FoundThere, MachineKeys, NodeCheck, OfferedKey, PendingCleanup, SshHop, ThereAs,
};
pub use node_standing::{LastLook, NodeReach, NodeWork, NodesDetail};
pub use registry_login::{DOCKER_HUB, login_for_image, registry_of_image, registry_url};
pub use ssh_secret::SshKeySecret;
pub use usage::{BenchmarkUse, CredentialUse, UsedBy};

use crate::time::Timestamp;

/// Which things a list shows: what is archived can still be read, and is no longer offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// What can be chosen.
    #[default]
    InUse,
    /// What was put away.
    Archived,
    /// Both.
    All,
}

impl Shown {
    /// Every value, in the order of menus.
    pub const ALL: [Self; 3] = [Self::InUse, Self::Archived, Self::All];

    /// The name in addresses and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InUse => "in_use",
            Self::Archived => "archived",
            Self::All => "all",
        }
    }

    /// The value of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shown| shown.as_str() == text)
    }

    /// Whether a thing that was archived at that time, if it was, is shown.
    pub fn includes(self, archived_at: Option<Timestamp>) -> bool {
        match self {
            Self::InUse => archived_at.is_none(),
            Self::Archived => archived_at.is_some(),
            Self::All => true,
        }
    }
}

/// Longest search in characters; what is longer is cut.
pub const SEARCH_CHARS_MAX: usize = 200;

/// What a list of the catalogue is to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CatalogueQuery {
    /// Words that must all be found, in any order and whatever their case; empty finds everything.
    pub search: String,
    /// Which things.
    pub shown: Shown,
}

impl CatalogueQuery {
    /// Everything that can be chosen.
    pub fn in_use() -> Self {
        Self::default()
    }

    /// Everything there is.
    pub fn all() -> Self {
        Self {
            shown: Shown::All,
            ..Self::default()
        }
    }

    /// From the parameters of an address; what is not understood keeps its default.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut query = Self::default();
        for (name, value) in pairs {
            match name {
                "q" => query.search = value.trim().chars().take(SEARCH_CHARS_MAX).collect(),
                "shown" => query.shown = Shown::parse(value).unwrap_or_default(),
                _ => {}
            }
        }
        query
    }

    /// As the parameters of an address; defaults are left out.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if !self.search.is_empty() {
            pairs.push(("q", self.search.clone()));
        }
        if self.shown != Shown::default() {
            pairs.push(("shown", self.shown.as_str().to_owned()));
        }
        pairs
    }

    /// Whether it leaves out anything but what is archived.
    pub fn is_search(&self) -> bool {
        !self.search.trim().is_empty()
    }

    /// Whether a thing is shown that has these texts and was archived at that time, if it was.
    pub fn shows(&self, texts: &[&str], archived_at: Option<Timestamp>) -> bool {
        self.shown.includes(archived_at) && contains_words(texts, &self.search)
    }
}

/// Whether every word of `search` is in one of the texts, whatever its case.
fn contains_words(texts: &[&str], search: &str) -> bool {
    let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    let search: String = search.chars().take(SEARCH_CHARS_MAX).collect();
    search
        .to_lowercase()
        .split_whitespace()
        .all(|word| texts.iter().any(|text| text.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_shows_what_is_in_use_unless_asked() {
        let archived = Some(Timestamp(1));
        let shows = |shown: Shown| (shown.includes(None), shown.includes(archived));
        assert_eq!(shows(Shown::InUse), (true, false));
        assert_eq!(shows(Shown::Archived), (false, true));
        assert_eq!(shows(Shown::All), (true, true));
        for shown in Shown::ALL {
            assert_eq!(Shown::parse(shown.as_str()), Some(shown));
        }
    }

    #[test]
    fn a_search_wants_every_word_in_any_text() {
        let query = |search: &str| CatalogueQuery {
            search: search.to_owned(),
            ..CatalogueQuery::default()
        };
        let texts = ["Llama Ü 8B", "meta"];
        assert!(query("").shows(&texts, None));
        assert!(query(" META  ü ").shows(&texts, None));
        assert!(!query("meta 70b").shows(&texts, None));
        assert!(!query("meta").shows(&texts, Some(Timestamp(1))));
    }

    #[test]
    fn a_query_goes_through_an_address() {
        let query = CatalogueQuery {
            search: "a b".to_owned(),
            shown: Shown::All,
        };
        let pairs = query.to_pairs();
        let pairs = pairs.iter().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(CatalogueQuery::from_pairs(pairs), query);
        assert_eq!(CatalogueQuery::default().to_pairs(), []);
        let odd = CatalogueQuery::from_pairs([("shown", "?"), ("x", "y")]);
        assert_eq!(odd, CatalogueQuery::default());
    }
}
