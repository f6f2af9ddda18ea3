//! Names of images.

use std::fmt;
use std::str::FromStr;

use domain::catalogue::registry_of_image;
use domain::engine::{ImageVersion, check_image_name};

use crate::Error;

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
        let text = text.trim();
        let version = check_image_name(text).map_err(|reason| Error::Invalid {
            field: "image".to_owned(),
            reason: reason.to_owned(),
        })?;
        let text = match version {
            // Without a tag, the Docker Engine would pull every tag there is.
            ImageVersion::None => format!("{text}:latest"),
            ImageVersion::Named | ImageVersion::LocalId => text.to_owned(),
        };
        Ok(Self { text })
    }
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
        for text in ["", "a b", "a?b=c", "Upper", "a@sha256:12"] {
            let error = text.parse::<ImageReference>().unwrap_err();
            assert!(error.to_string().starts_with("image: "), "{text}: {error}");
        }
    }
}
