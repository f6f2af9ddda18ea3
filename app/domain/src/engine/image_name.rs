//! Names of images, as Docker Engines take them.

use crate::catalogue::registry_of_image;

/// Longest name, in bytes.
pub const IMAGE_NAME_BYTES_MAX: usize = 512;

/// The parts of an image's name that say which of several it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageVersion {
    /// Neither tag nor digest: what is called `latest`.
    None,
    /// A tag, a digest or both.
    Named,
    /// The name is the local id of an image, which no registry knows.
    LocalId,
}

/// Checks the name of an image: `vllm/vllm-openai:v0.9.2`, `registry.example:5000/engines/sglang@sha256:…`.
///
/// # Errors
///
/// What is wrong, as a clause.
pub fn check_image_name(text: &str) -> Result<ImageVersion, &'static str> {
    if text.is_empty() {
        return Err("the name of an image is needed");
    }
    if IMAGE_NAME_BYTES_MAX < text.len() {
        return Err("the name is too long");
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    if !text.bytes().all(fits) {
        return Err("a name of an image has only letters, digits and . _ - / : @");
    }
    if let Some(id) = text.strip_prefix("sha256:") {
        return if is_digest(id) {
            Ok(ImageVersion::LocalId)
        } else {
            Err("sha256: wants 64 hexadecimal digits after it")
        };
    }
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    if digest.is_some_and(|digest| !digest.strip_prefix("sha256:").is_some_and(is_digest)) {
        return Err("after the @ stands sha256: with 64 hexadecimal digits");
    }
    // A colon before the last slash is that of a registry's port.
    let (path, tag) = match name.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (name, None),
    };
    let starts_well = |part: &str| part.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    if !path.split('/').all(starts_well) {
        return Err("each part between slashes begins with a letter or a digit");
    }
    // The name of a host may have capitals.
    let registry = registry_of_image(path);
    let repository = path.strip_prefix(registry).unwrap_or(path);
    if repository.contains(':') {
        return Err("after the colon stands one tag");
    }
    if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("names of images are written in small letters");
    }
    if tag.is_some_and(str::is_empty) {
        return Err("after the colon stands one tag");
    }
    Ok(if tag.is_none() && digest.is_none() {
        ImageVersion::None
    } else {
        ImageVersion::Named
    })
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_which_image_of_several() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        for (name, version) in [
            ("busybox", ImageVersion::None),
            ("gpu-3:5000/e/x", ImageVersion::None),
            ("Registry.Example:5000/e/x", ImageVersion::None),
            ("vllm/vllm-openai:v0.9.2", ImageVersion::Named),
            ("gpu-3:5000/e/x:A", ImageVersion::Named),
            (&format!("a/b@{digest}"), ImageVersion::Named),
            (&format!("a/b:c@{digest}"), ImageVersion::Named),
            (&digest, ImageVersion::LocalId),
        ] {
            assert_eq!(check_image_name(name), Ok(version), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "a b",
            "../containers/x",
            "/x",
            "a//b",
            "a/",
            "a?b=c",
            "Upper",
            "Upper/x",
            "x/Upper",
            "a:",
            "a:b:c",
            "a@sha256:12",
            "sha256:xyz",
            "é",
            "a/../b",
            "-v",
        ] {
            assert!(check_image_name(text).is_err(), "{text}");
        }
        assert!(check_image_name(&"a".repeat(IMAGE_NAME_BYTES_MAX + 1)).is_err());
    }
}
