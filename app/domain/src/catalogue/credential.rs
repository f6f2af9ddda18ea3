//! Credentials: sealed secrets, each bound to the place it may be sent to.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CatalogueQuery, DOCKER_PORT, SSH_PORT};
use crate::id::{ClusterId, CredentialId};
use crate::secret::Secret;
use crate::time::Timestamp;

/// Scheme, host and port: where a credential may be sent. Two are the same place only when all
/// three are; `localhost` and `127.0.0.1` are not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an HTTP, HTTPS or SSH address, of a registry (`docker://`) or a Docker Engine (`tcp://`), without an account; the port is the scheme's own when none is given.
    pub fn of(url: &str) -> Option<Self> {
        let uri: http::Uri = url.trim().parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let own_port = own_port(&scheme)?;
        let authority = uri.authority()?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return None;
        }
        Some(Self {
            host: authority.host().to_ascii_lowercase(),
            port: authority.port_u16().unwrap_or(own_port),
            scheme,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if own_port(&self.scheme) == Some(self.port) {
            return Ok(());
        }
        write!(f, ":{}", self.port)
    }
}

fn own_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        // Docker asks registries over TLS.
        "https" | "docker" => Some(443),
        "ssh" => Some(SSH_PORT),
        "tcp" => Some(DOCKER_PORT),
        _ => None,
    }
}

/// The origins of addresses with space between them; what is no address is none.
fn origins(addresses: &str) -> Vec<Origin> {
    addresses
        .split_whitespace()
        .filter_map(Origin::of)
        .collect()
}

/// A secret that has been opened. It comes out only for the places it is bound to.
#[derive(Clone, Debug)]
pub struct BoundSecret {
    origins: Vec<Origin>,
    secret: Secret<String>,
}

impl BoundSecret {
    /// A secret for the addresses in `base_url`, with space between them; one bound to no readable
    /// address is never given out.
    pub fn new(base_url: &str, secret: Secret<String>) -> Self {
        Self {
            origins: origins(base_url),
            secret,
        }
    }

    /// The secret, if it may be sent to that address.
    pub fn for_url(&self, url: &str) -> Option<&Secret<String>> {
        let origin = Origin::of(url)?;
        self.origins.contains(&origin).then_some(&self.secret)
    }
}

/// What a credential is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A key of an OpenAI-compatible API, sent as a bearer token.
    #[default]
    ProviderKey,
    /// A private key for SSH with its passphrase, as [`super::SshKeySecret`]. It is never sent.
    SshKey,
    /// The password of an account, sent over SSH.
    SshPassword,
    /// The password or token of a registry's user, sent by Docker Engines when they pull images.
    RegistryLogin,
    /// The private key of a certificate by which this server proves itself to Docker Engines, as PEM. It is
    /// never sent.
    DockerKey,
}

impl CredentialKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::ProviderKey,
        Self::SshKey,
        Self::SshPassword,
        Self::RegistryLogin,
        Self::DockerKey,
    ];
    /// Those that stand by themselves and have a form.
    pub const REGISTERED: [Self; 2] = [Self::ProviderKey, Self::RegistryLogin];

    /// The name in the database and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProviderKey => "provider_key",
            Self::SshKey => "ssh_key",
            Self::SshPassword => "ssh_password",
            Self::RegistryLogin => "registry_login",
            Self::DockerKey => "docker_key",
        }
    }

    /// The kind of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// What the form of a new one says.
    pub fn form_label(self) -> &'static str {
        match self {
            Self::ProviderKey => "an API: a key that is sent with requests",
            Self::RegistryLogin => "a registry: user and password that images are pulled with",
            Self::SshKey | Self::SshPassword | Self::DockerKey => self.label(),
        }
    }

    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Self::ProviderKey => "provider key",
            Self::SshKey => "SSH key",
            Self::SshPassword => "SSH password",
            Self::RegistryLogin => "registry login",
            Self::DockerKey => "Docker key",
        }
    }
}

/// A credential as people see it: everything but the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Its id, which stays when the secret is rotated.
    pub id: CredentialId,
    /// Name shown: unique in the registry, made from the endpoint's for a key of its own.
    pub name: String,
    /// What it is for.
    pub kind: CredentialKind,
    /// The user of a registry; empty for what has none of its own.
    #[serde(default)]
    pub user: String,
    /// The cluster whose own key or password it is. `None`: it stands in the registry and can be
    /// chosen.
    pub endpoint_id: Option<ClusterId>,
    /// The address it was given for; it is sent to the origin of it, and to nothing else. A cluster of
    /// machines has several, with space between them.
    pub base_url: String,
    /// Free text.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its secret was last replaced.
    pub rotated_at: Option<Timestamp>,
    /// What the last test found.
    pub last_test: Option<CredentialTest>,
    /// When it was put away; it is no longer offered then, and still sent by what uses it.
    pub archived_at: Option<Timestamp>,
}

impl Credential {
    /// Where it may be sent, in words; the address itself when it is not readable.
    pub fn origin_in_words(&self) -> String {
        let origins = origins(&self.base_url);
        if origins.is_empty() {
            return self.base_url.clone();
        }
        let words: Vec<String> = origins.iter().map(Origin::to_string).collect();
        words.join(", ")
    }

