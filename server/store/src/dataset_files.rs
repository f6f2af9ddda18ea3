//! Rows of datasets in their canonical files: reading a page, and removing what nobody has.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use domain::dataset::{DatasetRow, PREVIEW_ROWS_MAX, ROW_BYTES_MAX};

use crate::artifacts::{Artifact, unreadable};
use crate::{Store, StoreError};

/// How much of a file is in memory at a time.
const CHUNK_BYTES: usize = 256 * 1024;
/// Longest line of a canonical file: what was read with escapes may need some more of them.
const LINE_BYTES_MAX: u64 = 8 * ROW_BYTES_MAX as u64;

impl Store {
    /// Rows from `offset` on, at most `limit` and [`PREVIEW_ROWS_MAX`]. The rows before are passed
    /// over without being kept. [`StoreError::NotFound`] when there is no such file.
    pub async fn read_dataset_rows(
        &self,
        sha256: &str,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<DatasetRow>, StoreError> {
        let path = self.dataset_file(sha256)?;
        let limit = limit.min(PREVIEW_ROWS_MAX);
        let read = tokio::task::spawn_blocking(move || read_rows(&path, offset, limit));
        read.await
            .map_err(|error| StoreError::corrupt("rows of a dataset", error))?
    }

    /// Removes canonical files that no dataset has, and what a killed server left half written. For
    /// the start of a server, before it imports anything. Gives how many files went.
    pub async fn sweep_dataset_files(&self) -> Result<u32, StoreError> {
        let used: HashSet<String> = self.list_dataset_digests().await?.into_iter().collect();
        let folder = self.artifacts_dir().join(Artifact::Dataset.folder());
        let sweep = tokio::task::spawn_blocking(move || sweep(&folder, &used));
        sweep
            .await
            .map_err(|error| StoreError::corrupt("files of datasets", error))?
    }
}

fn read_rows(path: &Path, offset: u32, limit: u32) -> Result<Vec<DatasetRow>, StoreError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(StoreError::NotFound),
        Err(error) => return Err(unreadable(path, error)),
    };
    let mut reader = BufReader::with_capacity(CHUNK_BYTES, file);
    for _ in 0..offset {
        let skipped = reader.skip_until(b'\n');
        if skipped.map_err(|error| unreadable(path, error))? == 0 {
            return Ok(Vec::new());
        }
    }
    let mut rows = Vec::new();
    let mut line = Vec::new();
    for _ in 0..limit {
        line.clear();
        let read = Read::by_ref(&mut reader)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line);
        if read.map_err(|error| unreadable(path, error))? == 0 {
            break;
        }
        let row = serde_json::from_slice(&line);
        rows.push(row.map_err(|error| StoreError::corrupt("row of a dataset", error))?);
    }
    Ok(rows)
}

fn sweep(folder: &Path, used: &HashSet<String>) -> Result<u32, StoreError> {
    let failed = |error| unreadable(folder, error);
    let mut removed_count = 0;
    for inner in entries(folder).map_err(failed)? {
        for file in entries(&inner).map_err(failed)? {
            let name = file.file_name().and_then(|name| name.to_str());
            let digest = name.and_then(|name| name.strip_suffix(".jsonl"));
            if digest.is_some_and(|digest| used.contains(digest)) {
                continue;
            }
            match std::fs::remove_file(&file) {
                Ok(()) => removed_count += 1,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(&file, error)),
            }
        }
    }
    Ok(removed_count)
}

/// What is in a folder; nothing when it is not there.
fn entries(folder: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}
