//! Clusters of machines that are reached over SSH, or through their Docker Engines over TLS.

use domain::access::Role;
use domain::catalogue::{
    Cluster, ClusterKind, Credential, CredentialKind, DockerAccess, MachineAddress, MachinesForm,
    NewLogin, NewMachine, NewMachines, Node, NodeAccess, SshAccess, SshAddress, SshJump, SshLogin,
};
use domain::field::FieldErrors;
use domain::id::{ClusterId, CredentialId, NodeId};
use domain::secret::Secret;

use super::clusters::get_cluster;
use crate::error::name_taken;
use crate::{Actor, Ctx, ServiceError};

/// Makes a cluster of machines, or changes the one of that id. A key or a password is sealed and never
/// read back to people. What was accepted and found of a machine stays with its address.
pub async fn save_machines(
    ctx: &Ctx,
    actor: &Actor,
    id: Option<ClusterId>,
    form: &MachinesForm,
) -> Result<Cluster, ServiceError> {
    actor.require(Role::Operator, "edit clusters")?;
    let present = match id {
        None => None,
        Some(id) => Some(machines_cluster(ctx, actor, id).await?),
    };
    let new = form.validate(present.as_ref())?;
    if let NewLogin::Key(Some(secret)) = &new.login {
        runner::machines::check_key(secret)
            .map_err(|(field, message)| FieldErrors::one(field, message))?;
    }
    check_docker_login(ctx, &new, present.as_ref()).await?;
    let nodes = match &present {
        None => Vec::new(),
        Some(cluster) => keep_nodes(ctx, cluster, &new).await?,
    };
    let cluster_id = id.unwrap_or_else(|| ClusterId(ctx.new_id()));
    let change = LoginChange::decide(ctx, &new, present.as_ref()).await?;
    let secret = change.carry_out(ctx, cluster_id).await?;
    let cluster = Cluster {
        id: cluster_id,
        kind: ClusterKind::Machines,
        nodes: place(ctx, &new, secret, nodes),
        last_check: None,
        created_at: present
            .as_ref()
            .map_or_else(|| ctx.now(), |it| it.created_at),
        archived_at: present.as_ref().and_then(|it| it.archived_at),
        name: new.name.clone(),
        description: new.description.clone(),
    };
    let saved = match present {
        None => ctx.store.insert_cluster(&cluster).await,
        Some(_) => ctx.store.update_cluster(&cluster).await,
    };
    if let Err(error) = saved {
        change.undo(ctx).await;
        return Err(name_taken("cluster")(error));
    }
    change.finish(ctx).await?;
    get_cluster(ctx, actor, cluster_id).await
}

/// Whether the certificates of a form can be used, with the key that is given or the one that is kept.
async fn check_docker_login(
    ctx: &Ctx,
    new: &NewMachines,
    present: Option<&Cluster>,
) -> Result<(), ServiceError> {
    let NewLogin::DockerTls(login) = &new.login else {
        return Ok(());
    };
    let kept = present.and_then(|cluster| {
        let mut nodes = cluster.nodes.iter();
        nodes.find_map(|node| node.access.docker())
    });
    let key = match (&login.key, kept) {
        (Some(key), _) => key.clone(),
        (None, Some(access)) => {
            let bound = ctx.store.open_credential(access.credential_id).await?;
            let key = bound.for_url(&access.address.to_url());
            key.cloned().ok_or_else(|| {
                FieldErrors::one("docker_key", "The private key is gone: give it again.")
            })?
        }
        (None, None) => return Ok(()),
    };
    runner::machines::check_certificates(&login.ca, &login.certificate, &key)
        .map_err(|(field, message)| FieldErrors::one(field, message).into())
}

/// A cluster of machines.
pub(super) async fn machines_cluster(
    ctx: &Ctx,
    actor: &Actor,
    id: ClusterId,
) -> Result<Cluster, ServiceError> {
    let cluster = get_cluster(ctx, actor, id).await?;
    match cluster.kind {
        ClusterKind::Machines => Ok(cluster),
        ClusterKind::ThisMachine | ClusterKind::Endpoint { .. } => Err(ServiceError::Conflict(
            "This cluster has no machines of its own.".to_owned(),
        )),
    }
}

/// Refuses what would make a node unreachable that has something to be cleaned up still.
pub(super) async fn refuse_pending(ctx: &Ctx, nodes: &[&Node]) -> Result<(), ServiceError> {
    for node in nodes {
        if let Some(benchmark) = node.held_by {
            return Err(ServiceError::Conflict(format!(
                "“{}” is in use by the benchmark {benchmark}: wait until it has ended.",
                node.name
            )));
        }
        if !ctx.store.list_warm_engines_on(node.id).await?.is_empty() {
            return Err(ServiceError::Conflict(format!(
                "An engine is kept on “{}” for the next run of its group: wait until that has ended.",
                node.name
            )));
        }
        if !ctx
            .store
            .list_pending_cleanups_on(node.id)
            .await?
            .is_empty()
        {
            return Err(ServiceError::Conflict(format!(
                "Something is to be cleaned up still on “{}”: it is tried again every few minutes.",
                node.name
            )));
        }
    }
    Ok(())
}

