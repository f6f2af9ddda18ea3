//! Names of images.

use std::fmt;
use std::str::FromStr;

use domain::catalogue::registry_of_image;

use crate::Error;

/// Longest name, in bytes.
const REFERENCE_BYTES_MAX: usize = 512;

/// The name of an image with a tag, a digest or both: `vllm/vllm-openai:v0.9.2`,
/// `registry.example:5000/engines/sglang@sha256:…`. A name with neither means the tag `latest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageReference {
    text: String,
}

impl ImageReference {
    /// The host (and port) of the registry it comes from.
    pub fn registry(&self) -> &str {
        registry_of_image(&self.text)
    }

    /// As the Docker Engine wants it, never without a tag or digest.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it names an image by its local id, which no registry knows.
    pub fn is_local_id(&self) -> bool {
        self.text.starts_with("sha256:")
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ImageReference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |reason: &str| Error::Invalid {
            field: "image".to_owned(),
            reason: reason.to_owned(),
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(invalid("the name of an image is needed"));
        }
        if REFERENCE_BYTES_MAX < text.len() {
            return Err(invalid("the name is too long"));
        }
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte))
        {
            return Err(invalid(
                "a name of an image has only letters, digits and . _ - / : @",
            ));
        }
        if let Some(id) = text.strip_prefix("sha256:") {
            return if is_digest(id) {
                Ok(Self { text: text.into() })
            } else {
                Err(invalid("sha256: wants 64 hexadecimal digits after it"))
            };
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        if digest.is_some_and(|digest| !digest.strip_prefix("sha256:").is_some_and(is_digest)) {
            return Err(invalid(
                "after the @ stands sha256: with 64 hexadecimal digits",
            ));
        }
        // A colon before the last slash is that of a registry's port.
        let after_slash = name.rfind('/').map_or(0, |slash| slash + 1);
        let (path, tag) = match name
            .get(after_slash..)
            .and_then(|last| last.split_once(':'))
        {
            Some((last, tag)) => (name.get(..after_slash + last.len()), Some(tag)),
            None => (Some(name), None),
        };
        let path = path.unwrap_or_default();
        let starts_well =
            |part: &str| part.starts_with(|letter: char| letter.is_ascii_alphanumeric());
        if !path.split('/').all(starts_well) {
            return Err(invalid(
                "each part between slashes begins with a letter or a digit",
            ));
        }
        let repository = path.split_once('/').map_or(path, |(_, rest)| rest);
        if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(invalid("names of images are written in small letters"));
        }
        if tag.is_some_and(|tag| tag.is_empty() || tag.contains(':')) {
            return Err(invalid("after the colon stands one tag"));
        }
        // Without a tag, the Docker Engine would pull every tag there is.
        let text = if tag.is_none() && digest.is_none() {
            format!("{text}:latest")
        } else {
            text.to_owned()
        };
        Ok(Self { text })
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use domain::catalogue::DOCKER_HUB;

    use super::*;

    #[test]
    fn names_are_completed_and_their_registry_known() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        for (text, complete, registry) in [
            ("busybox", "busybox:latest".to_owned(), DOCKER_HUB),
            (
                "vllm/vllm-openai:v0.9.2",
                "vllm/vllm-openai:v0.9.2".to_owned(),
                DOCKER_HUB,
            ),
            (
                "gpu-3:5000/e/x",
                "gpu-3:5000/e/x:latest".to_owned(),
                "gpu-3:5000",
            ),
            (
                "ghcr.io/ggml-org/llama.cpp:server",
                "ghcr.io/ggml-org/llama.cpp:server".to_owned(),
                "ghcr.io",
            ),
            (
                &format!("a/b@{digest}"),
                format!("a/b@{digest}"),
                DOCKER_HUB,
            ),
            (&digest, digest.clone(), DOCKER_HUB),
        ] {
            let reference: ImageReference = text.parse().unwrap();
            assert_eq!(reference.as_str(), complete);
            assert_eq!(reference.registry(), registry, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_a_reason() {
        for text in [
            "",
            "a b",
            "../containers/x",
            "a//b",
            "a?b=c",
            "Upper",
            "a:",
            "a:b:c",
            "a@sha256:12",
            "sha256:xyz",
            "é",
            "a/../b",
        ] {
            let error = text.parse::<ImageReference>().unwrap_err();
            assert!(error.to_string().starts_with("image: "), "{text}: {error}");
        }
        assert!(
            "a".repeat(REFERENCE_BYTES_MAX + 1)
                .parse::<ImageReference>()
                .is_err()
        );
    }
}
