//! The tools a build needs beside cargo: checked, and installed where a registry offers them.

use std::path::Path;

use anyhow::bail;

use crate::stamp::Stamp;
use crate::{paths, process};

const WASM_TARGET: &str = "wasm32-unknown-unknown";
const NODE_MAJOR_MIN: u32 = 18;

/// Makes sure that the compiler can build for the browser.
///
/// # Errors
/// When the target is missing and rustup cannot add it.
pub(crate) fn ensure_wasm_target() -> anyhow::Result<()> {
    let libdir = process::output(process::command("rustc").args([
        "--print",
        "target-libdir",
        "--target",
        WASM_TARGET,
    ]))?;
    if Path::new(&libdir).is_dir() {
        return Ok(());
    }
    if process::find_program("rustup").is_none() {
        bail!(
            "the Rust target {WASM_TARGET} is missing, and so is rustup, which would add it; \
             install rustup from https://rustup.rs, or your system's package with this target"
        );
    }
    println!("Adding the Rust target {WASM_TARGET}");
    process::run(process::command("rustup").args(["target", "add", WASM_TARGET]))
}

/// Installs the npm packages named by `folder`'s lock file, unless they are there already.
///
/// # Errors
/// When Node or npm is missing or too old, or the installation fails.
pub(crate) fn ensure_npm_packages(folder: &Path) -> anyhow::Result<()> {
    let name = format!("npm-{}", paths::shown(folder).replace(['/', '\\'], "-"));
    let inputs = [
        folder.join("package.json"),
        folder.join("package-lock.json"),
    ];
    let stamp = Stamp::of_files(&name, &inputs)?;
    if stamp.is_current(&folder.join("node_modules")) {
        return Ok(());
    }
    ensure_node()?;
    println!("Installing the npm packages of {}", paths::shown(folder));
    process::run(
        process::command(npm_program())
            .args([
                "ci",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--loglevel=error",
            ])
            .current_dir(folder),
    )?;
    stamp.write()
}

/// Checks that Node and npm are there and new enough.
fn ensure_node() -> anyhow::Result<()> {
    let how = format!(
        "install Node.js {NODE_MAJOR_MIN} or newer, which brings npm, from https://nodejs.org or \
         your system's packages"
    );
    let (Some(node), Some(_)) = (process::find_program("node"), process::find_program("npm"))
    else {
        bail!("Node.js or npm is missing; {how}");
    };
    let version = process::output(process::command(node).arg("--version"))?;
    let major = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|it| it.parse().ok());
    match major {
        Some(major) if NODE_MAJOR_MIN <= major => Ok(()),
        _ => bail!("Node.js {version} is too old; {how}"),
    }
}

/// npm's program: a batch file on Windows, which must be named in full.
fn npm_program() -> &'static str {
    if cfg!(windows) { "npm.cmd" } else { "npm" }
}

/// npx's program, which runs a program of an installed npm package.
pub(crate) fn npx_program() -> &'static str {
    if cfg!(windows) { "npx.cmd" } else { "npx" }
}
