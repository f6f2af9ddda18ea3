//! The life of a container: create, start, look, stop, remove.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use bollard::models::{
    ContainerCreateResponse, ContainerInspectResponse, ContainerStateStatusEnum, PortMap,
};
use bollard::query_parameters::{
    RemoveContainerOptions, StartContainerOptions, StopContainerOptions, WaitContainerOptions,
};
use futures::StreamExt;
use hyper::Method;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::client::CALL_TIMEOUT;
use crate::error::bounded;
use crate::marked::{mark_of, sorted};
use crate::request;
use crate::spec::{invalid, is_name};
use crate::{ContainerSpec, Docker, Error, Mark, MountRules};

/// Longest time between a signal and the kill that follows it, so that a call has an end.
const GRACE_MAX: Duration = Duration::from_mins(10);
/// How long something removed may take to be gone.
const GONE_TIMEOUT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long one wait for a container's end lasts before it is asked anew.
const WAIT_ROUND: Duration = Duration::from_hours(1);

/// A container's id, or its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerId(String);

impl ContainerId {
    /// As the Docker Engine gave it.
    pub(crate) fn of_daemon(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ContainerId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if is_name(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(invalid("container", "this is no id or name of a container"))
        }
    }
}

impl TryFrom<String> for ContainerId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<ContainerId> for String {
    fn from(id: ContainerId) -> Self {
        id.0
    }
}

/// A container that was created and does not run yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub id: ContainerId,
    /// What the Docker Engine cannot keep of what was asked for, such as a limit its kernel does not know.
    pub warnings: Vec<String>,
}

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerStatus {
    /// Never started.
    Created,
    /// Running; also while it is stopped or paused by somebody.
    Running,
    /// Ended, or on its way out.
    Ended,
}

/// What is known of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerState {
    /// Where it is in its life.
    pub status: ContainerStatus,
    /// The exit code of one that ended: 128 and the signal's number for one that was killed.
    pub exit_code: Option<i64>,
    /// Whether the kernel killed one of its processes because its memory was used up.
    pub is_out_of_memory: bool,
    /// The Docker Engine's own words on why it did not start.
    pub error: Option<String>,
    /// RFC 3339; `None` before it was started.
    pub started_at: Option<String>,
    /// RFC 3339; `None` before it ended.
    pub finished_at: Option<String>,
    /// The image's id: what really runs, whatever its tag means by now.
    pub image_id: String,
    /// The limit of its memory in bytes, if any.
    pub memory_bytes: Option<u64>,
    /// The logical CPUs it is pinned to, as in `0-3,8`; empty for all.
    pub cpus: String,
    /// Whose it is, if ours.
    pub mark: Option<Mark>,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
}

impl ContainerState {
    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.status == ContainerStatus::Running
    }

    /// How it is or how it ended, as in "it was killed because its memory of 64 MiB was used up".
    pub fn describe(&self) -> String {
        match (self.status, self.exit_code) {
            (ContainerStatus::Created, _) => match &self.error {
                Some(error) => format!("it did not start: {error}"),
                None => "it was not started".to_owned(),
            },
            (ContainerStatus::Running, _) => "it is running".to_owned(),
            (ContainerStatus::Ended, _) if self.is_out_of_memory => match self.memory_bytes {
                Some(bytes) => format!(
                    "it was killed because its memory of {} MiB was used up",
                    bytes >> 20
                ),
                None => "it was killed because the machine's memory was used up".to_owned(),
            },
            (ContainerStatus::Ended, Some(0)) => "it ended by itself with exit code 0".to_owned(),
            (ContainerStatus::Ended, Some(code @ 129..=192)) => {
                format!("it was ended by signal {} (exit code {code})", code - 128)
            }
            (ContainerStatus::Ended, code) => {
                let code = code.map_or_else(|| "unknown".to_owned(), |code| code.to_string());
                let error = self.error.as_deref().map(|error| format!(": {error}"));
                format!(
                    "it ended with exit code {code}{}",
                    error.unwrap_or_default()
                )
            }
        }
    }
}

impl Docker {
    /// Creates the container; it carries its mark from the first moment. Its image must be present.
    ///
    /// # Errors
    /// [`Error::Invalid`] and [`Error::MountRefused`] before anything is sent; [`Error::ImageUnknown`],
    /// [`Error::NameTaken`], [`Error::NoSpace`], and those of the connection. None contains a secret.
    pub async fn create(&self, spec: &ContainerSpec, rules: &MountRules) -> Result<Created, Error> {
        let doing = "creating the container";
        let body = request::body(spec, rules)?;
        let json = serde_json::to_vec(&body).map_err(|_| Error::Unreadable {
            doing: doing.to_owned(),
            reason: "the request cannot be written".to_owned(),
        })?;
        // The name was checked: it needs no escaping.
        let path = format!("/containers/create?name={}", spec.name);
        let created: ContainerCreateResponse = self
            .call_unlogged(doing, Method::POST, &path, Some(json))
            .await
            .map_err(|error| explain_creation(spec, error).without(&spec.secrets()))?;
        Ok(Created {
            id: ContainerId(created.id),
            warnings: created.warnings,
        })
    }

