//! Looking at a machine through its Docker Engine alone.

use std::net::IpAddr;

use docker::{Address, Docker, Error, HostInfo, Reach};
use domain::catalogue::{DockerAccess, FoundThere, Inventory, NodeCheck, ThereAs};
use domain::engine::is_private;
use domain::secret::Secret;
use domain::time::Timestamp;
use store::Store;

use super::{FOUND_MAX, sentence};
use crate::reach::docker_address;

/// Asks the Docker Engine what it tells of its machine. `installation` is the mark of what is ours there.
pub async fn look_through_docker(
    store: &Store,
    access: &DockerAccess,
    installation: &str,
    now: Timestamp,
) -> (NodeCheck, Option<Inventory>) {
    let looked = async {
        let address = docker_address(store, access).await?;
        let found = look(&address, installation).await;
        let (reach, host, left_there) = found.map_err(|error| error.to_string())?;
        match refuses_public(&address, reach.address) {
            Some(reason) => Err(reason),
            None => Ok((reach, host, left_there)),
        }
    };
    let mut check = NodeCheck::nothing_found(now);
    match looked.await {
        Ok((reach, host, left_there)) => {
            check.is_reachable = true;
            check.message = format!("Docker {} answers there.", host.version);
            check.round_trip_us = u64::try_from(reach.round_trip.as_micros()).ok();
            check.left_there = left_there;
            (check, Some(inventory_of(host, now)))
        }
        Err(reason) => {
            check.message = sentence(&reason);
            (check, None)
        }
    }
}

async fn look(
    address: &Address,
    installation: &str,
) -> Result<(Reach, HostInfo, Vec<FoundThere>), Error> {
    let docker = Docker::connect(address.clone()).await?;
    let host = docker.info().await?;
    let reach = docker.reach().await?.unwrap_or(Reach {
        address: IpAddr::from([127, 0, 0, 1]),
        round_trip: std::time::Duration::ZERO,
    });
    let marked = docker.list_marked(installation).await?;
    let mut found: Vec<FoundThere> = marked
        .containers
        .into_iter()
        .map(|thing| FoundThere {
            benchmark_id: thing.run,
            is_running: thing.is_running,
            name: thing.name,
            what: ThereAs::Container,
        })
        .collect();
    found.truncate(FOUND_MAX);
    Ok((reach, host, found))
}

/// What Docker tells of its machine. It tells no model of the processor, no disk and no accelerators: those stay
/// unknown.
fn inventory_of(host: HostInfo, now: Timestamp) -> Inventory {
    let mut runtime = format!("Docker {}", host.version);
    if host.has_nvidia_runtime() {
        runtime.push_str(", with the NVIDIA runtime");
    }
    Inventory {
        read_at: now,
        hostname: host.name,
        os: host.operating_system,
        kernel: host.kernel,
        cpu_model: host.architecture.clone(),
        cpu_core_count: host.cpus.unwrap_or_default(),
        memory_bytes: host.memory_bytes.unwrap_or_default(),
        architecture: host.architecture,
        container_runtime: Some(runtime),
        ..Inventory::default()
    }
}

/// Why no engine is started on a machine that is reached at that address, if none is.
pub(crate) fn refuses_public(address: &Address, ip: IpAddr) -> Option<String> {
    (!is_private(ip)).then(|| {
        format!(
            "{address} is reached at the public address {ip}, where anybody could use the engine: reach the machine at a private address, or over SSH"
        )
    })
}

/// Whether certificates and a private key can be used to reach Docker Engines; else the form's field that is wrong,
/// and why.
pub fn check_certificates(
    ca: &str,
    certificate: &str,
    key: &Secret<String>,
) -> Result<(), (&'static str, String)> {
    Address::check_certificates(ca, certificate, key).map_err(|error| {
        let field = match &error {
            Error::Certificate { what, .. } if what.starts_with("authority") => "ca",
            Error::Certificate { what, .. } if *what == "certificate" => "certificate",
            _ => "docker_key",
        };
        (field, sentence(&error.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_does_not_tell_stays_unknown() {
        let host = HostInfo {
            version: "28.2.2".to_owned(),
            api_version: "1.50".to_owned(),
            name: "gpu1".to_owned(),
            operating_system: "Debian GNU/Linux 13 (trixie)".to_owned(),
            kernel: "6.12".to_owned(),
            architecture: "x86_64".to_owned(),
            cpus: Some(64),
            memory_bytes: Some(1 << 40),
            runtimes: vec!["nvidia".to_owned(), "runc".to_owned()],
            storage_driver: "overlay2".to_owned(),
            cgroup_version: "2".to_owned(),
            root_folder: "/var/lib/docker".to_owned(),
            free_bytes: None,
            warnings: Vec::new(),
        };
        let inventory = inventory_of(host, Timestamp(7));
        assert_eq!(
            (inventory.cpu_core_count, inventory.memory_bytes),
            (64, 1 << 40)
        );
        assert_eq!((inventory.disk, inventory.socket_count), (None, 0));
        assert_eq!(
            inventory.container_runtime.as_deref(),
            Some("Docker 28.2.2, with the NVIDIA runtime")
        );
    }

    #[test]
    fn a_public_address_is_refused_with_what_to_do() {
        let address = Address::Tls {
            host: "gpu1".to_owned(),
            port: 2376,
            ca: String::new(),
            certificate: String::new(),
            key: Secret::new(String::new()),
        };
        let refused = |ip: [u8; 4]| refuses_public(&address, ip.into());
        let reason = refused([8, 8, 8, 8]).unwrap();
        assert!(
            reason.contains("tcp://gpu1:2376") && reason.contains("over SSH"),
            "{reason}"
        );
        assert_eq!(refused([10, 0, 0, 7]), None);
    }
}
