//! One encrypted link to a machine, and how it comes about and ends.

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use russh::client::{self, DisconnectReason, Handle, Msg};
use russh::keys::{Algorithm, EcdsaCurve, PublicKeyOrCertificate};
use russh::{Channel, ChannelOpenFailure, Preferred};
use russh_sftp::client::SftpSession;
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::authenticate::authenticate;
use crate::{HostKey, SshError, SshTarget, Unreachable};

/// Small exchanges whose median is the round-trip time.
const ROUND_TRIPS: usize = 7;
/// Messages of one channel that wait for their reader; one more and the whole link waits for it.
const CHANNEL_BUFFER: usize = 1_024;

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the first packet to the encrypted link, for each machine on the way.
    pub connect: Duration,
    /// For the credential to be taken.
    pub authenticate: Duration,
    /// A link on which nothing comes for this long is dead. A sign of life is asked for four times
    /// in it.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            authenticate: Duration::from_secs(20),
            silence: Duration::from_secs(28),
        }
    }
}

/// An authenticated link. Clones share it; it ends when the last of them, and of what was opened
/// through it, is dropped.
#[derive(Clone)]
pub struct Session {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    handle: Handle<Watcher>,
    place: String,
    host_key: HostKey,
    lost: watch::Receiver<Option<String>>,
    /// Shared by short file operations; opened when first used.
    pub(crate) sftp: tokio::sync::Mutex<Option<Arc<SftpSession>>>,
    /// Kept so that the way there stays open.
    _jump: Option<Session>,
}

impl Session {
    /// Connects and authenticates, through the jump hosts if there are some.
    ///
    /// # Errors
    /// Each failure to connect of [`SshError`], naming the machine on the way that failed.
    pub async fn connect(target: &SshTarget, patience: Patience) -> Result<Self, SshError> {
        let jump = match &target.jump {
            None => None,
            // Boxed because a jump host may have one itself.
            Some(jump) => Some(Box::pin(Self::connect(jump, patience)).await?),
        };
        let place = target.place();
        let (watcher, seen, lost) = Watcher::new(target.host_key.clone());
        let config = Arc::new(config(target, patience));
        let connect = async {
            match &jump {
                None => {
                    let stream = connect_tcp(target).await?;
                    Ok(client::connect_stream(config, stream, watcher).await)
                }
                Some(jump) => {
                    let stream = jump.open_way_to(target).await?.into_stream();
                    Ok(client::connect_stream(config, stream, watcher).await)
                }
            }
        };
        let connected = timeout(patience.connect, connect)
            .await
            .unwrap_or_else(|_| {
                Err(SshError::Unreachable {
                    host: place.clone(),
                    reason: Unreachable::TimedOut(patience.connect),
                })
            })?;
        let offered = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut handle = match (connected, offered.clone()) {
            (Ok(handle), _) => handle,
            (Err(russh::Error::UnknownKey), Some(offered)) => {
                return Err(match target.host_key.clone() {
                    None => SshError::HostKeyUnknown {
                        host: place,
                        offered,
                    },
                    Some(pinned) => SshError::HostKeyChanged {
                        host: place,
                        pinned,
                        offered,
                    },
                });
            }
            (Err(error), _) => {
                return Err(SshError::Handshake {
                    host: place,
                    reason: in_words(&error),
                });
            }
        };
        let Some(host_key) = offered else {
            return Err(SshError::Handshake {
                host: place,
                reason: "it showed no key".to_owned(),
            });
        };
        timeout(patience.authenticate, authenticate(&mut handle, target))
            .await
            .unwrap_or_else(|_| {
                Err(SshError::TimedOut {
                    host: place.clone(),
                    what: "signing in".to_owned(),
                    within: patience.authenticate,
                })
            })?;
        Ok(Self {
            inner: Arc::new(Inner {
                handle,
                place,
                host_key,
                lost,
                sftp: tokio::sync::Mutex::new(None),
                _jump: jump,
            }),
        })
    }

    /// `host:port`, for people.
    pub fn place(&self) -> &str {
        &self.inner.place
    }

    /// The key that the machine proved itself with.
    pub fn host_key(&self) -> &HostKey {
        &self.inner.host_key
    }

    /// Whether the link is known to be gone.
    pub fn is_lost(&self) -> bool {
        self.inner.handle.is_closed()
    }

