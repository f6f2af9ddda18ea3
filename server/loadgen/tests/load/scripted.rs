//! An HTTP/1.1 server that answers each request with the next script.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// One step of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// These bytes leave at once.
    Send(Vec<u8>),
    /// The connection closes.
    Close,
    /// The connection is reset.
    Reset,
    /// The connection closes as soon as the next request begins.
    CloseAtNext,
    /// The connection is reset as soon as the next request begins.
    ResetAtNext,
    /// Nothing more happens until the client goes away.
    Hold,
    /// These bytes leave again and again, as fast as they are taken, until the client goes away.
    Flood(Vec<u8>),
}

/// An answer in steps.
pub(crate) type Script = Vec<Step>;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: String,
}

/// The server. It ends when dropped.
pub(crate) struct ScriptedServer {
    pub(crate) url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    scripts: Mutex<VecDeque<Script>>,
    default: Script,
    seen: Mutex<Vec<Seen>>,
    seen_count: watch::Sender<usize>,
    used_connections: AtomicUsize,
    open: AtomicUsize,
    open_peak: AtomicUsize,
}

impl ScriptedServer {
    /// Answers with these scripts in the order of requests, then always with `default`. Requests
    /// for `/tokenize` are counted in words, in vLLM's dialect, and take no script.
    pub(crate) async fn start(scripts: impl IntoIterator<Item = Script>, default: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            scripts: Mutex::new(scripts.into_iter().collect()),
            default,
            seen: Mutex::new(Vec::new()),
            seen_count: watch::Sender::new(0),
            used_connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            open_peak: AtomicUsize::new(0),
        });
        let accepting = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let shared = Arc::clone(&accepting);
                tokio::spawn(async move { shared.serve(stream).await });
            }
        });
        Self { url, shared, task }
    }

    /// Requests for answers so far, in the order of arrival.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Connections that carried at least one request.
    pub(crate) fn used_connections(&self) -> usize {
        self.shared.used_connections.load(Ordering::SeqCst)
    }

    /// Most requests in work at once.
    pub(crate) fn open_peak(&self) -> usize {
        self.shared.open_peak.load(Ordering::SeqCst)
    }

    /// Waits until this many requests have arrived.
    pub(crate) async fn wait_for_requests(&self, count: usize) {
        let mut seen = self.shared.seen_count.subscribe();
        seen.wait_for(|seen| *seen >= count).await.unwrap();
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        let mut is_used = false;
        while let Some(seen) = read_request(&mut stream, &mut buffer).await {
            if seen.head.starts_with("POST /tokenize") {
                let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
                let answer = match body["prompt"].as_str() {
                    Some(prompt) => {
                        json(200, &format!("{{\"count\":{}}}", prompt.split(' ').count()))
                    }
                    None => json(400, "{\"error\":\"no prompt\"}"),
                };
                stream.write_all(&answer).await.unwrap();
                continue;
            }
            if !std::mem::replace(&mut is_used, true) {
                self.used_connections.fetch_add(1, Ordering::SeqCst);
            }
            let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
            self.open_peak.fetch_max(open, Ordering::SeqCst);
            let script = {
                self.seen.lock().unwrap().push(seen);
                self.scripts
                    .lock()
                    .unwrap()
                    .pop_front()
                    .unwrap_or_else(|| self.default.clone())
            };
            self.seen_count.send_modify(|count| *count += 1);
            let goes_on = perform(&mut stream, script).await;
            self.open.fetch_sub(1, Ordering::SeqCst);
            if !goes_on {
                return;
            }
        }
    }
}

async fn perform(stream: &mut TcpStream, script: Script) -> bool {
    for step in script {
        match step {
            Step::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return false;
                }
            }
            Step::Close => return false,
            Step::Reset => {
                stream.set_zero_linger().unwrap();
                return false;
            }
            Step::CloseAtNext | Step::ResetAtNext => {
                // All of it: a close with unread bytes would be a reset.
                let mut rest = vec![0; 64 << 10];
                let _ = stream.read(&mut rest).await;
                if matches!(step, Step::ResetAtNext) {
                    stream.set_zero_linger().unwrap();
                }
                return false;
            }
            Step::Flood(bytes) => {
                let many = bytes.repeat((1 << 20) / bytes.len());
                while stream.write_all(&many).await.is_ok() {}
                return false;
            }
            Step::Hold => {
                let mut rest = [0u8; 64];
                while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
                return false;
            }
        }
    }
    true
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    loop {
        let text = String::from_utf8_lossy(buffer).into_owned();
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.parse().unwrap())
            });
            let length: usize = length.unwrap_or(0);
            if rest.len() >= length {
                let seen = Seen {
                    head: head.to_owned(),
                    body: rest[..length].to_owned(),
                };
                buffer.drain(..head.len() + 4 + length);
                return Some(seen);
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// The head of a stream in chunked encoding.
pub(crate) fn stream_head() -> Step {
    Step::Send(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec(),
    )
}

/// Bytes of a stream as one HTTP chunk.
pub(crate) fn part(text: &str) -> Step {
    Step::Send(format!("{:x}\r\n{text}\r\n", text.len()).into_bytes())
}

/// An event with this data, as one HTTP chunk.
pub(crate) fn event(data: &str) -> Step {
    part(&format!("data: {data}\n\n"))
}

/// The end of a stream.
pub(crate) fn stream_end() -> Step {
    Step::Send(b"0\r\n\r\n".to_vec())
}

/// A whole answer of that status in JSON.
pub(crate) fn json(status: u16, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

pub(crate) const ROLE: &str = r#"{"choices":[{"delta":{"role":"assistant","content":null}}]}"#;
pub(crate) const TEXT: &str = r#"{"choices":[{"delta":{"content":"word "}}]}"#;
pub(crate) const FINISH: &str = r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#;
pub(crate) const USAGE_TWO: &str =
    r#"{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":2}}"#;

/// A good stream: role, two chunks with text, finish, usage, end.
pub(crate) fn good() -> Script {
    let events = [ROLE, TEXT, TEXT, FINISH, USAGE_TWO, "[DONE]"].map(event);
    [stream_head()]
        .into_iter()
        .chain(events)
        .chain([stream_end()])
        .collect()
}
