//! Files to the machine.

use std::io::SeekFrom;
use std::path::Path;
use std::time::Duration;

use russh_sftp::client::SftpSession;
use russh_sftp::protocol::OpenFlags;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::digest::{Digest, FarContent, digest_of_file, time_to_read};
use super::{OnProgress, Progress, near_error, part_of};
use crate::script::Script;
use crate::{Session, SshError};

const FINISH: &str = include_str!("../scripts/finish.sh");
/// Bytes read at once, and between two words of progress.
const CHUNK: usize = 256 * 1024;
/// Room left free on the machine's disk.
const SPARE: u64 = 1 << 20;
const SHORT: Duration = Duration::from_secs(30);

/// What a transfer did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sent {
    /// Bytes of everything together.
    pub total: u64,
    /// Bytes that had to be sent: not those found there.
    pub sent: u64,
}

/// A file on its way.
#[derive(Debug)]
pub(super) struct Parcel<'a> {
    pub(super) near: &'a Path,
    pub(super) far: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// Whether the file there is it already.
    is_there: bool,
    /// Bytes of it that an earlier transfer left there.
    part: u64,
    is_executable: bool,
}

impl Parcel<'_> {
    pub(super) fn missing(&self) -> u64 {
        if self.is_there {
            0
        } else {
            self.size.saturating_sub(self.part)
        }
    }
}

impl Session {
    /// Brings a file to the machine: skipped when it is there, going on where an earlier transfer
    /// was cut, checked, and with the permission to run if it has that here. Missing folders are
    /// made. `far` begins with `/` or `~/`. The `digest` is computed if it is not given.
    ///
    /// # Errors
    /// [`SshError::DiskFull`] (before anything is sent, if the machine can tell),
    /// [`SshError::DigestDiffers`] (a part that is wrong is gone then), [`SshError::NearFile`],
    /// [`SshError::FarFile`], [`SshError::LinkLost`].
    pub async fn send_file(
        &self,
        near: &Path,
        far: &str,
        digest: Option<Digest>,
        progress: OnProgress<'_>,
    ) -> Result<Sent, SshError> {
        let far = self.full_path(far).await?;
        let name = file_name(&far).to_owned();
        let parcel = self.pack(near, far, digest).await?;
        let total = parcel.size;
        self.check_space(&parcel.far, parcel.missing()).await?;
        let mut counted = Counted::new(total, progress);
        self.deliver(&parcel, &name, &mut counted).await?;
        Ok(Sent {
            total,
            sent: parcel.missing(),
        })
    }

    /// Writes a short file whose content is at hand, readable by the account alone: a configuration,
    /// say. An older one is replaced at once or not at all.
    ///
    /// # Errors
    /// As [`Self::send_file`].
    pub async fn write_file(&self, far: &str, content: &[u8]) -> Result<(), SshError> {
        let far = self.full_path(far).await?;
        self.make_folder(folder_of(&far)).await?;
        let part = format!("{}/.{}.new", folder_of(&far), file_name(&far));
        let sftp = self.sftp().await?;
        let attributes = russh_sftp::protocol::FileAttributes {
            permissions: Some(0o600),
            ..russh_sftp::protocol::FileAttributes::empty()
        };
        let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::WRITE;
        let mut file = match sftp
            .open_with_flags_and_attributes(&part, flags, attributes)
            .await
        {
            Ok(file) => file,
            Err(error) => return Err(self.sftp_error(&far, error).await),
        };
        let written = async {
            file.write_all(content).await?;
            file.shutdown().await
        };
        if let Err(error) = written.await {
            return Err(self.transfer_error(&far, &error.to_string()).await);
        }
        self.run_step(&["mv", "-f", "--", &part, &far], &far).await
    }

