//! A `PostgreSQL` server of the tests' own, in a temporary folder, reached by its Unix socket.

use std::env;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::{Uid, User};

use crate::Process;
use crate::folder::{TempDir, data_dir};

const READY_TIMEOUT: Duration = Duration::from_mins(1);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// The superuser of the tests' databases.
const USER: &str = "assay";
/// Connections of all tests of a process together.
const CONNECTIONS_MAX: u32 = 300;

/// A running `PostgreSQL` server. It ends, and its data go, when dropped.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    programs: Programs,
    folder: TempDir,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts a server with an empty data folder.
    ///
    /// # Panics
    ///
    /// When `PostgreSQL` is not installed or does not come up within a minute.
    pub fn start() -> Self {
        let programs = Programs::find();
        let folder = data_dir();
        programs.give(folder.path());
        let data = folder.path().join("data");
        programs.run("initdb", |command| {
            command
                .args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
                .args(["--no-instructions", "--username", USER, "--pgdata"])
                .arg(&data)
        });
        let mut command = programs.command("postgres");
        command.arg("-D").arg(&data).arg("-k").arg(folder.path());
        // The data need not outlive the tests.
        for setting in [
            "listen_addresses=",
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "shared_buffers=32MB",
            &format!("max_connections={CONNECTIONS_MAX}"),
        ] {
            command.args(["-c", setting]);
        }
        let mut process = Process::spawn(&mut command);
        process.wait_for_line("ready to accept connections", READY_TIMEOUT);
        Self {
            process,
            programs,
            folder,
            databases: AtomicU32::new(0),
        }
    }

    /// One server for all tests of this process that run at the same time: it ends when the last
    /// of them lets go of it.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let postgres = Arc::new(Self::start());
            *shared = Arc::downgrade(&postgres);
            postgres
        })
    }

    /// Creates an empty database and returns its URL.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let folder = self.folder.path();
        self.programs.run("createdb", |command| {
            command
                .args(["--username", USER, "--host"])
                .arg(folder)
                .arg(&name)
        });
        format!(
            "postgres://{USER}@localhost/{name}?host={}",
            folder.display()
        )
    }

    /// Everything in the database of that URL, as text.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub fn dump(&self, url: &str) -> Vec<u8> {
        self.programs
            .run("pg_dump", |command| command.arg("--dbname").arg(url))
    }

    /// Its process, to stop it midway or to read its log.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // "Immediate" shutdown: frees its shared memory, saves nothing.
        self.process.stop(Signal::SIGQUIT, STOP_TIMEOUT);
    }
}

/// `PostgreSQL`'s programs, and the user who may run them.
#[derive(Debug)]
struct Programs {
    folder: PathBuf,
    /// Set when the tests run as root, whom `PostgreSQL` refuses.
    user: Option<User>,
}

impl Programs {
    /// Looks where Debian and its kin put them, newest version first, then on `PATH`.
    fn find() -> Self {
        let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                Some((
                    entry.file_name().to_str()?.parse().ok()?,
                    entry.path().join("bin"),
                ))
            })
            .collect();
        versions.sort_by(|a, b| b.cmp(a));
        let path = env::var_os("PATH").unwrap_or_default();
        let folder = versions
            .into_iter()
            .map(|(_, folder)| folder)
            .chain(env::split_paths(&path))
            .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
            .expect("PostgreSQL's server is not installed: `cargo xtask test` installs it");
        let user = Uid::effective().is_root().then(|| {
            ["postgres", "nobody"]
                .into_iter()
                .find_map(|name| User::from_name(name).ok().flatten())
                .expect("PostgreSQL refuses root, and there is no user postgres or nobody")
        });
        Self { folder, user }
    }

    /// Makes `folder` that user's own.
    fn give(&self, folder: &Path) {
        if let Some(user) = &self.user {
            chown(folder, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                .expect("root may give folders away");
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.folder.join(program));
        // A folder that the user may enter, whatever the tests' own is.
        command.current_dir("/");
        if let Some(user) = &self.user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }

    /// Runs a program to its end, and returns what it printed.
    fn run(&self, program: &str, arguments: impl FnOnce(&mut Command) -> &mut Command) -> Vec<u8> {
        let output = arguments(&mut self.command(program)).output();
        let output = output.unwrap_or_else(|error| panic!("could not start {program}: {error}"));
        assert!(
            output.status.success(),
            "{program} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }
}
