//! How people write the address of a machine.

use std::net::Ipv6Addr;

use super::{DOCKER_PORT, DockerAddress, SSH_PORT, SshAddress};

/// Most characters of a host name, and of an account's name.
const HOST_CHARS_MAX: usize = 253;
const USER_CHARS_MAX: usize = 64;

/// Reads `[user@]host[:port]`. The account is `user` where the text names none; an IPv6 address with a
/// port stands in brackets.
pub(super) fn read_address(text: &str, user: &str) -> Result<SshAddress, String> {
    let text = text.trim();
    let (user, place) = text.rsplit_once('@').unwrap_or((user, text));
    let (host, port) = split_port(place, SSH_PORT)?;
    check_host(host, text)?;
    check_user(user, text)?;
    Ok(SshAddress {
        host: host.to_ascii_lowercase(),
        port,
        user: user.to_owned(),
    })
}

/// Reads `host[:port]`, also as `tcp://host:port`. A Docker Engine has no accounts.
pub(super) fn read_docker_address(text: &str) -> Result<DockerAddress, String> {
    let text = text.trim();
    let place = text.strip_prefix("tcp://").unwrap_or(text);
    if place.contains('@') {
        return Err(format!(
            "Give “{text}” without an account: the certificate says who asks."
        ));
    }
    let (host, port) = split_port(place, DOCKER_PORT)?;
    check_host(host, text)?;
    Ok(DockerAddress {
        host: host.to_ascii_lowercase(),
        port,
    })
}

/// Host and port; `usual` where no port is given.
fn split_port(place: &str, usual: u16) -> Result<(&str, u16), String> {
    let read = |port: &str| {
        let port: Option<u16> = port.parse().ok();
        port.filter(|port| *port > 0)
            .ok_or_else(|| format!("Give the port of “{place}” as a number from 1 to 65535."))
    };
    if let Some(rest) = place.strip_prefix('[') {
        let (host, after) = rest
            .split_once(']')
            .ok_or_else(|| format!("Close the bracket of “{place}”."))?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, read(port)?)),
            None if after.is_empty() => Ok((host, usual)),
            None => Err(format!("Put a colon before the port of “{place}”.")),
        };
    }
    match place.split_once(':') {
        // More than one colon: an IPv6 address by itself.
        Some((_, rest)) if rest.contains(':') => Ok((place, usual)),
        Some((host, port)) => Ok((host, read(port)?)),
        None => Ok((place, usual)),
    }
}

fn check_host(host: &str, text: &str) -> Result<(), String> {
    if host.is_empty() {
        return Err(format!("Give a host name or an IP address in “{text}”."));
    }
    let is_fine = if host.contains(':') {
        host.parse::<Ipv6Addr>().is_ok()
    } else {
        host.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
            && !host.starts_with(['-', '.'])
            && host.len() <= HOST_CHARS_MAX
    };
    if is_fine {
        Ok(())
    } else {
        Err(format!("“{host}” is no host name and no IP address."))
    }
}

fn check_user(user: &str, text: &str) -> Result<(), String> {
    if user.is_empty() {
        return Err(format!(
            "Give the account of “{text}”: as user@host, or for all machines in its own field."
        ));
    }
    let is_fine = user.chars().count() <= USER_CHARS_MAX
        && !user.starts_with('-')
        && !user
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || ":@/\"'\\".contains(c));
    if is_fine {
        Ok(())
    } else {
        Err(format!("“{user}” is no name of an account."))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_may_leave_out_account_and_port() {
        let read = |text: &str| {
            let address = read_address(text, "ada").unwrap();
            (address.user, address.host, address.port)
        };
        let expected = |user: &str, host: &str, port| (user.to_owned(), host.to_owned(), port);
        assert_eq!(read(" GPU1.lab "), expected("ada", "gpu1.lab", 22));
        assert_eq!(
            read("root@10.0.0.2:2222"),
            expected("root", "10.0.0.2", 2222)
        );
        assert_eq!(read("fe80::1"), expected("ada", "fe80::1", 22));
        assert_eq!(read("bob@[fe80::1]:23"), expected("bob", "fe80::1", 23));
        assert_eq!(read("[::1]"), expected("ada", "::1", 22));
    }

    #[test]
    fn what_is_no_address_is_told_with_what_is_wrong() {
        for (text, word) in [
            ("", "host name"),
            ("ada@", "host name"),
            ("-oProxyCommand=x", "no host name"),
            ("a b", "no host name"),
            ("h;reboot", "no host name"),
            ("h:0", "port"),
            ("h:ssh", "port"),
            ("h:65536", "port"),
            ("[::1", "bracket"),
            ("[::1]22", "colon"),
            ("[h]", "ok"),
            ("-x@h", "account"),
            ("a/b@h", "account"),
            ("@h", "account"),
        ] {
            let read = read_address(text, "ada");
            if word == "ok" {
                assert!(read.is_ok(), "{text:?}");
            } else {
                assert!(read.unwrap_err().contains(word), "{text:?}");
            }
        }
        assert!(read_address("h", "").unwrap_err().contains("user@host"));
    }

    #[test]
    fn a_docker_engine_has_a_port_of_its_own_and_no_account() {
        let read = |text: &str| read_docker_address(text).map(|it| (it.host, it.port));
        let expected = |host: &str, port| Ok((host.to_owned(), port));
        assert_eq!(read(" GPU1.lab "), expected("gpu1.lab", 2376));
        assert_eq!(read("tcp://10.0.0.2:2377"), expected("10.0.0.2", 2377));
        assert_eq!(read("fe80::1"), expected("fe80::1", 2376));
        assert_eq!(read("[fe80::1]:23"), expected("fe80::1", 23));
        for (text, word) in [
            ("root@h", "account"),
            ("h:0", "port"),
            ("", "host name"),
            ("https://h", "port"),
        ] {
            assert!(read(text).unwrap_err().contains(word), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            user in "[a-z][a-z0-9_-]{0,8}",
            host in "([a-z0-9][a-z0-9.-]{0,12}|fe80::[1-9])",
            port in 1_u16..,
        ) {
            let address = SshAddress { host, port, user };
            prop_assert_eq!(read_address(&address.to_string(), "other"), Ok(address));
        }
    }
}
