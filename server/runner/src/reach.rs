//! Reaching a node with what is stored about it: over SSH, or through its Docker Engine.

use domain::catalogue::{DockerAccess, NodeAccess, SshAccess, SshAddress, SshKeySecret, SshLogin};
use domain::id::{CredentialId, NodeId};
use domain::secret::Secret;
use ssh::{Credential, HostKey, Patience, Session, SshTarget};
use store::{Store, StoreError};

use crate::config::Chain;
use crate::node::Node;

/// Opens a session to a node as it is stored now: its address, its accepted key, its login.
///
/// # Errors
///
/// In words that a person can act on; they contain no secret.
pub async fn open_session(store: &Store, node: NodeId) -> Result<Session, String> {
    let placed = find(store, node).await?;
    match &placed.access {
        NodeAccess::Ssh(access) => connect_in_words(store, access).await,
        _ => Err(format!("{} is not reached over SSH", placed.name)),
    }
}

/// A node as it is stored now. A session is opened to one over SSH; a Docker Engine is not asked anything yet.
///
/// # Errors
///
/// As [`open_session`].
pub(crate) async fn open_node(store: &Store, node: NodeId) -> Result<Node, String> {
    Ok(match &find(store, node).await?.access {
        NodeAccess::Direct => Node::Here,
        NodeAccess::Ssh(access) => Node::Far(connect_in_words(store, access).await?),
        NodeAccess::DockerTls(access) => Node::Docker(docker_address(store, access).await?),
    })
}

async fn find(store: &Store, node: NodeId) -> Result<domain::catalogue::Node, String> {
    let placed = store
        .find_node(node)
        .await
        .map_err(|error| Chain(&error).to_string())?
        .ok_or("the node is gone from its cluster")?;
    Ok(placed.node)
}

async fn connect_in_words(store: &Store, access: &SshAccess) -> Result<Session, String> {
    connect(store, access).await.map_err(|error| match error {
        NotReached::Secret(reason) => reason,
        NotReached::Ssh(error) => error.to_string(),
    })
}

/// Where a Docker Engine is reached, with the private key opened.
///
/// # Errors
///
/// In words; they contain no secret.
pub(crate) async fn docker_address(
    store: &Store,
    access: &DockerAccess,
) -> Result<docker::Address, String> {
    let url = access.address.to_url();
    let key = open_secret(store, access.credential_id, &url, "the private key").await?;
    Ok(docker::Address::Tls {
        host: access.address.host.clone(),
        port: access.address.port,
        ca: access.ca.clone(),
        certificate: access.certificate.clone(),
        key,
    })
}

/// A secret of a cluster, opened for that address.
async fn open_secret(
    store: &Store,
    id: CredentialId,
    url: &str,
    what: &str,
) -> Result<Secret<String>, String> {
    let bound = store
        .open_credential(id)
        .await
        .map_err(|error| match error {
            StoreError::NotFound => {
                format!("{what} of the cluster is gone: give it again on the cluster's page")
            }
            error => {
                tracing::warn!(error = %Chain(&error), "a login cannot be opened");
                format!(
                    "{what} of the cluster cannot be opened: give it again on the cluster's page"
                )
            }
        })?;
    bound.for_url(url).cloned().ok_or_else(|| {
        format!(
            "{what} of the cluster was not given for {url}: give it again on the cluster's page"
        )
    })
}

/// Why a machine was not reached.
#[derive(Debug)]
pub enum NotReached {
    /// What the login needs cannot be had; in words.
    Secret(String),
    /// The machine, or something on the way, refused.
    Ssh(Box<ssh::SshError>),
}

/// Connects and signs in.
///
/// # Errors
///
/// [`NotReached`].
pub async fn connect(store: &Store, access: &SshAccess) -> Result<Session, NotReached> {
    let target = target(store, access).await?;
    Session::connect(&target, Patience::default())
        .await
        .map_err(|error| NotReached::Ssh(Box::new(error)))
}

async fn target(store: &Store, access: &SshAccess) -> Result<SshTarget, NotReached> {
    let jump = match &access.jump {
        None => None,
        Some(jump) => Some(Box::new(SshTarget {
            host: jump.address.host.clone(),
            port: jump.address.port,
            user: jump.address.user.clone(),
            credential: credential(store, access.login, &jump.address).await?,
            host_key: host_key(jump.host_key.as_deref())?,
            jump: None,
        })),
    };
    Ok(SshTarget {
        host: access.address.host.clone(),
        port: access.address.port,
        user: access.address.user.clone(),
        credential: credential(store, access.login, &access.address).await?,
        host_key: host_key(access.host_key.as_deref())?,
        jump,
    })
}

fn host_key(line: Option<&str>) -> Result<Option<HostKey>, NotReached> {
    line.map(HostKey::parse)
        .transpose()
        .map_err(|error| NotReached::Ssh(Box::new(error)))
}

/// What signs in at that address. A password is for the addresses it was given for, and no other.
async fn credential(
    store: &Store,
    login: SshLogin,
    address: &SshAddress,
) -> Result<Credential, NotReached> {
    let Some(id) = login.credential_id() else {
        return Ok(Credential::Agent { socket: None });
    };
    let url = address.to_url();
    let secret = open_secret(store, id, &url, "the key or password")
        .await
        .map_err(NotReached::Secret)?;
    match login {
        SshLogin::Agent | SshLogin::Password { .. } => Ok(Credential::Password(secret)),
        SshLogin::Key { .. } => {
            let secret = SshKeySecret::from_sealed(&secret).ok_or_else(|| {
                NotReached::Secret("what is kept for the cluster is no private key".to_owned())
            })?;
            Ok(Credential::Key {
                pem: secret.key,
                passphrase: secret.passphrase,
            })
        }
    }
}
