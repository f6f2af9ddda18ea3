//! What can go wrong, each in one sentence for people.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::HostKey;

/// Why something over SSH did not work. The sentences name the machine and say what helps.
#[derive(Clone, Debug, Error)]
pub enum SshError {
    /// Nothing answers there.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// `host:port`.
        host: String,
        /// Why.
        reason: Unreachable,
    },
    /// Something answers there, but the encrypted link does not come about.
    #[error("{host} answers, but not as an SSH server that this program understands: {reason}")]
    Handshake {
        /// `host:port`.
        host: String,
        /// What went wrong.
        reason: String,
    },
    /// No key is pinned for it yet.
    #[error(
        "{host} is not known yet: it shows the {} key {}; accept it if that is the right one",
        offered.kind(),
        offered.fingerprint()
    )]
    HostKeyUnknown {
        /// `host:port`.
        host: String,
        /// What it proves itself with.
        offered: HostKey,
    },
    /// Another key than the pinned one: another machine, or a new installation.
    #[error(
        "{host} shows another key ({}) than the accepted one ({}): it may be another machine, so \
         nothing was sent; accept the new key only if you know why it changed",
        offered.fingerprint(),
        pinned.fingerprint()
    )]
    HostKeyChanged {
        /// `host:port`.
        host: String,
        /// What was accepted.
        pinned: HostKey,
        /// What it shows now.
        offered: HostKey,
    },
    /// The text of a pinned key is none.
    #[error("the accepted host key cannot be read: {reason}")]
    HostKeyUnreadable {
        /// What is wrong with it.
        reason: String,
    },
    /// The server does not take the credential.
    #[error("{host} refused {tried} of {user}{}", accepted(accepts))]
    AuthenticationRefused {
        /// `host:port`.
        host: String,
        /// The account.
        user: String,
        /// What was shown: "the key", "the password", "the agent's keys".
        tried: &'static str,
        /// What the server says it takes; empty when it does not say.
        accepts: Vec<String>,
    },
    /// The private key cannot be used.
    #[error("the private key cannot be read: {reason}")]
    KeyUnreadable {
        /// What is wrong with it.
        reason: String,
    },
    /// The private key is locked.
    #[error("the private key is locked with a passphrase, and none was given")]
    PassphraseMissing,
    /// The private key stays locked.
    #[error("the passphrase does not open the private key")]
    PassphraseWrong,
    /// There is no agent.
    #[error("there is no SSH agent: {reason}")]
    AgentMissing {
        /// What was looked for.
        reason: String,
    },
    /// The agent has nothing to show.
    #[error("the SSH agent holds no keys: add one with ssh-add")]
    AgentWithoutKeys,
    /// The agent has a key that the server takes, and does not sign with it.
    #[error("the SSH agent does not sign: {reason}")]
    AgentRefused {
        /// What it said.
        reason: String,
    },
    /// The link broke while it was used.
    #[error("the link to {host} is lost: {reason}")]
    LinkLost {
        /// `host:port`.
        host: String,
        /// What the last sign of it was.
        reason: String,
    },
    /// The server does not let us do it.
    #[error("{host} does not allow {what}: {reason}")]
    Refused {
        /// `host:port`.
        host: String,
        /// What was asked for.
        what: &'static str,
        /// What it said.
        reason: String,
    },
    /// It took too long.
    #[error("{what} on {host} took longer than {:.0} s", within.as_secs_f64())]
    TimedOut {
        /// `host:port`.
        host: String,
        /// What was waited for.
        what: String,
        /// How long.
        within: Duration,
    },
    /// No program can be given the byte NUL.
    #[error("an argument contains the byte NUL, which no program can be given")]
    NulInWord,
    /// Nothing to run.
    #[error("a command needs at least the name of a program")]
    NoWords,
    /// More than a system takes.
    #[error("the command is {length} bytes long, and a system takes {most}")]
    CommandTooLong {
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        most: usize,
    },
    /// A name that goes into a path or an environment.
    #[error("“{name}” is no name for {what}")]
    BadName {
        /// What was given.
        name: String,
        /// What it should be.
        what: &'static str,
    },
    /// More output than expected.
    #[error("{command} on {host} printed more than {most} bytes")]
    OutputTooLong {
        /// `host:port`.
        host: String,
        /// The program.
        command: String,
        /// The limit.
        most: usize,
    },
    /// Something needed is not installed there.
    #[error("{host} lacks {program}, which is needed {purpose}")]
    Missing {
        /// `host:port`.
        host: String,
        /// What to install.
        program: String,
        /// What for.
        purpose: &'static str,
    },
    /// A step of ours failed there.
    #[error("{what} on {host} failed: {reason}")]
    Failed {
        /// `host:port`.
        host: String,
        /// What was done.
        what: String,
        /// What it said.
        reason: String,
    },
    /// One of that name runs already.
    #[error("{name} of this run is running on {host} already, as process {process_id}")]
    AlreadyRunning {
        /// `host:port`.
        host: String,
        /// The process's name.
        name: String,
        /// Its number there.
        process_id: u32,
    },
    /// It survived everything.
    #[error("{count} processes of {name} are still there on {host}, even after KILL")]
    NotStopped {
        /// `host:port`.
        host: String,
        /// The process's name.
        name: String,
        /// How many.
        count: usize,
    },
    /// A file there.
    #[error("{path} on {host}: {reason}")]
    FarFile {
        /// `host:port`.
        host: String,
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A file here.
    #[error("{path}: {reason}")]
    NearFile {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// No room.
    #[error(
        "{host} has not enough room for {path}: {} are needed, {} are free",
        megabytes(*needed),
        megabytes(*free)
    )]
    DiskFull {
        /// `host:port`.
        host: String,
        /// What should go there.
        path: String,
        /// Bytes still to be written.
        needed: u64,
        /// Bytes free for this account.
        free: u64,
    },
    /// What arrived is not what was sent.
    #[error("{path} on {host} is not what was sent: SHA-256 {found} instead of {expected}")]
    DigestDiffers {
        /// `host:port`.
        host: String,
        /// The file.
        path: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// Larger than asked for.
    #[error("{path} on {host} has {size} bytes, and at most {most} are fetched")]
    FileTooLarge {
        /// `host:port`.
        host: String,
        /// The file.
        path: String,
        /// Its size.
        size: u64,
        /// The limit.
        most: u64,
    },
}

impl SshError {
    /// Whether trying again later may help without anybody changing anything.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::LinkLost { .. } | Self::TimedOut { .. }
        )
    }
}

/// Why nothing answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unreachable {
    /// The name has no address.
    UnknownName(String),
    /// No server on that port.
    Refused,
    /// No answer within this time.
    TimedOut(Duration),
    /// The jump host could not open the way.
    NotFromJumpHost {
        /// `host:port` of the jump host.
        jump: String,
        /// What it said.
        reason: String,
    },
    /// As the system says.
    Other(String),
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName(reason) => write!(f, "its name has no address ({reason})"),
            Self::Refused => f.write_str("nothing listens on that port"),
            Self::TimedOut(within) => {
                write!(f, "no answer within {:.0} s", within.as_secs_f64())
            }
            Self::NotFromJumpHost { jump, reason } => {
                write!(
                    f,
                    "the jump host {jump} gets no connection to it ({reason})"
                )
            }
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

fn accepted(methods: &[String]) -> String {
    if methods.is_empty() {
        String::new()
    } else {
        format!("; it takes: {}", methods.join(", "))
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
