//! The form of a cluster of machines that are reached over SSH, or through their Docker Engines.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::machine_address::{read_address, read_docker_address};
use super::{Cluster, MachineAddress, NodeAccess, SshAddress, SshKeySecret, SshLogin};
use crate::field::{FieldErrors, optional_text, required_text};
use crate::secret::Secret;

/// Most machines of a cluster.
pub const MACHINES_MAX: usize = 64;
/// Most characters of a machine's name.
const NAME_CHARS_MAX: u32 = 100;
/// Most bytes of a private key or of certificates, and of a password or passphrase.
const KEY_BYTES_MAX: usize = 32 << 10;
const PASSWORD_BYTES_MAX: usize = 4 << 10;

/// How the machines are reached, as chosen in the form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginChoice {
    /// Over SSH, with a private key.
    #[default]
    Key,
    /// Over SSH, with a password.
    Password,
    /// Over SSH, with the keys of the agent that the server's user runs.
    Agent,
    /// Through its Docker Engine over TLS, with a certificate.
    DockerTls,
}

impl LoginChoice {
    /// Every choice, in the order of forms.
    pub const ALL: [Self; 4] = [Self::Key, Self::Password, Self::Agent, Self::DockerTls];

    /// The name in forms and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Password => "password",
            Self::Agent => "agent",
            Self::DockerTls => "docker_tls",
        }
    }

    /// The choice of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }

    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Key => "SSH, with a private key",
            Self::Password => "SSH, with a password",
            Self::Agent => "SSH, with the keys of the server’s SSH agent",
            Self::DockerTls => "Docker over TLS, with a certificate",
        }
    }

    /// How a node is reached; `None` for one that is this machine or an endpoint.
    pub fn of(access: &NodeAccess) -> Option<Self> {
        match access {
            NodeAccess::Direct => None,
            NodeAccess::DockerTls(_) => Some(Self::DockerTls),
            NodeAccess::Ssh(access) => Some(match access.login {
                SshLogin::Agent => Self::Agent,
                SshLogin::Key { .. } => Self::Key,
                SshLogin::Password { .. } => Self::Password,
            }),
        }
    }
}

/// The form, as typed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MachinesForm {
    /// Name shown.
    pub name: String,
    /// One machine on each line: `[user@]host[:port] [as NAME]`. Docker Engines have no accounts.
    pub machines: String,
    /// The account on machines whose line names none.
    pub user: String,
    /// A [`LoginChoice`]; empty is the first.
    pub login: String,
    /// The text of a private key; empty keeps the present one.
    pub private_key: String,
    /// What unlocks it.
    pub passphrase: String,
    /// A password; empty keeps the present one.
    pub password: String,
    /// The machine on the way, `[user@]host[:port]`; empty for none.
    pub jump: String,
    /// Of Docker Engines: certificates of the authorities that theirs must come from.
    pub ca: String,
    /// Of Docker Engines: the certificate by which this server proves itself.
    pub certificate: String,
    /// Of Docker Engines: the private key of that certificate; empty keeps the present one.
    pub docker_key: String,
    /// Free text.
    pub description: String,
}

impl fmt::Debug for MachinesForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachinesForm")
            .field("name", &self.name)
            .field("machines", &self.machines)
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

/// A checked [`MachinesForm`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMachines {
    /// Name shown.
    pub name: String,
    /// The machines, at least one; names and addresses are unique.
    pub machines: Vec<NewMachine>,
    /// How to reach all of them.
    pub login: NewLogin,
    /// The machine on the way.
    pub jump: Option<SshAddress>,
    /// Free text.
    pub description: String,
}

/// One machine of the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMachine {
    /// Name shown.
    pub name: String,
    /// Where it is reached: all of a form in the same way.
    pub address: MachineAddress,
}

