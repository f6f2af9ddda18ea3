//! Randomness of the operating system, for secrets.

use std::fmt::Write as _;

use rand::rngs::OsRng;
use rand::{RngCore, TryRngCore};

/// Bytes of randomness in a token.
const TOKEN_BYTES: usize = 32;

/// 256 bits of randomness as hex.
pub(crate) fn random_text() -> String {
    random_bytes::<TOKEN_BYTES>()
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Random bytes.
///
/// # Panics
///
/// When the operating system has no randomness: going on would make secrets that can be guessed.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.unwrap_err().fill_bytes(&mut bytes);
    bytes
}
