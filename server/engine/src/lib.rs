//! The reference engine: an OpenAI-compatible server that answers at exactly scheduled times and
//! logs what it really sent. It is the known truth behind tests of the load generator, and lets
//! somebody without a model finish a first benchmark. It is never presented as a model.
//!
//! Invariants:
//! - a schedule is absolute and repeatable: its zero is the instant the request arrived at this
//!   machine, as the kernel stamped it, so that an engine that is late once is not late for good;
//! - the log says when bytes were handed to the connection, never when they should have been;
//! - one thread does everything for its connections, without locks on the way to a chunk.
//!
//! Deliberately absent: TLS, HTTP/2, compression, models.

mod answer;
mod args;
mod connection;
mod fault;
mod http;
mod jitter;
mod log;
mod platform;
mod schedule;
mod slots;
mod timers;
mod wire;
mod worker;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use socket2::{Domain, Protocol, Socket, Type};

pub use args::EngineArgs;

use answer::Habits;
use log::EngineLog;
use schedule::Pace;
use slots::Slots;
use worker::Worker;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4_096;
/// Requests that may wait for a slot; more are answered with 503.
const QUEUE_MAX: usize = 20_000;

/// What all threads share.
struct Engine {
    model: String,
    pace: Pace,
    habits: Habits,
    slots: Slots,
    log: Option<EngineLog>,
    requests_count: AtomicU64,
    is_ending: AtomicBool,
    /// What ended the engine, when it was no order.
    failure: OnceLock<String>,
}

/// Serves until the process is told to end.
pub fn run(args: &EngineArgs) -> ExitCode {
    let share: f64 = args.fault.iter().map(|fault| fault.share).sum();
    if share > 1.0 + 1e-9 {
        let text = format!("assay engine: the shares of all faults add up to {share}, above 1");
        let _ = writeln!(std::io::stderr(), "{text}");
        return ExitCode::from(2);
    }
    match serve(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let address = args.addr;
            // Nobody is left to tell when this fails too.
            let _ = writeln!(
                std::io::stderr(),
                "assay engine: it cannot serve on {address}: {error}"
            );
            ExitCode::FAILURE
        }
    }
}

fn open_log(path: &std::path::Path) -> std::io::Result<EngineLog> {
    let named = |error: std::io::Error| {
        let text = format!("the log {} cannot be written to: {error}", path.display());
        std::io::Error::new(error.kind(), text)
    };
    EngineLog::create(path).map_err(named)
}

fn serve(args: &EngineArgs) -> std::io::Result<()> {
    // Blocked before any thread starts, so that only the wait below takes the orders to end.
    let mut orders = SigSet::empty();
    orders.add(Signal::SIGTERM);
    orders.add(Signal::SIGINT);
    orders.thread_block()?;
    platform::raise_file_limit();

    let mut address = args.addr;
    let mut listeners = Vec::new();
    for _ in 0..args.threads {
        let listener = listen(address, args.threads > 1)?;
        // The first one picks the port that all share.
        address = listener.local_addr()?;
        listeners.push(listener);
    }
    let mut wakers = Vec::new();
    let mut polls = Vec::new();
    for _ in &listeners {
        let poll = mio::Poll::new()?;
        wakers.push(mio::Waker::new(poll.registry(), worker::WAKER)?);
        polls.push(poll);
    }
    let engine = Arc::new(Engine {
        model: args.model.clone(),
        pace: Pace::new(args),
        habits: Habits::new(args),
        slots: Slots::new(args.slots, QUEUE_MAX, wakers),
        log: args.log.as_deref().map(open_log).transpose()?,
        requests_count: AtomicU64::new(0),
        is_ending: AtomicBool::new(false),
        failure: OnceLock::new(),
    });
    let mut threads = Vec::new();
    for (number, (listener, poll)) in listeners.into_iter().zip(polls).enumerate() {
        let mut worker = Worker::new(Arc::clone(&engine), number, listener, poll)?;
        let ends_with = Arc::clone(&engine);
        let thread = std::thread::Builder::new()
            .name(format!("engine-{number}"))
            .spawn(move || {
                if let Err(error) = worker.run() {
                    let _ = ends_with.failure.set(error.to_string());
                    let _ = kill(Pid::this(), Signal::SIGTERM);
                }
            })?;
        threads.push(thread);
    }
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on http://{address}")?;
    stdout.flush()?;

    orders.wait()?;
    engine.is_ending.store(true, Ordering::Relaxed);
    engine.slots.wake_all();
    for thread in threads {
        // A thread that panicked has said so.
        let _ = thread.join();
    }
    if let Some(log) = &engine.log {
        log.finish();
    }
    match engine.failure.get() {
        Some(text) => Err(std::io::Error::other(text.clone())),
        None => Ok(()),
    }
}

fn listen(address: SocketAddr, is_shared: bool) -> std::io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if is_shared {
        platform::share_port(&socket)?;
    }
    socket.set_nonblocking(true)?;
    platform::send_at_once(&socket);
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
