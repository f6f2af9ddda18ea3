//! The sftp subsystem, opened when it is first needed.

use std::sync::Arc;
use std::time::Duration;

use russh_sftp::client::error::Error;
use russh_sftp::client::{Config, SftpSession};
use russh_sftp::protocol::StatusCode;
use tokio::time::timeout;

use crate::{Session, SshError};

/// Of one small packet. A link that is dead ends sooner; a slow one may take long.
const ANSWER_WITHIN_SECONDS: u64 = 60;
const OPEN_WITHIN: Duration = Duration::from_secs(30);
/// Packets of 32 KiB on the way in each direction: 2 MiB, as much as a channel takes at once.
const ON_THE_WAY: usize = 64;

impl Session {
    /// An sftp session of its own, for long transfers.
    pub(super) async fn open_sftp(&self) -> Result<SftpSession, SshError> {
        let open = async {
            let channel = self.open_channel().await?;
            let refused = |reason: String| SshError::Refused {
                host: self.place().to_owned(),
                what: "files to be transferred (sftp)",
                reason,
            };
            channel
                .request_subsystem(true, "sftp")
                .await
                .map_err(|_| self.link_lost())?;
            let config = Config {
                max_concurrent_reads: ON_THE_WAY,
                max_concurrent_writes: ON_THE_WAY,
                request_timeout_secs: ANSWER_WITHIN_SECONDS,
                ..Config::default()
            };
            SftpSession::new_with_config(channel.into_stream(), config)
                .await
                .map_err(|error| {
                    if self.is_lost() {
                        self.link_lost()
                    } else {
                        refused(error.to_string())
                    }
                })
        };
        timeout(OPEN_WITHIN, open).await.unwrap_or_else(|_| {
            Err(SshError::TimedOut {
                host: self.place().to_owned(),
                what: "opening sftp".to_owned(),
                within: OPEN_WITHIN,
            })
        })
    }

    /// The sftp session that short operations share.
    pub(super) async fn sftp(&self) -> Result<Arc<SftpSession>, SshError> {
        let mut kept = self.inner.sftp.lock().await;
        if let Some(sftp) = kept.as_ref() {
            return Ok(Arc::clone(sftp));
        }
        let sftp = Arc::new(self.open_sftp().await?);
        *kept = Some(Arc::clone(&sftp));
        Ok(sftp)
    }

    /// Turns an error of sftp into ours. The shared session is opened anew after one that is not
    /// the file's.
    pub(super) async fn sftp_error(&self, path: &str, error: Error) -> SshError {
        if let Error::Status(status) = &error {
            return self.far_error(
                path,
                match status.status_code {
                    StatusCode::NoSuchFile => "there is no such file or folder",
                    StatusCode::PermissionDenied => "the account may not do that",
                    _ => status.error_message.as_str(),
                },
            );
        }
        *self.inner.sftp.lock().await = None;
        self.transfer_error(path, &error.to_string()).await
    }

    /// A transfer that broke off: because the link did, or for `reason`.
    pub(super) async fn transfer_error(&self, path: &str, reason: &str) -> SshError {
        match self.lost_or(path, reason).await {
            lost @ SshError::LinkLost { .. } => lost,
            _ => self.far_error(path, reason),
        }
    }

    /// Bytes that the account may still write where `folder` is; `None` when the server cannot tell.
    pub(super) async fn free_space(&self, folder: &str) -> Result<Option<u64>, SshError> {
        match self.sftp().await?.fs_info(folder).await {
            Ok(info) => Ok(info.map(|it| it.blocks_avail.saturating_mul(it.fragment_size))),
            Err(error) => Err(self.sftp_error(folder, error).await),
        }
    }

    /// The path without `~`.
    pub(super) async fn full_path(&self, path: &str) -> Result<String, SshError> {
        let full = match path.strip_prefix("~/") {
            Some(rest) => format!("{}/{rest}", self.home().await?),
            None => path.to_owned(),
        };
        if full.starts_with('/') && !full.contains('\0') {
            Ok(full)
        } else {
            Err(self.far_error(path, "a path has to begin with / or ~/"))
        }
    }
}
