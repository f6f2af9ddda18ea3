//! The `assay` binary: one program for the web server, the load process and the reference engine.
//!
//! Invariants:
//! - every command and route is a thin edge: it reads its input, calls `service` (or `loadgen`) and
//!   shapes the answer;
//! - standard output carries a command's result, standard error its log.
//!
//! Deliberately absent: rules of benchmarks, permission checks, SQL.

mod data;
mod load_command;
mod serve;
mod token_command;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Benchmark LLM serving engines on your own machines, and keep the evidence.
#[derive(Debug, Parser)]
#[command(name = "assay", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::ServeArgs),
    Load(Box<load_command::LoadCommand>),
    Engine(engine::EngineArgs),
    Token(token_command::TokenArgs),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve::start(args),
        Command::Load(command) => load_command::run(&command),
        Command::Engine(args) => engine::run(&args),
        Command::Token(args) => token_command::run(&args),
    }
}
