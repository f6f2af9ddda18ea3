//! Proving who we are.

use std::path::PathBuf;
use std::sync::Arc;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_key;
use russh::keys::{self, HashAlg, PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};
use russh::{MethodKind, MethodSet};
use tokio::net::UnixStream;

use crate::session::Watcher;
use crate::{Credential, SshError, SshTarget};

/// Rounds of questions that a server may ask for one password.
const QUESTIONS_MAX: usize = 4;
/// Keys of an agent that are shown; servers end the link after a few that they do not know.
const AGENT_KEYS_MAX: usize = 6;

/// Shows the target's credential to the server.
pub(crate) async fn authenticate(
    handle: &mut Handle<Watcher>,
    target: &SshTarget,
) -> Result<(), SshError> {
    let user = target.user.as_str();
    let outcome = match &target.credential {
        Credential::Key { pem, passphrase } => {
            let passphrase = passphrase.as_ref().map(|it| it.expose().as_str());
            let key = read_key(pem.expose(), passphrase)?;
            let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
            into_outcome(handle.authenticate_publickey(user, key).await)
        }
        Credential::Agent { socket } => with_agent(handle, user, socket.as_ref()).await?,
        Credential::Password(password) => with_password(handle, user, password.expose()).await,
    };
    match outcome {
        Outcome::Accepted => Ok(()),
        // A link that breaks looks like a refusal without alternatives.
        Outcome::Refused(methods) if methods.is_empty() && handle.is_closed() => {
            Err(SshError::LinkLost {
                host: target.place(),
                reason: "the server closed it while signing in".to_owned(),
            })
        }
        Outcome::Refused(methods) => Err(SshError::AuthenticationRefused {
            host: target.place(),
            user: target.user.clone(),
            tried: target.credential.name(),
            accepts: methods.iter().map(String::from).collect(),
        }),
        Outcome::Unsigned(reason) => Err(SshError::AgentRefused { reason }),
        Outcome::Broken(reason) => Err(SshError::LinkLost {
            host: target.place(),
            reason: format!("while signing in: {reason}"),
        }),
    }
}

enum Outcome {
    Accepted,
    /// With what the server would take instead.
    Refused(MethodSet),
    /// The agent does not sign.
    Unsigned(String),
    Broken(String),
}

fn into_outcome(result: Result<AuthResult, russh::Error>) -> Outcome {
    match result {
        Ok(AuthResult::Success) => Outcome::Accepted,
        Ok(AuthResult::Failure {
            remaining_methods, ..
        }) => Outcome::Refused(remaining_methods),
        Err(error) => Outcome::Broken(error.to_string()),
    }
}

/// Reads a private key.
///
/// # Errors
/// [`SshError::KeyUnreadable`], [`SshError::PassphraseMissing`], [`SshError::PassphraseWrong`].
pub fn read_key(pem: &str, passphrase: Option<&str>) -> Result<PrivateKey, SshError> {
    let unreadable = |reason: String| SshError::KeyUnreadable { reason };
    let no_rsa = || {
        unreadable(
            "keys of the kind RSA are not supported; make one with `ssh-keygen -t ed25519`"
                .to_owned(),
        )
    };
    if pem.contains("-----BEGIN RSA") {
        return Err(no_rsa());
    }
    let is_locked_pkcs8 = pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----");
    if is_locked_pkcs8 && passphrase.is_none() {
        return Err(SshError::PassphraseMissing);
    }
    let key = decode_secret_key(pem, passphrase).map_err(|error| match error {
        keys::Error::KeyIsEncrypted => SshError::PassphraseMissing,
        keys::Error::SshKey(ssh_key::Error::Crypto) if passphrase.is_some() => {
            SshError::PassphraseWrong
        }
        keys::Error::Pkcs8(_) if is_locked_pkcs8 => SshError::PassphraseWrong,
        keys::Error::CouldNotReadKey => {
            unreadable("it is not the text of a private key file".to_owned())
        }
        other => unreadable(other.to_string()),
    })?;
    if matches!(key.algorithm(), keys::Algorithm::Rsa { .. }) {
        return Err(no_rsa());
    }
    Ok(key)
}

