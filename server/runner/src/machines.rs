//! Looking at machines over SSH, or through their Docker Engines: whether somebody can sign in, how far away they are, what they have, and
//! what this installation left there.

mod docker_tls;

use domain::catalogue::{
    FoundThere, Inventory, NodeCheck, OfferedKey, SshAccess, SshAddress, SshHop, SshKeySecret,
    ThereAs,
};
use domain::time::Timestamp;
use ssh::{HostKey, Session, SshError};
use store::Store;

use crate::inventory::{ANSWER_BYTES_MAX, ANSWER_WITHIN, Question};
use crate::reach::{self, NotReached};

pub(crate) use docker_tls::refuses_public;
pub use docker_tls::{check_certificates, look_through_docker};

/// Most things of ours that a look at a machine tells.
const FOUND_MAX: usize = 100;

/// Connects, signs in and asks the machine what it has. `installation` is the mark of what is ours there.
pub async fn look(
    store: &Store,
    access: &SshAccess,
    installation: &str,
    now: Timestamp,
) -> (NodeCheck, Option<Inventory>) {
    let mut check = NodeCheck::nothing_found(now);
    let session = match reach::connect(store, access).await {
        Ok(session) => session,
        Err(NotReached::Secret(reason)) => {
            check.message = sentence(&reason);
            return (check, None);
        }
        Err(NotReached::Ssh(error)) => {
            check.message = sentence(&error.to_string());
            check.offered_key = offered_key(&error, access);
            return (check, None);
        }
    };
    let looked = async {
        let round_trip = session.round_trip_time().await?;
        let inventory = read_inventory(&session, now).await?;
        let left = find_ours(&session, installation, &inventory).await?;
        Ok::<_, SshError>((round_trip, inventory, left))
    };
    match looked.await {
        Ok((round_trip, inventory, left_there)) => {
            check.is_reachable = true;
            "It can be signed in to.".clone_into(&mut check.message);
            check.round_trip_us = u64::try_from(round_trip.as_micros()).ok();
            check.left_there = left_there;
            session.close().await;
            (check, Some(inventory))
        }
        Err(error) => {
            check.message = sentence(&error.to_string());
            (check, None)
        }
    }
}

