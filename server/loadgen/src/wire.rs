//! The socket of a connection, plain or encrypted.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::socket::StampedStream;

/// Most bytes of one read.
const READ_BYTES_MAX: usize = 64 << 10;

thread_local! {
    /// Where reads go: one buffer for all connections of a thread, since each read is decoded before
    /// the next one. It bounds what thousands of streams take.
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES_MAX]);
}

#[derive(Debug)]
pub(crate) enum Wire {
    Plain(StampedStream),
    Tls(Box<TlsStream<StampedStream>>),
}

impl Wire {
    /// Reads once and hands over what came, nothing at the end of the stream, and when the last of it
    /// arrived.
    pub(crate) fn poll_read_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&[u8], Instant) -> T,
    ) -> Poll<io::Result<T>> {
        READ_BUFFER.with_borrow_mut(|bytes| {
            let mut buffer = ReadBuf::new(bytes);
            ready!(match self {
                Self::Plain(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
                Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, &mut buffer),
            })?;
            let socket = match self {
                Self::Plain(stream) => stream,
                Self::Tls(stream) => stream.get_ref().0,
            };
            Poll::Ready(Ok(take(buffer.filled(), socket.arrived_at())))
        })
    }

    /// Writes the parts one after another, as far as it goes at once.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write_vectored(cx, parts),
        }
    }

    /// Writes what encryption holds back.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }
}
