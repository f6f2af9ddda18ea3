//! Reaching a node over SSH with what is stored about it.

use domain::catalogue::{NodeAccess, SshAccess, SshAddress, SshKeySecret, SshLogin};
use domain::id::NodeId;
use ssh::{Credential, HostKey, Patience, Session, SshTarget};
use store::{Store, StoreError};

use crate::config::Chain;

/// Opens a session to a node as it is stored now: its address, its accepted key, its login.
///
/// # Errors
///
/// In words that a person can act on; they contain no secret.
pub async fn open_session(store: &Store, node: NodeId) -> Result<Session, String> {
    let placed = store
        .find_node(node)
        .await
        .map_err(|error| Chain(&error).to_string())?
        .ok_or("the node is gone from its cluster")?;
    let NodeAccess::Ssh(access) = &placed.node.access else {
        return Err(format!("{} is not reached over SSH", placed.node.name));
    };
    connect(store, access).await.map_err(|error| match error {
        NotReached::Secret(reason) => reason,
        NotReached::Ssh(error) => error.to_string(),
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
    let bound = store.open_credential(id).await.map_err(|error| {
        NotReached::Secret(match error {
            StoreError::NotFound => {
                "the key or password of the cluster is gone: give it again on the cluster's page"
                    .to_owned()
            }
            error => {
                tracing::warn!(error = %Chain(&error), "a login cannot be opened");
                "the key or password of the cluster cannot be opened: give it again on the cluster's page".to_owned()
            }
        })
    })?;
    let url = if address.host.contains(':') {
        format!("ssh://[{}]:{}", address.host, address.port)
    } else {
        format!("ssh://{}:{}", address.host, address.port)
    };
    let secret = bound.for_url(&url).ok_or_else(|| {
        NotReached::Secret(format!(
            "the key or password of the cluster was not given for {address}: give it again on the cluster's page"
        ))
    })?;
    match login {
        SshLogin::Agent | SshLogin::Password { .. } => Ok(Credential::Password(secret.clone())),
        SshLogin::Key { .. } => {
            let secret = SshKeySecret::from_sealed(secret).ok_or_else(|| {
                NotReached::Secret("what is kept for the cluster is no private key".to_owned())
            })?;
            Ok(Credential::Key {
                pem: secret.key,
                passphrase: secret.passphrase,
            })
        }
    }
}