/// How to reach machines. `None` keeps the secret that is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewLogin {
    /// With the agent's keys.
    Agent,
    /// With a private key.
    Key(Option<SshKeySecret>),
    /// With a password.
    Password(Option<Secret<String>>),
    /// Through Docker, with a certificate.
    DockerTls(NewDockerLogin),
}

/// By what this server and Docker Engines prove themselves to each other, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDockerLogin {
    /// Certificates of the authorities of the Docker Engines.
    pub ca: String,
    /// The server's certificate.
    pub certificate: String,
    /// Its private key.
    pub key: Option<Secret<String>>,
}

impl NewMachines {
    /// Every address that a secret is bound to: those of the machines and of the one on the way.
    pub fn addresses(&self) -> impl Iterator<Item = MachineAddress> {
        let machines = self.machines.iter().map(|machine| machine.address.clone());
        machines.chain(self.jump.clone().map(MachineAddress::Ssh))
    }
}

impl MachinesForm {
    /// The form of an existing cluster; secrets never come back.
    pub fn of(cluster: &Cluster) -> Self {
        let mut ways = cluster.nodes.iter().filter_map(|node| node.access.ssh());
        let first = ways.next();
        let user = first.map_or_else(String::new, |access| access.address.user.clone());
        let written = |text: String| match text.split_once('@') {
            Some((account, place)) if account == user => place.to_owned(),
            _ => text,
        };
        let lines = cluster.nodes.iter().filter_map(|node| {
            let address = node.access.address()?;
            let text = written(address.to_string());
            Some(if node.name == address.host() {
                text
            } else {
                format!("{text} as {}", node.name)
            })
        });
        let mut choices = cluster.nodes.iter();
        let choice = choices.find_map(|node| LoginChoice::of(&node.access));
        let docker = cluster.nodes.iter().find_map(|node| node.access.docker());
        Self {
            name: cluster.name.clone(),
            machines: lines.collect::<Vec<_>>().join("\n"),
            login: choice.unwrap_or_default().as_str().to_owned(),
            jump: first
                .and_then(|access| access.jump.as_ref())
                .map_or_else(String::new, |jump| written(jump.address.to_string())),
            ca: docker.map_or_else(String::new, |access| access.ca.clone()),
            certificate: docker.map_or_else(String::new, |access| access.certificate.clone()),
            user,
            description: cluster.description.clone(),
            ..Self::default()
        }
    }

