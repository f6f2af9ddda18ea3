//! `assay load` and `assay engine` as people and runners use them: two processes and real sockets.
#![cfg(test)]

mod command;
mod engine;
mod parts;
mod queueing;
mod results;
mod selftest;
mod truth;
