//! Sealing secrets: `XChaCha20-Poly1305` under a key that is not in the database.

use std::io::Write;
use std::path::Path;

use chacha20poly1305::aead::{Aead, AeadCore, KeyInit, OsRng, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use domain::secret::Secret;

use crate::StoreError;

/// Environment variable with the key: 32 bytes as 64 hexadecimal digits or as base64. Servers that
/// share a database need the same one.
pub const SECRET_KEY_VARIABLE: &str = "ASSAY_SECRET_KEY";
/// Name of the key's file inside the data folder, when the environment has none.
const KEY_FILE: &str = "secret.key";
/// Length of the key in bytes.
const KEY_BYTES: usize = 32;
/// Length of a nonce in bytes. 24 random bytes never repeat in practice.
const NONCE_BYTES: usize = 24;

/// Seals and opens secrets.
pub(crate) struct Vault {
    cipher: XChaCha20Poly1305,
}

impl Vault {
    /// Takes the key from the environment, else from its file, which is made at the first start.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, StoreError> {
        match std::env::var(SECRET_KEY_VARIABLE) {
            Ok(text) => Self::with_key_text(&text)
                .ok_or_else(|| StoreError::Key(unreadable(SECRET_KEY_VARIABLE))),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(StoreError::Key(unreadable(SECRET_KEY_VARIABLE)))
            }
            Err(std::env::VarError::NotPresent) => Self::open_file(&data_dir.join(KEY_FILE)),
        }
    }

    fn open_file(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            create_key(path)?;
        }
        refuse_readable_by_others(path)?;
        let text = std::fs::read_to_string(path).map_err(|source| StoreError::File {
            what: format!("could not read {}", path.display()),
            source,
        })?;
        Self::with_key_text(&text)
            .ok_or_else(|| StoreError::Key(unreadable(&path.display().to_string())))
    }

    /// `None` when the text is not a key.
    fn with_key_text(text: &str) -> Option<Self> {
        let key = parse_key(text.trim())?;
        Some(Self {
            cipher: XChaCha20Poly1305::new(Key::from_slice(&key)),
        })
    }

    /// Nonce and ciphertext. `context` must be the same to open it again: a sealed secret that is
    /// moved to another row stays shut.
    pub(crate) fn seal(
        &self,
        context: &str,
        secret: &Secret<String>,
    ) -> Result<Vec<u8>, StoreError> {
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let payload = Payload {
            msg: secret.expose().as_bytes(),
            aad: context.as_bytes(),
        };
        let ciphertext = self
            .cipher
            .encrypt(&nonce, payload)
            .map_err(|_| StoreError::Key("a secret could not be sealed".to_owned()))?;
        Ok([nonce.as_slice(), &ciphertext].concat())
    }

    /// Opens what [`Self::seal`] made.
    pub(crate) fn open_sealed(
        &self,
        context: &str,
        sealed: &[u8],
    ) -> Result<Secret<String>, StoreError> {
        let (nonce, ciphertext) = sealed
            .split_at_checked(NONCE_BYTES)
            .ok_or_else(|| StoreError::corrupt("credential", "too short"))?;
        let payload = Payload {
            msg: ciphertext,
            aad: context.as_bytes(),
        };
        let plain = self
            .cipher
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| {
                StoreError::Key(
                    "a stored secret does not open with the present key: bring back the key it was sealed with, or enter the secret again".to_owned(),
                )
            })?;
        String::from_utf8(plain)
            .map(Secret::new)
            .map_err(|_| StoreError::corrupt("credential", "not text"))
    }
}

fn unreadable(place: &str) -> String {
    format!("{place} must hold 32 bytes as 64 hexadecimal digits or as base64")
}

/// Makes a new key. Of two processes that start at the same time, one makes it.
fn create_key(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::File {
        what: format!("could not create {}", path.display()),
        source,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    // Temporary files are made for their owner only (0600), and this one gets its name when whole.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let key = XChaCha20Poly1305::generate_key(&mut OsRng);
    writeln!(file, "{key:x}").map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(_) if path.exists() => Ok(()),
        Err(error) => Err(failed(error.error)),
    }
}

#[cfg(unix)]
fn refuse_readable_by_others(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = std::fs::metadata(path).map_err(|source| StoreError::File {
        what: format!("could not read {}", path.display()),
        source,
    })?;
    let rights_of_others = metadata.permissions().mode() & 0o077;
    if rights_of_others == 0 {
        Ok(())
    } else {
        Err(StoreError::Key(format!(
            "{path} can be read by others: run chmod 600 {path}",
            path = path.display()
        )))
    }
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_path: &Path) -> Result<(), StoreError> {
    Ok(())
}

fn parse_key(text: &str) -> Option<[u8; KEY_BYTES]> {
    let bytes = if text.len() == KEY_BYTES * 2 {
        parse_hex(text)?
    } else {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .ok()?
    };
    bytes.try_into().ok()
}

fn parse_hex(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(text: &str) -> Vault {
        Vault::with_key_text(text).unwrap()
    }

    #[test]
    fn a_secret_opens_with_its_key_and_context_only() {
        let (ours, other) = (vault(&"0a".repeat(32)), vault(&"0b".repeat(32)));
        let secret = Secret::new("sk-something".to_owned());
        let sealed = ours.seal("row 1", &secret).unwrap();
        assert_eq!(ours.open_sealed("row 1", &sealed).unwrap(), secret);
        assert!(ours.open_sealed("row 2", &sealed).is_err());
        assert!(other.open_sealed("row 1", &sealed).is_err());
        assert!(ours.open_sealed("row 1", &sealed[..20]).is_err());
        let again = ours.seal("row 1", &secret).unwrap();
        assert_ne!(sealed, again, "a nonce is never used twice");
    }

    #[test]
    fn a_key_is_hex_or_base64_of_32_bytes() {
        let key = [10_u8; 32];
        assert_eq!(parse_key(&"0a".repeat(32)), Some(key));
        assert_eq!(
            parse_key("CgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgo="),
            Some(key)
        );
        for bad in ["", "0a", "zz", &"zz".repeat(32), &"0a".repeat(33)] {
            assert_eq!(parse_key(bad), None, "{bad}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_key_file_is_made_once_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        let secret = Secret::new("s".to_owned());
        let sealed = Vault::open_file(&path).unwrap().seal("", &secret).unwrap();
        let again = Vault::open_file(&path).unwrap();
        assert_eq!(again.open_sealed("", &sealed).unwrap(), secret);
        let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode));
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        mode(0o644).unwrap();
        let refused = Vault::open_file(&path).err().unwrap().to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }
}
