//! What outlives the process: the database, the raw records, the sealed secrets.
//!
//! Invariants:
//! - the only crate that names sqlx, an artifact store or a file format;
//! - one SQL text for `SQLite` and `PostgreSQL`; every test runs on both;
//! - ids and instants are passed in, never made here;
//! - plans, journals and results are never changed once written (live samples are removed).
//!
//! Deliberately absent: decisions about who may do what, HTTP, a cache.

mod artifacts;
mod benchmarks;
mod cleanups;
mod clusters;
mod credentials;
mod database;
mod dataset_files;
mod datasets;
mod error;
mod history;
mod journal;
mod models;
mod nodes;
mod queue;
pub mod records;
mod reruns;
mod results;
mod retention;
mod same_machine;
mod selftests;
mod sessions;
mod store;
mod tokens;
mod usage;
mod users;
mod vault;
mod warm_engines;
mod workflows;

pub use benchmarks::NewBenchmark;
pub use datasets::ImportedDataset;
pub use error::StoreError;
pub use journal::JOURNAL_ENTRIES_MAX;
pub use nodes::{HeldNode, PlacedNode};
pub use store::Store;
pub use usage::Used;
pub use users::StoredUser;
pub use vault::SECRET_KEY_VARIABLE;
pub use warm_engines::KeptEngine;
