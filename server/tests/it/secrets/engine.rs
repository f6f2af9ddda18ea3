//! The reference engine behind a wire that remembers what was sent over it.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use testkit::Process;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

use super::search::contains;

/// The name of its model.
pub(super) const MODEL: &str = "assay-reference";

/// An engine, and what it was sent.
pub(super) struct WatchedEngine {
    pub(super) url: String,
    sent: Arc<Mutex<Vec<u8>>>,
    _engine: Process,
}

impl WatchedEngine {
    pub(super) async fn start() -> Self {
        let mut engine = Process::spawn(Command::new(env!("CARGO_BIN_EXE_assay")).args([
            "engine",
            "--ttft-ms",
            "10",
            "--itl-ms",
            "2",
        ]));
        let line = engine.wait_for_line("http://", Duration::from_secs(30));
        let address = line.split("http://").nth(1).unwrap().trim().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sent = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&sent);
        tokio::spawn(async move {
            while let Ok((outside, _)) = listener.accept().await {
                let inside = TcpStream::connect(&address).await.unwrap();
                tokio::spawn(pass_on(outside, inside, Arc::clone(&noted)));
            }
        });
        Self {
            url,
            sent,
            _engine: engine,
        }
    }

    /// Whether the key came over the wire, as a bearer token.
    pub(super) fn was_sent(&self, key: &str) -> bool {
        let header = format!("Bearer {key}");
        contains(&self.sent.lock().unwrap(), header.as_bytes())
    }
}

async fn pass_on(outside: TcpStream, inside: TcpStream, noted: Arc<Mutex<Vec<u8>>>) {
    let (mut from_client, mut to_client) = outside.into_split();
    let (mut from_engine, mut to_engine) = inside.into_split();
    tokio::spawn(async move { copy(&mut from_engine, &mut to_client).await });
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count) = from_client.read(&mut buffer).await {
        if count == 0 || to_engine.write_all(&buffer[..count]).await.is_err() {
            break;
        }
        noted.lock().unwrap().extend_from_slice(&buffer[..count]);
    }
}
