//! What is to be run in a container.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use domain::engine::is_private;
use domain::secret::Secret;

use crate::{Error, ImageReference, Mark};

/// Longest command line or environment, in bytes: Linux allows about two megabytes.
const WORDS_BYTES_MAX: usize = 1 << 20;
/// The least memory that Docker accepts as a limit.
const MEMORY_BYTES_MIN: u64 = 6 << 20;
/// Processes and threads of a container: engines start a few hundred.
const PIDS_DEFAULT: u32 = 16_384;
/// Size of one file of a container's log, of which two are kept.
const LOG_BYTES_DEFAULT: u64 = 32 << 20;

/// A container as it is to be: complete, so that it does not depend on what comes later.
#[derive(Clone, Debug)]
pub struct ContainerSpec {
    /// Its name on the host: letters, digits, `_`, `.` and `-`.
    pub name: String,
    /// The image, by id, digest or tag; it must be present.
    pub image: ImageReference,
    /// Replaces the image's own entrypoint; `None` leaves it.
    pub entrypoint: Option<Vec<String>>,
    /// The words after the entrypoint, each passed on byte for byte; empty leaves the image's own.
    pub command: Vec<String>,
    /// Environment variables, besides those of the image.
    pub environment: BTreeMap<String, EnvValue>,
    /// Whose it is.
    pub mark: Mark,
    /// Labels besides those of the mark.
    pub labels: BTreeMap<String, String>,
    /// What it may use of the machine.
    pub limits: Limits,
    /// Which accelerators it sees.
    pub accelerators: Accelerators,
    /// Host folders it sees.
    pub mounts: Vec<Mount>,
    /// The port it listens on, to be reachable from outside.
    pub port: Option<PublishedPort>,
}

impl ContainerSpec {
    /// A container of `image` with its own command, without limits, accelerators, mounts and ports.
    pub fn new(name: impl Into<String>, image: ImageReference, mark: Mark) -> Self {
        Self {
            name: name.into(),
            image,
            entrypoint: None,
            command: Vec::new(),
            environment: BTreeMap::new(),
            mark,
            labels: BTreeMap::new(),
            limits: Limits::default(),
            accelerators: Accelerators::None,
            mounts: Vec::new(),
            port: None,
        }
    }

    /// The secret values of its environment.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        self.environment
            .values()
            .filter_map(|value| match value {
                EnvValue::Plain(_) => None,
                EnvValue::Secret(secret) => Some(secret.expose().as_str()),
            })
            .collect()
    }

    /// Whether everything about it can be asked of a Docker Engine.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field.
    pub fn check(&self) -> Result<(), Error> {
        if !is_name(&self.name) {
            return Err(invalid(
                "name",
                "2 to 128 letters, digits, _ . or -, beginning with a letter or a digit",
            ));
        }
        self.check_words()?;
        for (name, value) in &self.environment {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(invalid(
                    "environment",
                    "the name of a variable is not empty and has neither = nor a zero byte",
                ));
            }
            if value.expose().contains('\0') {
                return Err(invalid(
                    "environment",
                    &format!("the value of {name} has a zero byte"),
                ));
            }
        }
        if let Some(label) = self
            .labels
            .keys()
            .find(|label| Mark::owns_label(label) || label.is_empty())
        {
            return Err(invalid(
                "labels",
                &format!("“{label}” is not free to be set"),
            ));
        }
        self.mark.check()?;
        self.limits.check()?;
        if let Some(port) = &self.port {
            port.check()?;
        }
        for mount in &self.mounts {
            if !mount.target.starts_with('/') || mount.target.split('/').any(|part| part == "..") {
                return Err(invalid(
                    "mounts",
                    &format!("{} is no absolute path inside the container", mount.target),
                ));
            }
        }
        Ok(())
    }

    fn check_words(&self) -> Result<(), Error> {
        let words = || self.entrypoint.iter().flatten().chain(&self.command);
        if words().any(|word| word.contains('\0')) {
            return Err(invalid("command", "a word cannot hold a zero byte"));
        }
        if self
            .entrypoint
            .as_ref()
            .is_some_and(|words| words.first().is_none_or(String::is_empty))
        {
            return Err(invalid("entrypoint", "it has no program"));
        }
        let environment: usize = self
            .environment
            .iter()
            .map(|(name, value)| name.len() + value.expose().len() + 2)
            .sum();
        if WORDS_BYTES_MAX < words().map(|word| word.len() + 1).sum::<usize>() + environment {
            return Err(invalid(
                "command",
                "command and environment together are longer than one megabyte",
            ));
        }
        Ok(())
    }
}

