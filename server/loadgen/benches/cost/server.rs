//! The server: a thread that sends chunks as fast as they are taken, or one every 20 ms.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const TTFT: Duration = Duration::from_millis(200);
const ITL: Duration = Duration::from_millis(20);
/// Chunks of one write when nothing is paced.
const CHUNKS_PER_WRITE: usize = 256;
const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const END: &[u8] = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

/// Serves until the process ends.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        // The backlog holds as many connections as are opened at once.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener: TcpListener = socket.listen(4_096).unwrap();
        println!("listening on {}", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                let _ = converse(stream).await;
            });
        }
    });
}

/// A chunk as vLLM writes it, in one HTTP chunk.
fn chunk() -> Vec<u8> {
    let event = "data: {\"id\":\"chatcmpl-0123456789abcdef0123456789abcdef\",\"object\":\"chat.completion.chunk\",\"created\":1732700000,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"logprobs\":null,\"finish_reason\":null,\"token_ids\":null}]}\n\n";
    format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
}

async fn converse(mut stream: TcpStream) -> std::io::Result<()> {
    let chunk = chunk();
    let many = chunk.repeat(CHUNKS_PER_WRITE);
    let mut request = Vec::new();
    loop {
        request.clear();
        let Some((is_paced, chunks)) = read_request(&mut stream, &mut request).await? else {
            return Ok(());
        };
        if is_paced {
            let mut due_at = Instant::now() + TTFT;
            stream.write_all(HEAD).await?;
            for _ in 0..chunks {
                tokio::time::sleep_until(due_at).await;
                stream.write_all(&chunk).await?;
                due_at += ITL;
            }
        } else {
            stream.write_all(HEAD).await?;
            let mut left = chunks;
            while left > 0 {
                let now = left.min(CHUNKS_PER_WRITE);
                stream.write_all(&many[..now * chunk.len()]).await?;
                left -= now;
            }
        }
        stream.write_all(END).await?;
    }
}

/// Whether the next request wants a paced answer, and of how many chunks.
async fn read_request(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
) -> std::io::Result<Option<(bool, usize)>> {
    loop {
        let text = String::from_utf8_lossy(bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = number_after(&head.to_ascii_lowercase(), "content-length: ");
            if body.len() >= length {
                let is_paced = head.starts_with("POST /paced");
                return Ok(Some((is_paced, number_after(body, "\"max_tokens\":"))));
            }
        }
        if stream.read_buf(bytes).await? == 0 {
            return Ok(None);
        }
    }
}

fn number_after(text: &str, name: &str) -> usize {
    let after = text.split_once(name).map_or("", |(_, after)| after);
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}
