//! What an installation is, for the settings page.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// An installation and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemInfo {
    /// Version of the product.
    pub version: String,
    /// Where people reach it.
    pub url: String,
    /// Whether visitors are signed in as the demo administrator.
    pub is_demo: bool,
    /// `SQLite` or `PostgreSQL`.
    pub database: String,
    /// Folder of the files.
    pub data_dir: String,
    /// Name of the runner in the server's process.
    pub runner_name: String,
    /// When the server started.
    pub started_at: Timestamp,
    /// Benchmarks in the history.
    pub benchmark_count: u32,
    /// Benchmarks that wait or run.
    pub active_count: u32,
}
