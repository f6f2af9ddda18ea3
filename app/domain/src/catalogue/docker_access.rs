//! A machine that is reached through its Docker Engine alone, over TLS.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::SshAddress;
use crate::id::CredentialId;

/// The port of Docker Engines behind TLS.
pub const DOCKER_PORT: u16 = 2376;

/// A Docker Engine that listens behind TLS, where both sides show certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerAccess {
    /// Where it listens.
    pub address: DockerAddress,
    /// Certificates of the authorities that its own must come from, as PEM.
    pub ca: String,
    /// The server's own certificate, with those between it and its authority, as PEM.
    pub certificate: String,
    /// The credential that holds the private key of that certificate.
    pub credential_id: CredentialId,
}

/// Where a Docker Engine listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DockerAddress {
    /// Name or IP address as it stands in its certificate, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl DockerAddress {
    /// `tcp://host:port`: what a secret is bound to.
    pub fn to_url(&self) -> String {
        let Self { host, port } = self;
        if host.contains(':') {
            format!("tcp://[{host}]:{port}")
        } else {
            format!("tcp://{host}:{port}")
        }
    }
}

impl fmt::Display for DockerAddress {
    /// `host`, with the port where it is not [`DOCKER_PORT`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        match (host.contains(':'), *port == DOCKER_PORT) {
            (_, true) => f.write_str(host),
            (true, false) => write!(f, "[{host}]:{port}"),
            (false, false) => write!(f, "{host}:{port}"),
        }
    }
}

/// Where a machine is reached, whatever the way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MachineAddress {
    /// Its SSH server.
    Ssh(SshAddress),
    /// Its Docker Engine.
    Docker(DockerAddress),
}

impl MachineAddress {
    /// Host name or IP address.
    pub fn host(&self) -> &str {
        match self {
            Self::Ssh(address) => &address.host,
            Self::Docker(address) => &address.host,
        }
    }

    /// What a secret is bound to.
    pub fn to_url(&self) -> String {
        match self {
            Self::Ssh(address) => address.to_url(),
            Self::Docker(address) => address.to_url(),
        }
    }

    /// Whether the same thing answers there, whatever the account.
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.to_url() == other.to_url()
    }
}

impl fmt::Display for MachineAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ssh(address) => address.fmt(f),
            Self::Docker(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_one_types_it() {
        let address = |host: &str, port| DockerAddress {
            host: host.to_owned(),
            port,
        };
        assert_eq!(address("gpu1", 2376).to_string(), "gpu1");
        assert_eq!(address("fe80::1", 2376).to_string(), "fe80::1");
        assert_eq!(address("fe80::1", 99).to_string(), "[fe80::1]:99");
        assert_eq!(address("gpu1", 99).to_string(), "gpu1:99");
        assert_eq!(address("fe80::1", 99).to_url(), "tcp://[fe80::1]:99");
        assert_eq!(address("gpu1", 2376).to_url(), "tcp://gpu1:2376");
    }
}
