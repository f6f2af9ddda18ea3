//! The store's areas, each on `SQLite` and on a real `PostgreSQL`.
#![cfg(test)]

mod artifacts;
mod benchmarks;
mod builders;
mod catalogue;
mod credentials;
mod datasets;
mod history;
mod journal;
mod machines;
mod people;
mod place;
mod queue;
mod reruns;
mod results;
mod retention;
mod selftests;
mod tokens;
mod warm_engines;
mod workflows;
