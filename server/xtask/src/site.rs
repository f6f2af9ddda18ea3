//! The browser half: compiled, bundled, named by content, compressed, and put in `target/site`.

mod compress;
mod publish;
mod style;
mod wasm;

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;

use crate::{paths, tools};
use publish::Publication;

/// How much work a build puts into small files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flavor {
    /// Unoptimised wasm, light compression: for development.
    Fast,
    /// Wasm built for size, best compression.
    Standard,
}

const CHART_LIBRARY: &str = "node_modules/echarts/dist/echarts.common.min.js";

/// Brings `target/site` up to date. The server finds the files by `manifest.json`, which maps each
/// logical name to the name with the content's hash.
///
/// # Errors
/// When a tool is missing, or a source does not compile or cannot be read.
pub(crate) fn build(flavor: Flavor) -> anyhow::Result<()> {
    let started = Instant::now();
    tools::ensure_wasm_target()?;
    tools::ensure_npm_packages(&paths::frontend())?;

    println!("Building the browser half");
    let browser_half = wasm::build(flavor)?;

    let mut site = Publication::new(flavor);
    site.add("assay.js", browser_half.script);
    site.add("assay_bg.wasm", browser_half.module);
    site.add("echarts.js", read(&paths::frontend().join(CHART_LIBRARY))?);
    let style = paths::root().join("style");
    site.add("favicon.svg", read(&style.join("favicon.svg"))?);
    let sheet = style::bundle(&style.join("main.css"), &mut |file| {
        let name = file
            .file_name()
            .context("a url() names a folder")?
            .to_string_lossy();
        Ok(site.add(&name, read(file)?))
    })?;
    site.add("assay.css", sheet.into_bytes());

    let change = site.publish(&paths::site())?;
    println!("{change} in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("could not read {}", paths::shown(path)))
}
