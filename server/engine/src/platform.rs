//! What the operating system is asked for: clocks, alarms, stamps.

use std::io;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::{ClockId, clock_gettime};
use socket2::Socket;

/// Nanoseconds of the machine's monotonic clock.
pub(crate) fn monotonic_ns() -> u64 {
    clock_ns(ClockId::CLOCK_MONOTONIC)
}

fn clock_ns(clock: ClockId) -> u64 {
    // Only a clock that does not exist can fail, and these do.
    let time = clock_gettime(clock).map(Duration::from).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Every connection takes a file.
pub(crate) fn raise_file_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // With the limit as it is, some connections wait longer to be accepted.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Lets several listeners share an address; the system spreads connections over them.
pub(crate) fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

pub(crate) use system::{Alarm, StampedReader, send_at_once};

#[cfg(target_os = "linux")]
mod system {
    use std::io::{self, ErrorKind, IoSliceMut};
    use std::os::fd::{AsFd, AsRawFd};

    use mio::unix::SourceFd;
    use mio::{Interest, Poll, Token};
    use nix::errno::Errno;
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
    use nix::sys::time::TimeSpec;
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    use nix::time::ClockId as Clock;
    use socket2::Socket;

    use super::{clock_ns, monotonic_ns};

    /// An alarm that goes off within microseconds: epoll's own timeout has steps of a millisecond.
    pub(crate) struct Alarm {
        timer: TimerFd,
        set_to: Option<u64>,
    }

    impl Alarm {
        pub(crate) fn new(poll: &Poll, token: Token) -> io::Result<Self> {
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
            let fd = timer.as_fd().as_raw_fd();
            poll.registry()
                .register(&mut SourceFd(&fd), token, Interest::READABLE)?;
            Ok(Self {
                timer,
                set_to: None,
            })
        }

        /// Waits for events or until `at_ns` of the monotonic clock, whichever is first.
        pub(crate) fn wait(
            &mut self,
            poll: &mut Poll,
            events: &mut mio::Events,
            at_ns: Option<u64>,
        ) -> io::Result<()> {
            if let Some(at_ns) = at_ns
                && self.set_to != Some(at_ns)
            {
                let at = TimeSpec::new(
                    i64::try_from(at_ns / 1_000_000_000).unwrap_or(i64::MAX),
                    (at_ns % 1_000_000_000).cast_signed(),
                );
                self.timer.set(
                    Expiration::OneShot(at),
                    TimerSetTimeFlags::TFD_TIMER_ABSTIME,
                )?;
                self.set_to = Some(at_ns);
            }
            ignore_interrupts(poll.poll(events, None))
        }
    }

    fn ignore_interrupts(waited: io::Result<()>) -> io::Result<()> {
        match waited {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            waited => waited,
        }
    }

    /// Takes a congestion control that does not space out what is sent, as BBR does: the log says when a
    /// chunk went out. Accepted connections inherit it.
    pub(crate) fn send_at_once(socket: &Socket) {
        // The system's own choice is no error; most have none that paces.
        let _ = socket.set_tcp_congestion(b"reno");
    }

    /// Reads a connection, and when its bytes arrived at this machine.
    pub(crate) struct StampedReader {
        control: Vec<u8>,
    }

    impl StampedReader {
        pub(crate) fn new() -> Self {
            Self {
                control: nix::cmsg_space!(TimeSpec),
            }
        }

        /// Asks for stamps on a connection.
        pub(crate) fn prepare(stream: &mio::net::TcpStream) {
            // Without stamps the instant of reading takes their place.
            let _ = setsockopt(stream, sockopt::ReceiveTimestampns, &true);
        }

        /// Bytes read (0 at the end), and the monotonic instant at which the last of them arrived.
        pub(crate) fn read(
            &mut self,
            stream: &mio::net::TcpStream,
            buffer: &mut [u8],
        ) -> io::Result<(usize, u64)> {
            let mut parts = [IoSliceMut::new(buffer)];
            let message = recvmsg::<()>(
                stream.as_raw_fd(),
                &mut parts,
                Some(&mut self.control),
                MsgFlags::empty(),
            )
            .map_err(|error| match error {
                Errno::EAGAIN => io::Error::from(ErrorKind::WouldBlock),
                error => io::Error::from(error),
            })?;
            let now_ns = monotonic_ns();
            let stamp = message.cmsgs().ok().and_then(|mut messages| {
                messages.find_map(|message| match message {
                    ControlMessageOwned::ScmTimestampns(at) => Some(at),
                    _ => None,
                })
            });
            let age_ns = stamp.map_or(0, |at| {
                let at_ns = i128::from(at.tv_sec()) * 1_000_000_000 + i128::from(at.tv_nsec());
                let age_ns = i128::from(clock_ns(Clock::CLOCK_REALTIME)) - at_ns;
                // A wall clock that was set in between says nothing.
                u64::try_from(age_ns)
                    .ok()
                    .filter(|age| *age < AGE_NS_MAX)
                    .unwrap_or(0)
            });
            Ok((message.bytes, now_ns.saturating_sub(age_ns)))
        }
    }

    /// Bytes do not wait longer to be read; a stamp that says so is wrong.
    const AGE_NS_MAX: u64 = 60_000_000_000;
}

#[cfg(not(target_os = "linux"))]
mod system {
    //! Systems without timerfd and stamps: alarms in whole milliseconds, stamps when reading.

    use std::io::{self, ErrorKind, Read};
    use std::time::Duration;

    use mio::{Poll, Token};
    use socket2::Socket;

    use super::monotonic_ns;

    pub(crate) fn send_at_once(_: &Socket) {}

    pub(crate) struct Alarm;

    impl Alarm {
        pub(crate) fn new(_: &Poll, _: Token) -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) fn wait(
            &mut self,
            poll: &mut Poll,
            events: &mut mio::Events,
            at_ns: Option<u64>,
        ) -> io::Result<()> {
            let left = at_ns.map(|at| Duration::from_nanos(at.saturating_sub(monotonic_ns())));
            match poll.poll(events, left) {
                Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
                waited => waited,
            }
        }
    }

    pub(crate) struct StampedReader;

    impl StampedReader {
        pub(crate) fn new() -> Self {
            Self
        }

        pub(crate) fn prepare(_: &mio::net::TcpStream) {}

        pub(crate) fn read(
            &mut self,
            mut stream: &mio::net::TcpStream,
            buffer: &mut [u8],
        ) -> io::Result<(usize, u64)> {
            let count = stream.read(buffer)?;
            Ok((count, monotonic_ns()))
        }
    }
}