    /// Whether it may be sent to that address.
    pub fn fits(&self, url: &str) -> bool {
        Origin::of(url).is_some_and(|origin| origins(&self.base_url).contains(&origin))
    }

    /// Why it cannot be chosen for an address, if it cannot.
    pub fn refusal(&self, url: &str) -> Option<String> {
        if self.archived_at.is_some() {
            return Some(format!(
                "“{}” is archived: choose another, or bring it back.",
                self.name
            ));
        }
        (!self.fits(url)).then(|| {
            format!(
                "“{}” is only sent to {}, not to {}.",
                self.name,
                self.origin_in_words(),
                Origin::of(url).map_or_else(|| url.to_owned(), |origin| origin.to_string())
            )
        })
    }

    /// Whether a list shows it.
    pub fn is_shown(&self, query: &CatalogueQuery) -> bool {
        let (origin, id) = (self.origin_in_words(), self.id.to_string());
        let texts = [
            self.name.as_str(),
            &self.base_url,
            &origin,
            &self.description,
            &id,
        ];
        query.shows(&texts, self.archived_at)
    }
}

/// What asking with a credential found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialTest {
    /// When.
    pub tested_at: Timestamp,
    /// What came of it.
    pub outcome: TestOutcome,
    /// The same as a sentence. It has nothing of the secret in it.
    pub message: String,
}

/// What came of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// What is refused without it is answered with it.
    Accepted,
    /// It was refused.
    Refused,
    /// The server answers with and without it: it cannot be told.
    Unclear,
    /// No answer that says anything.
    NoAnswer,
}

impl TestOutcome {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unclear => "unclear",
            Self::NoAnswer => "no_answer",
        }
    }

    /// For badges.
    pub fn label(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Refused => "Refused",
            Self::Unclear => "Cannot be told",
            Self::NoAnswer => "No answer",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn credential(base_url: &str) -> Credential {
        Credential {
            id: CredentialId(uuid::Uuid::nil()),
            name: "OpenAI".to_owned(),
            kind: CredentialKind::ProviderKey,
            user: String::new(),
            endpoint_id: None,
            base_url: base_url.to_owned(),
            description: String::new(),
            created_at: Timestamp(0),
            rotated_at: None,
            last_test: None,
            archived_at: None,
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = ["https://h", "https://H:443/v1", "HTTPS://h/a?b=c"];
        for url in same {
            assert_eq!(Origin::of(url), Origin::of("https://h/"), "{url}");
        }
        assert_eq!(Origin::of("ssh://h"), Origin::of("ssh://H:22"));
        let others = [
            "http://h",
            "ssh://h",
            "https://h:444",
            "https://h.evil.example",
            "https://evil.example/h",
            "https://h@evil.example",
            "https://evil.example#https://h",
        ];
        for url in others {
            assert_ne!(Origin::of(url), Origin::of("https://h"), "{url}");
        }
        for url in ["", "h", "ftp://h", "https://", "https:///x", "/v1"] {
            assert_eq!(Origin::of(url), None, "{url}");
        }
        let shown = |url: &str| Origin::of(url).unwrap().to_string();
        assert_eq!(shown("https://h/v1"), "https://h");
        assert_eq!(shown("http://[::1]:8000/v1"), "http://[::1]:8000");
    }

    proptest! {
        #[test]
        fn a_secret_comes_out_for_its_own_origin_only(bound in "[a-z]{1,3}", asked in "[a-z]{1,3}") {
            let secret = BoundSecret::new(&format!("https://{bound}/v1"), Secret::new("s".to_owned()));
            let out = secret.for_url(&format!("https://{asked}:443/other"));
            prop_assert_eq!(out.is_some(), bound == asked);
        }
    }

    #[test]
    fn a_secret_of_several_machines_comes_out_for_each_of_them() {
        let addresses = "ssh://gpu1 ssh://[fe80::1]:2222";
        let secret = BoundSecret::new(addresses, Secret::new("s".to_owned()));
        for url in ["ssh://gpu1:22", "ssh://[fe80::1]:2222"] {
            assert!(secret.for_url(url).is_some(), "{url}");
        }
        for url in ["ssh://gpu1:23", "ssh://gpu2", addresses, "https://gpu1:22"] {
            assert!(secret.for_url(url).is_none(), "{url}");
        }
        let own = credential(addresses);
        assert_eq!(own.origin_in_words(), "ssh://gpu1, ssh://[fe80::1]:2222");
        for kind in CredentialKind::ALL {
            assert_eq!(CredentialKind::parse(kind.as_str()), Some(kind));
        }
    }

    #[test]
    fn a_secret_bound_to_nothing_never_comes_out() {
        let secret = BoundSecret::new("", Secret::new("s".to_owned()));
        for url in ["", "http://h"] {
            assert!(secret.for_url(url).is_none(), "{url}");
        }
    }

    #[test]
    fn a_refusal_says_where_a_credential_belongs() {
        let own = credential("https://h/v1");
        assert_eq!(own.refusal("https://h"), None);
        let words = own.refusal("http://other:8000/v1").unwrap();
        assert!(words.contains("https://h") && words.contains("http://other:8000"));
        let archived = Credential {
            archived_at: Some(Timestamp(1)),
            ..own
        };
        assert!(archived.refusal("https://h").unwrap().contains("archived"));
    }
}
