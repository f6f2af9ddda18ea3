//! Stamps: small files that remember from which inputs something was made, so that it is made again
//! only when an input changed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

use crate::paths;

/// The remembered inputs of one result.
#[derive(Debug)]
pub(crate) struct Stamp {
    path: PathBuf,
    wanted: String,
}

impl Stamp {
    /// The stamp called `name` for a result made from the contents of `inputs`.
    ///
    /// # Errors
    /// When an input cannot be read.
    pub(crate) fn of_files(name: &str, inputs: &[PathBuf]) -> anyhow::Result<Self> {
        let mut hasher = Sha256::new();
        for input in inputs {
            let bytes = fs::read(input)
                .with_context(|| format!("could not read {}", paths::shown(input)))?;
            hasher.update(digest(&bytes));
        }
        let path = paths::work().join("stamps").join(name);
        Ok(Self {
            path,
            wanted: hex(&hasher.finalize()),
        })
    }

    /// Whether `result` exists and was made from the same inputs.
    pub(crate) fn is_current(&self, result: &Path) -> bool {
        result.exists() && fs::read_to_string(&self.path).is_ok_and(|found| found == self.wanted)
    }

    /// Remembers that the result now stands for these inputs.
    ///
    /// # Errors
    /// When the stamp cannot be written.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&self.path, &self.wanted)
            .with_context(|| format!("could not write {}", paths::shown(&self.path)))
    }
}

/// The SHA-256 of `bytes` in lower-case hex.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
