//! What can go wrong, each in one sentence for people.

use std::time::Duration;

use crate::transport::Fault;

/// Longest part of the Docker Engine's own words that is passed on, in bytes.
const MESSAGE_BYTES_MAX: usize = 2_000;
/// Stands where a secret value was echoed.
const REDACTED: &str = "(redacted)";

/// Why something with a Docker Engine did not work. No message contains a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing listens there.
    #[error("no Docker Engine answers at {address}: {reason}")]
    NoDaemon {
        /// As people write it.
        address: String,
        /// The system's words.
        reason: String,
    },
    /// The socket may not be opened, or the Docker Engine's policy forbids it.
    #[error("this account may not use the Docker Engine at {address}: {reason}")]
    NotPermitted {
        /// As people write it.
        address: String,
        /// The system's or the Docker Engine's words.
        reason: String,
    },
    /// One side refused the other's certificate, or it is no TLS at all.
    #[error("no secure connection to the Docker Engine at {address}: {reason}")]
    TlsRefused {
        /// As people write it.
        address: String,
        /// Which side did not accept what.
        reason: String,
    },
    /// A certificate or key that was given cannot be used.
    #[error("the {what} for the Docker Engine cannot be used: {reason}")]
    Certificate {
        /// Which of them.
        what: &'static str,
        /// What is wrong with it; never its text.
        reason: String,
    },
    /// The Docker Engine speaks only versions of the API that are older or newer than ours.
    #[error(
        "the Docker Engine at {address} speaks API {theirs}, and {ours} is needed: install a newer {side}"
    )]
    ApiVersion {
        /// As people write it.
        address: String,
        /// The nearest version it speaks.
        theirs: String,
        /// The nearest version spoken here.
        ours: String,
        /// What has to be updated.
        side: &'static str,
    },
    /// No answer within the time limit.
    #[error("the Docker Engine did not answer within {} s while {doing}", .after.as_secs())]
    TimedOut {
        /// What was asked, as in "starting the container".
        doing: String,
        /// The limit.
        after: Duration,
    },
    /// The connection ended in the middle.
    #[error("the connection to the Docker Engine broke while {doing}: {reason}")]
    ConnectionLost {
        /// What was asked.
        doing: String,
        /// The system's words.
        reason: String,
    },
    /// The Docker Engine said no, for a reason that has no variant of its own.
    #[error("the Docker Engine refused {doing}: {message}")]
    Refused {
        /// What was asked.
        doing: String,
        /// HTTP status of the answer.
        status: u16,
        /// Its own words, bounded.
        message: String,
    },
    /// An answer that is not what the API documents.
    #[error("the Docker Engine's answer could not be read while {doing}: {reason}")]
    Unreadable {
        /// What was asked.
        doing: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A field of what was asked for is not acceptable; nothing was sent.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which one, as in "published address".
        field: String,
        /// Why.
        reason: String,
    },
    /// A host folder that may not be mounted.
    #[error("{path} may not be mounted into a container: {reason}")]
    MountRefused {
        /// As it was asked for.
        path: String,
        /// Why.
        reason: String,
    },
    /// No registry has such an image, or it wants a login that was not given.
    #[error(
        "there is no image {image} on the machine, and its registry has none that may be pulled without a login: {reason}"
    )]
    ImageUnknown {
        /// The image.
        image: String,
        /// The registry's words.
        reason: String,
    },
    /// The image is not present, and its registry cannot be reached from that machine.
    #[error(
        "the image {image} is not on the machine, and the registry {registry} cannot be reached from it (load the image there first, or give it a way to the registry): {reason}"
    )]
    RegistryUnreachable {
        /// The image.
        image: String,
        /// The registry's host.
        registry: String,
        /// The Docker Engine's words.
        reason: String,
    },
    /// The registry did not accept the user and password.
    #[error("the registry {registry} refused the login for {image}: {reason}")]
    LoginRefused {
        /// The image.
        image: String,
        /// The registry's host.
        registry: String,
        /// The registry's words.
        reason: String,
    },
    /// The disk of the machine is full.
    #[error("there is no space left on the machine's disk while {doing}: {reason}")]
    NoSpace {
        /// What was asked.
        doing: String,
        /// The Docker Engine's words.
        reason: String,
    },
    /// A container of that name exists.
    #[error("a container named {name} exists already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The container is gone, or never was.
    #[error("there is no container {id}")]
    NoSuchContainer {
        /// Its id or name.
        id: String,
    },
    /// The container does not carry our mark.
    #[error("the container {id} does not carry this server's mark, and is left alone")]
    NotOurs {
        /// Its id or name.
        id: String,
    },
    /// The container's command could not be started.
    #[error("the container could not be started: {reason}")]
    StartFailed {
        /// The Docker Engine's words.
        reason: String,
    },
    /// The container has no published port: it does not run, or none was asked for.
    #[error("the container {id} publishes no port {port}; does it run?")]
    NotPublished {
        /// The container.
        id: String,
        /// The port inside.
        port: u16,
    },
    /// Something was to be removed and is still there.
    #[error("still there after removal: {what}")]
    StillThere {
        /// What, in words.
        what: String,
    },
}

