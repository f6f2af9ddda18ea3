//! Short questions to engines over HTTP, with failures in words a person can act on.

use std::error::Error;
use std::io;
use std::time::Duration;

use domain::secret::Secret;
use reqwest::{Client, RequestBuilder, Response, redirect};
use serde_json::Value;

/// Most bytes read of an answer: a list of models is far smaller.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Most characters of a server's own words in a reason.
const QUOTE_CHARS_MAX: usize = 200;

/// The address of `path` (which starts with `/`, and with `/v1/` for the API itself) at a base URL
/// that may or may not end in `/v1`.
pub fn api_url(base_url: &str, path: &str) -> String {
    let base = base_url.trim_end_matches('/');
    let root = base.strip_suffix("/v1").unwrap_or(base);
    format!("{root}{path}")
}

/// A client for questions to engines. It follows no redirects, so that a key stays where it was
/// meant to go, and uses no proxy, like the load itself.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The `Server` header; empty when there is none.
    pub(crate) server: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON, `Null` when it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The server's own words about an error, in one bounded line; empty when it has none.
    pub(crate) fn error_text(&self) -> String {
        let json = self.json();
        let message = ["/error/message", "/error", "/message", "/detail"]
            .into_iter()
            .find_map(|path| json.pointer(path)?.as_str());
        let line = message
            .unwrap_or_default()
            .lines()
            .next()
            .unwrap_or_default();
        line.chars().take(QUOTE_CHARS_MAX).collect()
    }
}

impl Http {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        // One crypto library in the whole binary. An error says that it was chosen before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self { client })
    }

    /// Asks once. The error says in words why no answer came.
    pub(crate) async fn get(
        &self,
        url: &str,
        key: Option<&Secret<String>>,
        within: Duration,
    ) -> Result<Answer, String> {
        Self::send(self.client.get(url), key, within).await
    }

    /// Sends an empty JSON object: a question that no API takes, to learn whether it would have
    /// looked at one.
    pub(crate) async fn post_nothing(
        &self,
        url: &str,
        key: Option<&Secret<String>>,
        within: Duration,
    ) -> Result<Answer, String> {
        let request = self.client.post(url).json(&serde_json::json!({}));
        Self::send(request, key, within).await
    }

    /// Sends JSON and gives the lines of the answer as they come. It may take as long as it takes: the
    /// caller sets a limit. An answer that refuses comes as its words.
    pub(crate) async fn post_for_lines(&self, url: &str, body: &Value) -> Result<Lines, String> {
        let sent = self.client.post(url).json(body).send().await;
        let response = sent.map_err(|error| why_no_answer(&error, Duration::ZERO))?;
        let is_success = response.status().is_success();
        let status = response.status().as_u16();
        let mut lines = Lines {
            response,
            buffer: Vec::new(),
        };
        if is_success {
            return Ok(lines);
        }
        let answer = Answer {
            status,
            server: String::new(),
            body: lines.next().await?.unwrap_or_default(),
        };
        Err(format!(
            "it answered with HTTP {status} ({})",
            answer.error_text()
        ))
    }

    async fn send(
        request: RequestBuilder,
        key: Option<&Secret<String>>,
        within: Duration,
    ) -> Result<Answer, String> {
        let mut request = request.timeout(within);
        if let Some(key) = key {
            request = request.bearer_auth(key.expose());
        }
        let why = |error: reqwest::Error| why_no_answer(&error, within);
        let mut response = request.send().await.map_err(why)?;
        let server = response.headers().get("server");
        let server = server
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(why)? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err("its answer is too long".to_owned());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            server,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

/// An answer that comes line by line.
pub(crate) struct Lines {
    response: Response,
    buffer: Vec<u8>,
}

impl Lines {
    /// The next line that is not empty; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim().to_owned();
                if line.is_empty() {
                    continue;
                }
                return Ok(Some(line));
            }
            let chunk = self.response.chunk().await;
            match chunk.map_err(|error| why_no_answer(&error, Duration::ZERO))? {
                Some(chunk) if self.buffer.len() + chunk.len() > BODY_BYTES_MAX => {
                    return Err("a line of its answer is too long".to_owned());
                }
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => {
                    let rest = std::mem::take(&mut self.buffer);
                    let rest = String::from_utf8_lossy(&rest).trim().to_owned();
                    return Ok((!rest.is_empty()).then_some(rest));
                }
            }
        }
    }
}

/// Why no answer came, as the end of a sentence.
fn why_no_answer(error: &reqwest::Error, within: Duration) -> String {
    if error.is_timeout() {
        return format!("no answer came within {} s", within.as_secs().max(1));
    }
    let mut innermost: &dyn Error = error;
    let mut words = String::new();
    let mut kind = None;
    while let Some(source) = innermost.source() {
        innermost = source;
        words.push_str(&source.to_string().to_lowercase());
        kind = innermost
            .downcast_ref::<io::Error>()
            .map(io::Error::kind)
            .or(kind);
    }
    if words.contains("dns error") || words.contains("lookup address") {
        return "its host name is not known: check the address for typing errors".to_owned();
    }
    match kind {
        Some(io::ErrorKind::ConnectionRefused) => {
            "the connection was refused: nothing listens at that address and port".to_owned()
        }
        Some(io::ErrorKind::ConnectionReset) => "the connection was reset".to_owned(),
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            "there is no way to that host from here".to_owned()
        }
        _ => innermost
            .to_string()
            .chars()
            .take(QUOTE_CHARS_MAX)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_may_end_in_v1() {
        for base in [
            "http://h:1",
            "http://h:1/",
            "http://h:1/v1",
            "http://h:1/v1/",
        ] {
            assert_eq!(api_url(base, "/v1/models"), "http://h:1/v1/models");
            assert_eq!(api_url(base, "/health"), "http://h:1/health");
        }
        assert_eq!(
            api_url("https://h/a/v1", "/v1/models"),
            "https://h/a/v1/models"
        );
    }

    #[test]
    fn quotes_the_servers_own_words() {
        let answer = |body: &str| Answer {
            status: 500,
            server: String::new(),
            body: body.to_owned(),
        };
        let loading = answer(r#"{"error":{"code":503,"message":"Loading model"}}"#);
        assert_eq!(loading.error_text(), "Loading model");
        assert_eq!(
            answer(r#"{"detail":"Not found"}"#).error_text(),
            "Not found"
        );
        assert_eq!(answer("<html>").error_text(), "");
    }
}
