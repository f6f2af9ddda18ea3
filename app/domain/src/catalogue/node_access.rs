//! How a node is reached.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{DockerAccess, MachineAddress};
use crate::id::CredentialId;

/// How the runner reaches a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum NodeAccess {
    /// Without going anywhere: it is the runner's own machine, or stands for an endpoint.
    #[default]
    Direct,
    /// Over SSH.
    Ssh(Box<SshAccess>),
    /// Through its Docker Engine, over TLS: nothing but containers runs there.
    DockerTls(Box<DockerAccess>),
}

impl NodeAccess {
    /// The way over SSH, if that is the way.
    pub fn ssh(&self) -> Option<&SshAccess> {
        match self {
            Self::Direct | Self::DockerTls(_) => None,
            Self::Ssh(access) => Some(access),
        }
    }

    /// The way through a Docker Engine alone, if that is the way.
    pub fn docker(&self) -> Option<&DockerAccess> {
        match self {
            Self::Direct | Self::Ssh(_) => None,
            Self::DockerTls(access) => Some(access),
        }
    }

    /// Where it is reached, if one has to go anywhere.
    pub fn address(&self) -> Option<MachineAddress> {
        match self {
            Self::Direct => None,
            Self::Ssh(access) => Some(MachineAddress::Ssh(access.address.clone())),
            Self::DockerTls(access) => Some(MachineAddress::Docker(access.address.clone())),
        }
    }

    /// Whether both lead to one machine, as far as their addresses tell: the same way and place, whatever the
    /// account; or its SSH server and its Docker Engine. Behind a loopback address may be anything, at each port
    /// something else. What is reached directly is nobody's but its own.
    pub fn is_same_machine(&self, other: &Self) -> bool {
        let (Some(one), Some(another)) = (self.address(), other.address()) else {
            return false;
        };
        if self.jump_url() != other.jump_url() {
            return false;
        }
        let is_other_way = matches!(
            (&one, &another),
            (MachineAddress::Ssh(_), MachineAddress::Docker(_))
                | (MachineAddress::Docker(_), MachineAddress::Ssh(_))
        );
        if is_other_way {
            return one.host() == another.host() && !is_loopback(one.host());
        }
        one.is_same_place(&another)
    }

    fn jump_url(&self) -> Option<String> {
        let jump = self.ssh()?.jump.as_ref()?;
        Some(jump.address.to_url())
    }

    /// The credential that it takes to go there.
    pub fn credential_id(&self) -> Option<CredentialId> {
        match self {
            Self::Direct => None,
            Self::Ssh(access) => access.login.credential_id(),
            Self::DockerTls(access) => Some(access.credential_id),
        }
    }
}

/// A machine that is reached over SSH.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshAccess {
    /// Where it listens, and as whom.
    pub address: SshAddress,
    /// How the account proves itself.
    pub login: SshLogin,
    /// The key by which the machine proves itself, as one line of a `known_hosts` file without the
    /// host. `None`: nobody has accepted one yet, and nothing is started there.
    pub host_key: Option<String>,
    /// A machine on the way, with the same login.
    pub jump: Option<SshJump>,
}

/// A machine on the way to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshJump {
    /// Where it listens, and as whom.
    pub address: SshAddress,
    /// The key by which it proves itself; `None`: nobody has accepted one yet.
    pub host_key: Option<String>,
}

/// Where an SSH server listens, and the account there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SshAddress {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The account.
    pub user: String,
}

/// The port of SSH servers.
pub const SSH_PORT: u16 = 22;

impl SshAddress {
    /// `ssh://host:port`, without the account: what a secret is bound to.
    pub fn to_url(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') {
            format!("ssh://[{host}]:{port}")
        } else {
            format!("ssh://{host}:{port}")
        }
    }
}

impl fmt::Display for SshAddress {
    /// `user@host`, with the port where it is not [`SSH_PORT`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, user } = self;
        if host.contains(':') {
            write!(f, "{user}@[{host}]")?;
        } else {
            write!(f, "{user}@{host}")?;
        }
        if *port == SSH_PORT {
            return Ok(());
        }
        write!(f, ":{port}")
    }
}

/// How an account proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum SshLogin {
    /// With the keys of the agent that the server's user runs.
    Agent,
    /// With a sealed private key.
    Key {
        /// The credential that holds it.
        credential_id: CredentialId,
    },
    /// With a sealed password.
    Password {
        /// The credential that holds it.
        credential_id: CredentialId,
    },
}

