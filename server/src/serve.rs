//! `assay serve`: from its arguments to a running server, and to its end.

mod args;
mod assets;
mod edge;
mod export;
mod live;
mod problem;
mod rest;
mod router;
mod security;
mod session;
mod start;
mod stop_signal;
mod telemetry;
mod upload;

use std::process::ExitCode;

pub(crate) use args::ServeArgs;

/// Runs the command to its end.
#[expect(
    clippy::print_stderr,
    reason = "a command says on standard error why it failed"
)]
pub(crate) fn start(args: ServeArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let result = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(start::run(args)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
