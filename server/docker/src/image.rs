//! Images: what is present is used, else it is pulled.

use std::time::Duration;

use bollard::auth::DockerCredentials;
use bollard::models::ImageInspect;
use bollard::query_parameters::CreateImageOptions;
use domain::secret::Secret;
use futures::StreamExt;
use tokio::time::timeout;

use crate::client::CALL_TIMEOUT;
use crate::error::is_no_space;
use crate::progress::Layers;
use crate::{Docker, Error, ImageReference, PullProgress};

/// Longest silence of a pull: unpacking a layer of many gigabytes says little.
const PULL_SILENCE_MAX: Duration = Duration::from_mins(10);

/// An image that is present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `sha256:…` of its configuration: the same on every machine, whatever the name.
    pub id: String,
    /// `name@sha256:…` in its registry, of the repository that was asked for; `None` for one that was built or
    /// loaded on the machine.
    pub repo_digest: Option<String>,
    /// Unpacked, in bytes.
    pub size_bytes: u64,
    /// `amd64`, `arm64`, …; empty where it does not say.
    pub architecture: String,
}

/// A user of a registry.
#[derive(Clone, Debug)]
pub struct RegistryLogin {
    /// The user's name.
    pub user: String,
    /// The password or access token.
    pub password: Secret<String>,
}

impl Docker {
    /// The image `reference`, which is pulled if the machine does not have it; `progress` is told while it is.
    /// A pull stops when the future is dropped; layers that were complete are kept by the Docker Engine.
    ///
    /// # Errors
    /// [`Error::ImageUnknown`], [`Error::RegistryUnreachable`], [`Error::LoginRefused`], [`Error::NoSpace`],
    /// [`Error::TimedOut`] after ten minutes without a sign of progress, and those of the connection.
    pub async fn ensure_image(
        &self,
        reference: &ImageReference,
        login: Option<&RegistryLogin>,
        mut progress: impl FnMut(PullProgress),
    ) -> Result<Image, Error> {
        if let Some(present) = self.find_image(reference).await? {
            return Ok(present);
        }
        let unknown = |reason: &str| Error::ImageUnknown {
            image: reference.to_string(),
            reason: reason.to_owned(),
        };
        if reference.is_local_id() {
            return Err(unknown("an id names images of the machine only"));
        }
        let password = login.map(|login| login.password.expose().as_str());
        self.pull(reference, login, &mut progress)
            .await
            .map_err(|error| explain_pull(reference, login.is_some(), error))
            .map_err(|error| error.without(password.as_slice()))?;
        self.find_image(reference)
            .await?
            .ok_or_else(|| unknown("it was pulled and is gone again"))
    }

