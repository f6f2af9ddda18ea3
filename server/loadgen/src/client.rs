//! One HTTP/1.1 connection per user, driven by the task that uses it: no other task stands between
//! the socket and a time stamp.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use domain::measure::record::Outcome;
use domain::secret::Secret;
use domain::workload::Api;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::answer::{Answer, Failure, bounded_error};
use crate::clock::RunClock;
use crate::endpoint::Endpoint;
use crate::error::LoadError;
use crate::live::LiveShard;
use crate::openai::error_body_text;
use crate::sse::SseDecoder;
use crate::wire::{Stream, Wire, WireTimes};

/// Longest time for opening a connection.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the end of the body may stay out after `[DONE]` before the connection is given up.
const END_OF_BODY_TIMEOUT: Duration = Duration::from_secs(1);
/// Most bytes read of an answer that is not a stream.
const WHOLE_BODY_BYTES_MAX: usize = 32 << 20;
/// Most bytes read of an error answer.
const ERROR_BODY_BYTES_MAX: usize = 64 << 10;

/// Sends requests to one API of one server.
pub(crate) struct Client {
    endpoint: Endpoint,
    clock: RunClock,
    uri: Uri,
    headers: HeaderMap,
    key: Option<Secret<String>>,
    request_timeout: Duration,
}

/// What is known about one request; it fills up as the exchange goes on, so that a time-out or a
/// cancel loses nothing.
pub(crate) struct Attempt {
    /// Just before the first byte was written; a second try leaves it alone.
    pub(crate) sent_at: Option<u64>,
    /// When it ended, well or not.
    pub(crate) finished_at: Option<u64>,
    /// Time spent on opening the connection it went out on.
    pub(crate) connect_ns: Option<u64>,
    /// Status of the answer.
    pub(crate) http_status: Option<u16>,
    /// Whether it went out twice.
    pub(crate) reconnected: bool,
    /// The answer so far.
    pub(crate) answer: Answer,
    wire: Option<Arc<WireTimes>>,
}

impl Attempt {
    pub(crate) fn new(answer: Answer) -> Self {
        Self {
            sent_at: None,
            finished_at: None,
            connect_ns: None,
            http_status: None,
            reconnected: false,
            answer,
            wire: None,
        }
    }

    fn note_sent(&mut self) {
        if self.sent_at.is_none() {
            self.sent_at = self.wire.as_ref().and_then(|wire| wire.sent_at());
        }
    }
}

/// An open connection with the task's half of hyper.
pub(crate) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Driver,
    times: Arc<WireTimes>,
    /// Time it took to open, until a request has taken it into its record.
    connect_ns: Option<u64>,
    answered_count: u32,
}

type Http = http1::Connection<TokioIo<Wire>, Full<Bytes>>;

/// hyper's half of a connection, until it is closed. It is dropped then: only that tells those who
/// wait for it.
struct Driver {
    connection: Option<Pin<Box<Http>>>,
}

impl Driver {
    /// Runs the connection along with what waits for it.
    async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Some(connection) = &mut self.connection
                && connection.as_mut().poll(cx).is_ready()
            {
                self.connection = None;
            }
            future.as_mut().poll(cx)
        })
        .await
    }

    /// Lets the connection notice what has happened so far.
    async fn settle(&mut self) {
        self.drive(poll_fn(|_| Poll::Ready(()))).await;
    }
}

impl Connection {
    /// Whether it can still take a request, as far as is known.
    pub(crate) async fn is_usable(&mut self) -> bool {
        self.driver.settle().await;
        self.driver.connection.is_some() && !self.sender.is_closed()
    }
}

