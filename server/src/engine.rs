//! The reference engine: an OpenAI-compatible server that answers at exactly scheduled times and
//! logs what it really sent. It is the known truth behind tests of the load generator, and lets
//! somebody without a model finish a first benchmark. It is never presented as a model.

mod api;
mod log;
mod schedule;
mod stream;
mod timer;
mod wire;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use axum::serve::ListenerExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;

use log::EngineLog;
use schedule::Pace;
use timer::PreciseTimer;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4_096;
/// Requests that may wait for a slot; more are answered with 503.
const QUEUE_MAX: usize = 20_000;

/// Serve the reference engine: an OpenAI-compatible server whose answers come at exactly scheduled
/// times, for tests and first steps. It is no model.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EngineArgs {
    /// Address to listen on; port 0 picks a free one, which is printed
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) addr: SocketAddr,
    /// Name of the model it serves
    #[arg(long, default_value = "assay-reference")]
    pub(crate) model: String,
    /// Time from a request (or its slot) to its first token, in milliseconds
    #[arg(long, default_value = "200", value_parser = parse_duration_ms)]
    pub(crate) ttft_ms: f64,
    /// Time that each token of the prompt adds to the first token, in microseconds
    #[arg(long, default_value = "0", value_parser = parse_duration_ms)]
    pub(crate) prefill_us_per_token: f64,
    /// Time between two chunks, in milliseconds
    #[arg(long, default_value = "20", value_parser = parse_duration_ms)]
    pub(crate) itl_ms: f64,
    /// Tokens in each chunk
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) tokens_per_chunk: u32,
    /// Standard deviation of a normal jitter on every gap, in milliseconds; 0 for none
    #[arg(long, default_value = "0", value_parser = parse_duration_ms)]
    pub(crate) jitter_ms: f64,
    /// Seed of the jitter
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Requests answered at once; others wait in a queue
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) slots: u32,
    /// File for one JSON line per request: what was sent, and when
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
}

/// Longest time an option may give, in its unit.
const DURATION_MAX: f64 = 3_600_000.0;

fn parse_duration_ms(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "give a number".to_owned())?;
    if (0.0..=DURATION_MAX).contains(&value) {
        return Ok(value);
    }
    Err(format!("give a number from 0 to {DURATION_MAX}"))
}

/// What all requests share.
struct Engine {
    model: String,
    pace: Pace,
    slots: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    timer: PreciseTimer,
    log: Option<EngineLog>,
    zero: Instant,
    requests_count: AtomicU64,
}

impl Engine {
    fn new(args: &EngineArgs) -> std::io::Result<Self> {
        Ok(Self {
            model: args.model.clone(),
            pace: Pace::new(args),
            slots: Arc::new(Semaphore::new(args.slots as usize)),
            queue: Arc::new(Semaphore::new(args.slots as usize + QUEUE_MAX)),
            timer: PreciseTimer::start()?,
            log: args.log.as_deref().map(EngineLog::create).transpose()?,
            zero: Instant::now(),
            requests_count: AtomicU64::new(0),
        })
    }

    /// Monotonic nanoseconds since the engine started.
    fn now_ns(&self) -> u64 {
        u64::try_from(self.zero.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Serves until the process is told to end. Builds its own runtime: call it outside of one.
pub(crate) fn run(args: &EngineArgs) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no threads for the engine: {error}")),
    };
    match runtime.block_on(serve(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!(
            "the engine cannot serve on {}: {error}",
            args.addr
        )),
    }
}

fn fail(text: &str) -> ExitCode {
    // Nobody is left to tell when this fails too.
    let _ = writeln!(std::io::stderr(), "assay engine: {text}");
    ExitCode::FAILURE
}

async fn serve(args: &EngineArgs) -> std::io::Result<()> {
    let engine = Arc::new(Engine::new(args)?);
    // Before the address is told: who reads it may end the process at once.
    let signals = Signals::listen()?;
    let listener = listen(args.addr)?;
    let address = listener.local_addr()?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on http://{address}")?;
    stdout.flush()?;
    // Each chunk leaves at once, not when the next one fills a packet.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    tokio::select! {
        served = axum::serve(listener, api::router(engine)) => served,
        () = signals.wait() => Ok(()),
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The orders to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self {
            terminate,
            interrupt,
        })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