    /// The image, if the machine has it.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn find_image(&self, reference: &ImageReference) -> Result<Option<Image>, Error> {
        // The answer has the image's environment, which is not ours to log.
        let path = format!("/images/{reference}/json");
        let asked = self
            .call_unlogged("asking for the image", hyper::Method::GET, &path, None)
            .await;
        match asked {
            Ok(image) => Ok(Some(describe(reference, image))),
            Err(Error::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn pull(
        &self,
        reference: &ImageReference,
        login: Option<&RegistryLogin>,
        progress: &mut impl FnMut(PullProgress),
    ) -> Result<(), Error> {
        let doing = "pulling the image";
        let options = CreateImageOptions {
            from_image: Some(reference.as_str().to_owned()),
            ..CreateImageOptions::default()
        };
        let credentials = login.map(|login| DockerCredentials {
            username: Some(login.user.clone()),
            password: Some(login.password.expose().clone()),
            serveraddress: Some(reference.registry().to_owned()),
            ..DockerCredentials::default()
        });
        let api = self.api.clone().with_timeout(PULL_SILENCE_MAX);
        let mut messages = std::pin::pin!(api.create_image(Some(options), None, credentials));
        let mut layers = Layers::default();
        let silent = |_| Error::TimedOut {
            doing: doing.to_owned(),
            after: PULL_SILENCE_MAX,
        };
        while let Some(message) = timeout(PULL_SILENCE_MAX, messages.next())
            .await
            .map_err(silent)?
        {
            let message = message.map_err(|error| self.error(doing, CALL_TIMEOUT, error))?;
            if let Some(now) = layers.take(&message) {
                progress(now);
            }
        }
        Ok(())
    }
}

fn describe(reference: &ImageReference, image: ImageInspect) -> Image {
    let digests = image.repo_digests.unwrap_or_default();
    let repository = repository_of(reference.as_str());
    let repo_digest = digests
        .iter()
        .find(|digest| repository_of(digest) == repository)
        .or_else(|| digests.first())
        .cloned();
    Image {
        id: image.id.unwrap_or_default(),
        repo_digest,
        size_bytes: image
            .size
            .and_then(|bytes| bytes.try_into().ok())
            .unwrap_or(0),
        architecture: image.architecture.unwrap_or_default(),
    }
}

/// The name without tag and digest.
fn repository_of(text: &str) -> &str {
    let name = text.split_once('@').map_or(text, |(name, _)| name);
    let slash = name.rfind('/').unwrap_or(0);
    match name.rfind(':') {
        Some(colon) if slash < colon => name.get(..colon).unwrap_or(name),
        _ => name,
    }
}

/// What the Docker Engine's words about a pull mean. It passes on those of the registry and of the network
/// without a code of its own.
fn explain_pull(reference: &ImageReference, has_login: bool, error: Error) -> Error {
    let (status, message) = match error {
        Error::Refused {
            status, message, ..
        } => (status, message),
        other => return other,
    };
    let image = reference.to_string();
    let registry = reference.registry().to_owned();
    let lower = message.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| lower.contains(phrase));
    if is_no_space(&message) {
        return Error::NoSpace {
            doing: "pulling the image".to_owned(),
            reason: message,
        };
    }
    if says(&[
        "manifest unknown",
        "not found: manifest",
        "name unknown",
        "no such image",
    ]) {
        return Error::ImageUnknown {
            image,
            reason: message,
        };
    }
    if says(&[
        "unauthorized",
        "no basic auth credentials",
        "access denied",
        "denied:",
        "incorrect username",
    ]) {
        return if has_login {
            Error::LoginRefused {
                image,
                registry,
                reason: message,
            }
        } else {
            Error::ImageUnknown {
                image,
                reason: format!(
                    "{message} (it was asked for without a login, and {registry} may want one: an administrator can add it to the credentials)"
                ),
            }
        };
    }
    if says(&[
        "dial tcp",
        "no such host",
        "connection refused",
        "network is unreachable",
        "no route to host",
        "i/o timeout",
        "timeout exceeded",
        "request canceled",
        "tls handshake timeout",
        "server misbehaving",
        "connection reset",
        "http response to https client",
        "certificate",
        ": eof",
        "proxyconnect",
    ]) {
        return Error::RegistryUnreachable {
            image,
            registry,
            reason: message,
        };
    }
    if status == 404 {
        return Error::ImageUnknown {
            image,
            reason: message,
        };
    }
    Error::Refused {
        doing: format!("pulling the image {image}"),
        status,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(message: &str, has_login: bool) -> Error {
        let reference = "reg.example/a:1".parse().unwrap();
        explain_pull(
            &reference,
            has_login,
            Error::from_status("unix:///s", "x", 500, message),
        )
    }

    #[test]
    fn the_words_of_registries_and_networks_are_understood() {
        let dial = "Get \"https://reg.example/v2/\": dial tcp: lookup reg.example: no such host";
        assert!(matches!(
            explained(dial, true),
            Error::RegistryUnreachable { .. }
        ));
        let wrong = "unauthorized: incorrect username or password";
        assert!(matches!(explained(wrong, true), Error::LoginRefused { .. }));
        assert!(matches!(
            explained(wrong, false),
            Error::ImageUnknown { .. }
        ));
        let unknown = "manifest for reg.example/a:1 not found: manifest unknown: manifest unknown";
        assert!(matches!(
            explained(unknown, true),
            Error::ImageUnknown { .. }
        ));
        let limit = "toomanyrequests: You have reached your pull rate limit.";
        assert!(matches!(explained(limit, true), Error::Refused { .. }));
        assert!(
            explained(dial, true)
                .to_string()
                .contains("is not on the machine")
        );
    }

    #[test]
    fn the_digest_of_the_repository_that_was_asked_for_is_named() {
        let image = ImageInspect {
            repo_digests: Some(vec![
                "other/x@sha256:aa".into(),
                "h:5000/a/b@sha256:bb".into(),
            ]),
            ..ImageInspect::default()
        };
        let found = describe(&"h:5000/a/b:1".parse().unwrap(), image);
        assert_eq!(found.repo_digest.as_deref(), Some("h:5000/a/b@sha256:bb"));
    }
}