    /// Waits until the link is lost, and says why.
    pub async fn lost(&self) -> SshError {
        let mut lost = self.inner.lost.clone();
        // The sender goes with the link: an error means that it said nothing.
        let _ = lost.wait_for(Option::is_some).await;
        self.link_lost()
    }

    /// Ends the link at once, for every clone.
    pub async fn close(&self) {
        let _ = self
            .inner
            .handle
            .disconnect(russh::Disconnect::ByApplication, "", "en")
            .await;
    }

    /// The time of a small exchange: the median of seven.
    ///
    /// # Errors
    /// [`SshError::LinkLost`].
    pub async fn round_trip_time(&self) -> Result<Duration, SshError> {
        let mut times = Vec::with_capacity(ROUND_TRIPS);
        for _ in 0..ROUND_TRIPS {
            let started = Instant::now();
            let pinged = self.inner.handle.send_ping().await;
            if pinged.is_err() || self.is_lost() {
                return Err(self.lost_or("timing a round trip", "no answer").await);
            }
            times.push(started.elapsed());
        }
        times.sort_unstable();
        Ok(times.get(ROUND_TRIPS / 2).copied().unwrap_or_default())
    }

    /// The link's end as an error, for somebody who noticed that it is gone.
    pub(crate) fn link_lost(&self) -> SshError {
        let reason = self.inner.lost.borrow().clone();
        SshError::LinkLost {
            host: self.inner.place.clone(),
            reason: reason.unwrap_or_else(|| "the connection was closed".to_owned()),
        }
    }

    /// Why `what` broke off: because the link did, or for `reason`.
    pub(crate) async fn lost_or(&self, what: &str, reason: impl ToString) -> SshError {
        /// A broken link is noticed in the same moment as its channels.
        const SOON: Duration = Duration::from_secs(1);
        timeout(SOON, self.lost())
            .await
            .unwrap_or_else(|_| SshError::Failed {
                host: self.inner.place.clone(),
                what: what.to_owned(),
                reason: reason.to_string(),
            })
    }

    /// A channel for a program or a subsystem.
    pub(crate) async fn open_channel(&self) -> Result<Channel<Msg>, SshError> {
        self.open(Way::Program, "one more session on the same link")
            .await
    }

    pub(crate) async fn open_tcp(&self, host: &str, port: u16) -> Result<Channel<Msg>, SshError> {
        self.open(Way::Tcp(host.to_owned(), port), "a connection through it")
            .await
    }

    pub(crate) async fn open_unix(&self, path: &str) -> Result<Channel<Msg>, SshError> {
        self.open(Way::Unix(path.to_owned()), "a connection to its socket")
            .await
    }

    /// Opens a channel in a task of its own: a caller who goes away leaves none open.
    async fn open(&self, way: Way, what: &'static str) -> Result<Channel<Msg>, SshError> {
        let (sender, receiver) = oneshot::channel();
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move {
            let handle = &inner.handle;
            let opened = match way {
                Way::Program => handle.channel_open_session().await,
                Way::Tcp(host, port) => {
                    handle
                        .channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0)
                        .await
                }
                Way::Unix(path) => handle.channel_open_direct_streamlocal(path).await,
            };
            if let Err(Ok(channel)) = sender.send(opened) {
                let _ = channel.close().await;
            }
        });
        let opened = receiver.await.unwrap_or(Err(russh::Error::Disconnect));
        self.opened(opened, what).await
    }

    async fn open_way_to(&self, target: &SshTarget) -> Result<Channel<Msg>, SshError> {
        self.open_tcp(&target.host, target.port)
            .await
            .map_err(|error| match error {
                SshError::Refused { host, reason, .. } => SshError::Unreachable {
                    host: target.place(),
                    reason: Unreachable::NotFromJumpHost { jump: host, reason },
                },
                other => other,
            })
    }

    async fn opened(
        &self,
        opened: Result<Channel<Msg>, russh::Error>,
        what: &'static str,
    ) -> Result<Channel<Msg>, SshError> {
        match opened {
            Ok(channel) => Ok(channel),
            Err(russh::Error::ChannelOpenFailure(failure)) => Err(SshError::Refused {
                host: self.inner.place.clone(),
                what,
                reason: match failure {
                    ChannelOpenFailure::AdministrativelyProhibited => {
                        "its configuration forbids it, or there are too many".to_owned()
                    }
                    ChannelOpenFailure::ConnectFailed => "nothing answers there".to_owned(),
                    ChannelOpenFailure::UnknownChannelType => "it does not know how".to_owned(),
                    ChannelOpenFailure::ResourceShortage => "it has no room for it".to_owned(),
                    ChannelOpenFailure::Other { code, reason } => format!("{reason} ({code})"),
                },
            }),
            Err(error) => Err(self.lost_or(what, error).await),
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({})", self.inner.place)
    }
}

