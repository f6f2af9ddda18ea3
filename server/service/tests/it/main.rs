//! The use cases on a real store in a fresh folder.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test fails, in its helpers too"
)]

mod accounts;
mod calls;
mod catalogue;
mod credentials;
mod datasets;
mod docker_tls;
mod house;
mod people;
mod permissions;
mod runner_door;
mod runs;
mod samples;
mod sshd;
mod tokens;
mod workflows;
