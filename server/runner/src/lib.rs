//! The runner: takes confirmed plans from the queue and carries them out.
//!
//! Invariants:
//! - what happens next is decided by `domain::run::step` alone; this crate performs effects and
//!   appends what came of them to the run's journal, so that a crash at any point goes on from
//!   the fold of that journal;
//! - one runner per data directory, kept by a lock on a file in it;
//! - every process that a run starts carries the run's mark in its environment and is looked for
//!   by that mark before the run ends: nothing of a run outlives it, and nothing else is touched;
//! - an effect can be dropped at any point; clean-up is what puts things in order.
//!
//! Deliberately absent: HTTP routes, permission checks, SQL, decisions about stages.

mod config;
mod driver;
mod effects;
mod http;
mod identity;
mod journal;
mod leftovers;
mod node;
mod process;
mod queue;
mod reaper;
mod tail;
mod warm;

pub mod credential_test;
pub mod inventory;
pub mod machines;
pub mod model_files;
pub mod probe;
pub mod reach;
pub mod selftest;

pub use config::{Clock, RunnerConfig, RunnerError, system_clock};
pub use docker::Address as DockerAddress;
pub use http::api_url;
pub use queue::{QueuePause, QueueSignal, RunnerHandle, spawn};