/// For each machine of the form the node that it was before: the one of its address, else of its name.
/// Nodes that go or move must be free.
async fn keep_nodes(
    ctx: &Ctx,
    present: &Cluster,
    new: &NewMachines,
) -> Result<Vec<Option<Node>>, ServiceError> {
    let mut left: Vec<&Node> = present.nodes.iter().collect();
    let mut kept: Vec<Option<Node>> = vec![None; new.machines.len()];
    for by_address in [true, false] {
        for (machine, slot) in new.machines.iter().zip(&mut kept) {
            let is_it = |node: &&Node| {
                if by_address {
                    has_address(node, machine)
                } else {
                    node.name == machine.name
                }
            };
            if slot.is_none()
                && let Some(at) = left.iter().position(is_it)
            {
                *slot = Some(left.swap_remove(at).clone());
            }
        }
    }
    let moved = new
        .machines
        .iter()
        .zip(&kept)
        .filter_map(|(machine, node)| {
            let node = node.as_ref()?;
            (!has_address(node, machine)).then_some(node)
        });
    let gone_or_moved: Vec<&Node> = left.into_iter().chain(moved).collect();
    refuse_pending(ctx, &gone_or_moved).await?;
    Ok(kept)
}

fn has_address(node: &Node, machine: &NewMachine) -> bool {
    node.access.address().as_ref() == Some(&machine.address)
}

/// The nodes of the form. An accepted host key stays with the place it was accepted for. `secret` is the
/// credential they are reached with, if that needs one.
fn place(
    ctx: &Ctx,
    new: &NewMachines,
    secret: Option<CredentialId>,
    kept: Vec<Option<Node>>,
) -> Vec<Node> {
    let old_jump = kept
        .iter()
        .flatten()
        .filter_map(|node| node.access.ssh()?.jump.clone())
        .find(|old| {
            new.jump
                .as_ref()
                .is_some_and(|jump| is_same_place(jump, &old.address))
        });
    let jump = new.jump.clone().map(|address| SshJump {
        address,
        host_key: old_jump.and_then(|old| old.host_key),
    });
    let kept = kept.into_iter().chain(std::iter::repeat(None));
    let nodes = new.machines.iter().zip(kept).map(|(machine, node)| {
        let old = node.as_ref().and_then(|node| node.access.address());
        let stays = old.is_some_and(|old| old.is_same_place(&machine.address));
        let host_key = node.as_ref().and_then(|node| node.access.ssh());
        let host_key = host_key.and_then(|old| old.host_key.clone());
        let access = access_to(
            &machine.address,
            &new.login,
            secret,
            host_key.filter(|_| stays),
            jump.clone(),
        );
        let fresh = || Node {
            id: NodeId(ctx.new_id()),
            name: String::new(),
            access: NodeAccess::default(),
            inventory: None,
            last_check: None,
            held_by: None,
        };
        let node = node.unwrap_or_else(fresh);
        Node {
            name: machine.name.clone(),
            // What was found at another address says nothing about this one.
            inventory: node.inventory.filter(|_| stays),
            last_check: node.last_check.filter(|_| stays),
            access,
            ..node
        }
    });
    nodes.collect()
}

fn access_to(
    address: &MachineAddress,
    login: &NewLogin,
    secret: Option<CredentialId>,
    host_key: Option<String>,
    jump: Option<SshJump>,
) -> NodeAccess {
    let ssh = |address: &SshAddress, login| {
        NodeAccess::Ssh(Box::new(SshAccess {
            address: address.clone(),
            login,
            host_key,
            jump,
        }))
    };
    match (address, login, secret) {
        (MachineAddress::Docker(address), NewLogin::DockerTls(login), Some(credential_id)) => {
            NodeAccess::DockerTls(Box::new(DockerAccess {
                address: address.clone(),
                ca: login.ca.clone(),
                certificate: login.certificate.clone(),
                credential_id,
            }))
        }
        (MachineAddress::Ssh(address), NewLogin::Key(_), Some(credential_id)) => {
            ssh(address, SshLogin::Key { credential_id })
        }
        (MachineAddress::Ssh(address), NewLogin::Password(_), Some(credential_id)) => {
            ssh(address, SshLogin::Password { credential_id })
        }
        (MachineAddress::Ssh(address), _, _) => ssh(address, SshLogin::Agent),
        // The form reads addresses as its login wants them, and a key comes with an id.
        (MachineAddress::Docker(_), _, _) => NodeAccess::Direct,
    }
}

