//! The pages of Assay: what people see, and the server functions behind it.
//!
//! Invariants:
//! - built in two halves that never meet in one binary: `ssr` renders pages and answers server
//!   functions, `hydrate` brings the same pages to life in the browser;
//! - a server function extracts, calls `service`, maps the error, and nothing else;
//! - the state of a page that one may want to share stands in its URL;
//! - every page reads without JavaScript; clocks, randomness and locale stay out of views.
//!
//! Deliberately absent: SQL, processes, rules of benchmarks, authorisation (`service` asks).

#![recursion_limit = "256"]

pub mod api;
pub mod frame;
pub mod live;
pub mod pages;
pub mod query;
pub mod root;
pub mod routes;
pub mod shell;

pub use root::App;
