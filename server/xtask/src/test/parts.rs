//! The real parts that tests run against: an engine, PostgreSQL, an SSH server, a browser.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail};

use super::system::install_by_apt;
use crate::stamp::Stamp;
use crate::{paths, process};

/// The wheels in `end2end/requirements.txt` exist from this version on.
const PYTHON_MINOR_MIN: u32 = 11;

const CHROMIUM_NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
const CHROMIUM_ON_MACOS: [&str; 2] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/// llama.cpp's server as a Python package in `target/venv`, and the tiny model it serves.
///
/// # Errors
/// When there is no suitable Python, or the packages cannot be installed.
pub(super) fn engine() -> anyhow::Result<()> {
    let python = ensure_python_packages()?;
    let script = paths::end2end().join("engine/make_model.py");
    let requirements = paths::end2end().join("requirements.txt");
    let model = paths::target().join("tiny-model");
    let stamp = Stamp::of_files("tiny-model", &[script.clone(), requirements])?;
    if stamp.is_current(&model) {
        return Ok(());
    }
    println!("Making the tiny model");
    process::run(process::command(python).arg(script).arg(model))?;
    stamp.write()
}

fn ensure_python_packages() -> anyhow::Result<PathBuf> {
    let venv = paths::target().join("venv");
    let python = venv.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let requirements = paths::end2end().join("requirements.txt");
    let stamp = Stamp::of_files("python", std::slice::from_ref(&requirements))?;
    if stamp.is_current(&python) {
        return Ok(python);
    }
    if !python.exists() {
        let system_python = find_python()?;
        let create = || {
            process::run(
                process::command(&system_python)
                    .args(["-m", "venv"])
                    .arg(&venv),
            )
        };
        // Debian keeps the module venv in a package of its own.
        if let Err(error) = create() {
            fs::remove_dir_all(&venv).ok();
            install_by_apt("python3-venv").context(error)?;
            create()?;
        }
    }
    println!("Installing the Python packages of the tests");
    process::run(
        process::command(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
            ])
            .arg(requirements),
    )?;
    stamp.write()?;
    Ok(python)
}

fn find_python() -> anyhow::Result<PathBuf> {
    let Some(python) = ["python3", "python"]
        .into_iter()
        .find_map(process::find_program)
    else {
        bail!(
            "Python 3.{PYTHON_MINOR_MIN} or newer is missing; install it from your system's packages"
        );
    };
    let minor = process::output(
        process::command(&python).args(["-c", "import sys; print(*sys.version_info[:2])"]),
    )?;
    match minor
        .split_once(' ')
        .map(|(major, minor)| (major, minor.parse::<u32>()))
    {
        Some(("3", Ok(minor))) if PYTHON_MINOR_MIN <= minor => Ok(python),
        _ => bail!(
            "{} is Python {}, and the tests need 3.{PYTHON_MINOR_MIN} or newer",
            python.display(),
            minor.replace(' ', ".")
        ),
    }
}

/// PostgreSQL's own programs; the tests start servers from them.
///
/// # Errors
/// When they are missing and cannot be installed.
pub(super) fn postgres() -> anyhow::Result<()> {
    if !has_postgres() {
        install_by_apt("postgresql")?;
    }
    if has_postgres() {
        Ok(())
    } else {
        bail!("PostgreSQL is installed without its initdb")
    }
}

/// Debian keeps the server's programs off the search path, one folder for each version.
fn has_postgres() -> bool {
    let debian = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    process::find_program("initdb").is_some()
        || debian
            .into_iter()
            .any(|version| version.path().join("bin/initdb").exists())
}

/// OpenSSH's server, with the programs that make keys and hold them.
///
/// # Errors
/// When it is missing and cannot be installed.
pub(super) fn sshd() -> anyhow::Result<()> {
    if !has_sshd() {
        install_by_apt("openssh-server")?;
    }
    if has_sshd() {
        Ok(())
    } else {
        bail!("the package openssh-server brought no sshd")
    }
}

/// The server lies off the search path of ordinary users.
fn has_sshd() -> bool {
    let has_server = process::find_program("sshd").is_some()
        || ["/usr/sbin/sshd", "/usr/local/sbin/sshd"]
            .into_iter()
            .any(|path| PathBuf::from(path).exists());
    has_server && process::find_program("ssh-agent").is_some()
}

/// The browser: the one named by `CHROMIUM`, an installed one, or Debian's.
///
/// # Errors
/// When there is none and it cannot be installed.
pub(super) fn chromium() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM").map(PathBuf::from) {
        if named.is_file() {
            return Ok(named);
        }
        bail!(
            "the variable CHROMIUM names {}, which is not a file",
            named.display()
        );
    }
    if let Some(found) = find_chromium() {
        return Ok(found);
    }
    install_by_apt("chromium")?;
    find_chromium().context("the package chromium brought no program of that name")
}

fn find_chromium() -> Option<PathBuf> {
    let on_macos = CHROMIUM_ON_MACOS
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.is_file());
    CHROMIUM_NAMES
        .into_iter()
        .find_map(process::find_program)
        .or(on_macos)
}
