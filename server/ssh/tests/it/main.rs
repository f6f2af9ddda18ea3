//! Everything against a real OpenSSH server, a real agent and real shells.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test fails, in its helpers too"
)]

mod sshd;
