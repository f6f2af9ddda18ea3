//! A TCP connection whose reads tell when their bytes reached this machine: a load process that was
//! kept off the CPU for a while must not make the server look slow.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

#[derive(Debug)]
pub(crate) struct StampedStream {
    stream: TcpStream,
    arrived_at: Instant,
}

impl StampedStream {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stamps::ask(&stream);
        Self {
            stream,
            arrived_at: Instant::now(),
        }
    }

    /// When the last bytes of the latest read arrived, by the kernel's stamp; when they were read where
    /// the kernel gives none.
    pub(crate) fn arrived_at(&self) -> Instant {
        self.arrived_at
    }
}

/// Keeps the kernel stamping from its making on. It begins a moment after the first socket has asked for
/// stamps, too late for an answer that comes at once.
pub(crate) struct StampKeeper {
    _socket: Option<UdpSocket>,
}

impl StampKeeper {
    pub(crate) fn new() -> Self {
        // Without it the first bytes may have the instant of reading.
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok();
        if let Some(socket) = &socket {
            stamps::ask(socket);
        }
        Self { _socket: socket }
    }
}

impl AsyncRead for StampedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, arrived_at } = self.get_mut();
        let room = buffer.initialize_unfilled();
        loop {
            ready!(stream.poll_read_ready(cx))?;
            let mut read = None;
            let tried = stream.try_io(Interest::READABLE, || {
                let (count, arrived) = stamps::read(stream, room)?;
                read = Some((count, arrived));
                // A read that leaves room has left nothing behind. Saying so spares the next one, which
                // would find nothing; tokio's own reads do the same.
                if count > 0 && count < room.len() {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(())
            });
            match (read, tried) {
                (Some((count, arrived)), _) => {
                    *arrived_at = arrived;
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                }
                (None, _) => {}
            }
        }
    }
}

impl AsyncWrite for StampedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(target_os = "linux")]
mod stamps {
    use std::cell::RefCell;
    use std::io::{self, IoSliceMut};
    use std::os::fd::{AsFd, AsRawFd};
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    use nix::errno::Errno;
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
    use nix::sys::time::TimeSpec;
    use tokio::net::TcpStream;

    /// Bytes do not wait longer to be read; a stamp that says so is wrong.
    const WAIT_MAX: Duration = Duration::from_mins(1);
    /// Two clocks are read at one instant if no more than this passes meanwhile.
    const AT_ONCE: Duration = Duration::from_micros(20);
    /// Most tries to do so.
    const TRIES_MAX: usize = 3;

    thread_local! {
        /// Where the kernel writes stamps: one place for all connections of a thread stays in the cache.
        static CONTROL: RefCell<Vec<u8>> = RefCell::new(nix::cmsg_space!(TimeSpec));
    }

    /// Bytes read (0 at the end), and when the last of them arrived.
    pub(super) fn read(stream: &TcpStream, room: &mut [u8]) -> io::Result<(usize, Instant)> {
        let (count, stamp) = CONTROL.with_borrow_mut(|control| {
            let mut parts = [IoSliceMut::new(room)];
            let message = recvmsg::<()>(
                stream.as_raw_fd(),
                &mut parts,
                Some(control),
                MsgFlags::empty(),
            )?;
            let stamp = message.cmsgs().ok().and_then(|mut messages| {
                messages.find_map(|message| match message {
                    ControlMessageOwned::ScmTimestampns(at) => Some(at),
                    _ => None,
                })
            });
            Ok::<_, Errno>((message.bytes, stamp))
        })?;
        let (now, wall_now) = both_clocks();
        let waited = stamp
            .and_then(|at| wall_now.checked_sub(at.into()))
            // A wall clock that was set in between says nothing.
            .filter(|waited| *waited < WAIT_MAX)
            .unwrap_or_default();
        Ok((count, now.checked_sub(waited).unwrap_or(now)))
    }

    /// Asks for stamps. Without them the instant of reading takes their place.
    pub(super) fn ask(socket: &impl AsFd) {
        let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
    }

    /// The monotonic clock and the wall clock, which stamps are made by. A process that was kept off the
    /// CPU between the two would shift the stamp by as much.
    fn both_clocks() -> (Instant, Duration) {
        let mut before = Instant::now();
        for _ in 1..TRIES_MAX {
            let wall = wall();
            let after = Instant::now();
            if after.duration_since(before) <= AT_ONCE {
                return (before, wall);
            }
            before = after;
        }
        (before, wall())
    }

    fn wall() -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.unwrap_or_default()
    }
}

#[cfg(not(target_os = "linux"))]
mod stamps {
    //! Systems without stamps: the instant of reading.

    use std::io;
    use std::time::Instant;

    use tokio::net::TcpStream;

    pub(super) fn ask<S>(_: &S) {}

    pub(super) fn read(stream: &TcpStream, room: &mut [u8]) -> io::Result<(usize, Instant)> {
        let count = nix::sys::socket::recv(
            std::os::fd::AsRawFd::as_raw_fd(stream),
            room,
            nix::sys::socket::MsgFlags::empty(),
        )?;
        Ok((count, Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (StampedStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (theirs, _) = listener.accept().await.unwrap();
        (StampedStream::new(ours.unwrap()), theirs)
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn bytes_that_wait_to_be_read_keep_the_stamp_of_their_arrival() {
        let _keeper = StampKeeper::new();
        let (mut ours, mut theirs) = pair().await;
        let wait = Duration::from_millis(200);
        let mut lates = Vec::new();
        // The first may come before the kernel has begun to stamp.
        for _ in 0..2 {
            let before = Instant::now();
            theirs.write_all(b"chunk").await.unwrap();
            // The wait is what is tested: a reader that comes late.
            tokio::time::sleep(wait).await;
            let mut buffer = [0; 64];
            assert_eq!(ours.read(&mut buffer).await.unwrap(), 5);
            assert!(ours.arrived_at() + Duration::from_millis(1) > before);
            lates.push(ours.arrived_at().saturating_duration_since(before));
        }
        assert!(lates[1] < wait / 2, "{lates:?} after they were sent");
    }

    #[tokio::test]
    async fn everything_is_read_whatever_the_room_and_so_is_the_end() {
        for room in [1, 4, 7, 8, 64] {
            let (mut ours, mut theirs) = pair().await;
            let (mut all, mut buffer) = (Vec::new(), vec![0; room]);
            let sender = tokio::spawn(async move {
                for _ in 0..50 {
                    theirs.write_all(b"12345678").await.unwrap();
                    tokio::task::yield_now().await;
                }
            });
            loop {
                let count = ours.read(&mut buffer).await.unwrap();
                if count == 0 {
                    break;
                }
                all.extend_from_slice(buffer.get(..count).unwrap());
            }
            sender.await.unwrap();
            assert_eq!(all, b"12345678".repeat(50));
        }
    }

    #[tokio::test]
    async fn a_reset_is_an_error() {
        let (mut ours, theirs) = pair().await;
        theirs.set_zero_linger().unwrap();
        drop(theirs);
        let error = ours.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
