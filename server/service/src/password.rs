//! Hashing and checking passwords with argon2id, a bounded number at a time.

use std::sync::OnceLock;

use argon2::password_hash::{PasswordHash, SaltString};
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use domain::secret::Secret;
use tokio::sync::Semaphore;

use crate::ServiceError;
use crate::random::{random_bytes, random_text};

/// Passwords hashed at the same time: each takes about 19 MiB.
const HASHES_AT_ONCE_MAX: usize = 4;
/// Bytes of a salt.
const SALT_BYTES: usize = 16;

/// The place where passwords are hashed.
#[derive(Debug)]
pub(crate) struct Passwords {
    permits: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            permits: Semaphore::new(HASHES_AT_ONCE_MAX),
        }
    }
}

impl Passwords {
    /// A new hash in PHC form.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, ServiceError> {
        let password = password.to_owned();
        self.run(move || hash_now(&password)).await?
    }

    /// Whether the password fits. Without a hash (an unknown name) it takes as long and says no.
    pub(crate) async fn verify(
        &self,
        password: &str,
        hash: Option<Secret<String>>,
    ) -> Result<bool, ServiceError> {
        let password = password.to_owned();
        self.run(move || {
            let is_known = hash.is_some();
            let own = hash.as_ref().map(|hash| hash.expose().as_str());
            let hash = match own {
                Some(own) => Some(own),
                None => stand_in_hash(),
            };
            let hash = hash.ok_or_else(|| ServiceError::internal("no stand-in hash"))?;
            let parsed = PasswordHash::new(hash).map_err(internal)?;
            let fits = Argon2::default()
                .verify_password(password.as_bytes(), &parsed)
                .is_ok();
            Ok(fits && is_known)
        })
        .await?
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ServiceError> {
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(ServiceError::internal)?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(ServiceError::internal)
    }
}

fn hash_now(password: &str) -> Result<String, ServiceError> {
    let salt = SaltString::encode_b64(&random_bytes::<SALT_BYTES>()).map_err(internal)?;
    let hash = Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map_err(internal)?;
    Ok(hash.to_string())
}

/// A hash nobody has the password of.
fn stand_in_hash() -> Option<&'static str> {
    static HASH: OnceLock<Option<String>> = OnceLock::new();
    HASH.get_or_init(|| hash_now(&random_text()).ok())
        .as_deref()
}

fn internal(error: argon2::password_hash::Error) -> ServiceError {
    ServiceError::internal(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_name_fits() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse battery").await.unwrap();
        let sealed = || Some(Secret::new(hash.clone()));
        assert!(hash.starts_with("$argon2id$"));
        assert_ne!(
            hash,
            passwords.hash("correct horse battery").await.unwrap(),
            "salted"
        );
        assert!(
            passwords
                .verify("correct horse battery", sealed())
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify("correct horse batter", sealed())
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify("correct horse battery", None)
                .await
                .unwrap()
        );
    }
}
