//! The binary as people run it.
#![cfg(test)]

mod accounts;
mod anonymous;
mod commands;
mod datasets;
mod demo;
mod headers;
mod house;
mod live;
mod program;
mod recovery;
mod reference;
mod rest;
mod routes;
mod schemathesis;
mod secrets;
mod selftests;
mod spending;
mod standing;
mod tls;
mod tokens;