    /// Starts it. One that runs already is as good.
    ///
    /// # Errors
    /// [`Error::StartFailed`] with the reason, [`Error::NoSuchContainer`], and those of the connection.
    pub async fn start(&self, id: &ContainerId) -> Result<(), Error> {
        let start = self
            .api
            .start_container(id.as_str(), None::<StartContainerOptions>);
        match self
            .ask("starting the container", CALL_TIMEOUT, start)
            .await
        {
            Err(Error::Refused {
                status, message, ..
            }) if !(status == 404 && message.starts_with("No such container")) => {
                Err(Error::StartFailed { reason: message })
            }
            other => other.map_err(|error| missing(id, error)),
        }
    }

    /// What is known of it.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`], and those of the connection.
    pub async fn inspect(&self, id: &ContainerId) -> Result<ContainerState, Error> {
        self.inspect_fully(id).await.map(describe)
    }

    /// Where the container's port is reachable on its host.
    ///
    /// # Errors
    /// [`Error::NotPublished`] also for a container that does not run (any more), [`Error::NoSuchContainer`], and
    /// those of the connection.
    pub async fn published_port(
        &self,
        id: &ContainerId,
        container_port: u16,
    ) -> Result<SocketAddr, Error> {
        let inspected = self.inspect_fully(id).await?;
        let ports = inspected
            .network_settings
            .and_then(|settings| settings.ports)
            .unwrap_or_default();
        published(&ports, container_port).ok_or_else(|| Error::NotPublished {
            id: id.to_string(),
            port: container_port,
        })
    }

