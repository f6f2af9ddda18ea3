//! Real parts for tests: processes, `PostgreSQL`, a Docker Engine, llama.cpp's server, `OpenSSH`'s
//! server and agent, certificates, links that break, folders, ports.
//!
//! Invariants:
//! - whatever a guard started ends when the guard is dropped, with everything it started itself;
//! - nothing here sleeps for a guessed time: it waits for the thing itself, with a deadline;
//! - a part that is missing fails the test with the words that say how to get it.
//!
//! Everything is synchronous, so that it serves plain tests and asynchronous ones alike.
//!
//! Deliberately absent: fakes (a test that needs a fault writes its own), anything of production.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "only tests call this crate, and a panic is how a test fails"
)]

mod certificates;
mod docker_engine;
mod docker_registry;
mod folder;
mod http;
mod link;
mod llama_server;
mod postgres;
mod process;
mod ssh_key;
mod sshd;
mod wait;

pub use certificates::{Authority, Certified};
pub use docker_engine::DockerEngine;
pub use docker_registry::DockerRegistry;
pub use folder::{TempDir, data_dir, target_dir, workspace_root};
pub use http::{free_port, get_http_status, wait_for_http};
pub use link::Link;
pub use llama_server::{
    LlamaServer, litellm_folder, litellm_folders, tiny_model_path, tiny_tokenizer_path,
};
pub use postgres::Postgres;
pub use process::{Process, is_process_alive};
pub use ssh_key::{SshAgent, SshKey};
pub use sshd::Sshd;
pub use wait::wait_until;
