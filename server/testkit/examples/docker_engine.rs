//! A Docker Engine with the image of llama.cpp's server, for tests that are not written in Rust: tells its socket
//! and the image, and runs until it is killed.
#![expect(clippy::print_stdout, reason = "it tells whoever started it")]

use std::thread;

use testkit::DockerEngine;

fn main() {
    let engine = DockerEngine::start();
    let image = engine.llama_image();
    println!("{image} at {}", engine.socket().display());
    loop {
        thread::park();
    }
}
