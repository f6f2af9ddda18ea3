//! Files on their way: uploads, and canonical files that are being written.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::{Ctx, ServiceError};

/// Name of the folder inside the data folder. It belongs to one server, which empties it at its
/// start.
const FOLDER: &str = "imports";

/// Where files on their way are.
pub(super) fn folder(ctx: &Ctx) -> PathBuf {
    ctx.facts.data_dir.join(FOLDER)
}

/// A new file there, which goes when it is dropped.
pub(super) fn new_file(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    std::fs::create_dir_all(folder)?;
    Builder::new().prefix(prefix).tempfile_in(folder)
}

/// Removes everything an earlier life of the server left.
pub(super) fn empty_folder(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a canonical file unless a dataset has it.
pub(super) async fn remove_unused(ctx: &Ctx, sha256: &str) -> Result<(), ServiceError> {
    let _guard = ctx.datasets.canonical_files.lock().await;
    if !ctx.store.is_dataset_file_used(sha256).await? {
        ctx.store.delete_dataset_file(sha256).await?;
    }
    Ok(())
}
