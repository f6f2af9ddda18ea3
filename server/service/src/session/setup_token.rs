//! The one-time token of the link that makes the first administrator.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::random::random_text;

/// The digest of the token that is valid now, if one is.
#[derive(Debug, Default)]
pub struct SetupToken(Mutex<Option<[u8; 32]>>);

impl SetupToken {
    /// A fresh token; the one before is void.
    pub(crate) fn issue(&self) -> String {
        let token = random_text();
        *self.lock() = Some(digest(&token));
        token
    }

    /// Whether this is the token that is valid now.
    pub(crate) fn fits(&self, token: &str) -> bool {
        // Digests are compared, so the time of the comparison tells nothing about the token.
        *self.lock() == Some(digest(token))
    }

    /// Uses the token up. `false` when it is not the valid one.
    pub(crate) fn take(&self, token: &str) -> bool {
        let mut valid = self.lock();
        let fits = *valid == Some(digest(token));
        if fits {
            *valid = None;
        }
        fits
    }

    fn lock(&self) -> MutexGuard<'_, Option<[u8; 32]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_works_once_and_only_the_last_one() {
        let setup = SetupToken::default();
        assert!(!setup.fits(""), "nothing issued, nothing fits");
        let first = setup.issue();
        let second = setup.issue();
        assert!(!setup.take(&first));
        assert!(setup.fits(&second) && setup.take(&second));
        assert!(!setup.take(&second));
    }
}