    /// Checks every field. `present` is the cluster that is changed: its key may stay, and its password
    /// unless it would be sent to a machine or an account that it was not given for.
    pub fn validate(&self, present: Option<&Cluster>) -> Result<NewMachines, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.check("name", required_text(&self.name, "a name", 200));
        let description = errors.check(
            "description",
            optional_text(&self.description, "the description", 2_000),
        );
        let choice = errors.check("login", self.choice());
        let is_docker = choice == Some(LoginChoice::DockerTls);
        let machines = errors.check("machines", self.read_machines(is_docker));
        let jump = match self.jump.trim() {
            "" => Some(None),
            // What another choice left in its fields is not looked at.
            _ if is_docker => Some(None),
            text => errors
                .check("jump", read_address(text, self.user.trim()))
                .map(Some),
        };
        let login = choice.and_then(|choice| self.read_login(choice, &mut errors));
        let (Some(name), Some(description), Some(machines), Some(jump), Some(login)) =
            (name, description, machines, jump, login)
        else {
            return Err(errors);
        };
        let new = NewMachines {
            name,
            machines,
            login,
            jump,
            description,
        };
        if let Some((field, message)) = missing_secret(&new, present) {
            errors.add(field, message);
        }
        errors.into_result(new)
    }

    fn choice(&self) -> Result<LoginChoice, String> {
        match self.login.trim() {
            "" => Ok(LoginChoice::default()),
            text => LoginChoice::parse(text).ok_or_else(|| {
                "Choose a key, a password, the agent or Docker over TLS.".to_owned()
            }),
        }
    }

    fn read_machines(&self, is_docker: bool) -> Result<Vec<NewMachine>, String> {
        let lines = self.machines.lines().map(str::trim);
        let mut machines = Vec::new();
        let (mut names, mut addresses) = (HashSet::new(), HashSet::new());
        for line in lines.filter(|line| !line.is_empty()) {
            let machine = read_machine(line, |text| {
                if is_docker {
                    read_docker_address(text).map(MachineAddress::Docker)
                } else {
                    read_address(text, self.user.trim()).map(MachineAddress::Ssh)
                }
            })?;
            if !addresses.insert(machine.address.clone()) {
                return Err(format!("{} stands there twice.", machine.address));
            }
            if !names.insert(machine.name.to_lowercase()) {
                return Err(format!(
                    "Two machines are called “{}”: give one another name, as in “{} as NAME”.",
                    machine.name, machine.address
                ));
            }
            machines.push(machine);
        }
        match machines.len() {
            0 => Err("Give at least one machine.".to_owned()),
            1..=MACHINES_MAX => Ok(machines),
            count => Err(format!(
                "{count} machines are too many: a cluster has at most {MACHINES_MAX}."
            )),
        }
    }

    fn read_login(&self, choice: LoginChoice, errors: &mut FieldErrors) -> Option<NewLogin> {
        match choice {
            LoginChoice::DockerTls => {
                let ca = errors.check("ca", certificates(&self.ca));
                let certificate = errors.check("certificate", certificates(&self.certificate));
                let key = errors.check("docker_key", docker_key(&self.docker_key));
                Some(NewLogin::DockerTls(NewDockerLogin {
                    ca: ca?,
                    certificate: certificate?,
                    key: key?,
                }))
            }
            LoginChoice::Agent => Some(NewLogin::Agent),
            LoginChoice::Password => {
                let password = errors.check("password", short_secret(&self.password))?;
                Some(NewLogin::Password(password))
            }
            LoginChoice::Key => {
                let passphrase = errors.check("passphrase", short_secret(&self.passphrase));
                let key = errors.check("private_key", key_text(&self.private_key))?;
                match (key, passphrase?) {
                    (None, Some(_)) => {
                        errors.add("private_key", "Give the key that the passphrase unlocks.");
                        None
                    }
                    (None, None) => Some(NewLogin::Key(None)),
                    (Some(key), passphrase) => {
                        Some(NewLogin::Key(Some(SshKeySecret { key, passphrase })))
                    }
                }
            }
        }
    }
}

/// Reads `ADDRESS` or `ADDRESS as NAME`.
fn read_machine(
    line: &str,
    read: impl Fn(&str) -> Result<MachineAddress, String>,
) -> Result<NewMachine, String> {
    let (address, rest) = line
        .split_once(char::is_whitespace)
        .map_or((line, ""), |(address, rest)| (address, rest.trim()));
    let address = read(address)?;
    let name = match rest.strip_prefix("as ") {
        Some(name) => name.trim(),
        None if rest == "as" => return Err(format!("Give a name after “as” in “{line}”.")),
        None if rest.is_empty() => "",
        None => return Err(format!("Write “as” before the name in “{line}”.")),
    };
    let name = if name.is_empty() {
        address.host().to_owned()
    } else {
        required_text(name, "the name of a machine", NAME_CHARS_MAX)?
    };
    Ok(NewMachine { name, address })
}

/// A password or a passphrase as it was typed, spaces and all.
fn short_secret(text: &str) -> Result<Option<Secret<String>>, String> {
    if text.len() > PASSWORD_BYTES_MAX {
        return Err(format!("At most {PASSWORD_BYTES_MAX} bytes are taken."));
    }
    if text.contains(['\0', '\r', '\n']) {
        return Err("Give one line.".to_owned());
    }
    Ok((!text.is_empty()).then(|| Secret::new(text.to_owned())))
}

