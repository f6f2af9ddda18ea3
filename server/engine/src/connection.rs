//! A connection: bytes in, bytes out, and the answer that is on its way.

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use mio::net::TcpStream;
use socket2::SockRef;

use crate::answer::Answer;
use crate::http::{BODY_BYTES_MAX, Head};
use crate::platform::StampedReader;

/// Most bytes kept of what a client sends before its request is answered.
const INPUT_BYTES_MAX: usize = BODY_BYTES_MAX + (1 << 20);

/// What a connection does.
pub(crate) enum State {
    /// It waits for a request, or for the rest of one.
    Reading(Option<Head>),
    /// Its answer waits for a slot.
    Queued(Box<Answer>),
    /// Its answer is on its way, and holds a slot.
    Answering(Box<Answer>),
    /// Nothing more comes, but it stays open; it holds a slot.
    Silent(Box<Answer>),
    /// It closes when everything is written.
    Closing,
}

/// A connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// Tells it from others that had its place.
    pub(crate) birth: u64,
    pub(crate) state: State,
    pub(crate) input: Vec<u8>,
    /// When the last bytes of the input arrived, and when they were read.
    pub(crate) arrived_ns: u64,
    pub(crate) received_ns: u64,
    pub(crate) out: Vec<u8>,
    written: usize,
    /// The instant it waits for.
    pub(crate) timer_ns: Option<u64>,
}

/// What became of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// All there was went through.
    Ready,
    /// The rest has to wait.
    Blocked,
    /// The other side is gone.
    Gone,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, birth: u64) -> Self {
        // Each chunk leaves at once, not when the next one fills a packet.
        let _ = stream.set_nodelay(true);
        StampedReader::prepare(&stream);
        Self {
            stream,
            birth,
            state: State::Reading(None),
            input: Vec::new(),
            arrived_ns: 0,
            received_ns: 0,
            out: Vec::new(),
            written: 0,
            timer_ns: None,
        }
    }

    /// Reads what is there.
    pub(crate) fn fill(
        &mut self,
        reader: &mut StampedReader,
        scratch: &mut [u8],
        now_ns: impl Fn() -> u64,
    ) -> Flow {
        loop {
            match reader.read(&self.stream, scratch) {
                Ok((0, _)) => return Flow::Gone,
                Ok((count, arrived_ns)) => {
                    self.input
                        .extend_from_slice(scratch.get(..count).unwrap_or_default());
                    self.arrived_ns = arrived_ns;
                    self.received_ns = now_ns();
                    if self.input.len() > INPUT_BYTES_MAX {
                        return Flow::Gone;
                    }
                    // A read that does not fill the buffer leaves nothing behind.
                    if count < scratch.len() {
                        return Flow::Ready;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Flow::Ready,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Flow::Gone,
            }
        }
    }

    /// Writes what waits.
    pub(crate) fn flush(&mut self) -> Flow {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => return Flow::Gone,
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Flow::Blocked,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Flow::Gone,
            }
        }
        self.out.clear();
        self.written = 0;
        Flow::Ready
    }

    /// Makes its end a reset.
    pub(crate) fn reset_at_end(&self) -> io::Result<()> {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))
    }

    /// Takes its answer, and says whether it holds a slot.
    pub(crate) fn take_answer(&mut self) -> Option<(Box<Answer>, bool)> {
        match std::mem::replace(&mut self.state, State::Closing) {
            State::Answering(answer) | State::Silent(answer) => Some((answer, true)),
            State::Queued(answer) => Some((answer, false)),
            state @ (State::Reading(_) | State::Closing) => {
                self.state = state;
                None
            }
        }
    }
}