async fn with_agent(
    handle: &mut Handle<Watcher>,
    user: &str,
    socket: Option<&PathBuf>,
) -> Result<Outcome, SshError> {
    let socket = match socket {
        Some(socket) => socket.clone(),
        None => std::env::var_os("SSH_AUTH_SOCK")
            .map(PathBuf::from)
            .ok_or_else(|| SshError::AgentMissing {
                reason: "the variable SSH_AUTH_SOCK is not set".to_owned(),
            })?,
    };
    let missing = |error: keys::Error| SshError::AgentMissing {
        reason: format!("{}: {error}", socket.display()),
    };
    let mut agent: AgentClient<UnixStream> =
        AgentClient::connect_uds(&socket).await.map_err(missing)?;
    let identities = agent.request_identities().await.map_err(missing)?;
    let keys: Vec<_> = identities
        .into_iter()
        .filter_map(|identity| match identity {
            AgentIdentity::PublicKey { key, .. } => Some(key),
            AgentIdentity::Certificate { .. } => None,
        })
        .take(AGENT_KEYS_MAX)
        .collect();
    if keys.is_empty() {
        return Err(SshError::AgentWithoutKeys);
    }
    let mut last = Outcome::Refused(MethodSet::empty());
    for key in keys {
        let hash = match key.algorithm() {
            keys::Algorithm::Rsa { .. } => rsa_hash(handle).await,
            _ => None,
        };
        match handle
            .authenticate_publickey_with(user, key, hash, &mut agent)
            .await
        {
            Ok(AuthResult::Success) => return Ok(Outcome::Accepted),
            Ok(AuthResult::Failure {
                remaining_methods, ..
            }) => last = Outcome::Refused(remaining_methods),
            // The agent does not sign with this key (it may ask its owner): the next one may do.
            Err(error) => last = Outcome::Unsigned(error.to_string()),
        }
    }
    Ok(last)
}

async fn rsa_hash(handle: &Handle<Watcher>) -> Option<HashAlg> {
    match handle.best_supported_rsa_hash().await {
        Ok(Some(hash)) => hash,
        _ => Some(HashAlg::Sha512),
    }
}

async fn with_password(handle: &mut Handle<Watcher>, user: &str, password: &str) -> Outcome {
    let outcome = into_outcome(handle.authenticate_password(user, password).await);
    match &outcome {
        // Many systems ask for the password this way only.
        Outcome::Refused(methods)
            if methods.contains(&MethodKind::KeyboardInteractive)
                && !methods.contains(&MethodKind::Password) =>
        {
            answer_questions(handle, user, password).await
        }
        _ => outcome,
    }
}

async fn answer_questions(handle: &mut Handle<Watcher>, user: &str, password: &str) -> Outcome {
    let mut reply = handle
        .authenticate_keyboard_interactive_start(user, None)
        .await;
    for _ in 0..QUESTIONS_MAX {
        match reply {
            Ok(KeyboardInteractiveAuthResponse::Success) => return Outcome::Accepted,
            Ok(KeyboardInteractiveAuthResponse::Failure {
                remaining_methods, ..
            }) => return Outcome::Refused(remaining_methods),
            Ok(KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. }) => {
                // What is asked for in the clear is no password (a one-time code, say).
                let answers = prompts
                    .iter()
                    .map(|prompt| {
                        if prompt.echo {
                            String::new()
                        } else {
                            password.to_owned()
                        }
                    })
                    .collect();
                reply = handle
                    .authenticate_keyboard_interactive_respond(answers)
                    .await;
            }
            Err(error) => return Outcome::Broken(error.to_string()),
        }
    }
    Outcome::Broken("the server asks and asks".to_owned())
}
