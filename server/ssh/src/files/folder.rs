//! Whole folders to the machine.

use std::path::{Path, PathBuf};

use super::send::{Counted, Sent};
use super::{OnProgress, near_error};
use crate::{Session, SshError};

/// A model has dozens of files.
const FILES_MAX: usize = 10_000;
const DEPTH_MAX: usize = 32;

impl Session {
    /// Brings every file of a folder to the machine, as [`Self::send_file`] does; links are followed.
    /// What else is in the folder there stays. Room for everything is looked for before anything is
    /// sent, and what arrived stays when the rest does not.
    ///
    /// # Errors
    /// As [`Self::send_file`]; [`SshError::NearFile`] also for more than ten thousand files.
    pub async fn send_folder(
        &self,
        near: &Path,
        far: &str,
        progress: OnProgress<'_>,
    ) -> Result<Sent, SshError> {
        let far = self.full_path(far.trim_end_matches('/')).await?;
        self.make_folder(&far).await?;
        let root = near.to_owned();
        let files = tokio::task::spawn_blocking(move || list_files(&root))
            .await
            .map_err(|error| near_error(near, error))??;
        let mut parcels = Vec::with_capacity(files.len());
        for (name, path) in &files {
            let parcel = self.pack(path, format!("{far}/{name}"), None).await?;
            parcels.push((name, parcel));
        }
        let total = parcels.iter().map(|(_, parcel)| parcel.size).sum();
        let sent = parcels.iter().map(|(_, parcel)| parcel.missing()).sum();
        self.check_space(&format!("{far}/"), sent).await?;
        let mut counted = Counted::new(total, progress);
        for (name, parcel) in &parcels {
            self.deliver(parcel, name, &mut counted).await?;
        }
        Ok(Sent { total, sent })
    }
}

/// Every file below a folder, with its path relative to it, in the order of the names.
fn list_files(root: &Path) -> Result<Vec<(String, PathBuf)>, SshError> {
    let mut files = Vec::new();
    collect(root, "", 0, &mut files)?;
    files.sort();
    Ok(files)
}

fn collect(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<(), SshError> {
    if depth > DEPTH_MAX {
        return Err(near_error(
            folder,
            "it is nested too deeply, or a link in it leads back to it",
        ));
    }
    let entries = std::fs::read_dir(folder).map_err(|error| near_error(folder, error))?;
    for entry in entries {
        let path = entry.map_err(|error| near_error(folder, error))?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| near_error(&path, "its name is not UTF-8"))?;
        let name = format!("{prefix}{name}");
        let metadata = std::fs::metadata(&path).map_err(|error| near_error(&path, error))?;
        if metadata.is_dir() {
            collect(&path, &format!("{name}/"), depth + 1, files)?;
        } else if metadata.is_file() {
            files.push((name, path));
        }
        if files.len() > FILES_MAX {
            return Err(near_error(
                folder,
                format!("it has more than {FILES_MAX} files"),
            ));
        }
    }
    Ok(())
}
