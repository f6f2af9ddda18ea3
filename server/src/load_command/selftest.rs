//! `assay load selftest`: how far this machine's load generator can be trusted.

mod report;

use std::io::Write;
use std::process::ExitCode;

use domain::finite::Finite;
use domain::measure::selftest::{Bounds, LADDER, Level, LevelReport, OPEN_LOOP_PER_S, STREAMS_MAX};
use runner::selftest::{LevelRun, measure_level};
use tokio_util::sync::CancellationToken;

use super::terminal;

const AFTER_HELP: &str = "\
Each level starts the reference engine and the load process on this machine and compares every request's
record with the engine's log of what it really sent. An error is the absolute difference of the two. Beside
them stand the host's own stalls: how late an idle timer thread wakes, and the CPU time that a hypervisor
took. Keep other work off the machine meanwhile.

Closed-loop levels keep that many streams open (TTFT 200 ms, ITL 20 ms, 32 tokens); the open-loop level sends
short requests at a constant rate (TTFT 10 ms, ITL 5 ms, 4 tokens).

Exit codes:
  0    every level is within the bounds
  1    a level could not be measured
  2    the command line is refused
  5    at least one level is client-bound; the ceiling says which are not
  130  cancelled by a signal

Examples:
  assay load selftest
  assay load selftest --streams 4096,8192 --open-rate 0 --json";

/// Find out how far this machine's load generator can be trusted: its records beside what the reference
/// engine really sent.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct SelftestArgs {
    /// Levels: streams open at once, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_values_t = LADDER,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(STREAMS_MAX)))]
    streams: Vec<u32>,
    /// Requests per second of the open-loop level; 0 leaves it out
    #[arg(long, value_name = "PER_SECOND", default_value_t = OPEN_LOOP_PER_S,
        value_parser = clap::value_parser!(u32).range(0..=100_000))]
    open_rate: u32,
    /// Requests of each stream, and seconds of the open-loop level
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Largest mean error of TTFT that is within bounds, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = Bounds::default().ttft_error_mean_ms.get(), value_parser = parse_bound)]
    ttft_bound: f64,
    /// Largest error of ITL at the 99th percentile that is within bounds, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = Bounds::default().itl_error_p99_ms.get(), value_parser = parse_bound)]
    itl_bound: f64,
    /// Print one JSON object per level, each as soon as it is measured, in place of a table
    #[arg(long)]
    json: bool,
}

fn parse_bound(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ms) if (0.0..=60_000.0).contains(&ms) => Ok(ms),
        _ => Err("give milliseconds from 0 to 60000".to_owned()),
    }
}

impl SelftestArgs {
    fn levels(&self) -> Vec<Level> {
        let closed = self
            .streams
            .iter()
            .map(|streams| Level::Closed { streams: *streams });
        let open = (self.open_rate > 0).then_some(Level::Open {
            rate_per_s: self.open_rate,
        });
        closed.chain(open).collect()
    }

    fn bounds(&self) -> Bounds {
        let number = |value| Finite::new(value).unwrap_or_default();
        Bounds {
            ttft_error_mean_ms: number(self.ttft_bound),
            itl_error_p99_ms: number(self.itl_bound),
            ..Bounds::default()
        }
    }
}

const INTERNAL: u8 = 1;
const CLIENT_BOUND: u8 = 5;
const CANCELLED: u8 = 130;

/// Measures every level. Builds its own runtime: call it outside of one.
pub(crate) fn run(args: &SelftestArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("The selftest cannot begin: {error}.")),
    };
    let cancel = CancellationToken::new();
    let ended = runtime.block_on(async {
        terminal::cancel_at_signals(&cancel);
        tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            measured = measure(args) => Some(measured),
        }
    });
    match ended {
        None => ExitCode::from(CANCELLED),
        Some(Err(why)) => fail(&why),
        Some(Ok(levels)) if levels.iter().all(LevelReport::is_within) => ExitCode::SUCCESS,
        Some(Ok(_)) => ExitCode::from(CLIENT_BOUND),
    }
}

fn fail(text: &str) -> ExitCode {
    // Nobody is left to tell when this fails too.
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(INTERNAL)
}

async fn measure(args: &SelftestArgs) -> Result<Vec<LevelReport>, String> {
    let binary = std::env::current_exe().map_err(|error| error.to_string())?;
    let bounds = args.bounds();
    let print = |text: String| {
        let mut stdout = std::io::stdout().lock();
        let printed = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
        printed.map_err(|error| format!("The result cannot be printed: {error}."))
    };
    if !args.json {
        print(report::heading())?;
    }
    let mut levels = Vec::new();
    for level in args.levels() {
        let folder = tempfile::tempdir().map_err(|error| format!("No folder: {error}."))?;
        let run = LevelRun {
            binary: &binary,
            folder: folder.path(),
            level,
            rounds: args.rounds,
            bounds: &bounds,
        };
        let measured = measure_level(run)
            .await
            .map_err(|why| format!("{}: {why}", level.in_words()))?;
        print(if args.json {
            report::json(&measured)
        } else {
            report::row(&measured)
        })?;
        levels.push(measured);
    }
    if !args.json {
        print(report::conclusion(&levels))?;
    }
    Ok(levels)
}
