//! Where an engine may listen.

use std::net::IpAddr;

/// Whether an engine may listen on that address of its node: engines ask nobody who they are, so that it must not be
/// one that anybody reaches. Loopback, the private networks, link-local, and the carriers' shared range that
/// private overlays use.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_anybody_reaches_are_not_private() {
        let is_private = |text: &str| is_private(text.parse().unwrap());
        for address in [
            "127.0.0.2",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.7.7",
            "169.254.1.1",
            "100.64.0.9",
            "::1",
            "fd12::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(address), "{address}");
        }
        for address in [
            "0.0.0.0",
            "172.32.0.1",
            "100.128.0.1",
            "203.0.113.5",
            "::",
            "2001:db8::1",
            "::ffff:203.0.113.5",
        ] {
            assert!(!is_private(address), "{address}");
        }
    }
}
