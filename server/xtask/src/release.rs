//! `cargo xtask release`: the one binary for production.

use std::fs;

use anyhow::Context;

use crate::site::{self, Flavor};
use crate::sizes::mebibytes;
use crate::{paths, process};

/// Builds the browser half for the smallest size and the server that embeds it.
///
/// # Errors
/// When a tool is missing or a build fails.
pub(crate) fn build_release() -> anyhow::Result<()> {
    site::build(Flavor::Standard)?;
    println!("Building the server for release");
    process::run(process::cargo().args(["build", "--release", "--package", "server"]))?;
    let binary = paths::binary("release");
    let size_bytes = fs::metadata(&binary)
        .context("the built binary is missing")?
        .len();
    println!("{} ({})", paths::shown(&binary), mebibytes(size_bytes));
    println!("It needs no other file: run `assay serve --help` for its options.");
    Ok(())
}
