//! The socket of a connection, with time stamps taken where bytes pass.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::clock::RunClock;

/// What passed on the wire since the last request began. One task drives a connection, so the
/// order between the fields needs no more than relaxed atomics.
#[derive(Debug)]
pub(crate) struct WireTimes {
    clock: RunClock,
    first_write_ns: AtomicU64,
    last_read_ns: AtomicU64,
    read_bytes: AtomicU64,
}

/// Stands for "not yet".
const NEVER: u64 = u64::MAX;

impl WireTimes {
    pub(crate) fn new(clock: RunClock) -> Self {
        Self {
            clock,
            first_write_ns: AtomicU64::new(NEVER),
            last_read_ns: AtomicU64::new(NEVER),
            read_bytes: AtomicU64::new(0),
        }
    }

    /// A new request begins.
    pub(crate) fn begin_request(&self) {
        self.first_write_ns.store(NEVER, Ordering::Relaxed);
        self.last_read_ns.store(NEVER, Ordering::Relaxed);
        self.read_bytes.store(0, Ordering::Relaxed);
    }

    /// Just before the first byte of the request was written, if one was.
    pub(crate) fn sent_at(&self) -> Option<u64> {
        Some(self.first_write_ns.load(Ordering::Relaxed)).filter(|at| *at != NEVER)
    }

    /// When the latest bytes of the answer were read.
    pub(crate) fn last_read_at(&self) -> Option<u64> {
        Some(self.last_read_ns.load(Ordering::Relaxed)).filter(|at| *at != NEVER)
    }

    /// Whether any byte of the answer came.
    pub(crate) fn has_answer(&self) -> bool {
        self.read_bytes.load(Ordering::Relaxed) > 0
    }
}

/// A plain or encrypted stream that notes its times.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    times: Arc<WireTimes>,
}

#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    pub(crate) fn new(stream: Stream, times: Arc<WireTimes>) -> Self {
        Self { stream, times }
    }

    fn note_write(&self, before_ns: u64, written: &Poll<io::Result<usize>>) {
        if matches!(written, Poll::Ready(Ok(count)) if *count > 0) && self.times.sent_at().is_none()
        {
            self.times
                .first_write_ns
                .store(before_ns, Ordering::Relaxed);
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buffer),
        };
        let count = buffer.filled().len() - before;
        if count > 0 {
            let times = &self.times;
            times
                .last_read_ns
                .store(times.clock.now_ns(), Ordering::Relaxed);
            times.read_bytes.fetch_add(count as u64, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let before_ns = self.times.clock.now_ns();
        let polled = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
        };
        self.note_write(before_ns, &polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let before_ns = self.times.clock.now_ns();
        let polled = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, buffers),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_write_vectored(cx, buffers),
        };
        self.note_write(before_ns, &polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}
