//! SHA-256 of files, here and there.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::near_error;
use crate::script::Script;
use crate::{Session, SshError};

const DIGEST: &str = include_str!("../scripts/digest.sh");
/// Bytes read at once.
const CHUNK: usize = 1 << 20;
/// What a slow disk still reads each second.
const BYTES_A_SECOND_MIN: u64 = 10 << 20;
const LEAST: Duration = Duration::from_mins(1);

/// A SHA-256.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Digest(String);

impl Digest {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_hex && text.len() == 64).then(|| Self(text.to_ascii_lowercase()))
    }

    /// The 64 digits, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn short(&self) -> &str {
        self.0.get(..16).unwrap_or(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The digest of a file here. Dropping the future ends the reading soon after.
///
/// # Errors
/// [`SshError::NearFile`].
pub async fn digest_of_file(path: &Path) -> Result<Digest, SshError> {
    // The thread notices that nobody waits any more.
    let (alive, watch) = tokio::sync::oneshot::channel::<()>();
    let file = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || digest_now(&file, &watch));
    let digest = reading.await;
    drop(alive);
    digest
        .map_err(|error| near_error(path, error))?
        .map_err(|error| near_error(path, error))
}

fn digest_now(path: &Path, watch: &tokio::sync::oneshot::Receiver<()>) -> std::io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            return Ok(Digest(hex(&hasher.finalize())));
        }
        if watch.is_terminated() {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        hasher.update(chunk.get(..length).unwrap_or_default());
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What is at a path on the machine.
#[derive(Debug)]
pub(super) enum FarContent {
    Nothing,
    /// A file of another size than asked about.
    OtherSize,
    File {
        size: u64,
        digest: Digest,
    },
}

impl Session {
    /// Looks at a far file. With `size`, a file of another size is not read. With `keeps_note`, its
    /// digest is kept beside it.
    pub(super) async fn look_at_file(
        &self,
        path: &str,
        size: Option<u64>,
        largest: u64,
        keeps_note: bool,
    ) -> Result<FarContent, SshError> {
        let lines = Script::new("reading a file")
            .set("path", path)?
            .set("size", size.map(|it| it.to_string()).unwrap_or_default())?
            .set("note", if keeps_note { "yes" } else { "" })?
            .run(self, DIGEST, time_to_read(largest))
            .await?;
        let words: Vec<&str> = lines
            .first()
            .map_or("", String::as_str)
            .split_whitespace()
            .collect();
        match words.as_slice() {
            ["none"] => Ok(FarContent::Nothing),
            ["other", _] => Ok(FarContent::OtherSize),
            ["file", size, digest] => match (size.parse(), Digest::parse(digest)) {
                (Ok(size), Some(digest)) => Ok(FarContent::File { size, digest }),
                _ => Err(self.far_error(path, "its digest cannot be read")),
            },
            ["missing", program] => Err(SshError::Missing {
                host: self.place().to_owned(),
                program: (*program).to_owned(),
                purpose: "to check what was transferred",
            }),
            _ => Err(self.far_error(path, "it is not a file")),
        }
    }

    pub(super) fn far_error(&self, path: &str, reason: impl ToString) -> SshError {
        SshError::FarFile {
            host: self.place().to_owned(),
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// How long a machine may take to read a file of this size.
pub(super) fn time_to_read(size: u64) -> Duration {
    LEAST + Duration::from_secs(size / BYTES_A_SECOND_MIN)
}
