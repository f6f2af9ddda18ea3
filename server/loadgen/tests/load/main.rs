//! The load generator against real sockets: servers scripted byte by byte for what a good engine
//! never does, and llama.cpp's own server for what engines really do.
#![cfg(test)]

mod answers;
mod connections;
mod datasets;
mod deadlines;
mod endless;
mod harness;
mod limits;
mod llama;
mod oddity;
mod pacing;
mod prompts;
mod schedules;
mod scripted;
mod streams;
mod transport;