/// Whether the same machine answers there, whatever the account.
fn is_same_place(one: &SshAddress, other: &SshAddress) -> bool {
    (&one.host, one.port) == (&other.host, other.port)
}

/// What a form asks to be done with the cluster's key or password.
enum LoginChange {
    /// Nothing is sealed from now on; what was goes.
    Agent { old: Option<CredentialId> },
    /// What is sealed stays, for these addresses.
    Keep {
        present: Box<Credential>,
        addresses: String,
    },
    /// What is sealed is replaced under the same id, so that what waits still runs.
    Rotate {
        present: Box<Credential>,
        addresses: String,
        secret: Secret<String>,
    },
    /// Another kind of login than before: a new credential, and an old one goes.
    Seal {
        id: CredentialId,
        kind: CredentialKind,
        addresses: String,
        secret: Secret<String>,
        old: Option<CredentialId>,
    },
}

impl LoginChange {
    async fn decide(
        ctx: &Ctx,
        new: &NewMachines,
        present: Option<&Cluster>,
    ) -> Result<Self, ServiceError> {
        let id = present.and_then(Cluster::credential_id);
        let present = match id {
            Some(id) => ctx.store.find_credential(id).await?.map(Box::new),
            None => None,
        };
        let old = present.as_ref().map(|credential| credential.id);
        let (kind, secret) = match &new.login {
            NewLogin::Agent => return Ok(Self::Agent { old }),
            NewLogin::Key(key) => (
                CredentialKind::SshKey,
                key.as_ref()
                    .map(domain::catalogue::SshKeySecret::to_sealable),
            ),
            NewLogin::Password(password) => (CredentialKind::SshPassword, password.clone()),
            NewLogin::DockerTls(login) => (CredentialKind::DockerKey, login.key.clone()),
        };
        let addresses = urls_of(new);
        let same_kind = present.filter(|credential| credential.kind == kind);
        Ok(match (same_kind, secret) {
            (Some(present), None) => Self::Keep { present, addresses },
            (Some(present), Some(secret)) => Self::Rotate {
                present,
                addresses,
                secret,
            },
            (None, Some(secret)) => Self::Seal {
                id: CredentialId(ctx.new_id()),
                kind,
                addresses,
                secret,
                old,
            },
            // The form found one a moment ago.
            (None, None) => {
                return Err(ServiceError::Conflict(
                    "The key or password of this cluster is gone: give it again.".to_owned(),
                ));
            }
        })
    }

    /// Seals what is to be sealed. Nothing that is in use is changed yet.
    async fn carry_out(
        &self,
        ctx: &Ctx,
        cluster: ClusterId,
    ) -> Result<Option<CredentialId>, ServiceError> {
        Ok(match self {
            Self::Agent { .. } => None,
            Self::Keep { present, .. } | Self::Rotate { present, .. } => Some(present.id),
            Self::Seal {
                id,
                kind,
                addresses,
                secret,
                ..
            } => {
                let credential = Credential {
                    id: *id,
                    name: String::new(),
                    kind: *kind,
                    user: String::new(),
                    endpoint_id: Some(cluster),
                    base_url: addresses.clone(),
                    description: String::new(),
                    created_at: ctx.now(),
                    rotated_at: None,
                    last_test: None,
                    archived_at: None,
                };
                ctx.store.insert_credential(&credential, secret).await?;
                Some(*id)
            }
        })
    }

    /// Removes what was sealed, after the cluster could not be saved.
    async fn undo(&self, ctx: &Ctx) {
        if let Self::Seal { id, .. } = self
            && let Err(error) = ctx.store.delete_credential(*id).await
        {
            tracing::warn!(%error, "a secret that belongs to nothing could not be removed");
        }
    }

    /// Changes or removes what was sealed before, after the cluster was saved.
    async fn finish(self, ctx: &Ctx) -> Result<(), ServiceError> {
        let (present, addresses, secret) = match self {
            Self::Agent { old: Some(old) } | Self::Seal { old: Some(old), .. } => {
                return Ok(ctx.store.delete_credential(old).await?);
            }
            Self::Agent { old: None } | Self::Seal { old: None, .. } => return Ok(()),
            Self::Keep { present, addresses } => (present, addresses, None),
            Self::Rotate {
                present,
                addresses,
                secret,
            } => (present, addresses, Some(secret)),
        };
        let changed = Credential {
            base_url: addresses,
            rotated_at: if secret.is_some() {
                Some(ctx.now())
            } else {
                present.rotated_at
            },
            ..*present
        };
        let updated = ctx.store.update_credential(&changed, secret.as_ref());
        Ok(updated.await?)
    }
}

/// What a secret is bound to: every machine of the form, and the one on the way.
fn urls_of(new: &NewMachines) -> String {
    let mut urls: Vec<String> = new.addresses().map(|address| address.to_url()).collect();
    urls.sort_unstable();
    urls.dedup();
    urls.join(" ")
}
