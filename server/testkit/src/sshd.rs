//! An OpenSSH server of the tests' own on a loopback port, as if it were another machine.
//!
//! As root it gets its own process numbers and its own list of accounts (namespaces): nothing of the
//! machine's accounts is touched, and whatever was started over it ends with it. Otherwise the
//! current user is its account, and there is no password.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use nix::unistd::{Uid, User};

use crate::folder::{TempDir, data_dir, target_dir};
use crate::{Process, SshKey, free_port, workspace_root};

const READY_TIMEOUT: Duration = Duration::from_secs(20);
/// The account as root; its numbers are far from those that systems give.
const USER: &str = "assay-node";
const USER_ID: u32 = 64_123;
const PASSWORD: &str = "correct horse $battery 'staple'";
const SMALL_DISK: &str = "size=2m";

/// A running `sshd`. It ends with all it started when dropped.
#[derive(Debug)]
pub struct Sshd {
    process: Option<Process>,
    folder: TempDir,
    home: PathBuf,
    user: String,
    port: u16,
    host_key: SshKey,
    client_key: SshKey,
    is_isolated: bool,
    /// `NAME=VALUE` for what is started over it.
    environment: Vec<String>,
}

impl Sshd {
    /// The second address it is reached by.
    pub const OTHER_HOST: &str = "127.0.0.2";