/// The value of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvValue {
    /// May be shown.
    Plain(String),
    /// Is shown nowhere here; the Docker Engine itself shows it to whoever may inspect the container.
    Secret(Secret<String>),
}

impl EnvValue {
    pub(crate) fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose(),
        }
    }
}

/// What a container may use of its machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The logical CPUs it is pinned to; empty for all.
    pub cpus: Vec<u32>,
    /// CPU time in whole CPUs, on whichever CPUs; `None` for no limit.
    pub cpu_count: Option<u32>,
    /// Memory in bytes, swap included (there is none beyond it); `None` for no limit.
    pub memory_bytes: Option<u64>,
    /// Size of `/dev/shm` in bytes; `None` for Docker's 64 MiB. Tensor parallelism needs gigabytes.
    pub shm_bytes: Option<u64>,
    /// Processes and threads.
    pub pids: u32,
    /// Size of one of the two files that hold its log, in bytes.
    pub log_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpus: Vec::new(),
            cpu_count: None,
            memory_bytes: None,
            shm_bytes: None,
            pids: PIDS_DEFAULT,
            log_bytes: LOG_BYTES_DEFAULT,
        }
    }
}

impl Limits {
    fn check(&self) -> Result<(), Error> {
        if self.cpu_count == Some(0) {
            return Err(invalid("CPU count", "at least one CPU is needed"));
        }
        if self
            .memory_bytes
            .is_some_and(|bytes| bytes < MEMORY_BYTES_MIN || i64::try_from(bytes).is_err())
        {
            return Err(invalid("memory", "at least 6 MiB are needed"));
        }
        if self
            .shm_bytes
            .is_some_and(|bytes| bytes == 0 || i64::try_from(bytes).is_err())
        {
            return Err(invalid(
                "shared memory",
                "the size must be greater than zero",
            ));
        }
        if self.pids == 0 {
            return Err(invalid(
                "number of processes",
                "at least one process is needed",
            ));
        }
        if self.log_bytes == 0 {
            return Err(invalid("size of the log", "it must be greater than zero"));
        }
        Ok(())
    }
}

/// Which accelerators a container sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Accelerators {
    /// None.
    #[default]
    None,
    /// NVIDIA's, through its container runtime: indices or UUIDs as `nvidia-smi` names them.
    Nvidia(Vec<String>),
    /// AMD's: indices or UUIDs for `ROCm`. The container gets `/dev/kfd` and `/dev/dri`, and
    /// `ROCR_VISIBLE_DEVICES` unless the environment sets it.
    Rocm(Vec<String>),
}

/// A host folder or file that a container sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// On the host; checked against [`crate::MountRules`].
    pub source: PathBuf,
    /// Inside the container, absolute.
    pub target: String,
    /// Whether the container may change it.
    pub is_writable: bool,
}

impl Mount {
    /// One that the container can only read.
    pub fn read_only(source: impl Into<PathBuf>, target: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            target: target.into(),
            is_writable: false,
        }
    }
}

/// A TCP port of a container that is reachable on its host, at a free port that the Docker Engine chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedPort {
    /// Inside the container.
    pub container_port: u16,
    /// The host's address it is bound to; a private one.
    pub address: IpAddr,
}

impl PublishedPort {
    /// On the host's loopback address.
    pub fn on_loopback(container_port: u16) -> Self {
        Self {
            container_port,
            address: Ipv4Addr::LOCALHOST.into(),
        }
    }

    fn check(self) -> Result<(), Error> {
        if self.container_port == 0 {
            return Err(invalid("port", "the container's port is 1 to 65535"));
        }
        if !is_private(self.address) {
            return Err(invalid(
                "published address",
                &format!(
                    "{} is not a private address: anybody could use the engine",
                    self.address
                ),
            ));
        }
        Ok(())
    }
}

/// Docker's rule for names of containers; it also keeps them harmless inside a path.
pub(crate) fn is_name(text: &str) -> bool {
    (2..=128).contains(&text.len())
        && text.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

pub(crate) fn invalid(field: &str, reason: &str) -> Error {
    Error::Invalid {
        field: field.to_owned(),
        reason: reason.to_owned(),
    }
}
