//! Just enough HTTP to see whether something answers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::wait_until;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// A loopback port that was free a moment ago. Prefer port 0 where the program can say what it got.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free loopback port")
        .port()
}

/// The status that a GET of `url` (`http://host:port/path`) is answered with; `None` without an
/// answer.
pub fn get_http_status(url: &str) -> Option<u16> {
    let rest = url.strip_prefix("http://").expect("an http:// address");
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(authority).ok()?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT)).ok()?;
    // In one piece: a server that answers before it has read all may reset the connection.
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    // "HTTP/1.1 200" is twelve bytes.
    let mut start = [0; 12];
    stream.read_exact(&mut start).ok()?;
    str::from_utf8(&start)
        .ok()?
        .rsplit(' ')
        .next()?
        .parse()
        .ok()
}

/// Waits until a GET of `url` is answered with 200.
///
/// # Panics
///
/// When that does not happen within `within`.
pub fn wait_for_http(url: &str, within: Duration) {
    wait_until(&format!("{url} to answer with 200"), within, || {
        (get_http_status(url) == Some(200)).then_some(())
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn reads_the_status() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            stream
                .write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
                .unwrap();
            request
        });
        assert_eq!(get_http_status(&url), Some(503));
        let request = server.join().unwrap();
        assert!(request.starts_with(b"GET /health HTTP/1.1\r\n"));
    }

    #[test]
    fn nothing_there_is_no_answer() {
        assert_eq!(
            get_http_status(&format!("http://127.0.0.1:{}", free_port())),
            None
        );
    }
}
