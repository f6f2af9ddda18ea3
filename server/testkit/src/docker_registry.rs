//! A registry for images on a loopback port, with one user.

use std::fs;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::folder::{TempDir, data_dir};
use crate::{DockerEngine, Process};

const READY_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// The user and the hash of the password.
const USERS: &str = "assay:$2b$05$abcdefghijklmnopqrstuuVWeWSlmEUC9x2d81AU/qvdlXORzedwW\n";
/// The user and the password as the API wants them: JSON in base64.
const LOGIN: &str =
    "eyJ1c2VybmFtZSI6ICJhc3NheSIsICJwYXNzd29yZCI6ICJzM2NyZXQgb2YgdGhlIHJlZ2lzdHJ5In0=";

/// A running registry. It ends, and its images go, when dropped.
#[derive(Debug)]
pub struct DockerRegistry {
    process: Process,
    address: String,
    _folder: TempDir,
}

impl DockerRegistry {
    /// Its user.
    pub const USER: &str = "assay";
    /// The user's password.
    pub const PASSWORD: &str = "s3cret of the registry";

    /// Starts an empty one.
    ///
    /// # Panics
    ///
    /// When Debian's `docker-registry` is not installed, or it does not come up.
    pub fn start() -> Self {
        let folder = data_dir();
        let (config, users) = (
            folder.path().join("config.yml"),
            folder.path().join("users"),
        );
        fs::write(&users, USERS).expect("a file of users");
        let settings = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: \"127.0.0.1:0\"}}\nauth: {{htpasswd: {{realm: tests, path: {}}}}}\n",
            folder.path().join("images").display(),
            users.display()
        );
        fs::write(&config, settings).expect("a file of settings");
        let mut process = Process::spawn(Command::new("docker-registry").arg("serve").arg(&config));
        let line = process.wait_for_line("listening on ", READY_TIMEOUT);
        let address = line
            .split("listening on ")
            .nth(1)
            .and_then(|rest| rest.split(['"', ',', ' ']).next())
            .expect("an address after the words")
            .to_owned();
        Self {
            process,
            address,
            _folder: folder,
        }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Moves `image` (a name with a tag) from `engine` to here, and returns its name here.
    ///
    /// # Panics
    ///
    /// When either refuses.
    pub fn take(&self, engine: &DockerEngine, image: &str) -> String {
        let (name, tag) = image.split_once(':').expect("a name with a tag");
        let here = format!("{}/{name}", self.address);
        let path = format!("/images/{image}/tag?repo={here}&tag={tag}");
        assert_eq!(engine.request("POST", &path).0, 201);
        let headers = [("X-Registry-Auth", LOGIN)];
        let (status, answer) =
            engine.request_with(&headers, "POST", &format!("/images/{here}/push?tag={tag}"));
        assert!(status == 200 && !answer.contains("errorDetail"), "{answer}");
        let here = format!("{here}:{tag}");
        for removed in [image, &here] {
            assert_eq!(engine.forget_image(removed), 200);
        }
        here
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        self.process.stop(Signal::SIGTERM, STOP_TIMEOUT);
    }
}
