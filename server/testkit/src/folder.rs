//! Folders: the workspace, its build folder, and temporary ones.

use std::path::{Path, PathBuf};

pub use tempfile::TempDir;

/// A fresh data directory, removed when dropped.
pub fn data_dir() -> TempDir {
    tempfile::Builder::new()
        .prefix("assay-test-")
        .tempdir()
        .expect("a temporary folder")
}

/// The root of the workspace.
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("this crate lies two folders below the root")
        .to_path_buf()
}

/// The build folder, where the set-up puts the tests' Python packages and the tiny model.
pub fn target_dir() -> PathBuf {
    workspace_root().join("target")
}
