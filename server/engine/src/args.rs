//! The options of `assay engine`.

use std::net::SocketAddr;
use std::path::PathBuf;

use domain::workload::LengthSpec;

use crate::answer::Usage;
use crate::fault::{FaultShare, parse_fault_share};
use crate::jitter::Jitter;

const AFTER_HELP: &str = "\
Faults: --fault KIND[@CHUNKS][:SHARE], for that share of the requests, drawn by the seed; without a share for
all of them. Together they are at most 1. KIND is
  429, 500, 503 …   the request is refused with that status
  close             the connection closes without an answer
  reset             the connection is reset in the middle of the answer
  cut               the connection closes in the middle of the answer
  truncate          the answer ends properly, but in its middle: no finish, no usage, no [DONE]
  stall             nothing more comes, and the connection stays open
  error             an event with an error object inside the stream, then its end
  malformed         one event that is no JSON, then the rest
  slow-headers      the head of the answer comes in small pieces, over half a second
  no-done           everything but [DONE]
  empty             finish without any text
CHUNKS is how many chunks come before it; without it, half of them.
A request may ask for its own: the headers x-assay-fault: KIND[@CHUNKS], x-assay-usage: (as --usage),
x-assay-close: 1.

The log has one JSON object a line for each request. Its instants are nanoseconds of the monotonic clock of
this machine, the same for all processes.";

/// Serve the reference engine: an OpenAI-compatible server whose answers come at exactly scheduled
/// times, for tests and first steps. It is no model.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct EngineArgs {
    /// Address to listen on; port 0 picks a free one, which is printed
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) addr: SocketAddr,
    /// Name of the model it serves
    #[arg(long, default_value = "assay-reference")]
    pub(crate) model: String,
    /// Time from a request (or its slot) to its first token, in milliseconds
    #[arg(long, default_value = "200", value_parser = parse_duration)]
    pub(crate) ttft_ms: f64,
    /// Time that each token of the prompt adds to the first token, in microseconds
    #[arg(long, default_value = "0", value_parser = parse_duration)]
    pub(crate) prefill_us_per_token: f64,
    /// Time between two chunks, in milliseconds
    #[arg(long, default_value = "20", value_parser = parse_duration)]
    pub(crate) itl_ms: f64,
    /// Tokens in each chunk
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) tokens_per_chunk: u32,
    /// How every time is spread around its value: none, normal:MS (standard deviation), uniform:MS
    /// (so much earlier or later at most), lognormal:SIGMA or exponential (both keep the mean)
    #[arg(long, default_value = "none", value_name = "JITTER", value_parser = Jitter::parse)]
    pub(crate) jitter: Jitter,
    /// The same as --jitter normal:MS
    #[arg(long, value_name = "MS", value_parser = parse_duration, conflicts_with = "jitter", hide = true)]
    pub(crate) jitter_ms: Option<f64>,
    /// Tokens of an answer, at most what the request asks for: 64, uniform:10..200, normal:128,32 or
    /// lognormal:128,0.6. Without it, or for a request with `ignore_eos`, as many as asked for
    #[arg(long, value_name = "LENGTH", value_parser = parse_length)]
    pub(crate) output_tokens: Option<LengthSpec>,
    /// Where the usage stands: own-chunk, beside-choices (in the last one), continuous (in every chunk)
    /// or missing
    #[arg(long, default_value = "own-chunk", value_name = "WHERE", value_parser = Usage::parse)]
    pub(crate) usage: Usage,
    /// Close the connection after each answer, although it is said to be kept
    #[arg(long)]
    pub(crate) close_after_answer: bool,
    /// A fault for a share of the requests, such as 429:0.05 or reset@3:0.1; repeatable
    #[arg(long, value_name = "FAULT", value_parser = parse_fault_share)]
    pub(crate) fault: Vec<FaultShare>,
    /// Seed of everything that is drawn
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Requests answered at once; others wait in a queue
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) slots: u32,
    /// Threads that serve; connections are spread over them. One serves thousands of paced streams
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) threads: u16,
    /// File for one JSON line per request: what was sent, and when
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
}

/// Longest time an option may give, in its unit.
pub(crate) const DURATION_MAX: f64 = 3_600_000.0;

/// A time from 0 to [`DURATION_MAX`], in the unit of its option.
pub(crate) fn parse_duration(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "give a number".to_owned())?;
    if (0.0..=DURATION_MAX).contains(&value) {
        return Ok(value);
    }
    Err(format!("give a number from 0 to {DURATION_MAX}"))
}

fn parse_length(text: &str) -> Result<LengthSpec, String> {
    text.parse()
}
