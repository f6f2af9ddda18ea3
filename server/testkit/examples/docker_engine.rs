//! A Docker Engine with the image of llama.cpp's server, for tests that are not written in Rust: tells its socket
//! and the image, and runs until it is killed. With a folder as argument it also listens behind TLS: tells the port
//! of 127.0.0.1, and writes what a client takes into the folder: `ca.pem`, `cert.pem` and `key.pem`.
#![expect(clippy::print_stdout, reason = "it tells whoever started it")]
#![expect(clippy::expect_used, reason = "without its parts a test cannot go on")]

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::thread;

use testkit::{Authority, DockerEngine};

fn main() {
    let folder: Option<OsString> = std::env::args_os().nth(1);
    let engine = match &folder {
        Some(folder) => start_behind_tls(Path::new(folder)),
        None => DockerEngine::start(),
    };
    let image = engine.llama_image();
    println!("{image} at {}", engine.socket().display());
    loop {
        thread::park();
    }
}

fn start_behind_tls(folder: &Path) -> DockerEngine {
    let authority = Authority::new("lab");
    let own = authority.issue_to_client();
    for (name, text) in [
        ("ca.pem", authority.pem()),
        ("cert.pem", own.certificate),
        ("key.pem", own.key),
    ] {
        fs::write(folder.join(name), text).expect("a folder to write to");
    }
    let (engine, port) = DockerEngine::start_tls(&authority);
    println!("behind TLS at {port}");
    engine
}
