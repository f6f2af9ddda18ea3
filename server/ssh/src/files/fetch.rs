//! Files from the machine.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};

use tokio::fs::{self, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::digest::{Digest, FarContent, digest_of_file};
use super::send::file_name;
use super::{OnProgress, Progress, near_error, part_of};
use crate::{Session, SshError};

/// Bytes between two words of progress.
const CHUNK: usize = 256 * 1024;

/// Where to begin reading.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TailFrom {
    /// This many bytes after the beginning: where the last reading ended.
    Start(u64),
    /// This many bytes before the end.
    End(u64),
}

/// A piece of a file that grows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tail {
    /// The bytes, which may begin or end within a line.
    pub bytes: Vec<u8>,
    /// Where they begin. A file that became shorter than asked for is read from its beginning.
    pub offset: u64,
    /// Where to go on.
    pub next: u64,
    /// How long the file was.
    pub size: u64,
}

impl Session {
    /// Brings a file from the machine, of at most `most` bytes: going on where an earlier transfer
    /// was cut, and checked. It must not change meanwhile.
    ///
    /// # Errors
    /// [`SshError::FileTooLarge`], [`SshError::DigestDiffers`] (what came is removed),
    /// [`SshError::NearFile`], [`SshError::FarFile`], [`SshError::LinkLost`].
    pub async fn fetch_file(
        &self,
        far: &str,
        near: &Path,
        most: u64,
        progress: OnProgress<'_>,
    ) -> Result<Digest, SshError> {
        let far = self.full_path(far).await?;
        let size = self.size_of(&far).await?;
        if size > most {
            return Err(SshError::FileTooLarge {
                host: self.place().to_owned(),
                path: far,
                size,
                most,
            });
        }
        let FarContent::File { digest, size } = self.look_at_file(&far, None, size, false).await?
        else {
            return Err(self.far_error(&far, "there is no such file"));
        };
        let Some(near_text) = near.to_str() else {
            return Err(near_error(near, "its name is not UTF-8"));
        };
        let part = PathBuf::from(part_of(near_text, &digest));
        self.fetch_rest(&far, size, &part, progress).await?;
        let found = digest_of_file(&part).await?;
        if found != digest {
            fs::remove_file(&part).await.ok();
            return Err(SshError::DigestDiffers {
                host: self.place().to_owned(),
                path: far,
                expected: digest.to_string(),
                found: found.to_string(),
            });
        }
        fs::rename(&part, near)
            .await
            .map_err(|error| near_error(near, error))?;
        Ok(digest)
    }

    async fn fetch_rest(
        &self,
        far: &str,
        size: u64,
        part: &Path,
        progress: OnProgress<'_>,
    ) -> Result<(), SshError> {
        let here = |error| near_error(part, error);
        let mut near = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(part)
            .await
            .map_err(here)?;
        let mut done = near.seek(SeekFrom::End(0)).await.map_err(here)?;
        if done > size {
            near.set_len(0).await.map_err(here)?;
            done = near.seek(SeekFrom::Start(0)).await.map_err(here)?;
        }
        let sftp = self.open_sftp().await?;
        let mut file = match sftp.open(far).await {
            Ok(file) => file,
            Err(error) => return Err(self.sftp_error(far, error).await),
        };
        let name = file_name(far);
        let mut tell = |done| {
            progress(Progress {
                file: name.to_owned(),
                done,
                total: size,
            });
        };
        tell(done);
        let mut chunk = vec![0; CHUNK];
        let mut left = size - done;
        let mut read = file.seek(SeekFrom::Start(done)).await.map(|_| 0);
        while left > 0 {
            if read.is_ok() {
                let most = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                read = match chunk.get_mut(..most) {
                    Some(room) => file.read(room).await,
                    None => Ok(0),
                };
            }
            let length = match read {
                Ok(0) => return Err(self.far_error(far, "it became shorter while it was read")),
                Ok(length) => length,
                Err(error) => {
                    // What came stays, for the next time.
                    near.flush().await.map_err(here)?;
                    return Err(self.transfer_error(far, &error.to_string()).await);
                }
            };
            near.write_all(chunk.get(..length).unwrap_or_default())
                .await
                .map_err(here)?;
            left -= length as u64;
            tell(size - left);
        }
        near.flush().await.map_err(here)?;
        near.sync_all().await.map_err(here)
    }

    /// Reads a piece of a file that may still grow, of at most `most` bytes.
    ///
    /// # Errors
    /// [`SshError::FarFile`], [`SshError::LinkLost`].
    pub async fn tail(&self, far: &str, from: TailFrom, most: usize) -> Result<Tail, SshError> {
        let far = self.full_path(far).await?;
        let size = self.size_of(&far).await?;
        let offset = match from {
            TailFrom::Start(offset) if offset <= size => offset,
            TailFrom::Start(_) => 0,
            TailFrom::End(bytes) => size.saturating_sub(bytes),
        };
        let length = most.min(usize::try_from(size - offset).unwrap_or(usize::MAX));
        let mut bytes = Vec::new();
        if length > 0 {
            let sftp = self.sftp().await?;
            let mut file = match sftp.open(&far).await {
                Ok(file) => file,
                Err(error) => return Err(self.sftp_error(&far, error).await),
            };
            let reading = async {
                file.seek(SeekFrom::Start(offset)).await?;
                (&mut file)
                    .take(length as u64)
                    .read_to_end(&mut bytes)
                    .await
            };
            if let Err(error) = reading.await {
                return Err(self.transfer_error(&far, &error.to_string()).await);
            }
        }
        Ok(Tail {
            next: offset + bytes.len() as u64,
            bytes,
            offset,
            size,
        })
    }

    async fn size_of(&self, far: &str) -> Result<u64, SshError> {
        match self.sftp().await?.metadata(far).await {
            Ok(metadata) => Ok(metadata.size.unwrap_or(0)),
            Err(error) => Err(self.sftp_error(far, error).await),
        }
    }
}