    /// Starts a server with fresh keys and an empty home folder.
    ///
    /// # Panics
    ///
    /// When `OpenSSH`'s server is not installed or does not come up.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further variables for what is started over it, such as `["DOCKER_HOST=unix://…"]`;
    /// values without spaces.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub fn start_with(environment: &[&str]) -> Self {
        let folder = data_dir();
        let is_isolated = Uid::effective().is_root();
        let home = folder.path().join("home");
        fs::create_dir(&home).expect("a home folder");
        let user = if is_isolated {
            open_to_all(folder.path());
            chown(&home, Some(USER_ID), Some(USER_ID)).expect("root may give folders away");
            write_accounts(folder.path(), &home);
            USER.to_owned()
        } else {
            User::from_uid(Uid::effective())
                .ok()
                .flatten()
                .expect("the current user has a name")
                .name
        };
        let mut sshd = Self {
            process: None,
            home,
            user,
            port: free_port(),
            host_key: SshKey::generate(None),
            client_key: SshKey::generate(None),
            is_isolated,
            environment: environment.iter().map(|one| (*one).to_owned()).collect(),
            folder,
        };
        sshd.authorize(&[&sshd.client_key]);
        sshd.start_again();
        sshd
    }

    /// Starts it on the same port after [`Self::stop`].
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub fn start_again(&mut self) {
        let mut process = Process::spawn(&mut self.command());
        // The last of its addresses.
        process.wait_for_line("Server listening on 127.0.0.1", READY_TIMEOUT);
        self.process = Some(process);
    }

    /// Ends it, with everything that was started over it where it is isolated.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It has nothing to save, and the program around it would not pass a softer signal on.
            process.kill_group();
        }
    }

    /// Gives it another host key, as if another machine had taken its address.
    ///
    /// # Panics
    ///
    /// When it does not come up again.
    pub fn change_host_key(&mut self) {
        self.stop();
        self.host_key = SshKey::generate(None);
        self.start_again();
    }

    /// Accepts these keys, and no others.
    ///
    /// # Panics
    ///
    /// When the file cannot be written.
    pub fn authorize(&self, keys: &[&SshKey]) {
        let lines: Vec<&str> = keys.iter().map(|key| key.public.as_str()).collect();
        let file = self.folder.path().join("authorized_keys");
        fs::write(&file, lines.join("\n") + "\n").expect("a file in a folder of our own");
        fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("our own file");
    }

    /// The port on 127.0.0.1 and [`Self::OTHER_HOST`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The account.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Its password; `None` where the tests do not run as root.
    pub fn password(&self) -> Option<&str> {
        self.is_isolated.then_some(PASSWORD)
    }

    /// The account's home folder, under the same path on both sides.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A folder on a disk of 2 MiB, as seen over the server; `None` where the tests do not run as
    /// root.
    pub fn small_disk(&self) -> Option<PathBuf> {
        self.is_isolated.then(|| self.folder.path().join("small"))
    }

    /// The key it proves itself with.
    pub fn host_key(&self) -> &SshKey {
        &self.host_key
    }

    /// A key that it accepts.
    pub fn client_key(&self) -> &SshKey {
        &self.client_key
    }

    /// What it logged since its last start.
    pub fn log(&self) -> String {
        self.process
            .as_ref()
            .map_or_else(String::new, Process::output)
    }

    /// The command lines of all processes of the account, words parted by spaces.
    pub fn command_lines(&self) -> Vec<String> {
        self.processes()
            .filter_map(|process| command_line(&process))
            .collect()
    }

    /// The same for those that have this text in their environment.
    pub fn command_lines_with(&self, environment: &str) -> Vec<String> {
        let has_it = |process: &PathBuf| {
            let bytes = fs::read(process.join("environ")).unwrap_or_default();
            String::from_utf8_lossy(&bytes).contains(environment)
        };
        let processes = self.processes().filter(has_it);
        processes
            .filter_map(|process| command_line(&process))
            .collect()
    }

    fn processes(&self) -> impl Iterator<Item = PathBuf> {
        let owner = if self.is_isolated {
            USER_ID
        } else {
            Uid::effective().as_raw()
        };
        let space = self.process_space();
        processes().filter(move |process| {
            use std::os::unix::fs::MetadataExt;
            fs::metadata(process).is_ok_and(|it| it.uid() == owner)
                && fs::read_link(process.join("ns/pid")).is_ok_and(|it| Some(it) == space)
        })
    }

    /// The namespace its processes live in.
    fn process_space(&self) -> Option<PathBuf> {
        let id = if self.is_isolated {
            self.inside()?
        } else {
            std::process::id()
        };
        fs::read_link(format!("/proc/{id}/ns/pid")).ok()
    }

    /// The server itself: the only child of the program that made the namespaces.
    fn inside(&self) -> Option<u32> {
        let outer = self.process.as_ref()?.id();
        let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }

    fn command(&self) -> Command {
        let program = find_sshd();
        let folder = self.folder.path();
        let key = folder.join("host_key");
        self.host_key.write(&key);
        let config = folder.join("sshd_config");
        fs::write(&config, self.config(&key)).expect("a file in a folder of our own");
        let mut words = vec![
            program.display().to_string(),
            "-D".to_owned(),
            "-e".to_owned(),
            "-f".to_owned(),
            config.display().to_string(),
        ];
        // Newer versions shut out an address after failed attempts, and all tests have the same.
        let penalties = ["-o", "PerSourcePenalties=no"];
        let is_known = Command::new(&program)
            .args(["-T", "-f"])
            .arg(&config)
            .args(penalties)
            .output()
            .is_ok_and(|output| output.status.success());
        if is_known {
            words.extend(penalties.map(str::to_owned));
        }
        if !self.is_isolated {
            let mut command = Command::new(&program);
            command.args(words.iter().skip(1));
            return command;
        }
        fs::create_dir_all("/run/sshd").expect("root may create sshd's own folder");
        let small = folder.join("small");
        fs::create_dir_all(&small).expect("a folder of our own");
        let script = format!(
            "set -e\n\
             cd \"$1\"\n\
             shift\n\
             for file in passwd shadow group; do mount --bind $file /etc/$file; done\n\
             mount -t tmpfs -o {SMALL_DISK},uid={USER_ID} tmpfs small\n\
             {}\n\
             exec \"$@\"\n",
            open_ways(&[
                target_dir().join("venv/bin/python"),
                target_dir(),
                workspace_root(),
            ])
        );
        let mut command = Command::new("unshare");
        command
            .args([
                "--mount",
                "--pid",
                "--fork",
                "--mount-proc",
                "--kill-child=KILL",
            ])
            .args(["sh", "-c", &script, "sh"])
            .arg(folder)
            .args(words);
        command
    }

    fn config(&self, host_key: &Path) -> String {
        let folder = self.folder.path().display();
        let home = self.home.display();
        format!(
            "ListenAddress {}\n\
             ListenAddress 127.0.0.1\n\
             Port {}\n\
             HostKey {}\n\
             AuthorizedKeysFile {folder}/authorized_keys\n\
             PasswordAuthentication {}\n\
             KbdInteractiveAuthentication no\n\
             PubkeyAuthentication yes\n\
             UsePAM no\n\
             StrictModes no\n\
             UseDNS no\n\
             PidFile none\n\
             LogLevel VERBOSE\n\
             MaxStartups 100\n\
             MaxAuthTries 20\n\
             SetEnv HOME={home} {}\n\
             Subsystem sftp internal-sftp\n",
            Self::OTHER_HOST,
            self.port,
            host_key.display(),
            if self.is_isolated { "yes" } else { "no" },
            self.environment.join(" "),
        )
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Lines of a shell that let every account reach these paths, although a folder on the way (such as
/// root's home) is closed: in its place stands an empty one with nothing but the way. They are run
/// where nobody else sees what is mounted.
fn open_ways(paths: &[PathBuf]) -> String {
    let mut ways: BTreeSet<(PathBuf, PathBuf)> = BTreeSet::new();
    for path in paths {
        let Ok(path) = path.canonicalize() else {
            continue;
        };
        let mut from_root: Vec<&Path> = path.ancestors().collect();
        from_root.reverse();
        let is_closed = |folder: &Path| {
            fs::metadata(folder).is_ok_and(|it| it.is_dir() && it.permissions().mode() & 0o001 == 0)
        };
        let steps = from_root.iter().zip(from_root.iter().skip(1));
        if let Some((closed, next)) = steps.into_iter().find(|(folder, _)| is_closed(folder)) {
            ways.insert((closed.to_path_buf(), next.to_path_buf()));
        }
    }
    let mut lines = Vec::new();
    let closed: BTreeSet<&PathBuf> = ways.iter().map(|(closed, _)| closed).collect();
    for (number, (_, next)) in ways.iter().enumerate() {
        let next = next.display();
        lines.push(format!(
            "mkdir -p way{number}; mount --bind '{next}' way{number}"
        ));
    }
    for folder in closed {
        lines.push(format!(
            "mount -t tmpfs -o mode=755 tmpfs '{}'",
            folder.display()
        ));
    }
    for (number, (_, next)) in ways.iter().enumerate() {
        let next = next.display();
        lines.push(format!(
            "mkdir -p '{next}'; mount --bind way{number} '{next}'"
        ));
    }
    lines.join("\n")
}

/// Copies of the machine's lists of accounts, with one more.
fn write_accounts(folder: &Path, home: &Path) {
    let hash = text(
        Command::new("perl")
            .args(["-e", "print crypt($ARGV[0], '$6$assaytests$')", PASSWORD])
            .output(),
        "perl",
    );
    let home = home.display();
    for (file, line) in [
        (
            "passwd",
            format!("{USER}:x:{USER_ID}:{USER_ID}::{home}:/bin/sh"),
        ),
        ("shadow", format!("{USER}:{hash}:19000:0:99999:7:::")),
        ("group", format!("{USER}:x:{USER_ID}:")),
    ] {
        let old = fs::read_to_string(Path::new("/etc").join(file)).expect("root may read it");
        let copy = folder.join(file);
        fs::write(&copy, format!("{}\n{line}\n", old.trim_end())).expect("our own folder");
        let mode = if file == "shadow" { 0o600 } else { 0o644 };
        fs::set_permissions(&copy, Permissions::from_mode(mode)).expect("our own file");
    }
}

fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("our own folder");
}

/// `None` of one that is gone.
fn command_line(process: &Path) -> Option<String> {
    let line = fs::read(process.join("cmdline")).ok()?;
    Some(String::from_utf8_lossy(&line).replace('\0', " "))
}

fn processes() -> impl Iterator<Item = PathBuf> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        })
        .map(|entry| entry.path())
}

fn find_sshd() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join("sshd"))
        .find(|program| program.exists())
        .expect("OpenSSH's server is not installed: `cargo xtask test` installs it")
}

/// What a program printed.
pub(crate) fn text(output: std::io::Result<Output>, program: &str) -> String {
    let output = output.unwrap_or_else(|error| panic!("could not start {program}: {error}"));
    assert!(
        output.status.success(),
        "{program} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
