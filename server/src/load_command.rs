//! `assay load`: makes load by hand or for a runner, and writes what it measured.
//!
//! Everything it decides is which words to print and which code to exit with; the load is
//! `loadgen`'s, the figures are `domain`'s.

mod arguments;
mod files;
mod progress;
mod report;
mod selftest;
mod terminal;
mod vllm;

use std::path::Path;
use std::process::ExitCode;

use domain::load::{API_KEY_VARIABLE, LoadEvent, LoadPlan};
use domain::measure::health::HealthVerdict;
use domain::measure::objectives::SloVerdict;
use domain::measure::summary::Summary;
use domain::secret::Secret;
use loadgen::{LoadError, LoadOutcome};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use arguments::LoadArgs;

use terminal::{Output, Style};

/// Events that may wait to be printed.
const EVENTS_WAITING_MAX: usize = 1_024;
/// Share of failed requests above which a run is not sound.
const ERROR_RATE_MAX: f64 = 0.1;

/// How the process ends. The numbers are part of the command's contract, see its help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Sound = 0,
    Internal = 1,
    Refused = 2,
    Unreachable = 3,
    TooManyErrors = 4,
    ClientBound = 5,
    SloMissed = 6,
    SloUndecided = 7,
    Cancelled = 130,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(ending as u8)
    }
}

impl Ending {
    fn of_error(error: &LoadError) -> Self {
        match error {
            LoadError::Plan(_)
            | LoadError::Tokenizer { .. }
            | LoadError::FileLimit { .. }
            | LoadError::PortLimit { .. } => Self::Refused,
            LoadError::Unreachable { .. } => Self::Unreachable,
            LoadError::WarmUp { .. } => Self::TooManyErrors,
            LoadError::Internal(_) => Self::Internal,
        }
    }

    fn of_slos(summary: &Summary) -> Self {
        let has = |verdict| summary.slos.iter().any(|slo| slo.verdict == verdict);
        if has(SloVerdict::Missed) {
            Self::SloMissed
        } else if has(SloVerdict::TooFewSamples) {
            Self::SloUndecided
        } else {
            Self::Sound
        }
    }

    fn of_summary(summary: &Summary) -> Self {
        let is_failing = summary
            .error_rate
            .is_none_or(|rate| rate.get() > ERROR_RATE_MAX);
        if is_failing {
            Self::TooManyErrors
        } else if summary.client_health.verdict == HealthVerdict::ClientBound {
            Self::ClientBound
        } else {
            Self::of_slos(summary)
        }
    }
}

/// Make load on an OpenAI-compatible server and measure its answers.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct LoadCommand {
    #[command(subcommand)]
    instead: Option<Instead>,
    #[command(flatten)]
    args: LoadArgs,
}

/// What the command does in place of making load.
#[derive(Clone, Debug, clap::Subcommand)]
enum Instead {
    Selftest(selftest::SelftestArgs),
}

/// Makes load, or does what stands in its place. Builds its own runtime: call it outside of one.
pub(crate) fn run(command: &LoadCommand) -> ExitCode {
    match &command.instead {
        Some(Instead::Selftest(args)) => selftest::run(args),
        None => make_load(&command.args),
    }
}

/// Makes the load that the arguments or a plan ask for.
fn make_load(args: &LoadArgs) -> ExitCode {
    let plan = args
        .to_plan()
        .and_then(|plan| make_room(args, &plan).map(|()| plan));
    let plan = match plan {
        Ok(plan) => plan,
        Err(why) => {
            let output = Output::start(Style::of(args), CancellationToken::new());
            output.fail(&why);
            return Ending::Refused.into();
        }
    };
    // The load has threads of its own; this one prints and listens for signals.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let cancel = CancellationToken::new();
    let output = Output::start(Style::of(args), cancel.clone());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            output.fail(&format!("No threads for the load: {error}."));
            return Ending::Internal.into();
        }
    };
    if args.stops_with_stdin() {
        terminal::cancel_at_end_of_stdin(cancel.clone());
    }
    let vllm_json = args.vllm_json.as_deref();
    let ending = runtime.block_on(carry_out(&plan, vllm_json, output, cancel));
    // Threads that still wait for something are not waited for.
    runtime.shutdown_background();
    ending.into()
}

/// Sees, before anything is sent, that what is measured can be kept.
fn make_room(args: &LoadArgs, plan: &LoadPlan) -> Result<(), String> {
    if let Some(path) = &args.vllm_json {
        let shown = path.display();
        files::check_writable(path)
            .map_err(|error| format!("The file {shown} cannot be written to: {error}."))?;
    }
    files::prepare(Path::new(&plan.out_dir), args.overwrite)
}

async fn carry_out(
    plan: &LoadPlan,
    vllm_json: Option<&Path>,
    output: Output,
    cancel: CancellationToken,
) -> Ending {
    terminal::cancel_at_signals(&cancel);
    let key = std::env::var(API_KEY_VARIABLE)
        .ok()
        .filter(|key| !key.is_empty())
        .map(Secret::new);
    let (sender, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
    let printing = output.print_events(receiver);
    let loaded = loadgen::run(plan, key, sender, cancel).await;
    let output = printing.finish().await;
    match loaded {
        Ok(outcome) => conclude(plan, vllm_json, &outcome, output),
        Err(error) => {
            output.fail(&terminal::sentence(&error.to_string()));
            Ending::of_error(&error)
        }
    }
}

fn conclude(
    plan: &LoadPlan,
    vllm_json: Option<&Path>,
    outcome: &LoadOutcome,
    output: Output,
) -> Ending {
    let summary = outcome.summarise(&plan.workload);
    let prompts_sha256 = outcome.prompts_sha256();
    let report = |out_dir: Option<&Path>| {
        let digests = [&*prompts_sha256, &*outcome.schedule_sha256];
        report::text(plan, &summary, digests, out_dir)
    };
    let written = match files::write(plan, outcome, &prompts_sha256, &summary) {
        Ok(written) => written,
        Err(why) => {
            // What was measured is not lost with its files.
            output.report(&report(None));
            output.fail(&format!(
                "The result could not be written to {}: {why}",
                plan.out_dir
            ));
            return Ending::Internal;
        }
    };
    if let Some(path) = vllm_json
        && let Err(why) = vllm::write(path, plan, outcome.started_at, &summary)
    {
        output.report(&report(Some(Path::new(&plan.out_dir))));
        output.fail(&format!(
            "The result is in {}, but {} could not be written: {why}",
            plan.out_dir,
            path.display()
        ));
        return Ending::Internal;
    }
    // A runner is told with what there is.
    if outcome.is_cancelled && !output.is_for_a_runner() {
        output.fail("The load was cancelled. What was measured until then is in the out folder.");
        return Ending::Cancelled;
    }
    let ending = if outcome.is_cancelled {
        Ending::Cancelled
    } else {
        Ending::of_summary(&summary)
    };
    let is_told = output.succeed(
        || report(Some(Path::new(&plan.out_dir))),
        LoadEvent::Finished {
            records_sha256: written.sha256,
            records_bytes: written.bytes,
            prompts_sha256: prompts_sha256.clone(),
            schedule_sha256: outcome.schedule_sha256.clone(),
            is_cancelled: outcome.is_cancelled,
            summary: Box::new(summary.clone()),
        },
    );
    if is_told { ending } else { Ending::Internal }
}
