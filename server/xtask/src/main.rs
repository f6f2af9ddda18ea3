//! Builds, starts, tests and measures Assay: `cargo xtask <command>`.
//!
//! This crate holds what leads from a clone to a running program, and nothing that is needed at run
//! time. It downloads from package registries only (crates.io, npm, PyPI, the system's own), keeps
//! its files under `target/xtask/`, and repeats no work whose inputs did not change. Everybody
//! compiles it before the first start, so its dependencies are few.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a build tool talks to the terminal"
)]

mod paths;
mod process;
mod release;
mod site;
mod sizes;
mod stamp;
mod start;
mod test;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::site::Flavor;
use crate::test::TestPart;

/// Builds, starts, tests and measures Assay.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Set up, build and start Assay; what follows `--` goes to `assay serve`
    ///
    /// Installs the wasm target and the npm packages of the browser half where they are missing,
    /// builds the browser half and the server, and becomes the server. The first start compiles
    /// everything and takes minutes; later starts take seconds. Stop it with Ctrl-C.
    #[command(
        after_help = "Examples:\n  cargo xtask start\n  cargo xtask start -- --demo\n  \
                            cargo xtask start -- --addr 127.0.0.1:4000 --data-dir /var/lib/assay"
    )]
    Start {
        /// Build the browser half unoptimised: quicker to rebuild, larger to load
        #[arg(long)]
        fast: bool,
        /// Arguments for `assay serve` (see `target/debug/assay serve --help`)
        #[arg(last = true, value_name = "SERVE ARGUMENTS")]
        serve: Vec<String>,
    },
    /// Build the browser half into target/site: wasm, styles, fonts, charts, compressed copies
    Build {
        /// Leave wasm unoptimised and compress lightly: quicker to rebuild, larger to load
        #[arg(long)]
        fast: bool,
    },
    /// Build the one binary for production, with all assets inside
    Release,
    /// Set up everything the tests need and run all of them
    ///
    /// Checks the format, the lints and the wasm crates, runs the Rust tests, and drives the built
    /// server with a browser. Missing tools are installed: the wasm target, npm and Python packages
    /// under the working copy, Chromium and PostgreSQL by apt. What cannot be had is named at the
    /// end; with CI=true in the environment it is an error.
    Test {
        /// Run one part alone
        #[arg(long, value_enum)]
        only: Option<TestPart>,
    },
    /// Print the sizes of the assets and of the release binary, raw and compressed
    Sizes,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Start { fast, serve } => start::start(flavor(fast), &serve),
        Task::Build { fast } => site::build(flavor(fast)),
        Task::Release => release::build_release(),
        Task::Test { only } => test::run_tests(only),
        Task::Sizes => sizes::print_sizes(),
    }
}

fn flavor(is_fast: bool) -> Flavor {
    if is_fast {
        Flavor::Fast
    } else {
        Flavor::Standard
    }
}
