//! The form of a cluster of machines that are reached over SSH.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::machine_address::read_address;
use super::{Cluster, SshAddress, SshKeySecret, SshLogin};
use crate::field::{FieldErrors, optional_text, required_text};
use crate::secret::Secret;

/// Most machines of a cluster.
pub const MACHINES_MAX: usize = 64;
/// Most characters of a machine's name.
const NAME_CHARS_MAX: u32 = 100;
/// Most bytes of a private key, and of a password or passphrase.
const KEY_BYTES_MAX: usize = 32 << 10;
const PASSWORD_BYTES_MAX: usize = 4 << 10;

/// How somebody signs in, as chosen in the form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginChoice {
    /// With a private key.
    #[default]
    Key,
    /// With a password.
    Password,
    /// With the keys of the agent that the server's user runs.
    Agent,
}

impl LoginChoice {
    /// Every choice, in the order of forms.
    pub const ALL: [Self; 3] = [Self::Key, Self::Password, Self::Agent];

    /// The name in forms and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Password => "password",
            Self::Agent => "agent",
        }
    }

    /// The choice of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }

    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Key => "A private key",
            Self::Password => "A password",
            Self::Agent => "The keys of the server’s SSH agent",
        }
    }

    /// What a login is.
    pub fn of(login: SshLogin) -> Self {
        match login {
            SshLogin::Agent => Self::Agent,
            SshLogin::Key { .. } => Self::Key,
            SshLogin::Password { .. } => Self::Password,
        }
    }
}

/// The form, as typed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MachinesForm {
    /// Name shown.
    pub name: String,
    /// One machine on each line: `[user@]host[:port] [as NAME]`.
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
    /// How to sign in.
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
    /// Where it listens, and as whom.
    pub address: SshAddress,
}

/// How to sign in. `None` keeps the secret that is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewLogin {
    /// With the agent's keys.
    Agent,
    /// With a private key.
    Key(Option<SshKeySecret>),
    /// With a password.
    Password(Option<Secret<String>>),
}

impl NewMachines {
    /// Every address that a password is sent to: those of the machines and of the one on the way.
    pub fn addresses(&self) -> impl Iterator<Item = &SshAddress> {
        let machines = self.machines.iter().map(|machine| &machine.address);
        machines.chain(&self.jump)
    }
}

impl MachinesForm {
    /// The form of an existing cluster; secrets never come back.
    pub fn of(cluster: &Cluster) -> Self {
        let ways: Vec<_> = cluster
            .nodes
            .iter()
            .filter_map(|node| Some((node, node.access.ssh()?)))
            .collect();
        let first = ways.first().map(|(_, access)| *access);
        let user = first.map_or_else(String::new, |access| access.address.user.clone());
        let written = |address: &SshAddress| {
            let text = address.to_string();
            match text.split_once('@') {
                Some((account, place)) if account == user => place.to_owned(),
                _ => text,
            }
        };
        let lines = ways.iter().map(|(node, access)| {
            let address = written(&access.address);
            if node.name == access.address.host {
                address
            } else {
                format!("{address} as {}", node.name)
            }
        });
        Self {
            name: cluster.name.clone(),
            machines: lines.collect::<Vec<_>>().join("\n"),
            login: first
                .map_or_else(LoginChoice::default, |access| LoginChoice::of(access.login))
                .as_str()
                .to_owned(),
            jump: first
                .and_then(|access| access.jump.as_ref())
                .map_or_else(String::new, |jump| written(&jump.address)),
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
        let machines = errors.check("machines", self.read_machines());
        let jump = match self.jump.trim() {
            "" => Some(None),
            text => errors
                .check("jump", read_address(text, self.user.trim()))
                .map(Some),
        };
        let login = self.read_login(&mut errors);
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

    fn read_machines(&self) -> Result<Vec<NewMachine>, String> {
        let lines = self.machines.lines().map(str::trim);
        let mut machines = Vec::new();
        let (mut names, mut addresses) = (HashSet::new(), HashSet::new());
        for line in lines.filter(|line| !line.is_empty()) {
            let machine = read_machine(line, self.user.trim())?;
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

    fn read_login(&self, errors: &mut FieldErrors) -> Option<NewLogin> {
        let choice = match self.login.trim() {
            "" => LoginChoice::default(),
            text => {
                let known = LoginChoice::parse(text)
                    .ok_or_else(|| "Choose a key, a password or the agent.".to_owned());
                errors.check("login", known)?
            }
        };
        // What another choice left in its fields is not looked at.
        match choice {
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
fn read_machine(line: &str, user: &str) -> Result<NewMachine, String> {
    let (address, rest) = line
        .split_once(char::is_whitespace)
        .map_or((line, ""), |(address, rest)| (address, rest.trim()));
    let address = read_address(address, user)?;
    let name = match rest.strip_prefix("as ") {
        Some(name) => name.trim(),
        None if rest == "as" => return Err(format!("Give a name after “as” in “{line}”.")),
        None if rest.is_empty() => "",
        None => return Err(format!("Write “as” before the name in “{line}”.")),
    };
    let name = if name.is_empty() {
        address.host.clone()
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

/// What has to be given because nothing sealed can stand for it.
fn missing_secret(
    new: &NewMachines,
    present: Option<&Cluster>,
) -> Option<(&'static str, &'static str)> {
    let ways: Vec<_> = present
        .iter()
        .flat_map(|cluster| &cluster.nodes)
        .filter_map(|node| node.access.ssh())
        .collect();
    let login = ways.first().map(|access| access.login);
    match (&new.login, login) {
        (NewLogin::Agent | NewLogin::Key(Some(_)) | NewLogin::Password(Some(_)), _)
        // A key is never sent: it may stay whatever the addresses.
        | (NewLogin::Key(None), Some(SshLogin::Key { .. })) => None,
        (NewLogin::Key(None), _) => Some(("private_key", "Give the private key.")),
        (NewLogin::Password(None), Some(SshLogin::Password { .. })) => {
            let jumps = ways.iter().filter_map(|access| access.jump.as_ref());
            let known: HashSet<&SshAddress> = ways
                .iter()
                .map(|access| &access.address)
                .chain(jumps.map(|jump| &jump.address))
                .collect();
            // Whoever may edit an address must not be able to have the password sent to their own.
            let is_known = new.addresses().all(|address| known.contains(address));
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
