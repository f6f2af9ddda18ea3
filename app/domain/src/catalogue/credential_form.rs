//! The form of a credential that stands by itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::registry_login::{parse_registry, parse_user};
use super::{Credential, CredentialKind};
use crate::field::{FieldErrors, base_url, optional_text, required_text, secret_text};
use crate::secret::Secret;

/// A credential's form, as typed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CredentialForm {
    /// Name shown.
    pub name: String,
    /// What a new one is for; empty: a provider's key.
    pub kind: String,
    /// The address it is for.
    pub base_url: String,
    /// The user of a registry.
    pub user: String,
    /// The secret; empty keeps the present one.
    pub secret: String,
    /// Free text.
    pub description: String,
}

impl fmt::Debug for CredentialForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialForm")
            .field("name", &self.name)
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// A checked [`CredentialForm`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCredential {
    /// Name shown.
    pub name: String,
    /// What it is for.
    pub kind: CredentialKind,
    /// The address it is for, normalised.
    pub base_url: String,
    /// The user of a registry; else empty.
    pub user: String,
    /// The secret, if one was given.
    pub secret: Option<Secret<String>>,
    /// Free text.
    pub description: String,
}

impl CredentialForm {
    /// The form of an existing credential; the secret never comes back.
    pub fn of(credential: &Credential) -> Self {
        Self {
            name: credential.name.clone(),
            kind: credential.kind.as_str().to_owned(),
            base_url: match credential.base_url.strip_prefix("docker://") {
                Some(registry) => registry.to_owned(),
                None => credential.base_url.clone(),
            },
            user: credential.user.clone(),
            secret: String::new(),
            description: credential.description.clone(),
        }
    }

    /// Checks every field. `present` is the credential that is changed: its secret may stay unless
    /// it would go to another place.
    pub fn validate(&self, present: Option<&Credential>) -> Result<NewCredential, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.check("name", required_text(&self.name, "a name", 200));
        let kind = errors.check("kind", self.kind_of(present));
        let is_login = kind == Some(CredentialKind::RegistryLogin);
        let (url, user) = if is_login {
            let user = errors.check("user", parse_user(&self.user));
            (parse_registry(&self.base_url), user)
        } else {
            (base_url(&self.base_url), Some(String::new()))
        };
        let url = errors.check("base_url", url);
        let secret = errors.check("secret", secret_text(&self.secret));
        let description = errors.check(
            "description",
            optional_text(&self.description, "the description", 2_000),
        );
        let is_empty = secret.as_deref() == Some("");
        match (present, &url) {
            (None, _) if is_empty && is_login => {
                errors.add("secret", "Give the password or token.");
            }
            (None, _) if is_empty => errors.add("secret", "Give the key."),
            // Whoever may edit an address must not be able to have the secret sent to their own.
            (Some(present), Some(url)) if is_empty && !present.fits(url) => errors.add(
                "secret",
                "Give the key again: the saved one is only sent to the address it was given for.",
            ),
            _ => {}
        }
        let (Some(name), Some(kind), Some(base_url), Some(user), Some(secret), Some(description)) =
            (name, kind, url, user, secret, description)
        else {
            return Err(errors);
        };
        errors.into_result(NewCredential {
            name,
            kind,
            base_url,
            user,
            secret: (!secret.is_empty()).then(|| Secret::new(secret)),
            description,
        })
    }
}

impl CredentialForm {
    /// What it is for: that of the present one, which stays what it is.
    fn kind_of(&self, present: Option<&Credential>) -> Result<CredentialKind, String> {
        if let Some(present) = present {
            return Ok(present.kind);
        }
        match self.kind.trim() {
            "" => Ok(CredentialKind::default()),
            text => CredentialKind::parse(text)
                .filter(|kind| CredentialKind::REGISTERED.contains(kind))
                .ok_or_else(|| "Choose what the credential is for.".to_owned()),
        }
    }
}

/// The new secret of a rotation, checked.
pub fn new_secret(text: &str) -> Result<Secret<String>, FieldErrors> {
    match secret_text(text) {
        Ok(secret) if secret.is_empty() => Err(FieldErrors::one("secret", "Give the new key.")),
        Ok(secret) => Ok(Secret::new(secret)),
        Err(message) => Err(FieldErrors::one("secret", message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::CredentialId;
    use crate::time::Timestamp;

    fn credential(base_url: &str) -> Credential {
        Credential {
            id: CredentialId(uuid::Uuid::nil()),
            name: "OpenAI".to_owned(),
            kind: CredentialKind::ProviderKey,
            user: String::new(),
            endpoint_id: None,
            base_url: base_url.to_owned(),
            description: String::new(),
            created_at: Timestamp(0),
            rotated_at: None,
            last_test: None,
            archived_at: None,
        }
    }

    #[test]
    fn a_login_of_a_registry_has_a_user_and_stays_one() {
        let form = CredentialForm {
            name: "ours".to_owned(),
            kind: "registry_login".to_owned(),
            base_url: "registry.example:5000".to_owned(),
            ..CredentialForm::default()
        };
        let errors = form.validate(None).unwrap_err();
        assert!(errors.at("user").is_some());
        assert_eq!(errors.at("secret"), Some("Give the password or token."));
        let form = CredentialForm {
            user: "ada".to_owned(),
            secret: "pw".to_owned(),
            ..form
        };
        let new = form.validate(None).unwrap();
        assert_eq!(new.kind, CredentialKind::RegistryLogin);
        assert_eq!(new.base_url, "docker://registry.example:5000");
        let present = Credential {
            kind: new.kind,
            user: new.user,
            ..credential(&new.base_url)
        };
        let again = CredentialForm {
            kind: "provider_key".to_owned(),
            ..CredentialForm::of(&present)
        };
        let kept = again.validate(Some(&present)).unwrap();
        assert_eq!((kept.kind, kept.user.as_str()), (present.kind, "ada"));
        assert_eq!(kept.base_url, present.base_url);
        let machines = CredentialForm {
            kind: "ssh_key".to_owned(),
            ..form
        };
        assert!(machines.validate(None).unwrap_err().at("kind").is_some());
    }

    #[test]
    fn a_new_credential_needs_its_secret_and_another_place_needs_it_again() {
        let form = CredentialForm {
            name: "OpenAI".to_owned(),
            base_url: "https://api.openai.com/v1/".to_owned(),
            ..CredentialForm::default()
        };
        let errors = form.validate(None).unwrap_err();
        assert_eq!(errors.at("secret"), Some("Give the key."));

        let present = credential("https://api.openai.com");
        let kept = form.validate(Some(&present)).unwrap();
        assert_eq!(kept.secret, None);
        assert_eq!(kept.base_url, "https://api.openai.com/v1");

        let moved = CredentialForm {
            base_url: "https://evil.example".to_owned(),
            ..form
        };
        let errors = moved.validate(Some(&present)).unwrap_err();
        assert!(errors.at("secret").unwrap().contains("again"));
        let given = CredentialForm {
            secret: "sk-1".to_owned(),
            ..moved
        };
        assert!(given.validate(Some(&present)).unwrap().secret.is_some());
    }

    #[test]
    fn a_form_does_not_print_its_secret() {
        let form = CredentialForm {
            secret: "sk-visible".to_owned(),
            ..CredentialForm::default()
        };
        assert!(!format!("{form:?}").contains("sk-visible"));
    }
}
