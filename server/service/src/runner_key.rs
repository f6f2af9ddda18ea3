//! The key of this process's own runner: made at the start, kept in memory, given to nobody.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::random::random_text;

/// The key. Only its digest is kept beside it, for comparing.
pub struct RunnerKey {
    key: domain::secret::Secret<String>,
    digest: [u8; 32],
}

impl Default for RunnerKey {
    fn default() -> Self {
        let key = random_text();
        Self {
            digest: digest(&key),
            key: domain::secret::Secret::new(key),
        }
    }
}

impl RunnerKey {
    /// Whether this is the key.
    pub(crate) fn fits(&self, text: &str) -> bool {
        // Digests are compared, so the time of the comparison tells nothing about the key.
        digest(text) == self.digest
    }

    /// The key itself, for the runner of this process.
    pub fn expose(&self) -> &str {
        self.key.expose()
    }
}

impl fmt::Debug for RunnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunnerKey(redacted)")
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