/// What a channel leads to.
enum Way {
    Program,
    Tcp(String, u16),
    Unix(String),
}

/// Judges the machine's key, and hears of the link's end.
pub(crate) struct Watcher {
    pinned: Option<HostKey>,
    seen: Arc<Mutex<Option<HostKey>>>,
    lost: watch::Sender<Option<String>>,
}

type Seen = Arc<Mutex<Option<HostKey>>>;

impl Watcher {
    fn new(pinned: Option<HostKey>) -> (Self, Seen, watch::Receiver<Option<String>>) {
        let seen = Seen::default();
        let (sender, receiver) = watch::channel(None);
        let watcher = Self {
            pinned,
            seen: Arc::clone(&seen),
            lost: sender,
        };
        (watcher, seen, receiver)
    }
}

impl client::Handler for Watcher {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else {
            // None is asked for: see `config`.
            return Ok(false);
        };
        let offered = HostKey::new(key.clone());
        let is_right = self.pinned.as_ref() == Some(&offered);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(offered);
        Ok(is_right)
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<russh::Error>,
    ) -> Result<(), russh::Error> {
        let text = match &reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                format!("the server ended it ({})", info.message)
            }
            DisconnectReason::Error(error) => in_words(error),
        };
        self.lost.send_replace(Some(text));
        match reason {
            DisconnectReason::ReceivedDisconnect(_) => Ok(()),
            DisconnectReason::Error(error) => Err(error),
        }
    }
}

/// Why a link is none, or none any more.
fn in_words(error: &russh::Error) -> String {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    match error {
        russh::Error::KeepaliveTimeout | russh::Error::InactivityTimeout => {
            "the machine does not answer any more".to_owned()
        }
        russh::Error::Disconnect | russh::Error::HUP => "the connection was closed".to_owned(),
        russh::Error::IO(error)
            if matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof) =>
        {
            "the connection was closed".to_owned()
        }
        error => error.to_string(),
    }
}

fn config(target: &SshTarget, patience: Patience) -> client::Config {
    let curves = [
        EcdsaCurve::NistP256,
        EcdsaCurve::NistP384,
        EcdsaCurve::NistP521,
    ];
    let mut kinds = vec![Algorithm::Ed25519];
    kinds.extend(curves.map(|curve| Algorithm::Ecdsa { curve }));
    if let Some(pinned) = &target.host_key {
        // A machine with several keys shows the one that was accepted.
        let pinned = pinned.key().algorithm();
        kinds.sort_by_key(|kind| *kind != pinned);
    }
    client::Config {
        preferred: Preferred {
            key: Cow::Owned(kinds),
            ..Preferred::DEFAULT
        },
        keepalive_interval: Some(patience.silence / 4),
        keepalive_max: 2,
        // Also ends a link whose other side takes no more bytes.
        inactivity_timeout: Some(patience.silence),
        channel_buffer_size: CHANNEL_BUFFER,
        nodelay: true,
        ..client::Config::default()
    }
}

async fn connect_tcp(target: &SshTarget) -> Result<TcpStream, SshError> {
    let unreachable = |reason| SshError::Unreachable {
        host: target.place(),
        reason,
    };
    let addresses = tokio::net::lookup_host((target.host.as_str(), target.port))
        .await
        .map_err(|error| unreachable(Unreachable::UnknownName(error.to_string())))?;
    let mut last = Unreachable::UnknownName("none is listed".to_owned());
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Each keystroke-sized packet matters for streams of tokens.
                stream.set_nodelay(true).ok();
                return Ok(stream);
            }
            Err(error) => {
                last = match error.kind() {
                    io::ErrorKind::ConnectionRefused => Unreachable::Refused,
                    _ => Unreachable::Other(error.to_string()),
                }
            }
        }
    }
    Err(unreachable(last))
}
