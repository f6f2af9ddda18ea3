//! SSH keys, and an agent that holds some.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::folder::{TempDir, data_dir};
use crate::sshd::text;
use crate::{Process, wait_until};

const READY_TIMEOUT: Duration = Duration::from_secs(10);

/// A key pair of the kind ed25519.
#[derive(Clone, Debug)]
pub struct SshKey {
    /// The private half, as `ssh-keygen` writes it.
    pub private: String,
    /// The public half: kind and base64, without a comment.
    pub public: String,
    /// `SHA256:…`, as `ssh-keygen -l` shows it.
    pub fingerprint: String,
}

impl SshKey {
    /// Makes a key, locked with `passphrase` if there is one.
    ///
    /// # Panics
    ///
    /// When `ssh-keygen` is missing or fails.
    pub fn generate(passphrase: Option<&str>) -> Self {
        let folder = data_dir();
        let file = folder.path().join("key");
        let keygen = |command: &mut Command| text(command.output(), "ssh-keygen");
        keygen(
            Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-C", ""])
                .args(["-N", passphrase.unwrap_or_default()])
                .arg("-f")
                .arg(&file),
        );
        let public = file.with_extension("pub");
        let shown = keygen(
            Command::new("ssh-keygen")
                .args(["-l", "-E", "sha256", "-f"])
                .arg(&public),
        );
        Self {
            private: fs::read_to_string(&file).expect("ssh-keygen wrote it"),
            public: fs::read_to_string(&public)
                .expect("ssh-keygen wrote it")
                .trim()
                .to_owned(),
            fingerprint: shown
                .split_whitespace()
                .nth(1)
                .expect("a fingerprint")
                .to_owned(),
        }
    }

    /// Writes the private half to `file`, readable by its owner alone.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn write(&self, file: &Path) {
        fs::write(file, &self.private).expect("a file in a folder of our own");
        fs::set_permissions(file, Permissions::from_mode(0o600)).expect("our own file");
    }
}

/// A running `ssh-agent`. It ends when dropped.
#[derive(Debug)]
pub struct SshAgent {
    _process: Process,
    socket: PathBuf,
    _folder: TempDir,
}

impl SshAgent {
    /// Starts an agent that holds `keys`, which have no passphrases.
    ///
    /// # Panics
    ///
    /// When `ssh-agent` is missing, or takes a key not.
    pub fn start(keys: &[&SshKey]) -> Self {
        let folder = data_dir();
        let socket = folder.path().join("agent");
        let process = Process::spawn(Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket));
        wait_until("ssh-agent to listen", READY_TIMEOUT, || {
            socket.exists().then_some(())
        });
        for key in keys {
            let mut adder = Command::new("ssh-add")
                .args(["-q", "-"])
                .env("SSH_AUTH_SOCK", &socket)
                .stdin(Stdio::piped())
                .spawn()
                .expect("ssh-add comes with ssh-agent");
            adder
                .stdin
                .take()
                .expect("it is piped")
                .write_all(key.private.as_bytes())
                .expect("ssh-add reads the key");
            assert!(
                adder.wait().is_ok_and(|status| status.success()),
                "ssh-add refused the key"
            );
        }
        Self {
            _process: process,
            socket,
            _folder: folder,
        }
    }

    /// The socket it listens on.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}
