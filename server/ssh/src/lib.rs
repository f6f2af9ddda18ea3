//! How a machine is reached over SSH: programs, files, ports and sockets of it.
//!
//! Invariants:
//! - nothing is sent to a machine that does not prove itself with the accepted key, and nobody but a
//!   person accepts one;
//! - words reach a program byte for byte, and there is one place that quotes them ([`quote`]);
//! - a secret leaves into a private key's signature, a password's answer or an environment, and is
//!   in no argument list and no file on the machine;
//! - a process is told by its number, the time it started at and the system's start, never by its
//!   number alone;
//! - a future may be dropped at any point: what it began is found, finished or removed by a later
//!   call ([`Session::list`], [`Session::stop`], the parts of [`Session::send_file`]);
//! - a file gets its name only when its SHA-256 is right;
//! - a dead link is noticed within [`Patience::silence`], and every call has a limit.
//!
//! Needed on the machine: OpenSSH or another server with sftp, a POSIX shell as the account's,
//! `grep`, `stat` and `sha256sum` of coreutils or busybox, `setsid` of util-linux, and Linux's
//! `/proc`. What is missing is named.
//!
//! Deliberately absent: runs, plans and whatever decides when something is started or ended; the
//! user's own SSH configuration and known hosts (what is accepted is kept by the caller); remote
//! forwarding, agent forwarding and terminals; RSA keys; exit codes of supervised processes (nobody
//! waits for them: their log tells); removing far files that are not of a run.

mod authenticate;
mod error;
mod exec;
mod files;
mod forward;
mod quote;
mod script;
mod session;
mod supervise;
mod target;

pub use authenticate::read_key;
pub use error::{SshError, Unreachable};
pub use exec::{Exit, Output};
pub use files::{Digest, OnProgress, Progress, Sent, Tail, TailFrom, digest_of_file};
pub use forward::{TcpForward, UnixForward};
pub use quote::{quote, quote_line};
pub use session::{Patience, Session};
pub use supervise::{FarProcess, FarRun, Mark, Supervised};
pub use target::{Credential, HostKey, SshTarget};
