//! What the system allows: open files and local ports, one of each for a connection.

mod ports;

use std::net::SocketAddr;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::error::LoadError;
use ports::LocalPorts;

/// Open files that the process needs beside its connections.
const FILES_RESERVED: u64 = 128;
/// Local ports left to other programs on the machine.
const PORTS_RESERVED: u64 = 64;
/// Most requests of one process in flight at once in open loop, if the system allows them.
const IN_FLIGHT_MAX: u64 = 20_000;

/// Raises the limit of open files as far as the system lets it and says how many requests to
/// `addresses` may be in flight at once. Refuses when these are fewer than `needed`.
pub(crate) fn in_flight_max(needed: u32, addresses: &[SocketAddr]) -> Result<usize, LoadError> {
    let allowed = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) if soft < hard => match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            Ok(()) => hard,
            Err(_) => soft,
        },
        Ok((soft, _)) => soft,
        // A system that does not tell is taken at its word when a connection fails.
        Err(_) => u64::MAX,
    };
    let needed = u64::from(needed).max(1);
    let of_files = within_files(needed, allowed)?;
    // Each address has its own ports, and which one a connection goes to is seen when it is opened.
    let of_ports = match addresses {
        [address] => match LocalPorts::of(*address) {
            Some(ports) => within_ports(needed, *address, ports)?,
            None => u64::MAX,
        },
        _ => u64::MAX,
    };
    let most = of_files.min(of_ports).min(IN_FLIGHT_MAX.max(needed));
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

fn within_files(needed: u64, allowed: u64) -> Result<u64, LoadError> {
    let room = allowed.saturating_sub(FILES_RESERVED);
    if needed > room {
        return Err(LoadError::FileLimit {
            needed: needed + FILES_RESERVED,
            allowed,
        });
    }
    Ok(room)
}

fn within_ports(needed: u64, address: SocketAddr, ports: LocalPorts) -> Result<u64, LoadError> {
    let room = ports.free().saturating_sub(PORTS_RESERVED);
    if needed > room {
        return Err(LoadError::PortLimit {
            needed,
            address,
            free: ports.free(),
            low: ports.low,
            high: ports.high,
        });
    }
    Ok(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_open_files_are_refused_before_the_run() {
        assert_eq!(within_files(64, 1_024).unwrap(), 1_024 - 128);
        let refused = within_files(2_048, 1_024).unwrap_err().to_string();
        assert!(
            refused.contains("2176") && refused.contains("1024"),
            "{refused}"
        );
        assert!(within_files(1, 100).is_err());
    }

    #[test]
    fn too_few_ports_are_refused_before_the_run() {
        let address = "10.0.0.7:8000".parse().unwrap();
        let ports = LocalPorts {
            low: 32_768,
            high: 33_767,
            used: 300,
        };
        assert_eq!(within_ports(512, address, ports).unwrap(), 1_000 - 300 - 64);
        let refused = within_ports(700, address, ports).unwrap_err().to_string();
        for part in [
            "700 connections to 10.0.0.7:8000",
            "700 of the range 32768 to 33767",
            "ip_local_port_range",
        ] {
            assert!(refused.contains(part), "{refused}");
        }
    }

    #[test]
    fn this_machine_lets_a_few_requests_out() {
        let most = in_flight_max(1, &["127.0.0.1:9".parse().unwrap()]).unwrap();
        assert!((1..=20_000).contains(&most));
    }
}
