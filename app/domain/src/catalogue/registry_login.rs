//! Logins of registries for images: a user and a password or token that Docker Engines pull with.

use super::{Credential, CredentialKind, Origin};

/// Docker's own registry, which images without a registry in their name come from.
pub const DOCKER_HUB: &str = "docker.io";
/// Other names of it that people know.
const DOCKER_HUB_TOO: [&str; 4] = [
    "index.docker.io",
    "registry-1.docker.io",
    "hub.docker.com",
    "registry.hub.docker.com",
];
/// Longest address of a registry in bytes.
const REGISTRY_BYTES_MAX: usize = 300;

/// The host (and port) of the registry that an image comes from.
pub fn registry_of_image(image: &str) -> &str {
    match image.split_once('/') {
        // The rule of Docker: the first part is a host if it looks like one.
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => DOCKER_HUB,
    }
}

/// The address that a login of a registry is bound to. Its scheme is of its own: such a login can never go to
/// an API, nor a key of an API to a registry.
pub fn registry_url(registry: &str) -> String {
    format!("docker://{registry}")
}

/// Reads the address of a registry as people write it, such as `ghcr.io`, `registry.example:5000` or
/// `https://index.docker.io/v1/`.
///
/// # Errors
///
/// A sentence for the field.
pub(super) fn parse_registry(text: &str) -> Result<String, String> {
    const HELP: &str = "Give the registry as it stands in the names of its images, such as ghcr.io or registry.example:5000.";
    let text = text.trim().to_ascii_lowercase();
    if text.len() > REGISTRY_BYTES_MAX || text.contains(char::is_whitespace) {
        return Err(HELP.to_owned());
    }
    if text.contains('@') {
        return Err(
            "Put user and password into their own fields, not into the address.".to_owned(),
        );
    }
    let schemes = ["docker://", "https://", "http://"];
    let host = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    let host = host.unwrap_or(&text);
    let host = host.split('/').next().unwrap_or(host);
    let host = if DOCKER_HUB_TOO.contains(&host) {
        DOCKER_HUB
    } else {
        host
    };
    // What is no host in the name of an image could never be asked for.
    let is_host = registry_of_image(&format!("{host}/x")) == host;
    let url = registry_url(host);
    let port_fits = host
        .rsplit_once(':')
        .is_none_or(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0));
    if !is_host || !port_fits || Origin::of(&url).is_none() {
        return Err(HELP.to_owned());
    }
    Ok(url)
}

/// Reads the name of a user of a registry.
///
/// # Errors
///
/// A sentence for the field.
pub(super) fn parse_user(text: &str) -> Result<String, String> {
    let user = crate::field::required_text(text, "the user of the registry", 200)?;
    // RFC 7617: user and password are sent with a colon between them.
    if user.contains(':') || user.contains(char::is_control) {
        return Err("A user's name has no colon.".to_owned());
    }
    Ok(user)
}

/// The login that an image is pulled with: the one in use for its registry, the first by name where there are
/// several.
pub fn login_for_image<'a>(credentials: &'a [Credential], image: &str) -> Option<&'a Credential> {
    let url = registry_url(registry_of_image(image));
    let fits = credentials.iter().filter(|credential| {
        credential.kind == CredentialKind::RegistryLogin
            && credential.archived_at.is_none()
            && credential.fits(&url)
    });
    fits.min_by_key(|credential| (credential.name.to_lowercase(), credential.id))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::CredentialId;
    use crate::time::Timestamp;

    fn login(number: u128, name: &str, registry: &str) -> Credential {
        Credential {
            id: CredentialId(Uuid::from_u128(number)),
            name: name.to_owned(),
            kind: CredentialKind::RegistryLogin,
            user: "ada".to_owned(),
            endpoint_id: None,
            base_url: registry_url(registry),
            description: String::new(),
            created_at: Timestamp(0),
            rotated_at: None,
            last_test: None,
            archived_at: None,
        }
    }

    #[test]
    fn addresses_of_registries_are_read_as_people_write_them() {
        let same = [
            ("ghcr.io", "docker://ghcr.io"),
            (" https://GHCR.io/ ", "docker://ghcr.io"),
            ("https://index.docker.io/v1/", "docker://docker.io"),
            ("docker.io", "docker://docker.io"),
            ("localhost:5000", "docker://localhost:5000"),
            ("127.0.0.1:5000/v2/", "docker://127.0.0.1:5000"),
            ("docker://r.example:1/x", "docker://r.example:1"),
        ];
        for (typed, read) in same {
            assert_eq!(parse_registry(typed).as_deref(), Ok(read), "{typed}");
        }
        let wrong = [
            "",
            "ghcr",
            "two words.io",
            "ada:pw@ghcr.io",
            "ghcr.io:0",
            "ghcr.io:x",
            "ghcr.io:70000",
            "ftp://ghcr.io",
        ];
        for typed in wrong {
            assert!(parse_registry(typed).is_err(), "{typed}");
        }
        assert_eq!(parse_user(" ada ").as_deref(), Ok("ada"));
        assert!(parse_user("ada:x").is_err() && parse_user(" ").is_err());
    }

    #[test]
    fn an_image_is_pulled_with_the_login_of_its_registry() {
        let mut all = vec![
            login(1, "second", "r.example:5000"),
            login(2, "First", "r.example:5000"),
            login(3, "hub", "docker.io"),
        ];
        let name =
            |all: &[Credential], image| login_for_image(all, image).map(|it| it.name.clone());
        let first = Some("First".to_owned());
        assert_eq!(name(&all, "r.example:5000/engines/vllm:1"), first);
        assert_eq!(
            name(&all, "vllm/vllm-openai:latest"),
            Some("hub".to_owned())
        );
        assert_eq!(name(&all, "r.example/engines/vllm:1"), None);
        all[1].archived_at = Some(Timestamp(1));
        let second = Some("second".to_owned());
        assert_eq!(name(&all, "r.example:5000/engines/vllm:1"), second);
        all[0].kind = CredentialKind::ProviderKey;
        assert_eq!(name(&all, "r.example:5000/engines/vllm:1"), None);
    }

    #[test]
    fn a_login_of_a_registry_goes_to_no_api_and_a_key_to_no_registry() {
        let own = login(1, "r", "r.example");
        for url in ["https://r.example", "http://r.example", "ssh://r.example"] {
            assert!(!own.fits(url), "{url}");
        }
        assert!(own.fits("docker://r.example") && !own.fits("docker://r.example:5000"));
    }
}