    /// Waits for its end, however long that takes. To be used beside something else, such as a readiness probe.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`], and those of the connection.
    pub async fn wait_for_end(&self, id: &ContainerId) -> Result<ContainerState, Error> {
        loop {
            let state = self.inspect(id).await?;
            if !state.is_running() {
                return Ok(state);
            }
            let mut answers = std::pin::pin!(
                self.api
                    .wait_container(id.as_str(), None::<WaitContainerOptions>)
            );
            // The answer only says that it is time to look: an exit code other than 0 comes as an error. A
            // connection that broke shows when it is inspected.
            if tokio::time::timeout(WAIT_ROUND, answers.next())
                .await
                .is_ok()
            {
                let ended = self.inspect(id).await?;
                if !ended.is_running() {
                    return Ok(ended);
                }
                sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Asks it to end (by its image's signal, usually TERM), kills it after `grace` (at most ten minutes), and
    /// verifies that it does not run. One that ended already is as good.
    ///
    /// # Errors
    /// [`Error::NotOurs`] unless it carries `mark`, [`Error::NoSuchContainer`], [`Error::StillThere`], and those of
    /// the connection.
    pub async fn stop(
        &self,
        id: &ContainerId,
        mark: &Mark,
        grace: Duration,
    ) -> Result<ContainerState, Error> {
        let state = self.inspect(id).await?;
        own(id, mark, &state)?;
        if !state.is_running() {
            return Ok(state);
        }
        let grace = grace.min(GRACE_MAX);
        let within = grace + CALL_TIMEOUT;
        let api = self.api.clone().with_timeout(within);
        let options = StopContainerOptions {
            t: i32::try_from(grace.as_secs()).ok(),
            ..StopContainerOptions::default()
        };
        self.ask(
            "stopping the container",
            within,
            api.stop_container(id.as_str(), Some(options)),
        )
        .await
        .map_err(|error| missing(id, error))?;
        let stopped = self.inspect(id).await?;
        if stopped.is_running() {
            return Err(Error::StillThere {
                what: format!("container {id}, which runs"),
            });
        }
        Ok(stopped)
    }

    /// Kills it if it runs, removes it with its anonymous volumes, and verifies that all of it is gone. One that
    /// is gone already is as good.
    ///
    /// # Errors
    /// [`Error::NotOurs`] unless it carries `mark`, [`Error::StillThere`], and those of the connection.
    pub async fn remove(&self, id: &ContainerId, mark: &Mark) -> Result<(), Error> {
        match self.inspect(id).await {
            Ok(state) => own(id, mark, &state)?,
            Err(Error::NoSuchContainer { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        self.force_removal(id).await
    }

    /// As [`Self::remove`], for one that is known to be ours.
    pub(crate) async fn force_removal(&self, id: &ContainerId) -> Result<(), Error> {
        let volumes = match self.inspect_fully(id).await {
            Ok(inspected) => anonymous_volumes(&inspected),
            Err(Error::NoSuchContainer { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let options = RemoveContainerOptions {
            v: true,
            force: true,
            link: false,
        };
        let removal = self.api.remove_container(id.as_str(), Some(options));
        match self
            .ask("removing the container", CALL_TIMEOUT, removal)
            .await
        {
            // Gone, or on its way out by another's doing.
            Ok(())
            | Err(Error::Refused {
                status: 404 | 409, ..
            }) => {}
            Err(error) => return Err(error),
        }
        let deadline = Instant::now() + GONE_TIMEOUT;
        loop {
            match self.inspect_fully(id).await {
                Err(Error::NoSuchContainer { .. }) => break,
                Err(error) => return Err(error),
                Ok(_) if Instant::now() < deadline => sleep(LOOK_EVERY).await,
                Ok(_) => {
                    return Err(Error::StillThere {
                        what: format!("container {id}"),
                    });
                }
            }
        }
        for volume in volumes {
            // Gone with the container, unless the Docker Engine stumbled; removing it again tells.
            self.drop_volume(&volume).await?;
        }
        Ok(())
    }

    /// The whole description, which has the environment with its secrets: it is not logged.
    async fn inspect_fully(&self, id: &ContainerId) -> Result<ContainerInspectResponse, Error> {
        let path = format!("/containers/{id}/json");
        self.call_unlogged("inspecting the container", Method::GET, &path, None)
            .await
            .map_err(|error| missing(id, error))
    }
}

fn own(id: &ContainerId, mark: &Mark, state: &ContainerState) -> Result<(), Error> {
    if state.mark.as_ref() == Some(mark) {
        Ok(())
    } else {
        Err(Error::NotOurs { id: id.to_string() })
    }
}

fn missing(id: &ContainerId, error: Error) -> Error {
    match error {
        Error::Refused { status: 404, .. } => Error::NoSuchContainer { id: id.to_string() },
        other => other,
    }
}

fn explain_creation(spec: &ContainerSpec, error: Error) -> Error {
    match error {
        Error::Refused {
            status: 404,
            message,
            ..
        } => Error::ImageUnknown {
            image: spec.image.to_string(),
            reason: message,
        },
        Error::Refused {
            status: 409,
            message,
            ..
        } if message.contains("already in use") => Error::NameTaken {
            name: spec.name.clone(),
        },
        other => other,
    }
}

fn describe(inspected: ContainerInspectResponse) -> ContainerState {
    let state = inspected.state.unwrap_or_default();
    let config = inspected.config.unwrap_or_default();
    let host = inspected.host_config.unwrap_or_default();
    let labels = config.labels.unwrap_or_default();
    let status = match state.status {
        Some(ContainerStateStatusEnum::CREATED) => ContainerStatus::Created,
        _ if state.running == Some(true) => ContainerStatus::Running,
        _ => ContainerStatus::Ended,
    };
    // An instant that did not come is the year 1.
    let instant = |text: Option<String>| text.filter(|text| !text.starts_with("0001-"));
    ContainerState {
        status,
        exit_code: state.exit_code.filter(|_| status == ContainerStatus::Ended),
        is_out_of_memory: state.oom_killed.unwrap_or(false),
        error: state
            .error
            .filter(|error| !error.is_empty())
            .map(|error| bounded(&error)),
        started_at: instant(state.started_at),
        finished_at: instant(state.finished_at),
        image_id: inspected.image.unwrap_or_default(),
        memory_bytes: host
            .memory
            .and_then(|bytes| u64::try_from(bytes).ok())
            .filter(|bytes| *bytes != 0),
        cpus: host.cpuset_cpus.unwrap_or_default(),
        mark: mark_of(&labels),
        labels: sorted(labels),
    }
}

fn published(ports: &PortMap, container_port: u16) -> Option<SocketAddr> {
    let bindings = ports.get(&request::tcp(container_port))?.as_ref()?;
    bindings.iter().find_map(|binding| {
        let address = binding.host_ip.as_deref()?.parse().ok()?;
        let port = binding.host_port.as_deref()?.parse().ok()?;
        Some(SocketAddr::new(address, port))
    })
}

/// The names of the volumes that nobody named: 64 hexadecimal digits.
fn anonymous_volumes(inspected: &ContainerInspectResponse) -> Vec<String> {
    inspected
        .mounts
        .iter()
        .flatten()
        .filter(|mount| mount.typ.as_deref() == Some("volume"))
        .filter_map(|mount| mount.name.clone())
        .filter(|name| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .collect()
}
