//! Local ports and sockets that lead to addresses as seen from the machine.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, JoinSet};

use crate::{Session, SshError};

/// Connections through one forward at the same time; more wait.
const CONNECTIONS_MAX: usize = 8_192;
/// Bytes in each direction between a local socket and the link.
const BUFFER: usize = 32 * 1024;

/// A local port on 127.0.0.1 that leads to an address beyond the machine. Dropping it closes the
/// port and every connection through it.
#[derive(Debug)]
pub struct TcpForward {
    address: SocketAddr,
    trouble: Trouble,
    _task: AbortOnDrop,
}

impl TcpForward {
    /// The local address to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Why the last connection did not get through, if it did not.
    pub fn trouble(&self) -> Option<SshError> {
        self.trouble.get()
    }
}

/// A local socket that leads to one on the machine. Dropping it removes the socket and closes every
/// connection through it.
#[derive(Debug)]
pub struct UnixForward {
    path: PathBuf,
    trouble: Trouble,
    _task: AbortOnDrop,
}

impl UnixForward {
    /// The local socket to connect to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why the last connection did not get through, if it did not.
    pub fn trouble(&self) -> Option<SshError> {
        self.trouble.get()
    }
}

impl Drop for UnixForward {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).ok();
    }
}

impl Session {
    /// Opens a free port on 127.0.0.1 that leads to `host:port` as seen from the machine. Whether
    /// anything listens there shows with the first connection.
    ///
    /// # Errors
    /// [`SshError::NearFile`] when there is no free port, [`SshError::LinkLost`].
    pub async fn forward_tcp(&self, host: &str, port: u16) -> Result<TcpForward, SshError> {
        self.check_link()?;
        let near = |error: io::Error| SshError::NearFile {
            path: "a port on 127.0.0.1".to_owned(),
            reason: error.to_string(),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(near)?;
        let address = listener.local_addr().map_err(near)?;
        let trouble = Trouble::default();
        let passing = Passing::new(self, trouble.clone());
        let host = host.to_owned();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let accepted = passing.accept(&mut connections, listener.accept()).await;
                let Some(((stream, _), room)) = accepted else {
                    return;
                };
                stream.set_nodelay(true).ok();
                let (passing, host) = (passing.clone(), host.clone());
                connections.spawn(async move {
                    let channel = passing.session.open_tcp(&host, port).await;
                    passing.pass(stream, channel).await;
                    drop(room);
                });
            }
        });
        Ok(TcpForward {
            address,
            trouble,
            _task: AbortOnDrop(task),
        })
    }

    /// Makes the socket `path` here, which must not exist yet, lead to the socket `far` there. Its
    /// folder should be closed to others: whoever can open the socket reaches the far one.
    ///
    /// # Errors
    /// [`SshError::NearFile`] when the socket cannot be made, [`SshError::LinkLost`].
    pub async fn forward_unix(&self, path: &Path, far: &str) -> Result<UnixForward, SshError> {
        self.check_link()?;
        let listener = UnixListener::bind(path).map_err(|error| SshError::NearFile {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        let trouble = Trouble::default();
        let passing = Passing::new(self, trouble.clone());
        let far = far.to_owned();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let accepted = passing.accept(&mut connections, listener.accept()).await;
                let Some(((stream, _), room)) = accepted else {
                    return;
                };
                let (passing, far) = (passing.clone(), far.clone());
                connections.spawn(async move {
                    let channel = passing.session.open_unix(&far).await;
                    passing.pass(stream, channel).await;
                    drop(room);
                });
            }
        });
        Ok(UnixForward {
            path: path.to_owned(),
            trouble,
            _task: AbortOnDrop(task),
        })
    }

    fn check_link(&self) -> Result<(), SshError> {
        if self.is_lost() {
            Err(self.link_lost())
        } else {
            Ok(())
        }
    }
}

/// What every connection through a forward needs.
#[derive(Clone)]
struct Passing {
    session: Session,
    trouble: Trouble,
    room: Arc<Semaphore>,
}

impl Passing {
    fn new(session: &Session, trouble: Trouble) -> Self {
        Self {
            session: session.clone(),
            trouble,
            room: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        }
    }

    /// Accepts the next connection when there is room, and forgets the ended ones meanwhile. `None`
    /// when the link is gone or the system gives no more connections.
    async fn accept<T>(
        &self,
        connections: &mut JoinSet<()>,
        accept: impl Future<Output = io::Result<T>>,
    ) -> Option<(T, OwnedSemaphorePermit)> {
        let next = async {
            let room = Arc::clone(&self.room).acquire_owned().await;
            (accept.await, room)
        };
        tokio::pin!(next);
        loop {
            let error = tokio::select! {
                accepted = &mut next => match accepted {
                    (Ok(stream), Ok(room)) => return Some((stream, room)),
                    (Err(error), _) => SshError::NearFile {
                        path: "the forwarded port".to_owned(),
                        reason: error.to_string(),
                    },
                    (Ok(_), Err(_)) => return None,
                },
                Some(_) = connections.join_next() => continue,
                error = self.session.lost() => error,
            };
            self.trouble.set(Some(error));
            return None;
        }
    }

    async fn pass(
        &self,
        mut near: impl AsyncRead + AsyncWrite + Unpin,
        channel: Result<russh::Channel<russh::client::Msg>, SshError>,
    ) {
        let channel = match channel {
            Ok(channel) => channel,
            Err(error) => {
                tracing::debug!(%error, "a forwarded connection did not get through");
                self.trouble.set(Some(error));
                return;
            }
        };
        self.trouble.set(None);
        let mut far = channel.into_stream();
        // Either side may end in the middle: that is theirs to explain.
        let _ = copy_bidirectional_with_sizes(&mut near, &mut far, BUFFER, BUFFER).await;
    }
}

#[derive(Clone, Debug, Default)]
struct Trouble(Arc<Mutex<Option<SshError>>>);

impl Trouble {
    fn get(&self) -> Option<SshError> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, error: Option<SshError>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

/// The set of connections lives in the task and ends with it.
#[derive(Debug)]
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
