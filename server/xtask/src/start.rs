//! `cargo xtask start`: from a clone to a running server.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::anyhow;

use crate::site::{self, Flavor};
use crate::{paths, process, tools};

/// Builds what is out of date and becomes `assay serve` with the arguments `serve`.
///
/// # Errors
/// When a tool is missing or a build fails. The server's own exit code is passed on.
pub(crate) fn start(flavor: Flavor, serve: &[String]) -> anyhow::Result<()> {
    let started = Instant::now();
    let binary = paths::binary("debug");
    if !binary.exists() {
        println!("The first start compiles everything: minutes. Later starts take seconds.");
    }
    // Before anything long: what is missing should be said at once.
    tools::ensure_wasm_target()?;
    tools::ensure_npm_packages(&paths::frontend())?;
    // The compiler asks for the folder of the assets; a debug server reads them when it runs.
    fs::create_dir_all(paths::site())?;
    // Side by side: each build ends in long steps that use one core.
    thread::scope(|scope| {
        let browser_half = scope.spawn(|| site::build(flavor));
        let server = process::run(process::cargo().args(["build", "--package", "server"]));
        browser_half
            .join()
            .map_err(|_| anyhow!("building the browser half panicked"))??;
        server
    })?;
    println!("Built in {:.1} s", started.elapsed().as_secs_f64());
    become_program(process::command(binary).arg("serve").args(serve))
}

/// Replaces this process, so that signals and the exit code are the server's own.
#[cfg(unix)]
fn become_program(command: &mut Command) -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt as _;
    Err(anyhow::Error::new(command.exec()).context("could not start the server"))
}

#[cfg(not(unix))]
fn become_program(command: &mut Command) -> anyhow::Result<()> {
    process::run(command)
}
