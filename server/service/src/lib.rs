//! What people can do with Assay: one function per use case, and the only place that authorises.
//!
//! Invariants:
//! - every function that a person reaches takes the [`Actor`] and asks whether they may;
//! - every answer that may fail says so as a [`ServiceError`], whose public text is apart from its
//!   cause;
//! - times and ids come from [`Ctx`] and go down from here; `store` makes none.
//!
//! Deliberately absent: HTTP, cookies, HTML (`server` and `app`), SQL (`store`), processes
//! (`runner`), rules of benchmarks (`domain`).

pub mod benchmarks;
pub mod catalogue;
mod ctx;
pub mod datasets;
mod error;
mod password;
pub mod people;
mod random;
mod rate;
mod records;
mod runner_key;
pub mod samples;
pub mod selftests;
pub mod session;
pub mod system;
pub mod tokens;
pub mod workflows;

pub use ctx::{Actor, Ctx, CtxParts, IdSource, Via};
pub use error::ServiceError;
pub use runner::Clock;
pub use runner_key::RunnerKey;
