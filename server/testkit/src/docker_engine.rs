//! A Docker Engine of the tests' own, with images that need no registry.

mod api;
mod images;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use nix::unistd::{Gid, Uid};

use crate::folder::{TempDir, data_dir, target_dir};
use crate::{Authority, Process, free_port};

const SUPERVISOR: &str = include_str!("docker_engine/supervise.sh");
const READY_TIMEOUT: Duration = Duration::from_mins(1);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// A running Docker Engine with its own images, containers, socket and bridge. It ends, with its containers and
/// all its files, when dropped, and also when the test's process is killed.
#[derive(Debug)]
pub struct DockerEngine {
    process: Process,
    folder: TempDir,
    data: PathBuf,
    /// Address of this machine on its bridge.
    gateway: String,
    images: Mutex<Vec<String>>,
}

impl DockerEngine {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// When Docker is not installed, this account may not start it, or it does not come up within a minute.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further arguments of `dockerd`, such as `["--host", "tcp://…"]`.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub fn start_with(further: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Its sockets lie in a short path: a socket's name has at most 107 bytes.
        let folder = data_dir();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let process_id = std::process::id();
        let data = target_dir().join(format!("docker-engine/{process_id}-{number}"));
        // Names of interfaces have at most 15 bytes.
        let bridge = format!("asy{process_id}x{number}");
        let third = (process_id + number * 97) % 250;
        let gateway = format!("10.213.{third}.1");
        let address = format!("{gateway}/24");
        let mut command = if Uid::effective().is_root() {
            Command::new("sh")
        } else {
            let mut command = Command::new("sudo");
            command.args(["-n", "sh"]);
            command
        };
        command
            .args(["-c", SUPERVISOR, "sh"])
            .arg(folder.path())
            .arg(&data)
            .args([&bridge, &address])
            .args(["--group", &Gid::current().to_string()])
            .args(further)
            .env("PATH", path_with_system_programs());
        let engine = Self {
            process: Process::spawn_with_input(&mut command),
            folder,
            data,
            gateway,
            images: Mutex::default(),
        };
        engine.wait_until_ready()
    }

    /// One that listens behind TLS as well, at the port of 127.0.0.1 that is returned: it has a certificate of
    /// `authority` for that address, and lets in whoever has one too.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub fn start_tls(authority: &Authority) -> (Self, u16) {
        let certified = authority.issue_to_server("127.0.0.1");
        // It reads them when it starts.
        let folder = data_dir();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("our own folder");
            path.display().to_string()
        };
        let port = free_port();
        let arguments = [
            "--host".to_owned(),
            format!("tcp://127.0.0.1:{port}"),
            "--tlsverify".to_owned(),
            "--tlscacert".to_owned(),
            file("ca.pem", &authority.pem()),
            "--tlscert".to_owned(),
            file("cert.pem", &certified.certificate),
            "--tlskey".to_owned(),
            file("key.pem", &certified.key),
        ];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        (Self::start_with(&arguments), port)
    }

    /// One Docker Engine for all tests of this process, with whose end it ends: starting one and giving it its
    /// images takes seconds, and its supervisor needs nobody to stop it.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<DockerEngine> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// Where its containers find this machine.
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// Lets the account of an [`crate::Sshd`] use it, as one that is given the group of Docker can.
    ///
    /// # Panics
    ///
    /// When its files are gone.
    pub fn open_to_all(&self) {
        // That account is the tests' own otherwise, whose group the socket has.
        if !Uid::effective().is_root() {
            return;
        }
        for (path, mode) in [(self.folder.path(), 0o755), (&self.socket(), 0o666)] {
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("our own file");
        }
    }

    /// Where its images and containers lie; it is gone afterwards.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Kills it in the middle of whatever it does, with everything it runs, and waits until it is gone.
    ///
    /// # Panics
    ///
    /// When it is still there after half a minute.
    pub fn kill(&mut self) {
        self.process.close_input();
        self.process.wait_for_exit(STOP_TIMEOUT);
    }

    /// The status and body of the answer to a request without body, such as `("DELETE", "/volumes/x")`: for what
    /// a test does beside the code under test.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub fn request(&self, method: &str, path: &str) -> (u16, String) {
        self.request_with(&[], method, path)
    }

    /// The same with headers.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub fn request_with(
        &self,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
    ) -> (u16, String) {
        self.send(headers, method, path, "")
    }

    /// The same with a body of JSON.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub fn send_json(&self, method: &str, path: &str, json: &str) -> (u16, String) {
        self.send(&[("Content-Type", "application/json")], method, path, json)
    }

    fn send(
        &self,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        body: &str,
    ) -> (u16, String) {
        api::request(&self.socket(), method, path, headers, body.as_bytes())
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()))
    }

    /// A small image with a shell and the usual programs (`busybox`), and the folder `/data` as an anonymous
    /// volume. Its entrypoint is empty.
    ///
    /// # Panics
    ///
    /// When Debian's `busybox-static` is not installed, or it is refused.
    pub fn busybox_image(&self) -> &'static str {
        self.import_once("assay-test/busybox:1", images::busybox)
    }

    /// An image with llama.cpp's server and the tiny model, which it serves as `tiny` at port 8080 as soon as it
    /// starts. Its entrypoint takes the arguments of `end2end/engine/llama_server.py`, which replace those of
    /// the image (`--host 0.0.0.0 --port 8080 --model /models/model.gguf`).
    ///
    /// # Panics
    ///
    /// When its parts are missing, or it is refused.
    pub fn llama_image(&self) -> &'static str {
        self.import_once("assay-test/llama:1", images::llama)
    }

    /// Removes an image by its name; the status of the answer.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub fn forget_image(&self, name: &str) -> u16 {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.retain(|image| image != name);
        self.request("DELETE", &format!("/images/{name}?noprune=1"))
            .0
    }

    fn import_once(
        &self,
        name: &'static str,
        make: fn(&Path) -> images::RootFiles,
    ) -> &'static str {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        if !images.iter().any(|image| image == name) {
            images::import(self, name, make);
            images.push(name.to_owned());
        }
        name
    }

    fn wait_until_ready(mut self) -> Self {
        let deadline = Instant::now() + READY_TIMEOUT;
        let socket = self.socket();
        while !api::request(&socket, "GET", "/_ping", &[], b"")
            .is_ok_and(|(status, _)| status == 200)
        {
            assert!(
                self.process.is_running() && Instant::now() < deadline,
                "the Docker Engine did not come up; `cargo xtask test` installs one and says what it lacks:\n{}\n{}",
                self.process.output(),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        self
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("dockerd.log")).unwrap_or_default()
    }
}

