//! Local ports that are left for connections to one address.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The range that the system takes local ports from, and how many of it connections to one address use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LocalPorts {
    pub(super) low: u16,
    pub(super) high: u16,
    pub(super) used: u64,
}

impl LocalPorts {
    /// As Linux tells it; `None` where it does not.
    pub(super) fn of(address: SocketAddr) -> Option<Self> {
        let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
        let (low, high) = parse_range(&range)?;
        // A connection is one by both its ends: only those to the same address are in the way. One that was
        // closed is for a minute.
        let used = ["/proc/net/tcp", "/proc/net/tcp6"]
            .into_iter()
            .filter_map(|table| fs::read_to_string(table).ok())
            .map(|table| count_used(&table, address, low, high))
            .sum();
        Some(Self { low, high, used })
    }

    /// Ports that are free.
    pub(super) fn free(self) -> u64 {
        let all = u64::from(self.high.saturating_sub(self.low)) + 1;
        all.saturating_sub(self.used)
    }
}

fn parse_range(text: &str) -> Option<(u16, u16)> {
    let mut ports = text.split_whitespace().map(|port| port.parse().ok());
    Some((ports.next()??, ports.next()??))
}

/// Connections to `address` from ports of the range in one of the kernel's tables.
fn count_used(table: &str, address: SocketAddr, low: u16, high: u16) -> u64 {
    let wanted = (address.ip().to_canonical(), address.port());
    let used = table.lines().skip(1).filter(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (Some(local), Some(remote)) = (fields.next(), fields.next()) else {
            return false;
        };
        parse_end(remote) == Some(wanted)
            && parse_end(local).is_some_and(|(_, port)| (low..=high).contains(&port))
    });
    used.count() as u64
}

/// An end of a connection such as `0100007F:1F90`: 32-bit words in the machine's own byte order.
fn parse_end(text: &str) -> Option<(IpAddr, u16)> {
    let (ip, port) = text.split_once(':')?;
    let words: Option<Vec<[u8; 4]>> = (0..ip.len() / 8)
        .map(|word| {
            let digits = ip.get(word * 8..(word + 1) * 8)?;
            Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
        })
        .collect();
    let ip = match words?.as_slice() {
        [word] => IpAddr::V4(Ipv4Addr::from(*word)),
        words @ [_, _, _, _] => {
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some((ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_to_the_address_are_counted() {
        // Words as a little-endian machine writes them; the test reads what this machine would write.
        let word = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
        let (local, remote) = (word([127, 0, 0, 1]), word([10, 0, 0, 7]));
        let mapped = [[0; 4], [0; 4], [0, 0, 255, 255], [10, 0, 0, 7]]
            .map(word)
            .concat();
        let table = format!(
            "  sl  local_address rem_address   st tx_queue
   0: {local}:8000 {remote}:1F40 01 00000000:00000000
   1: {local}:8001 {remote}:1F40 06 00000000:00000000
   2: {local}:0050 {remote}:1F40 01 00000000:00000000
   3: {local}:8002 {remote}:1F41 01 00000000:00000000
   4: {local}:1F40 00000000:0000 0A 00000000:00000000
   5: {mapped}:8003 {mapped}:1F40 01 00000000:00000000
"
        );
        let address = "10.0.0.7:8000".parse().unwrap();
        assert_eq!(count_used(&table, address, 32_768, 60_999), 3);
    }

    #[test]
    fn a_connection_of_this_machine_is_seen() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let before = LocalPorts::of(address).unwrap();
        assert_eq!(before.used, 0);
        let _connection = std::net::TcpStream::connect(address).unwrap();
        let after = LocalPorts::of(address).unwrap();
        assert_eq!((after.used, after.free()), (1, before.free() - 1));
    }

    #[test]
    fn ranges_are_read() {
        assert_eq!(parse_range("32768\t60999\n"), Some((32_768, 60_999)));
        assert_eq!(parse_range(""), None);
    }
}
