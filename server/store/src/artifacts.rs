//! Immutable files, named by their SHA-256: raw records of runs, and rows of datasets.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{ObjectStoreExt, WriteMultipart};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::{Store, StoreError};

/// How much of a file is in memory at a time.
const CHUNK_BYTES: usize = 1024 * 1024;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Artifact {
    /// Raw records of a run, as Parquet.
    Records,
    /// Rows of a dataset, as JSON Lines.
    Dataset,
}

impl Artifact {
    /// The folder of all files of the kind.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Dataset => "datasets",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Records => "parquet",
            Self::Dataset => "jsonl",
        }
    }

    /// Where the file of that digest is: folders by its first two digits, so that none gets too
    /// full. [`StoreError::NotFound`] for what is no digest.
    pub(crate) fn path_of(self, sha256: &str) -> Result<String, StoreError> {
        let is_digest = sha256.len() == 64
            && sha256
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match sha256.get(..2) {
            Some(start) if is_digest => Ok(format!(
                "{}/{start}/{sha256}.{}",
                self.folder(),
                self.extension()
            )),
            _ => Err(StoreError::NotFound),
        }
    }

    fn key_of(self, sha256: &str) -> Result<Key, StoreError> {
        Ok(Key::from(self.path_of(sha256)?))
    }
}

impl Store {
    /// Keeps a file of raw records. Gives its SHA-256 (lower-case hex) and size in bytes. A file
    /// that is there already is kept as it is.
    pub async fn put_records(&self, path: &Path) -> Result<(String, u64), StoreError> {
        self.put_artifact(Artifact::Records, path).await
    }

    /// Keeps the canonical file of a dataset. Gives its SHA-256 (lower-case hex) and size in bytes.
    /// A file that is there already is kept as it is.
    pub async fn put_dataset_file(&self, path: &Path) -> Result<(String, u64), StoreError> {
        self.put_artifact(Artifact::Dataset, path).await
    }

    /// Where the canonical file of a dataset is on this machine, for a process that reads it. It is
    /// not looked whether it is there. [`StoreError::NotFound`] for what is no digest.
    pub fn dataset_file(&self, sha256: &str) -> Result<PathBuf, StoreError> {
        let path = Artifact::Dataset.path_of(sha256)?;
        Ok(self.artifacts_dir().join(path))
    }

    /// Removes the canonical file of a dataset; one that is not there is no error.
    pub async fn delete_dataset_file(&self, sha256: &str) -> Result<(), StoreError> {
        match self
            .artifacts
            .delete(&Artifact::Dataset.key_of(sha256)?)
            .await
        {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn put_artifact(&self, kind: Artifact, path: &Path) -> Result<(String, u64), StoreError> {
        let (sha256, bytes) = hash_file(path).await?;
        let key = kind.key_of(&sha256)?;
        let is_kept = match self.artifacts.head(&key).await {
            Ok(found) => found.size == bytes,
            Err(object_store::Error::NotFound { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        if !is_kept {
            self.upload(path, &key).await?;
        }
        Ok((sha256, bytes))
    }

    /// A file of raw records, compared with its name. [`StoreError::NotFound`] when there is none.
    pub async fn get_records(&self, sha256: &str) -> Result<Bytes, StoreError> {
        let key = Artifact::Records.key_of(sha256)?;
        let bytes = match self.artifacts.get(&key).await {
            Ok(found) => found.bytes().await?,
            Err(object_store::Error::NotFound { .. }) => return Err(StoreError::NotFound),
            Err(error) => return Err(error.into()),
        };
        let content = bytes.clone();
        let digest = tokio::task::spawn_blocking(move || format!("{:x}", Sha256::digest(&content)));
        let digest = digest
            .await
            .map_err(|error| StoreError::corrupt("raw records", error))?;
        if digest == sha256 {
            Ok(bytes)
        } else {
            Err(StoreError::corrupt(
                "raw records",
                format!("the file named {sha256} has the digest {digest}"),
            ))
        }
    }

    /// Opens a file of raw records, to read parts of it. What is read is not compared with its name:
    /// that takes the whole file ([`Self::get_records`]). [`StoreError::NotFound`] when there is none.
    pub async fn open_records(&self, sha256: &str) -> Result<std::fs::File, StoreError> {
        let path = Artifact::Records.path_of(sha256)?;
        match open_file(&self.artifacts_dir().join(path)).await {
            Ok(file) => Ok(file.into_std().await),
            Err(StoreError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Err(StoreError::NotFound)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes a file of raw records; one that is gone already is no fault.
    pub(crate) async fn delete_records(&self, sha256: &str) -> Result<(), StoreError> {
        match self
            .artifacts
            .delete(&Artifact::Records.key_of(sha256)?)
            .await
        {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Streams a file into the artifact store; it appears there whole or not at all.
    async fn upload(&self, path: &Path, key: &Key) -> Result<(), StoreError> {
        let mut file = open_file(path).await?;
        let upload = self.artifacts.put_multipart(key).await?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, CHUNK_BYTES);
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let read = file.read(&mut buffer).await;
            let count = read.map_err(|source| unreadable(path, source))?;
            let Some(part) = buffer.get(..count).filter(|part| !part.is_empty()) else {
                break;
            };
            upload.wait_for_capacity(1).await?;
            upload.write(part);
        }
        upload.finish().await?;
        Ok(())
    }
}

async fn hash_file(path: &Path) -> Result<(String, u64), StoreError> {
    let mut file = open_file(path).await?;
    let mut hasher = Sha256::new();
    let mut bytes: u64 = 0;
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut buffer).await;
        let count = read.map_err(|source| unreadable(path, source))?;
        let Some(part) = buffer.get(..count).filter(|part| !part.is_empty()) else {
            return Ok((format!("{:x}", hasher.finalize()), bytes));
        };
        hasher.update(part);
        bytes += part.len() as u64;
    }
}

async fn open_file(path: &Path) -> Result<tokio::fs::File, StoreError> {
    let opened = tokio::fs::File::open(path).await;
    opened.map_err(|source| unreadable(path, source))
}

pub(crate) fn unreadable(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::File {
        what: format!("could not read {}", path.display()),
        source,
    }
}
