//! A Docker Engine of the tests' own: its programs, and whether one comes up on this machine.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::system::install_by_apt;
use crate::{paths, process};

/// Programs that the tests start, with the packages that bring them.
const PROGRAMS: [(&str, &str); 3] = [
    ("dockerd", "docker.io"),
    ("docker-registry", "docker-registry"),
    ("ip", "iproute2"),
];
/// Where Debian keeps programs for administrators.
const ADMINISTRATORS_FOLDER: &str = "/usr/sbin";
const READY_TIMEOUT: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Installs what is missing, then starts a Docker Engine as the tests do, and ends it again.
///
/// # Errors
/// When a program is missing and cannot be installed, or no Docker Engine comes up: it needs to be root (or sudo
/// without a password), and a machine that may make namespaces and control groups.
pub(super) fn docker() -> anyhow::Result<()> {
    for (program, package) in PROGRAMS {
        if !has_program(program) {
            install_by_apt(package)?;
        }
    }
    if !has_static_busybox() {
        install_by_apt("busybox-static")?;
    }
    let folder = std::env::temp_dir().join(format!("assay-docker-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = try_docker_engine(&folder);
    fs::remove_dir_all(&folder).ok();
    outcome
}

fn try_docker_engine(folder: &Path) -> anyhow::Result<()> {
    let is_root = process::output(Command::new("id").arg("-u"))? == "0";
    let script = paths::root().join("server/testkit/src/docker_engine/supervise.sh");
    let mut command = process::command(if is_root { "env" } else { "sudo" });
    if !is_root {
        command.args(["-n", "env"]);
    }
    let search_path = std::env::var("PATH").unwrap_or_default();
    let mut supervisor = command
        .arg(format!("PATH={search_path}:{ADMINISTRATORS_FOLDER}:/sbin"))
        .arg("sh")
        .arg(script)
        .arg(folder)
        .arg(folder.join("data"))
        .args([&format!("asy{}", std::process::id()), "10.213.250.1/24"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("could not start the Docker Engine")?;
    let deadline = Instant::now() + READY_TIMEOUT;
    let is_up = loop {
        if is_listening(folder) {
            break true;
        }
        if supervisor.try_wait()?.is_some() || deadline < Instant::now() {
            break false;
        }
        thread::sleep(LOOK_EVERY);
    };
    // It ends with its standard input.
    drop(supervisor.stdin.take());
    let output = supervisor.wait_with_output()?;
    if is_up {
        return Ok(());
    }
    bail!(
        "no Docker Engine comes up here (as root: {is_root}): {}",
        String::from_utf8_lossy(&output.stdout).trim()
    )
}

/// It says so in its log once its socket takes requests.
fn is_listening(folder: &Path) -> bool {
    fs::read_to_string(folder.join("dockerd.log")).is_ok_and(|log| log.contains("API listen on"))
}

fn has_program(name: &str) -> bool {
    process::find_program(name).is_some()
        || Path::new(ADMINISTRATORS_FOLDER).join(name).is_file()
        || Path::new("/sbin").join(name).is_file()
}

/// The busybox that goes into an image has no libraries beside it.
fn has_static_busybox() -> bool {
    let Some(busybox) = process::find_program("busybox") else {
        return false;
    };
    // It fails for a program without libraries.
    Command::new("ldd")
        .arg(busybox)
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| !output.status.success())
}
