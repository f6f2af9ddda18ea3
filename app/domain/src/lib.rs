//! All rules of Assay: what a benchmark is, how it is planned, carried out, measured and read.
//!
//! Invariants:
//! - pure and synchronous: no I/O, no clocks, no randomness but from a seed that is passed in;
//! - safe for wasm32: the browser runs the same validation, the same journal fold and the same
//!   formatting as the server; shared integers have a fixed width;
//! - no bare `f64` leaves this crate: a number that may be missing is an `Option<Finite>`.
//!
//! Deliberately absent: async, leptos, tokio, sqlx, HTTP clients, identifiers made here.

pub mod access;
pub mod bounds;
pub mod catalogue;
pub mod dataset;
pub mod field;
pub mod finite;
pub mod id;
pub mod secret;
pub mod time;
pub mod visible;

pub mod engine;
pub mod load;
pub mod measure;
pub mod plan;
pub mod run;
pub mod size;
pub mod slo;
pub mod workflow;
pub mod workload;

pub mod history;
pub mod requests;
pub mod reruns;
pub mod system;
