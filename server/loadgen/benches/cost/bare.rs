//! The bare reader: takes the frames of a body off hyper's connection and drops them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::{Cost, Shape, cpu_time};

/// Reads a shape on as many threads as there are cores.
pub(crate) fn read(address: &str, shape: Shape) -> Cost {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // All connections are open before the clock starts.
    let (ready, bytes) = (
        Arc::new(Barrier::new(threads + 1)),
        Arc::new(AtomicU64::new(0)),
    );
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let (ready, bytes) = (Arc::clone(&ready), Arc::clone(&bytes));
            let address = address.to_owned();
            let streams = share(shape.streams as usize, threads, thread);
            let requests = share(shape.requests as usize, threads, thread);
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                LocalSet::new().block_on(&runtime, async move {
                    let mut connections = Vec::new();
                    for _ in 0..streams {
                        connections.push(connect(&address).await);
                    }
                    ready.wait();
                    let readers = connections.into_iter().enumerate().map(|(number, sender)| {
                        let count = share(requests, streams, number);
                        tokio::task::spawn_local(drain(sender, shape, count, Arc::clone(&bytes)))
                    });
                    for reader in readers.collect::<Vec<_>>() {
                        reader.await.unwrap();
                    }
                });
            })
        })
        .collect();
    ready.wait();
    let (started_at, cpu_before) = (Instant::now(), cpu_time());
    for worker in workers {
        worker.join().unwrap();
    }
    let wall = started_at.elapsed();
    let cpu = cpu_time().saturating_sub(cpu_before);
    let chunks = u64::from(shape.requests) * u64::from(shape.chunks);
    assert!(
        bytes.load(Ordering::Relaxed) > chunks * 200,
        "all chunks came"
    );
    Cost::of(chunks, cpu, wall.max(Duration::from_nanos(1)))
}

fn share(total: usize, parts: usize, part: usize) -> usize {
    total / parts + usize::from(part < total % parts)
}

async fn connect(address: &str) -> http1::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::task::spawn_local(connection);
    sender
}

async fn drain(
    mut sender: http1::SendRequest<Full<Bytes>>,
    shape: Shape,
    count: usize,
    bytes: Arc<AtomicU64>,
) {
    let body = format!(
        "{{\"prompt\":\"{}\",\"max_tokens\":{}}}",
        "word ".repeat(16),
        shape.chunks
    );
    for _ in 0..count {
        sender.ready().await.unwrap();
        let request = hyper::Request::post(format!("{}/v1/chat/completions", shape.path))
            .header("host", "bare")
            .body(Full::new(Bytes::from(body.clone())))
            .unwrap();
        let mut answer = sender.send_request(request).await.unwrap().into_body();
        let mut read = 0;
        while let Some(frame) = answer.frame().await {
            if let Some(data) = frame.unwrap().data_ref() {
                read += data.len() as u64;
            }
        }
        bytes.fetch_add(read, Ordering::Relaxed);
    }
}
