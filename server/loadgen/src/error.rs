//! Why a run could not be made.

use std::net::SocketAddr;

/// Why a run could not be made. What happens to single requests is in their records.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The plan asks for something that cannot be done.
    #[error("{0}")]
    Plan(String),
    /// No connection to the server.
    #[error(
        "no connection to {url}: {reason}. Check that the server runs and that this machine can reach it"
    )]
    Unreachable {
        /// The base URL.
        url: String,
        /// What the system said.
        reason: String,
    },
    /// The tokenizer file cannot be used.
    #[error("the tokenizer {path} cannot be used: {reason}")]
    Tokenizer {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The system allows too few open files for that many connections.
    #[error(
        "{needed} open files are needed, one for each connection and some besides, and the system allows {allowed}. Raise the limit (ulimit -n) or lower the concurrency"
    )]
    FileLimit {
        /// Open files that the plan needs.
        needed: u64,
        /// Open files that are allowed.
        allowed: u64,
    },
    /// The system has too few local ports left for that many connections to one address.
    #[error(
        "{needed} connections to {address} need as many local ports, and {free} of the range {low} to {high} are free. Widen the range (sysctl net.ipv4.ip_local_port_range), wait for old connections to be forgotten, or lower the concurrency"
    )]
    PortLimit {
        /// Connections that the plan needs.
        needed: u64,
        /// The server.
        address: SocketAddr,
        /// Local ports that no connection to it uses.
        free: u64,
        /// First port of the range.
        low: u16,
        /// Last port of the range.
        high: u16,
    },
    /// Not one warm-up request was answered.
    #[error(
        "all {count} warm-up requests failed, so nothing was measured. The first one: {reason}"
    )]
    WarmUp {
        /// Warm-up requests sent.
        count: usize,
        /// How the first one ended.
        reason: String,
    },
    /// A part of the load process ended unexpectedly.
    #[error("a part of the load process ended unexpectedly: {0}")]
    Internal(String),
}
