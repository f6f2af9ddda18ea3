//! Files to the machine and from it.
//!
//! A file is written under a name that carries its digest (`.NAME.DIGEST.part`), so that a part
//! that a cut left is always the beginning of this very content; it gets its own name when the
//! machine has found the right SHA-256. The digest is kept beside it with its size and times, so
//! that the next transfer is skipped without reading it.

mod digest;
mod fetch;
mod folder;
mod send;
mod sftp;

use std::path::Path;

pub use digest::{Digest, digest_of_file};
pub use fetch::{Tail, TailFrom};
pub use send::Sent;

use crate::SshError;

/// How far a transfer is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Progress {
    /// The file in work, relative to the folder if one is transferred.
    pub file: String,
    /// Bytes that are there: sent now, or found there.
    pub done: u64,
    /// Bytes of everything together.
    pub total: u64,
}

/// Hears of the progress, at least once for each file and each megabyte.
pub type OnProgress<'a> = &'a mut (dyn FnMut(Progress) + Send);

fn near_error(path: &Path, reason: impl ToString) -> SshError {
    SshError::NearFile {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

/// The hidden name beside `path` under which its content of that digest is collected.
fn part_of(path: &str, digest: &Digest) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
    format!("{folder}/.{name}.{}.part", digest.short())
}
