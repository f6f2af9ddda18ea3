//! From the `frontend` crate to a module and its script.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use wasm_bindgen_cli_support::Bindgen;

use super::{Flavor, read};
use crate::stamp::digest;
use crate::{paths, process};

const OUT_NAME: &str = "assay";

/// Raise it when the steps below change what they make of the same compiled module.
const STEPS_VERSION: u32 = 1;

/// The two files a page loads.
#[derive(Debug)]
pub(super) struct BrowserHalf {
    /// The ES module whose default export takes `{ module_or_path }`.
    pub(super) script: Vec<u8>,
    /// The wasm module.
    pub(super) module: Vec<u8>,
}

/// Compiles `frontend` and binds it. wasm-opt is left out on purpose: it makes the module smaller on
/// disk, and larger once it is compressed.
pub(super) fn build(flavor: Flavor) -> anyhow::Result<BrowserHalf> {
    let compiled = compile(flavor)?;
    let key = digest(&read(&compiled)?);
    let folder = paths::work()
        .join("browser")
        .join(format!("{flavor:?}").to_lowercase());
    let key_file = folder.join("made-from");
    let wanted = format!("{STEPS_VERSION} {key}");
    if fs::read_to_string(&key_file).is_ok_and(|found| found == wanted) {
        return load(&folder);
    }

    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    bind(&compiled, &folder, flavor)?;
    // Written last: a build that was interrupted is made again.
    fs::write(&key_file, wanted)?;
    load(&folder)
}

fn compile(flavor: Flavor) -> anyhow::Result<PathBuf> {
    let (profile, profile_dir) = match flavor {
        Flavor::Fast => ("dev", "debug"),
        Flavor::Standard => ("wasm-release", "wasm-release"),
    };
    process::run(process::cargo().args([
        "build",
        "--package=frontend",
        "--lib",
        "--target=wasm32-unknown-unknown",
        "--profile",
        profile,
    ]))?;
    Ok(paths::target()
        .join("wasm32-unknown-unknown")
        .join(profile_dir)
        .join("frontend.wasm"))
}

fn bind(compiled: &Path, folder: &Path, flavor: Flavor) -> anyhow::Result<()> {
    // Names make a panic's stack readable; only visitors of optimised builds pay for their absence.
    let keep_names = flavor == Flavor::Fast;
    Bindgen::new()
        .input_path(compiled)
        .out_name(OUT_NAME)
        .web(true)?
        .typescript(false)
        .keep_debug(false)
        .remove_name_section(!keep_names)
        .remove_producers_section(!keep_names)
        .generate(folder)
        .context("wasm-bindgen could not bind the browser half")?;
    if folder.join("snippets").exists() {
        bail!(
            "a crate of the browser half brings inline JavaScript (wasm-bindgen snippets), which \
             would be served without a hash in its name; bind to globals instead"
        );
    }
    Ok(())
}

fn load(folder: &Path) -> anyhow::Result<BrowserHalf> {
    Ok(BrowserHalf {
        script: read(&folder.join(format!("{OUT_NAME}.js")))?,
        module: read(&folder.join(format!("{OUT_NAME}_bg.wasm")))?,
    })
}