impl Client {
    /// A client for one API. `key` goes into the `Authorization` header.
    pub(crate) fn new(
        endpoint: Endpoint,
        api: Api,
        key: Option<Secret<String>>,
        request_timeout: Duration,
        clock: RunClock,
    ) -> Result<Self, LoadError> {
        let refuse = |what: &str| LoadError::Plan(format!("{what} cannot be part of a request"));
        let uri = endpoint
            .api_path(api)
            .parse()
            .map_err(|_| refuse("the path of the base URL"))?;
        let host = HeaderValue::from_str(&endpoint.authority)
            .map_err(|_| refuse("the host of the base URL"))?;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("assay/", env!("CARGO_PKG_VERSION"))),
        );
        if let Some(key) = &key {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
                .map_err(|_| refuse("the API key"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(Self {
            endpoint,
            clock,
            uri,
            headers,
            key,
            request_timeout,
        })
    }

    /// The base URL, for messages.
    pub(crate) fn url(&self) -> &str {
        &self.endpoint.url
    }

    /// Where it sends to.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The failure with a text that is bounded and free of the key.
    pub(crate) fn redact(&self, failure: Failure) -> Failure {
        let key = self.key.as_ref().map(|key| key.expose().as_str());
        Failure {
            text: bounded_error(&failure.text, key),
            ..failure
        }
    }

    /// The same client with the clock of the run that begins now.
    pub(crate) fn with_clock(self, clock: RunClock) -> Self {
        Self { clock, ..self }
    }

    /// Opens a connection.
    pub(crate) async fn open(&self) -> Result<Connection, Failure> {
        let started_at = self.clock.now_ns();
        let times = Arc::new(WireTimes::new(self.clock));
        let opened = tokio::time::timeout(CONNECT_TIMEOUT, self.handshake(Arc::clone(&times)));
        let (sender, connection) = match opened.await {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => return Err(Failure::new(Outcome::Connect, causes(&*error))),
            Err(_) => {
                let text = format!("no connection within {} s", CONNECT_TIMEOUT.as_secs());
                return Err(Failure::new(Outcome::Connect, text));
            }
        };
        Ok(Connection {
            sender,
            driver: Driver {
                connection: Some(Box::pin(connection)),
            },
            times,
            connect_ns: Some(self.clock.now_ns() - started_at),
            answered_count: 0,
        })
    }

    async fn handshake(
        &self,
        times: Arc<WireTimes>,
    ) -> Result<(http1::SendRequest<Full<Bytes>>, Http), Box<dyn std::error::Error + Send + Sync>>
    {
        let stream = TcpStream::connect(self.endpoint.addresses.as_slice()).await?;
        stream.set_nodelay(true)?;
        let stream = match &self.endpoint.tls {
            None => Stream::Plain(stream),
            Some(tls) => {
                let stream = tls
                    .connector
                    .connect(tls.server_name.clone(), stream)
                    .await?;
                Stream::Tls(Box::new(stream))
            }
        };
        Ok(http1::handshake(TokioIo::new(Wire::new(stream, times))).await?)
    }

    /// Sends one request and reads its answer to the end. A connection that can be used again is
    /// left in `slot`.
    pub(crate) async fn send(
        &self,
        slot: &mut Option<Connection>,
        body: &Bytes,
        attempt: &mut Attempt,
        live: &LiveShard,
        cancel: &CancellationToken,
    ) -> Result<(), Failure> {
        let kept = slot.take();
        let exchanged = tokio::select! {
            biased;
            exchanged = self.exchange(kept, body, attempt, live) => exchanged,
            () = cancel.cancelled() => Err(Failure::new(Outcome::Cancelled, "the run was cancelled")),
            () = tokio::time::sleep(self.request_timeout) => {
                let text = format!("no complete answer within {} s", self.request_timeout.as_secs());
                Err(Failure::new(Outcome::Timeout, text))
            }
        };
        attempt.note_sent();
        match exchanged {
            Ok(connection) => {
                *slot = connection;
                Ok(())
            }
            Err(failure) => {
                attempt.finished_at = Some(self.clock.now_ns());
                Err(failure)
            }
        }
    }

    async fn exchange(
        &self,
        kept: Option<Connection>,
        body: &Bytes,
        attempt: &mut Attempt,
        live: &LiveShard,
    ) -> Result<Option<Connection>, Failure> {
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.open().await?,
        };
        let response = loop {
            attempt.connect_ns = connection.connect_ns.take().or(attempt.connect_ns);
            connection.times.begin_request();
            attempt.wire = Some(Arc::clone(&connection.times));
            let asked = self.ask(&mut connection, body).await;
            attempt.note_sent();
            let error = match asked {
                Ok(response) => break response,
                Err(error) => error,
            };
            // Only a connection that served before can have been closed behind our back, and only
            // before its answer began; a fresh one is never tried twice.
            if connection.answered_count == 0 || connection.times.has_answer() {
                return Err(ask_failure(&error));
            }
            attempt.reconnected = connection.times.sent_at().is_some();
            connection = self.open().await?;
        };
        attempt.http_status = Some(response.status().as_u16());
        connection.answered_count += 1;
        if !response.status().is_success() {
            return Err(refusal(&mut connection, response).await);
        }
        let is_whole = self
            .read_answer(&mut connection, response, attempt, live)
            .await?;
        let is_usable = is_whole && connection.is_usable().await;
        Ok(is_usable.then_some(connection))
    }

    async fn ask(
        &self,
        connection: &mut Connection,
        body: &Bytes,
    ) -> hyper::Result<Response<Incoming>> {
        let Connection { sender, driver, .. } = connection;
        driver.drive(sender.ready()).await?;
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        driver.drive(sender.send_request(request)).await
    }

    /// Reads a stream, or the one JSON document of a server that does not stream. Says whether the
    /// body came to its end, so that the connection can serve again.
    async fn read_answer(
        &self,
        connection: &mut Connection,
        response: Response<Incoming>,
        attempt: &mut Attempt,
        live: &LiveShard,
    ) -> Result<bool, Failure> {
        let is_json = is_json(&response);
        let mut body = response.into_body();
        let mut decoder = SseDecoder::default();
        let mut document = Vec::new();
        let sent_at = attempt.sent_at.unwrap_or_default();
        let answer = &mut attempt.answer;
        let is_whole = loop {
            let frame = connection.driver.drive(body.frame());
            let frame = if answer.is_done() {
                match tokio::time::timeout(END_OF_BODY_TIMEOUT, frame).await {
                    Ok(frame) => frame,
                    Err(_) => break false,
                }
            } else {
                frame.await
            };
            let at_ns = connection.times.last_read_at().unwrap_or(sent_at);
            let data = match frame {
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(_)) if answer.is_complete() => break false,
                Some(Err(error)) => {
                    let text = format!("the answer broke off: {}", causes(&error));
                    return Err(Failure::new(Outcome::Truncated, text));
                }
                None => break true,
            };
            if is_json {
                document.extend_from_slice(&data);
                if document.len() > WHOLE_BODY_BYTES_MAX {
                    return Err(Failure::new(Outcome::Protocol, "the answer is too long"));
                }
                continue;
            }
            let (previous, before) = (answer.previous(sent_at), answer.chunk_at.len());
            let pushed = decoder.push(&data, |event| answer.take_event(event, at_ns));
            live.note_chunks(previous, at_ns, answer.chunk_at.len() - before);
            if pushed.is_err() {
                return Err(Failure::new(
                    Outcome::Protocol,
                    "an event of the stream is too long",
                ));
            }
            if answer.has_failed() {
                break false;
            }
        };
        let ended_at = connection.times.last_read_at().unwrap_or(sent_at);
        let (previous, before) = (answer.previous(sent_at), answer.chunk_at.len());
        if is_json {
            answer.take_json(&document, ended_at);
        } else {
            decoder.finish(|event| answer.take_event(event, ended_at));
        }
        live.note_chunks(previous, ended_at, answer.chunk_at.len() - before);
        attempt.finished_at = Some(ended_at);
        Ok(is_whole)
    }
}

