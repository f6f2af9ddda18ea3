//! What a Docker Engine tells of its host, and what runs there.

use std::fmt;

use bollard::models::SystemInfo;
use bollard::query_parameters::ListContainersOptions;

use crate::client::CALL_TIMEOUT;
use crate::marked::{first_name, mark_of};
use crate::{Docker, Error, Mark};

/// Most containers that are told of; the rest is counted nowhere.
const CONTAINERS_MAX: i32 = 1_000;

/// What a Docker Engine tells of itself and its host. Text it does not tell is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostInfo {
    /// The Docker Engine's version, such as `27.3.1`.
    pub version: String,
    /// The version of the API that is spoken with it.
    pub api_version: String,
    /// The host's name.
    pub name: String,
    /// As in `Debian GNU/Linux 12 (bookworm)`.
    pub operating_system: String,
    /// Of the kernel.
    pub kernel: String,
    /// As in `x86_64`.
    pub architecture: String,
    /// Logical CPUs.
    pub cpus: Option<u32>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Names of the container runtimes, sorted.
    pub runtimes: Vec<String>,
    /// `overlay2`, …
    pub storage_driver: String,
    /// `1` or `2`.
    pub cgroup_version: String,
    /// Where images and containers lie on the host. Whoever reaches the host's files asks them for its free
    /// space.
    pub root_folder: String,
    /// Free space for images and containers in bytes, from the few storage drivers that tell it.
    pub free_bytes: Option<u64>,
    /// Limits that the host's kernel cannot keep, and other warnings, in the Docker Engine's words.
    pub warnings: Vec<String>,
}

impl HostInfo {
    /// Whether containers can be given NVIDIA's accelerators.
    pub fn has_nvidia_runtime(&self) -> bool {
        self.runtimes
            .iter()
            .any(|runtime| runtime == "nvidia" || runtime.starts_with("nvidia-"))
    }
}

/// A container that runs, whoever started it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerFacts {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The image as it was named when it was created.
    pub image: String,
    /// As in `Up 5 minutes`.
    pub status: String,
    /// Its published ports, as in `127.0.0.1:49153 → 8000`.
    pub ports: Vec<String>,
    /// Whose it is, if it carries a mark.
    pub mark: Option<Mark>,
}

/// One sentence without its end, as in `vllm (vllm/vllm-openai:v1), up 5 minutes, 127.0.0.1:49153 → 8000`.
impl fmt::Display for ContainerFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.image)?;
        if !self.status.is_empty() {
            write!(f, ", {}", self.status.to_lowercase())?;
        }
        for port in &self.ports {
            write!(f, ", {port}")?;
        }
        Ok(())
    }
}

impl Docker {
    /// What the Docker Engine tells of itself and its host.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn info(&self) -> Result<HostInfo, Error> {
        let info = self
            .ask("asking about its host", CALL_TIMEOUT, self.api.info())
            .await?;
        let version = self.api.client_version();
        Ok(describe(info, version.to_string()))
    }

    /// The containers that run there now, in the order of their names; at most a thousand.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn running_containers(&self) -> Result<Vec<ContainerFacts>, Error> {
        let list = self.api.list_containers(Some(ListContainersOptions {
            all: false,
            limit: Some(CONTAINERS_MAX),
            filters: Some([("status".to_owned(), vec!["running".to_owned()])].into()),
            ..ListContainersOptions::default()
        }));
        let containers = self.ask("listing containers", CALL_TIMEOUT, list).await?;
        let mut facts: Vec<_> = containers
            .into_iter()
            .map(|container| {
                let id = container.id.unwrap_or_default();
                let ports = container.ports.unwrap_or_default().into_iter();
                ContainerFacts {
                    name: first_name(container.names.as_deref(), &id),
                    image: container.image.unwrap_or_default(),
                    status: container.status.unwrap_or_default(),
                    ports: ports
                        .filter_map(|port| {
                            let (address, public) = (port.ip?, port.public_port?);
                            Some(format!("{address}:{public} → {}", port.private_port))
                        })
                        .collect(),
                    mark: mark_of(&container.labels.unwrap_or_default()),
                    id,
                }
            })
            .collect();
        facts.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(facts)
    }
}

fn describe(info: SystemInfo, api_version: String) -> HostInfo {
    let mut runtimes: Vec<_> = info.runtimes.unwrap_or_default().into_keys().collect();
    runtimes.sort();
    let free = info
        .driver_status
        .iter()
        .flatten()
        .find_map(|pair| match pair.as_slice() {
            [name, value] if name.ends_with("Space Available") => bytes(value),
            _ => None,
        });
    HostInfo {
        version: info.server_version.unwrap_or_default(),
        api_version,
        name: info.name.unwrap_or_default(),
        operating_system: info.operating_system.unwrap_or_default(),
        kernel: info.kernel_version.unwrap_or_default(),
        architecture: info.architecture.unwrap_or_default(),
        cpus: info.ncpu.and_then(|count| count.try_into().ok()),
        memory_bytes: info.mem_total.and_then(|bytes| bytes.try_into().ok()),
        runtimes,
        storage_driver: info.driver.unwrap_or_default(),
        cgroup_version: info
            .cgroup_version
            .map(|version| version.to_string())
            .unwrap_or_default(),
        root_folder: info.docker_root_dir.unwrap_or_default(),
        free_bytes: free,
        warnings: info.warnings.unwrap_or_default(),
    }
}

/// Docker writes sizes as `21.3GB`, in powers of ten.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let number: f64 = number.trim().parse().ok()?;
    let factor = match unit {
        "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        _ => return None,
    };
    let bytes = (number * factor).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the bounds stand before it"
    )]
    (0.0..=1e18).contains(&bytes).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::Runtime;

    #[test]
    fn free_space_is_read_where_it_is_told() {
        let info = SystemInfo {
            driver_status: Some(vec![
                vec!["Pool Name".into(), "p".into()],
                vec!["Data Space Available".into(), "21.5 GB".into()],
            ]),
            runtimes: Some(
                [
                    ("runc".to_owned(), Runtime::default()),
                    ("nvidia".to_owned(), Runtime::default()),
                ]
                .into(),
            ),
            ..SystemInfo::default()
        };
        let host = describe(info, "1.41".into());
        assert_eq!(host.free_bytes, Some(21_500_000_000));
        assert!(host.has_nvidia_runtime());
        assert_eq!(
            describe(SystemInfo::default(), String::new()).free_bytes,
            None
        );
        for nonsense in ["", "12", "xGB", "-1B", "1e30TB"] {
            assert_eq!(bytes(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_container_is_told_in_words() {
        let facts = ContainerFacts {
            id: "1".into(),
            name: "vllm".into(),
            image: "vllm/vllm-openai:v1".into(),
            status: "Up 5 minutes".into(),
            ports: vec!["127.0.0.1:49153 → 8000".into()],
            mark: None,
        };
        assert_eq!(
            facts.to_string(),
            "vllm (vllm/vllm-openai:v1), up 5 minutes, 127.0.0.1:49153 → 8000"
        );
    }
}
