//! From the `frontend` crate to a module and its script.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use wasm_bindgen_cli_support::Bindgen;

use super::{Flavor, read};
use crate::stamp::digest;
use crate::{paths, process, tools};

const OUT_NAME: &str = "assay";

/// Raise it when the steps below change what they make of the same compiled module.
const STEPS_VERSION: u32 = 1;

/// What the compiler's module may use and wasm-opt must therefore know.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// The two files a page loads.
#[derive(Debug)]
pub(super) struct BrowserHalf {
    /// The ES module whose default export takes `{ module_or_path }`.
    pub(super) script: Vec<u8>,
    /// The wasm module.
    pub(super) module: Vec<u8>,
}

/// Compiles `frontend`, binds it, and with [`Flavor::Optimized`] shrinks it.
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
    if flavor == Flavor::Optimized {
        shrink(&folder.join(format!("{OUT_NAME}_bg.wasm")))?;
    }
    // Written last: a build that was interrupted is made again.
    fs::write(&key_file, wanted)?;
    load(&folder)
}

fn compile(flavor: Flavor) -> anyhow::Result<PathBuf> {
    let (profile, profile_dir) = match flavor {
        Flavor::Fast => ("dev", "debug"),
        Flavor::Standard | Flavor::Optimized => ("wasm-release", "wasm-release"),
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

fn shrink(module: &Path) -> anyhow::Result<()> {
    let wasm_opt = tools::ensure_wasm_opt()?;
    println!("Running wasm-opt");
    let shrunk = module.with_extension("shrunk");
    process::run(
        process::command("node")
            .arg(wasm_opt)
            .arg("-Oz")
            .args(WASM_FEATURES)
            .arg(module)
            .arg("--output")
            .arg(&shrunk),
    )?;
    fs::rename(shrunk, module).context("could not replace the module by the shrunk one")
}

fn load(folder: &Path) -> anyhow::Result<BrowserHalf> {
    Ok(BrowserHalf {
        script: read(&folder.join(format!("{OUT_NAME}.js")))?,
        module: read(&folder.join(format!("{OUT_NAME}_bg.wasm")))?,
    })
}
