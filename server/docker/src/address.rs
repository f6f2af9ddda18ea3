//! Where a Docker Engine is reached.

use std::fmt;
use std::path::PathBuf;

use domain::secret::Secret;

use crate::Error;
use crate::transport::client_config;

/// Where a Docker Engine is reached.
#[derive(Clone, Debug)]
pub enum Address {
    /// A Unix socket of this machine: its own Docker Engine's, or the local end of a forwarded one.
    Socket(PathBuf),
    /// A TCP port behind TLS where both sides show certificates. Without TLS there is no TCP: whoever reaches
    /// an open port of a Docker Engine is root on its host.
    Tls {
        /// Name or IP address, as it stands in the Docker Engine's certificate.
        host: String,
        /// Usually 2376.
        port: u16,
        /// Certificates of the authorities that the Docker Engine's own must come from, as PEM.
        ca: String,
        /// Our certificate, with those between it and its authority, as PEM.
        certificate: String,
        /// Our private key, as PEM.
        key: Secret<String>,
    },
}

impl Address {
    /// Whether certificates and a private key can be used to reach a Docker Engine; nothing is connected.
    ///
    /// # Errors
    /// [`Error::Certificate`], which says which of them is wrong.
    pub fn check_certificates(
        ca: &str,
        certificate: &str,
        key: &Secret<String>,
    ) -> Result<(), Error> {
        client_config(ca, certificate, key.expose()).map(drop)
    }

    /// The socket of the Docker Engine of this machine.
    pub fn local() -> Self {
        Self::Socket("/var/run/docker.sock".into())
    }
}

/// As people write it: `unix:///var/run/docker.sock`, `tcp://gpu-3:2376`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "unix://{}", path.display()),
            Self::Tls { host, port, .. } if host.contains(':') => {
                write!(f, "tcp://[{host}]:{port}")
            }
            Self::Tls { host, port, .. } => write!(f, "tcp://{host}:{port}"),
        }
    }
}