    /// Finds out what of a file is there already.
    pub(super) async fn pack<'a>(
        &self,
        near: &'a Path,
        far: String,
        digest: Option<Digest>,
    ) -> Result<Parcel<'a>, SshError> {
        let metadata = tokio::fs::metadata(near)
            .await
            .map_err(|error| near_error(near, error))?;
        if !metadata.is_file() {
            return Err(near_error(near, "it is not a file"));
        }
        let size = metadata.len();
        let digest = match digest {
            Some(digest) => digest,
            None => digest_of_file(near).await?,
        };
        let there = self.look_at_file(&far, Some(size), size, true).await?;
        let is_there = matches!(&there, FarContent::File { digest: it, .. } if *it == digest);
        let part = if is_there {
            0
        } else {
            let sftp = self.sftp().await?;
            let part = sftp.metadata(part_of(&far, &digest)).await;
            // No part, or one that cannot be looked at: all of it is sent.
            part.ok().and_then(|it| it.size).unwrap_or(0)
        };
        Ok(Parcel {
            near,
            far,
            digest,
            size,
            is_there,
            // A part that is longer than the whole is none.
            part: if part > size { 0 } else { part },
            is_executable: is_executable(&metadata),
        })
    }

    /// Refuses when the disk that `far` goes to has not `needed` bytes and a little more.
    pub(super) async fn check_space(&self, far: &str, needed: u64) -> Result<(), SshError> {
        let folder = folder_of(far);
        self.make_folder(folder).await?;
        if needed == 0 {
            return Ok(());
        }
        match self.free_space(folder).await? {
            Some(free) if free < needed.saturating_add(SPARE.min(needed)) => {
                Err(SshError::DiskFull {
                    host: self.place().to_owned(),
                    path: far.to_owned(),
                    needed,
                    free,
                })
            }
            _ => Ok(()),
        }
    }

    /// Sends what is missing of a file, and gives it its name.
    pub(super) async fn deliver(
        &self,
        parcel: &Parcel<'_>,
        name: &str,
        counted: &mut Counted<'_>,
    ) -> Result<(), SshError> {
        if parcel.is_there {
            counted.add(name, parcel.size);
            return Ok(());
        }
        self.make_folder(folder_of(&parcel.far)).await?;
        counted.add(name, parcel.part);
        let part = part_of(&parcel.far, &parcel.digest);
        let sftp = self.open_sftp().await?;
        self.send_rest(&sftp, parcel, &part, name, counted).await?;
        let lines = Script::new("checking what was sent")
            .set("part", &part)?
            .set("path", &parcel.far)?
            .set("digest", parcel.digest.as_str())?
            .set("mode", if parcel.is_executable { "755" } else { "644" })?
            .run(self, FINISH, time_to_read(parcel.size))
            .await?;
        match lines.first().map(|line| line.split_once(' ')) {
            Some(Some(("differs", found))) => Err(SshError::DigestDiffers {
                host: self.place().to_owned(),
                path: parcel.far.clone(),
                expected: parcel.digest.to_string(),
                found: found.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    async fn send_rest(
        &self,
        sftp: &SftpSession,
        parcel: &Parcel<'_>,
        part: &str,
        name: &str,
        counted: &mut Counted<'_>,
    ) -> Result<(), SshError> {
        let mut near = File::open(parcel.near)
            .await
            .map_err(|error| near_error(parcel.near, error))?;
        near.seek(SeekFrom::Start(parcel.part))
            .await
            .map_err(|error| near_error(parcel.near, error))?;
        let mut flags = OpenFlags::CREATE | OpenFlags::WRITE;
        if parcel.part == 0 {
            flags |= OpenFlags::TRUNCATE;
        }
        let mut far = match sftp.open_with_flags(part, flags).await {
            Ok(far) => far,
            Err(error) => return Err(self.sftp_error(&parcel.far, error).await),
        };
        let mut chunk = vec![0; CHUNK];
        let sending = async {
            far.seek(SeekFrom::Start(parcel.part)).await?;
            loop {
                let length = near.read(&mut chunk).await.map_err(Side::Near)?;
                if length == 0 {
                    break;
                }
                far.write_all(chunk.get(..length).unwrap_or_default())
                    .await?;
                counted.add(name, length as u64);
            }
            far.shutdown().await?;
            Ok(())
        };
        match sending.await {
            Ok(()) => Ok(()),
            Err(Side::Near(error)) => Err(near_error(parcel.near, error)),
            Err(Side::Far(reason)) => Err(self.explain(parcel, part, &reason).await),
        }
    }

    /// Why a write failed there. The protocol says no more than "failure" of a full disk.
    async fn explain(&self, parcel: &Parcel<'_>, part: &str, reason: &str) -> SshError {
        let lost = self.transfer_error(&parcel.far, reason).await;
        if matches!(lost, SshError::LinkLost { .. }) {
            return lost;
        }
        let (Ok(sftp), Ok(Some(free))) =
            (self.sftp().await, self.free_space(folder_of(part)).await)
        else {
            return lost;
        };
        let arrived = sftp.metadata(part).await.ok().and_then(|it| it.size);
        let needed = parcel.size.saturating_sub(arrived.unwrap_or(0));
        if free >= needed {
            return lost;
        }
        // Half a model on a full disk helps nobody, and hurts whoever else is on the machine.
        let _ = sftp.remove_file(part).await;
        SshError::DiskFull {
            host: self.place().to_owned(),
            path: parcel.far.clone(),
            needed,
            free,
        }
    }

    pub(super) async fn make_folder(&self, folder: &str) -> Result<(), SshError> {
        self.run_step(&["mkdir", "-p", "--", folder], folder).await
    }

    async fn run_step(&self, words: &[&str], path: &str) -> Result<(), SshError> {
        /// Of a message.
        const TEXT_MAX: usize = 64 * 1024;
        let output = self.run(words, b"", SHORT, TEXT_MAX).await?;
        if output.exit.is_success() {
            Ok(())
        } else {
            Err(self.far_error(path, output.error_text()))
        }
    }
}

/// Whose fault it is.
enum Side {
    Near(std::io::Error),
    Far(String),
}

impl From<std::io::Error> for Side {
    fn from(error: std::io::Error) -> Self {
        Self::Far(error.to_string())
    }
}

/// Adds up and tells.
pub(super) struct Counted<'a> {
    done: u64,
    total: u64,
    tell: OnProgress<'a>,
}

impl<'a> Counted<'a> {
    pub(super) fn new(total: u64, tell: OnProgress<'a>) -> Self {
        Self {
            done: 0,
            total,
            tell,
        }
    }

    fn add(&mut self, file: &str, bytes: u64) {
        self.done += bytes;
        (self.tell)(Progress {
            file: file.to_owned(),
            done: self.done,
            total: self.total,
        });
    }
}

pub(super) fn folder_of(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((folder, _)) => folder,
    }
}

pub(super) fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}
