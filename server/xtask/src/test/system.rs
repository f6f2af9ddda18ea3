//! Programs from the system's package manager, and whether we are root.

use anyhow::{Context, bail};

use crate::process;

/// Installs a Debian package: as root directly, else by sudo where that needs no password.
///
/// # Errors
/// When there is no apt, no right to use it, or the installation fails.
pub(super) fn install_by_apt(package: &str) -> anyhow::Result<()> {
    if process::find_program("apt-get").is_none() {
        bail!("{package} is not installed, and there is no apt-get to install it with");
    }
    println!("Installing {package} by apt");
    // A fresh machine has no package lists; an update that fails may leave usable older ones.
    if let Err(error) = apt(&["update", "-qq"]) {
        println!("{error:#}");
    }
    apt(&["install", "-y", "-qq", "--no-install-recommends", package])
        .with_context(|| format!("{package} is not installed, and apt could not install it"))
}

/// Succeeds for root.
///
/// # Errors
/// For everybody else.
pub(super) fn root() -> anyhow::Result<()> {
    if is_root()? {
        Ok(())
    } else {
        bail!("only root can make what they need")
    }
}

fn is_root() -> anyhow::Result<bool> {
    Ok(process::output(process::command("id").arg("-u"))? == "0")
}

fn apt(arguments: &[&str]) -> anyhow::Result<()> {
    let is_root = is_root()?;
    let mut command = process::command(if is_root { "env" } else { "sudo" });
    if !is_root {
        // Never ask for a password: nobody may be watching.
        command.args(["-n", "env"]);
    }
    process::run(
        command
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
            .args(arguments),
    )
}