/// The text of a key file, with the line ends that browsers change put back.
fn key_text(text: &str) -> Result<Option<Secret<String>>, String> {
    if text.len() > KEY_BYTES_MAX {
        return Err(format!(
            "That is longer than a private key: at most {KEY_BYTES_MAX} bytes are taken."
        ));
    }
    let text = text.replace("\r\n", "\n");
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let first = text.lines().next().unwrap_or_default();
    if first.starts_with("ssh-") || first.starts_with("ecdsa-") {
        return Err("That is the public half: paste the file without .pub.".to_owned());
    }
    Ok(Some(Secret::new(format!("{text}\n"))))
}

/// One certificate or more, as PEM. Whether they can be used is seen by whoever uses them.
fn certificates(text: &str) -> Result<String, String> {
    let text = text.replace("\r\n", "\n");
    let text = text.trim();
    if text.contains("PRIVATE KEY-----") {
        return Err("That holds a private key: paste the certificate alone.".to_owned());
    }
    if text.len() > KEY_BYTES_MAX {
        return Err(format!("At most {KEY_BYTES_MAX} bytes are taken."));
    }
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(
            "Paste the certificate as PEM: it begins with “-----BEGIN CERTIFICATE-----”."
                .to_owned(),
        );
    }
    Ok(format!("{text}\n"))
}

/// The private key of a certificate, as PEM; `None` where nothing was given.
fn docker_key(text: &str) -> Result<Option<Secret<String>>, String> {
    let Some(key) = key_text(text)? else {
        return Ok(None);
    };
    let text = key.expose();
    if text.contains("-----BEGIN ENCRYPTED") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err("That key is locked by a passphrase: give it unlocked (it is sealed here), as from “openssl pkey -in key.pem”.".to_owned());
    }
    if !text.contains("PRIVATE KEY-----") || text.contains("BEGIN OPENSSH") {
        return Err(
            "Paste the private key as PEM: it begins with “-----BEGIN PRIVATE KEY-----”, RSA or EC.".to_owned(),
        );
    }
    Ok(Some(key))
}

/// What has to be given because nothing sealed can stand for it.
fn missing_secret(
    new: &NewMachines,
    present: Option<&Cluster>,
) -> Option<(&'static str, &'static str)> {
    let nodes = || present.iter().flat_map(|cluster| &cluster.nodes);
    let ways: Vec<_> = nodes().filter_map(|node| node.access.ssh()).collect();
    let login = ways.first().map(|access| access.login);
    if let NewLogin::DockerTls(NewDockerLogin { key: None, .. }) = &new.login {
        // A key is never sent: it may stay whatever the addresses.
        let is_kept = nodes().any(|node| node.access.docker().is_some());
        return (!is_kept).then_some(("docker_key", "Give the private key."));
    }
    match (&new.login, login) {
        (
            NewLogin::Agent
            | NewLogin::Key(Some(_))
            | NewLogin::Password(Some(_))
            | NewLogin::DockerTls(_),
            _,
        )
        // A key is never sent: it may stay whatever the addresses.
        | (NewLogin::Key(None), Some(SshLogin::Key { .. })) => None,
        (NewLogin::Key(None), _) => Some(("private_key", "Give the private key.")),
        (NewLogin::Password(None), Some(SshLogin::Password { .. })) => {
            let jumps = ways.iter().filter_map(|access| access.jump.as_ref());
            let known: HashSet<MachineAddress> = ways
                .iter()
                .map(|access| &access.address)
                .chain(jumps.map(|jump| &jump.address))
                .cloned()
                .map(MachineAddress::Ssh)
                .collect();
            // Whoever may edit an address must not be able to have the password sent to their own.
            let is_known = new.addresses().all(|address| known.contains(&address));
            (!is_known).then_some((
                "password",
                "Give the password again: the saved one is only sent to the machines and accounts it was given for.",
            ))
        }
        (NewLogin::Password(None), _) => Some(("password", "Give the password.")),
    }
}

#[cfg(test)]
mod tests;
