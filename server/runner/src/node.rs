//! The machine an engine is started on: this one, one that is reached over SSH, or one that is reached through its
//! Docker Engine alone.

use std::path::PathBuf;
use std::time::Duration;

use docker::{Address, Docker};
use ssh::{Session, UnixForward};
use tempfile::TempDir;

/// Where Docker listens unless the account's environment says otherwise.
const DOCKER_SOCKET: &str = "/var/run/docker.sock";
/// How long a small question to a far machine may take.
pub(crate) const ASK_WITHIN: Duration = Duration::from_secs(20);
/// Most bytes of a small answer.
pub(crate) const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A node as the runner works on it.
#[derive(Clone)]
pub(crate) enum Node {
    /// This machine.
    Here,
    /// A machine over SSH.
    Far(Session),
    /// A machine through its Docker Engine, over TLS: nothing but containers runs there.
    Docker(Address),
}

/// A Docker Engine with the way to it.
pub(crate) struct NodeDocker {
    pub(crate) docker: Docker,
    way: Option<Way>,
    is_over_network: bool,
}

impl NodeDocker {
    /// The link it is reached through, where its machine is far.
    pub(crate) fn session(&self) -> Option<&Session> {
        self.way.as_ref().map(|way| &way.session)
    }

    /// The Docker Engine, where it is reached over the network without SSH: there is no link that would tell its
    /// own end.
    pub(crate) fn over_network(&self) -> Option<&Docker> {
        self.is_over_network.then_some(&self.docker)
    }
}

/// A far socket that stands in a closed folder here.
struct Way {
    // Dropped first: it lies in the folder.
    _socket: UnixForward,
    _folder: TempDir,
    session: Session,
}

impl Node {
    /// The Docker Engine of the node; `local` is this machine's.
    ///
    /// # Errors
    ///
    /// In words.
    pub(crate) async fn docker(&self, local: &Address) -> Result<NodeDocker, String> {
        let (address, is_over_network) = match self {
            Self::Far(session) => return through_link(session).await,
            Self::Here => (local, false),
            Self::Docker(address) => (address, true),
        };
        let docker = Docker::connect(address.clone()).await;
        Ok(NodeDocker {
            docker: docker.map_err(|error| error.to_string())?,
            way: None,
            is_over_network,
        })
    }
}

/// The Docker Engine that the account of a link may use.
async fn through_link(session: &Session) -> Result<NodeDocker, String> {
    let far = far_socket(session).await?;
    // Its own short path: a socket's name has at most 107 bytes.
    let folder = tempfile::Builder::new()
        .prefix("assay-")
        .tempdir()
        .map_err(|error| format!("no folder for a socket can be made: {error}"))?;
    let path = folder.path().join("docker.sock");
    let socket = session
        .forward_unix(&path, &far)
        .await
        .map_err(|error| error.to_string())?;
    let docker = match Docker::connect(Address::Socket(path)).await {
        Ok(docker) => docker,
        Err(error) => {
            // Why the far end did not open says more than that this end closed.
            let reason = socket
                .trouble()
                .map_or(error.to_string(), |why| why.to_string());
            return Err(format!(
                "no Docker Engine answers on {}: {reason}",
                session.place()
            ));
        }
    };
    Ok(NodeDocker {
        docker,
        is_over_network: false,
        way: Some(Way {
            _socket: socket,
            _folder: folder,
            session: session.clone(),
        }),
    })
}

/// The socket that the account's environment names (as rootless Docker does), or the usual one.
async fn far_socket(session: &Session) -> Result<String, String> {
    let answer = session
        .run(
            &["printenv", "DOCKER_HOST"],
            &[],
            ASK_WITHIN,
            ANSWER_BYTES_MAX,
        )
        .await
        .map_err(|error| error.to_string())?;
    let named = answer.text();
    Ok(match named.trim().strip_prefix("unix://") {
        Some(path) if PathBuf::from(path).is_absolute() => path.to_owned(),
        _ => DOCKER_SOCKET.to_owned(),
    })
}

/// A port of the machine's loopback address that nothing listens on, from the range that the system
/// gives to nobody by itself.
pub(crate) async fn free_far_port(session: &Session, seed: u64) -> Result<u16, String> {
    let answer = session
        .run(
            // What listens (state 0A): a busy machine has thousands of other lines.
            &["grep", "-h", " 0A ", "/proc/net/tcp", "/proc/net/tcp6"],
            &[],
            ASK_WITHIN,
            ANSWER_BYTES_MAX,
        )
        .await
        .map_err(|error| error.to_string())?;
    let taken = local_ports(&answer.text());
    let count = u64::from(PORTS.end - PORTS.start);
    // From a place that differs between runs: two that start at once do not take the same.
    let first = seed % count;
    (0..count)
        .filter_map(|step| u16::try_from(u64::from(PORTS.start) + (first + step) % count).ok())
        .find(|port| !taken.contains(port))
        .ok_or_else(|| format!("no port is free on {}", session.place()))
}

/// Ports below those that Linux gives to outgoing connections.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// The local ports of lines of a table in `/proc/net`.
fn local_ports(table: &str) -> std::collections::HashSet<u16> {
    let port = |line: &str| {
        let local = line.split_whitespace().nth(1)?;
        let (_, port) = local.rsplit_once(':')?;
        u16::from_str_radix(port, 16).ok()
    };
    table.lines().filter_map(port).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_from_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
                        0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n\
                        1: 00000000000000000000000000000000:4E20 00000000000000000000000000000000:0000 0A\n";
        let ports = local_ports(table);
        assert!(ports.contains(&8080) && ports.contains(&20_000));
        assert_eq!(ports.len(), 2);
    }
}
