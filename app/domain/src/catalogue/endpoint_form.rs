//! The form of an endpoint.

use serde::{Deserialize, Serialize};

use crate::field::{FieldErrors, base_url, optional_text, required_text, secret_text};
use crate::id::CredentialId;

/// A cluster's form, as typed. Only endpoints are created by hand; this machine is always there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointForm {
    /// Name shown.
    pub name: String,
    /// Base URL.
    pub base_url: String,
    /// A new key; empty keeps the present one.
    pub api_key: String,
    /// Whether the present key is to be removed: `on` when checked.
    pub remove_key: String,
    /// Id of a credential of the registry to be sent instead of a key of its own; empty for none.
    pub credential_id: String,
    /// Free text.
    pub description: String,
}

/// A checked [`EndpointForm`]; the key stays in the form, to be sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEndpoint {
    /// Name shown.
    pub name: String,
    /// Base URL, normalised.
    pub base_url: String,
    /// The chosen credential of the registry.
    pub credential_id: Option<CredentialId>,
    /// Free text.
    pub description: String,
}

impl EndpointForm {
    /// Checks every field.
    pub fn validate(&self) -> Result<NewEndpoint, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.check("name", required_text(&self.name, "a name", 200));
        let url = errors.check("base_url", base_url(&self.base_url));
        let description = errors.check(
            "description",
            optional_text(&self.description, "the description", 2_000),
        );
        errors.check("api_key", secret_text(&self.api_key));
        let credential_id = match self.credential_id.trim() {
            "" => None,
            _ if !self.api_key.trim().is_empty() => {
                errors.add(
                    "credential_id",
                    "Choose a credential or give a key, not both.",
                );
                None
            }
            id => {
                let id = id.parse().map_err(|_| "Choose a credential.".to_owned());
                errors.check("credential_id", id)
            }
        };
        let (Some(name), Some(base_url), Some(description)) = (name, url, description) else {
            return Err(errors);
        };
        errors.into_result(NewEndpoint {
            name,
            base_url,
            credential_id,
            description,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_needs_a_name_and_a_url() {
        let errors = EndpointForm::default().validate().unwrap_err();
        assert!(errors.at("name").is_some() && errors.at("base_url").is_some());
    }

    #[test]
    fn a_key_or_a_credential_is_given_but_not_both() {
        let form = EndpointForm {
            name: "rack".to_owned(),
            base_url: "http://h".to_owned(),
            credential_id: uuid::Uuid::nil().to_string(),
            ..EndpointForm::default()
        };
        assert!(form.validate().unwrap().credential_id.is_some());
        let both = EndpointForm {
            api_key: "k".to_owned(),
            ..form.clone()
        };
        let errors = both.validate().unwrap_err();
        assert!(errors.at("credential_id").unwrap().contains("not both"));
        let odd = EndpointForm {
            credential_id: "none".to_owned(),
            ..form
        };
        assert!(odd.validate().unwrap_err().at("credential_id").is_some());
    }
}