impl Drop for DockerEngine {
    fn drop(&mut self) {
        self.process.close_input();
        // Its supervisor removes what root owns; a panic here would hide that of the test.
        let deadline = Instant::now() + STOP_TIMEOUT;
        while self.process.is_running() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// `dockerd` lies with the system's programs, which are not on everybody's search path.
fn path_with_system_programs() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/local/sbin:/usr/sbin:/sbin")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{is_process_alive, wait_until};

    #[test]
    fn a_docker_engine_leaves_nothing() {
        let engine = DockerEngine::start();
        let (socket, data, supervisor) = (
            engine.socket(),
            engine.data().to_path_buf(),
            engine.process.id(),
        );
        let container = format!(
            r#"{{"Image":"{}","Cmd":["sleep","600"]}}"#,
            engine.busybox_image()
        );
        assert_eq!(
            engine
                .send_json("POST", "/containers/create?name=sleeper", &container)
                .0,
            201
        );
        assert_eq!(engine.request("POST", "/containers/sleeper/start").0, 204);
        let mounts = || fs::read_to_string("/proc/mounts").unwrap();
        drop(engine);
        wait_until("the supervisor to end", STOP_TIMEOUT, || {
            (!is_process_alive(supervisor)).then_some(())
        });
        assert!(!socket.exists() && !data.exists());
        assert!(!mounts().contains(data.to_str().unwrap()));
    }
}
