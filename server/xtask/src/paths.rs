//! Where things are, all relative to the workspace this crate was compiled in.

use std::path::{Path, PathBuf};

/// The workspace's root folder.
pub(crate) fn root() -> &'static Path {
    // server/xtask lies two levels below the root.
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest_dir.ancestors().nth(2).unwrap_or(manifest_dir)
}

/// Cargo's output folder. Always this one: the tests and the README name paths inside it.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// The finished browser half, which the server embeds.
pub(crate) fn site() -> PathBuf {
    target().join("site")
}

/// This crate's own working files: stamps, caches, installed tools.
pub(crate) fn work() -> PathBuf {
    target().join("xtask")
}

/// The npm packages of the browser half.
pub(crate) fn frontend() -> PathBuf {
    root().join("frontend")
}

/// The browser tests.
pub(crate) fn end2end() -> PathBuf {
    root().join("end2end")
}

/// The server binary of the dev (`debug`) or `release` profile folder.
pub(crate) fn binary(profile_dir: &str) -> PathBuf {
    target()
        .join(profile_dir)
        .join(format!("assay{}", std::env::consts::EXE_SUFFIX))
}

/// `path` as it is shown to people: relative to the root where it lies below it.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}
