//! What is sealed for a login with a private key.

use crate::secret::Secret;

/// A private key with what unlocks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshKeySecret {
    /// The text of the private key.
    pub key: Secret<String>,
    /// What unlocks it, if it is locked.
    pub passphrase: Option<Secret<String>>,
}

impl SshKeySecret {
    /// As the one text that is sealed.
    pub fn to_sealable(&self) -> Secret<String> {
        let passphrase = self.passphrase.as_ref().map(Secret::expose);
        Secret::new(serde_json::json!([self.key.expose(), passphrase]).to_string())
    }

    /// From the text that was sealed; `None` when it is another secret.
    pub fn from_sealed(text: &Secret<String>) -> Option<Self> {
        let (key, passphrase): (String, Option<String>) =
            serde_json::from_str(text.expose()).ok()?;
        Some(Self {
            key: Secret::new(key),
            passphrase: passphrase.map(Secret::new),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_its_passphrase_come_back() {
        for passphrase in [None, Some("p \"q\"\n")] {
            let secret = SshKeySecret {
                key: Secret::new("-----BEGIN\nx\n".to_owned()),
                passphrase: passphrase.map(|text| Secret::new(text.to_owned())),
            };
            let sealed = secret.to_sealable();
            assert_eq!(SshKeySecret::from_sealed(&sealed), Some(secret));
        }
        assert_eq!(
            SshKeySecret::from_sealed(&Secret::new("password".to_owned())),
            None
        );
    }
}
