//! Which machine, as whom, and how to know that it is the right one.

use std::fmt;
use std::path::PathBuf;

use domain::secret::Secret;
use russh::keys::{HashAlg, PublicKey};

use crate::SshError;

/// A machine and the account on it.
#[derive(Clone, Debug)]
pub struct SshTarget {
    /// A name or an address, as seen from here or from the jump host.
    pub host: String,
    /// Usually 22.
    pub port: u16,
    /// The account.
    pub user: String,
    /// How the account proves itself.
    pub credential: Credential,
    /// The key the machine has to prove itself with. `None` refuses with
    /// [`SshError::HostKeyUnknown`], which carries the key that a person may accept.
    pub host_key: Option<HostKey>,
    /// The machine through which this one is reached.
    pub jump: Option<Box<SshTarget>>,
}

impl SshTarget {
    /// `user@host:port`, for people.
    pub fn label(&self) -> String {
        format!("{}@{}", self.user, self.place())
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub(crate) fn place(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// How an account proves itself.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A private key: OpenSSH's format, PKCS#8 or `PuTTY`'s; ed25519 or ECDSA.
    Key {
        /// The text of the file.
        pem: Secret<String>,
        /// What unlocks it.
        passphrase: Option<Secret<String>>,
    },
    /// The keys of an agent.
    Agent {
        /// Its socket; `None` takes the one that `SSH_AUTH_SOCK` names.
        socket: Option<PathBuf>,
    },
    /// A password, also for servers that ask for it as `keyboard-interactive`.
    Password(Secret<String>),
}

impl Credential {
    /// The word people know it by.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Key { .. } => "the key",
            Self::Agent { .. } => "the agent's keys",
            Self::Password(_) => "the password",
        }
    }
}

/// A machine's public key.
#[derive(Clone, Eq, PartialEq)]
pub struct HostKey(Box<PublicKey>);

impl HostKey {
    /// Reads a line as it stands in `known_hosts` without the name, or in a `.pub` file:
    /// `ssh-ed25519 AAAA…`.
    ///
    /// # Errors
    /// [`SshError::HostKeyUnreadable`].
    pub fn parse(line: &str) -> Result<Self, SshError> {
        PublicKey::from_openssh(line.trim())
            .map(Self::new)
            .map_err(|error| SshError::HostKeyUnreadable {
                reason: error.to_string(),
            })
    }

    pub(crate) fn new(mut key: PublicKey) -> Self {
        key.set_comment("");
        Self(Box::new(key))
    }

    /// The line that [`Self::parse`] reads: what is stored when somebody accepts the key.
    pub fn to_line(&self) -> String {
        self.0.to_openssh().unwrap_or_default().trim().to_owned()
    }

    /// `SHA256:…`, as `ssh-keygen -l` shows it: what people compare.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// `ssh-ed25519` and the like.
    pub fn kind(&self) -> String {
        self.0.algorithm().to_string()
    }

    pub(crate) fn key(&self) -> &PublicKey {
        &self.0
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostKey({} {})", self.kind(), self.fingerprint())
    }
}