/// Asks a machine the same questions as this one.
async fn read_inventory(session: &Session, now: Timestamp) -> Result<Inventory, SshError> {
    let mut inventory = Inventory {
        read_at: now,
        ..Inventory::default()
    };
    let most = usize::try_from(ANSWER_BYTES_MAX).unwrap_or(usize::MAX);
    for question in Question::ALL {
        match session
            .run(question.words(), &[], ANSWER_WITHIN, most)
            .await
        {
            Ok(output) if output.exit.is_success() => question.add(&output.text(), &mut inventory),
            // It does not know the command, or a driver hangs: that answer stays unknown.
            Ok(_) | Err(SshError::TimedOut { .. } | SshError::OutputTooLong { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if inventory.cpu_model.is_empty() {
        inventory.cpu_model.clone_from(&inventory.architecture);
    }
    Ok(inventory)
}

/// Supervised processes and containers that carry the mark of this installation.
async fn find_ours(
    session: &Session,
    installation: &str,
    inventory: &Inventory,
) -> Result<Vec<FoundThere>, SshError> {
    let mut found = Vec::new();
    for run in session.list(installation).await? {
        let benchmark_id = run.run.parse().ok();
        found.extend(run.processes.into_iter().map(|process| FoundThere {
            benchmark_id,
            name: process.name,
            what: ThereAs::Process,
            is_running: process.is_alive,
        }));
    }
    if inventory.container_runtime.is_some() {
        found.extend(find_containers(session, installation).await?);
    }
    found.truncate(FOUND_MAX);
    Ok(found)
}

async fn find_containers(
    session: &Session,
    installation: &str,
) -> Result<Vec<FoundThere>, SshError> {
    let filter = format!("label={}={installation}", docker::INSTANCE_LABEL);
    let format = format!(
        "{{{{.State}}}}\t{{{{.Label \"{}\"}}}}\t{{{{.Names}}}}",
        docker::RUN_LABEL
    );
    let words = [
        "docker", "ps", "--all", "--filter", &filter, "--format", &format,
    ];
    let most = usize::try_from(ANSWER_BYTES_MAX).unwrap_or(usize::MAX);
    let output = match session.run(&words, &[], ANSWER_WITHIN, most).await {
        Ok(output) if output.exit.is_success() => output.text(),
        Ok(_) | Err(SshError::TimedOut { .. } | SshError::OutputTooLong { .. }) => String::new(),
        Err(error) => return Err(error),
    };
    Ok(output.lines().filter_map(read_container).collect())
}

/// Reads `STATE<tab>RUN<tab>NAME`.
fn read_container(line: &str) -> Option<FoundThere> {
    let (state, rest) = line.split_once('\t')?;
    let (run, name) = rest.split_once('\t')?;
    Some(FoundThere {
        benchmark_id: run.parse().ok(),
        name: name.to_owned(),
        what: ThereAs::Container,
        is_running: state == "running",
    })
}

/// The key that waits for a person, if that is why a machine was not reached.
fn offered_key(error: &SshError, access: &SshAccess) -> Option<OfferedKey> {
    let (host, offered, accepted_before) = match error {
        SshError::HostKeyUnknown { host, offered } => (host, offered, None),
        SshError::HostKeyChanged {
            host,
            pinned,
            offered,
        } => (host, offered, Some(pinned.fingerprint())),
        _ => return None,
    };
    let is_jump = access
        .jump
        .as_ref()
        .is_some_and(|jump| place_of(&jump.address) == *host);
    Some(OfferedKey {
        of: if is_jump { SshHop::Jump } else { SshHop::Node },
        kind: offered.kind(),
        fingerprint: offered.fingerprint(),
        line: offered.to_line(),
        accepted_before,
    })
}

/// `host:port`, as errors name a machine.
fn place_of(address: &SshAddress) -> String {
    if address.host.contains(':') {
        format!("[{}]:{}", address.host, address.port)
    } else {
        format!("{}:{}", address.host, address.port)
    }
}

fn sentence(reason: &str) -> String {
    let mut chars = reason.chars();
    let first: String = chars.next().iter().flat_map(|c| c.to_uppercase()).collect();
    format!("{first}{}.", chars.as_str().trim_end_matches('.'))
}

/// Whether a private key can be used; else the form's field that is wrong, and why.
pub fn check_key(secret: &SshKeySecret) -> Result<(), (&'static str, String)> {
    let passphrase = secret
        .passphrase
        .as_ref()
        .map(|text| text.expose().as_str());
    match ssh::read_key(secret.key.expose(), passphrase) {
        Ok(_) => Ok(()),
        Err(error @ (SshError::PassphraseMissing | SshError::PassphraseWrong)) => {
            Err(("passphrase", sentence(&error.to_string())))
        }
        Err(error) => Err(("private_key", sentence(&error.to_string()))),
    }
}

/// `SHA256:…` of an accepted key; `None` when its line cannot be read.
pub fn fingerprint(line: &str) -> Option<String> {
    HostKey::parse(line).ok().map(|key| key.fingerprint())
}

#[cfg(test)]
mod tests {
    use domain::secret::Secret;

    use super::*;

    #[test]
    fn a_container_is_read_from_its_line() {
        let id = domain::id::BenchmarkId(uuid::Uuid::from_u128(7));
        let found = read_container(&format!("exited\t{id}\tassay-x")).unwrap();
        assert_eq!((found.benchmark_id, found.is_running), (Some(id), false));
        assert_eq!(found.name, "assay-x");
        assert!(read_container("running\t\tx").unwrap().is_running);
        assert_eq!(read_container("running"), None);
    }

    #[test]
    fn a_key_that_cannot_be_used_is_told_at_its_field() {
        let key = |text: &str| SshKeySecret {
            key: Secret::new(text.to_owned()),
            passphrase: None,
        };
        let (field, words) = check_key(&key("-----BEGIN RSA PRIVATE KEY-----\n")).unwrap_err();
        assert!(field == "private_key" && words.contains("RSA"), "{words}");
        let (field, words) = check_key(&key("nothing")).unwrap_err();
        assert!(
            field == "private_key" && words.starts_with("The private key"),
            "{words}"
        );
        let locked = key("-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
        assert_eq!(check_key(&locked).unwrap_err().0, "passphrase");
    }

    #[test]
    fn the_machine_whose_key_waits_is_told_by_its_place() {
        let line =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
        let offered = HostKey::parse(line).unwrap();
        let address = |host: &str, port| SshAddress {
            host: host.to_owned(),
            port,
            user: "ada".to_owned(),
        };
        let access = SshAccess {
            address: address("fe80::1", 22),
            login: domain::catalogue::SshLogin::Agent,
            host_key: None,
            jump: Some(domain::catalogue::SshJump {
                address: address("door", 2222),
                host_key: None,
            }),
        };
        for (host, hop) in [("door:2222", SshHop::Jump), ("[fe80::1]:22", SshHop::Node)] {
            let error = SshError::HostKeyUnknown {
                host: host.to_owned(),
                offered: offered.clone(),
            };
            let key = offered_key(&error, &access).unwrap();
            assert_eq!((key.of, key.line.as_str()), (hop, line));
            assert_eq!(fingerprint(line), Some(key.fingerprint));
        }
        assert_eq!(fingerprint("nonsense"), None);
    }
}
