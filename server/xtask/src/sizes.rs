//! `cargo xtask sizes`: what a visitor downloads and what an operator installs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use crate::paths;

/// Prints the sizes of the last built assets and of the release binary, if there is one.
///
/// # Errors
/// When nothing is built yet or the manifest cannot be read.
pub(crate) fn print_sizes() -> anyhow::Result<()> {
    let site = paths::site();
    let Ok(manifest) = fs::read(site.join("manifest.json")) else {
        bail!("nothing is built yet; run `cargo xtask build` or `cargo xtask release` first");
    };
    let manifest: BTreeMap<String, String> =
        serde_json::from_slice(&manifest).context("target/site/manifest.json is not readable")?;

    println!(
        "{:<44} {:>10} {:>10} {:>10}",
        "bytes", "raw", "gzip", "brotli"
    );
    let mut totals = [0_u64; 3];
    for (logical, name) in &manifest {
        let raw = size_of(&site.join(name)).unwrap_or(0);
        // An asset without a compressed copy is sent as it is.
        let sizes = ["", ".gz", ".br"]
            .map(|suffix| size_of(&site.join(format!("{name}{suffix}"))).unwrap_or(raw));
        for (total, size) in totals.iter_mut().zip(sizes) {
            *total += size;
        }
        print_row(logical, sizes);
    }
    print_row("all assets", totals);

    let binary = paths::binary("release");
    match size_of(&binary) {
        Some(size) => println!(
            "{:<44} {size:>10} ({})",
            paths::shown(&binary),
            mebibytes(size)
        ),
        None => println!("No release binary: `cargo xtask release` builds it."),
    }
    Ok(())
}

fn print_row(name: &str, [raw, gzip, brotli]: [u64; 3]) {
    println!("{name:<44} {raw:>10} {gzip:>10} {brotli:>10}");
}

fn size_of(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|metadata| metadata.len())
}

/// A size for people, in mebibytes.
pub(crate) fn mebibytes(size_bytes: u64) -> String {
    format!("{:.1} MiB", size_bytes as f64 / 1_048_576.0)
}