impl SshLogin {
    /// The credential it needs.
    pub fn credential_id(self) -> Option<CredentialId> {
        match self {
            Self::Agent => None,
            Self::Key { credential_id } | Self::Password { credential_id } => Some(credential_id),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over_ssh(host: &str, port: u16, user: &str, jump: Option<&str>) -> NodeAccess {
        let address = |host: &str, port, user: &str| SshAddress {
            host: host.to_owned(),
            port,
            user: user.to_owned(),
        };
        NodeAccess::Ssh(Box::new(SshAccess {
            address: address(host, port, user),
            login: SshLogin::Agent,
            host_key: None,
            jump: jump.map(|door| SshJump {
                address: address(door, SSH_PORT, user),
                host_key: None,
            }),
        }))
    }

    fn behind_docker(host: &str, port: u16) -> NodeAccess {
        NodeAccess::DockerTls(Box::new(DockerAccess {
            address: crate::catalogue::DockerAddress {
                host: host.to_owned(),
                port,
            },
            ca: "CA".to_owned(),
            certificate: "CERT".to_owned(),
            credential_id: CredentialId(uuid::Uuid::nil()),
        }))
    }

    #[test]
    fn one_machine_is_known_by_its_addresses() {
        let gpu1 = over_ssh("gpu1", 22, "ada", None);
        let same = [
            over_ssh("gpu1", 22, "bob", None),
            behind_docker("gpu1", 2376),
        ];
        for other in &same {
            assert!(gpu1.is_same_machine(other), "{other:?}");
            assert!(other.is_same_machine(&gpu1), "{other:?}");
        }
        let others = [
            over_ssh("gpu2", 22, "ada", None),
            over_ssh("gpu1", 2222, "ada", None),
            over_ssh("gpu1", 22, "ada", Some("door")),
            behind_docker("gpu2", 2376),
            NodeAccess::Direct,
        ];
        for other in &others {
            assert!(!gpu1.is_same_machine(other), "{other:?}");
            assert!(!other.is_same_machine(&gpu1), "{other:?}");
        }
        assert!(!NodeAccess::Direct.is_same_machine(&NodeAccess::Direct));
        let tunnel = over_ssh("127.0.0.1", 2222, "ada", None);
        assert!(!tunnel.is_same_machine(&behind_docker("127.0.0.1", 2376)));
        assert!(tunnel.is_same_machine(&over_ssh("127.0.0.1", 2222, "bob", None)));
    }

    #[test]
    fn an_address_is_written_as_one_types_it() {
        let address = |host: &str, port| SshAddress {
            host: host.to_owned(),
            port,
            user: "ada".to_owned(),
        };
        assert_eq!(address("gpu1", 22).to_string(), "ada@gpu1");
        assert_eq!(address("gpu1", 2222).to_string(), "ada@gpu1:2222");
        assert_eq!(address("fe80::1", 2222).to_string(), "ada@[fe80::1]:2222");
        assert_eq!(address("gpu1", 22).to_url(), "ssh://gpu1:22");
        assert_eq!(address("fe80::1", 22).to_url(), "ssh://[fe80::1]:22");
    }

    #[test]
    fn a_node_of_an_older_plan_is_reached_directly() {
        let access: NodeAccess = serde_json::from_str(r#"{"kind":"direct"}"#).unwrap();
        assert_eq!(access, NodeAccess::default());
        let ssh = over_ssh("gpu1", 22, "ada", None);
        let text = serde_json::to_string(&ssh).unwrap();
        assert_eq!(serde_json::from_str::<NodeAccess>(&text).unwrap(), ssh);
        assert_eq!((ssh.docker(), ssh.credential_id()), (None, None));
    }

    #[test]
    fn a_node_that_is_reached_through_docker_is_read_back() {
        let id = CredentialId(uuid::Uuid::nil());
        let access = behind_docker("gpu1", 2376);
        let text = serde_json::to_string(&access).unwrap();
        assert!(text.contains(r#""kind":"docker_tls""#), "{text}");
        assert_eq!(serde_json::from_str::<NodeAccess>(&text).unwrap(), access);
        assert_eq!(access.address().unwrap().to_url(), "tcp://gpu1:2376");
        assert_eq!((access.ssh(), access.credential_id()), (None, Some(id)));
    }
}
