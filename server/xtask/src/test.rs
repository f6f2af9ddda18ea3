//! `cargo xtask test`: sets up what the tests need and runs them, phase by phase.

mod docker;
mod parts;
mod phases;
mod system;

use std::path::PathBuf;

use anyhow::bail;
use clap::ValueEnum;

use crate::site::{self, Flavor};
use crate::{paths, process, tools};
use phases::Phases;

/// The two halves of the tests.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum TestPart {
    /// Format, lints, wasm crates and `cargo test`
    Rust,
    /// The browser tests
    E2e,
}

/// The crates that browsers run.
const WASM_CRATES: [&str; 3] = ["domain", "ui", "frontend"];

/// A test that needs one of these carries the word in its name, so that it can be left out where
/// the part cannot be had.
/// The engine and the tester of the API come together, as Python packages.
const ENGINE_TEST_WORDS: [&str; 3] = ["litellm", "llama", "schemathesis"];
const POSTGRES_TEST_WORD: &str = "postgres";
const DOCKER_TEST_WORD: &str = "docker";
const SSHD_TEST_WORD: &str = "sshd";
/// An account with a password, a small disk: only root can make them.
const ROOT_TEST_WORD: &str = "as_root";

/// Files of browser tests that need one of these.
const DOCKER_SPEC: &str = "docker.spec.ts";
const SSHD_SPECS: [&str; 2] = ["machines.spec.ts", "far.spec.ts"];

/// What was set up, or `None` where it could not be had.
#[derive(Debug, Default)]
struct Setup {
    engine: Option<()>,
    postgres: Option<()>,
    docker: Option<()>,
    sshd: Option<()>,
    root: Option<()>,
    chromium: Option<PathBuf>,
}

/// Runs the tests, or the part `only`, up to the first phase that fails.
///
/// # Errors
/// When a phase fails, or with `CI=true` when something had to be left out.
pub(crate) fn run_tests(only: Option<TestPart>) -> anyhow::Result<()> {
    let mut phases = Phases::default();
    let outcome = run_phases(&mut phases, only);
    phases.print_summary();
    outcome
}

fn run_phases(phases: &mut Phases, only: Option<TestPart>) -> anyhow::Result<()> {
    let setup = set_up(phases, only)?;
    if is_ci() && phases.has_left_out() {
        bail!("with CI=true nothing may be left out");
    }
    if only != Some(TestPart::E2e) {
        check_rust(phases)?;
        run_rust_tests(phases, &setup)?;
    }
    if only != Some(TestPart::Rust) {
        run_browser_tests(phases, &setup)?;
    }
    Ok(())
}

fn set_up(phases: &mut Phases, only: Option<TestPart>) -> anyhow::Result<Setup> {
    let mut setup = Setup::default();
    phases.run("set up: wasm target, npm packages", || {
        tools::ensure_wasm_target()?;
        tools::ensure_npm_packages(&paths::frontend())?;
        if only != Some(TestPart::Rust) {
            tools::ensure_npm_packages(&paths::end2end())?;
        }
        Ok(())
    })?;
    setup.engine = phases.attempt(
        "set up: engine",
        "the tests with a real engine and of the API",
        parts::engine,
    );
    setup.postgres = phases.attempt(
        "set up: PostgreSQL",
        "the tests on PostgreSQL",
        parts::postgres,
    );
    setup.docker = phases.attempt(
        "set up: Docker Engine",
        "the tests with a Docker Engine",
        docker::docker,
    );
    setup.sshd = phases.attempt("set up: SSH server", "the tests over SSH", parts::sshd);
    setup.root = phases.attempt(
        "set up: rights of root",
        "the tests with an account's password and with a full disk",
        system::root,
    );
    if only != Some(TestPart::Rust) {
        setup.chromium = phases.attempt("set up: Chromium", "the browser tests", parts::chromium);
    }
    Ok(setup)
}

fn check_rust(phases: &mut Phases) -> anyhow::Result<()> {
    phases.run("format", || {
        process::run(process::cargo().args(["fmt", "--all", "--check"]))
    })?;
    // The server's lints and tests see the assets it embeds.
    phases.run("browser half", || site::build(Flavor::Standard))?;
    phases.run("lints", || {
        process::run(process::cargo().args([
            "clippy",
            "--quiet",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    })?;
    phases.run("lints on wasm", || {
        let mut command = process::cargo();
        command.args(["clippy", "--quiet", "--target", "wasm32-unknown-unknown"]);
        for name in WASM_CRATES {
            command.args(["--package", name]);
        }
        process::run(command.args(["--", "-D", "warnings"]))
    })
}

fn run_rust_tests(phases: &mut Phases, setup: &Setup) -> anyhow::Result<()> {
    let mut command = process::cargo();
    command.args(["test", "--quiet", "--no-fail-fast", "--"]);
    if setup.engine.is_none() {
        for word in ENGINE_TEST_WORDS {
            command.args(["--skip", word]);
        }
    }
    if setup.postgres.is_none() {
        command.args(["--skip", POSTGRES_TEST_WORD]);
    }
    if setup.docker.is_none() {
        command.args(["--skip", DOCKER_TEST_WORD]);
    }
    if setup.sshd.is_none() {
        command.args(["--skip", SSHD_TEST_WORD]);
    }
    if setup.root.is_none() {
        command.args(["--skip", ROOT_TEST_WORD]);
    }
    phases.run("Rust tests: build", || {
        process::run(process::cargo().args(["test", "--no-run"]))
    })?;
    phases.run("Rust tests", || process::run(&mut command))
}

fn run_browser_tests(phases: &mut Phases, setup: &Setup) -> anyhow::Result<()> {
    let (Some(chromium), Some(()), Some(())) = (&setup.chromium, setup.engine, setup.postgres)
    else {
        phases.leave_out("the browser tests", "something they need is left out");
        return Ok(());
    };
    phases.run("server", || {
        site::build(Flavor::Standard)?;
        process::run(process::cargo().args(["build", "--package", "server"]))?;
        // The Docker Engine of the browser tests.
        process::run(process::cargo().args([
            "build",
            "--package",
            "testkit",
            "--example",
            "docker_engine",
        ]))
    })?;
    phases.run("browser tests: types", || {
        process::run(
            process::command(tools::npx_program())
                .args(["--no-install", "tsc", "--noEmit"])
                .current_dir(paths::end2end()),
        )
    })?;
    let mut command = process::command(tools::npx_program());
    command
        .args(["--no-install", "playwright", "test"])
        .env("CHROMIUM", chromium)
        .current_dir(paths::end2end());
    let mut left_out = Vec::new();
    if setup.docker.is_none() {
        left_out.push(DOCKER_SPEC);
    }
    if setup.sshd.is_none() {
        left_out.extend(SSHD_SPECS);
    }
    if !left_out.is_empty() {
        command.args(["--grep-invert", &left_out.join("|")]);
    }
    phases.run("browser tests", || process::run(&mut command))
}

fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}