impl Error {
    /// Whether it makes sense to try the same again later: the machine or the way to it was in trouble, not
    /// what was asked for.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::NoDaemon { .. }
                | Self::TimedOut { .. }
                | Self::ConnectionLost { .. }
                | Self::StillThere { .. }
                | Self::RegistryUnreachable { .. }
        ) || matches!(self, Self::Refused { status, .. } if *status >= 500)
    }

    /// What the way to the Docker Engine says, for the call `doing`.
    pub(crate) fn from_fault(address: &str, doing: &str, fault: &Fault) -> Self {
        let address = address.to_owned();
        let reason = fault.reason();
        match fault {
            Fault::Connect(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Self::NotPermitted { address, reason }
            }
            Fault::Connect(_) => Self::NoDaemon { address, reason },
            Fault::Tls(_) => Self::TlsRefused { address, reason },
            Fault::Http(_) if fault.is_tls() => Self::TlsRefused { address, reason },
            Fault::Http(_) => Self::ConnectionLost {
                doing: doing.to_owned(),
                reason,
            },
            Fault::TimedOut(after) => Self::TimedOut {
                doing: doing.to_owned(),
                after: *after,
            },
            Fault::TooLong | Fault::NotOneRequest => Self::Unreadable {
                doing: doing.to_owned(),
                reason,
            },
        }
    }

    /// What a status and message of the Docker Engine mean, for the call `doing`.
    pub(crate) fn from_status(address: &str, doing: &str, status: u16, message: &str) -> Self {
        let message = bounded(message);
        if is_no_space(&message) {
            return Self::NoSpace {
                doing: doing.to_owned(),
                reason: message,
            };
        }
        if status == 403 {
            return Self::NotPermitted {
                address: address.to_owned(),
                reason: message,
            };
        }
        Self::Refused {
            doing: doing.to_owned(),
            status,
            message,
        }
    }

    /// What an error of the client library means, for the call `doing`.
    pub(crate) fn from_bollard(
        address: &str,
        doing: &str,
        limit: Duration,
        error: bollard::errors::Error,
    ) -> Self {
        use bollard::errors::Error as Bollard;
        let lost = |reason: String| Self::ConnectionLost {
            doing: doing.to_owned(),
            reason,
        };
        match error {
            Bollard::DockerResponseServerError {
                status_code,
                message,
            } => Self::from_status(address, doing, status_code, &message),
            Bollard::DockerStreamError { error }
            | Bollard::DockerContainerWaitError { error, .. } => {
                Self::from_status(address, doing, 500, &error)
            }
            Bollard::RequestTimeoutError => Self::TimedOut {
                doing: doing.to_owned(),
                after: limit,
            },
            Bollard::IOError { err } => match err.downcast::<Fault>() {
                Ok(fault) => Self::from_fault(address, doing, &fault),
                Err(error) => lost(error.to_string()),
            },
            Bollard::HyperResponseError { err } => {
                Self::from_fault(address, doing, &Fault::Http(err))
            }
            other => Self::Unreadable {
                doing: doing.to_owned(),
                reason: bounded(&other.to_string()),
            },
        }
    }

    /// The same error without any of `secrets`, should the Docker Engine have echoed one.
    pub(crate) fn without(self, secrets: &[&str]) -> Self {
        let clean = |text: String| redact(text, secrets);
        match self {
            Self::Refused {
                doing,
                status,
                message,
            } => Self::Refused {
                doing,
                status,
                message: clean(message),
            },
            Self::NoSpace { doing, reason } => Self::NoSpace {
                doing,
                reason: clean(reason),
            },
            Self::StartFailed { reason } => Self::StartFailed {
                reason: clean(reason),
            },
            Self::Unreadable { doing, reason } => Self::Unreadable {
                doing,
                reason: clean(reason),
            },
            Self::LoginRefused {
                image,
                registry,
                reason,
            } => Self::LoginRefused {
                image,
                registry,
                reason: clean(reason),
            },
            other => other,
        }
    }
}

/// Whether the Docker Engine's words speak of a full disk.
pub(crate) fn is_no_space(message: &str) -> bool {
    message.contains("no space left on device") || message.contains("disk quota exceeded")
}

/// At most [`MESSAGE_BYTES_MAX`] bytes of a message, cut between characters.
pub(crate) fn bounded(message: &str) -> String {
    let message = message.trim();
    let mut end = message.len().min(MESSAGE_BYTES_MAX);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let (kept, rest) = message.split_at(end);
    if rest.is_empty() {
        kept.to_owned()
    } else {
        format!("{kept}…")
    }
}

fn redact(text: String, secrets: &[&str]) -> String {
    secrets
        .iter()
        .filter(|secret| !secret.is_empty())
        .fold(text, |text, secret| text.replace(secret, REDACTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_secret_is_taken_out() {
        let error = Error::from_status("unix:///s", "creating it", 400, "invalid: A=hunter2x")
            .without(&["", "hunter2x"]);
        assert_eq!(
            error.to_string(),
            "the Docker Engine refused creating it: invalid: A=(redacted)"
        );
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let long = "é".repeat(MESSAGE_BYTES_MAX);
        let cut = bounded(&format!("a{long}"));
        assert!(cut.ends_with("é…"));
        assert!(cut.len() <= MESSAGE_BYTES_MAX + '…'.len_utf8());
        assert_eq!(bounded(" short\n"), "short");
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        let error = Error::from_status(
            "unix:///s",
            "pulling the image",
            500,
            "write /var/lib/docker/tmp/x: no space left on device",
        );
        assert!(matches!(error, Error::NoSpace { .. }), "{error}");
    }
}