/// Whether the server answers with one document in place of a stream.
fn is_json(response: &Response<Incoming>) -> bool {
    let content_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.trim_start().starts_with("application/json"))
}

/// A request that got no answer on an open connection.
fn ask_failure(error: &hyper::Error) -> Failure {
    if error.is_parse() {
        return Failure::new(Outcome::Protocol, causes(error));
    }
    let text = format!(
        "the connection closed before an answer came: {}",
        causes(error)
    );
    Failure::new(Outcome::Truncated, text)
}

/// An answer that is not 200, with the server's own words.
async fn refusal(connection: &mut Connection, response: Response<Incoming>) -> Failure {
    let status = response.status();
    let mut body = response.into_body();
    let mut document = Vec::new();
    while document.len() < ERROR_BODY_BYTES_MAX {
        match connection.driver.drive(body.frame()).await {
            Some(Ok(frame)) => document.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Some(Err(_)) | None => break,
        }
    }
    let outcome = match status.as_u16() {
        429 => Outcome::Http429,
        400..=499 => Outcome::Http4xx,
        500..=599 => Outcome::Http5xx,
        _ => Outcome::Protocol,
    };
    let words = error_body_text(&document);
    let text = if words.trim().is_empty() {
        status.to_string()
    } else {
        words
    };
    Failure::new(outcome, text)
}

/// An error with its causes, since the outer ones often say least.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
