//! Makes sure the folder of the browser half exists, and that a release binary holds its newest files.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/site");
    std::fs::create_dir_all(&site)?;
    println!("cargo:rerun-if-changed=build.rs");
    // A debug binary reads the files when it runs: no need to compile it again for each change.
    if std::env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed={}", site.display());
    }
    Ok(())
}
