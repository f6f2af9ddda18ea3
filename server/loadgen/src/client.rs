//! One HTTP/1.1 connection per user, on the thread of the user.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use domain::load::Header;
use domain::measure::record::Outcome;
use domain::secret::Secret;
use domain::workload::Api;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::answer::{Answer, Failure, bounded_error};
use crate::budget::Reservation;
use crate::clock::RunClock;
use crate::endpoint::Endpoint;
use crate::error::LoadError;
use crate::exchange::{Ended, Exchange, WireTimes};
use crate::headers::{header_map, secrets, without_secrets};
use crate::intake::Intake;
use crate::interrupt::unless;
use crate::live::LiveShard;
use crate::socket::{StampKeeper, StampedStream};
use crate::wire::Wire;

/// Longest time for opening a connection.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests to one API of one server.
pub(crate) struct Client {
    endpoint: Endpoint,
    clock: RunClock,
    /// The head of a request up to the value of `content-length`, its last field.
    head: Secret<Vec<u8>>,
    key: Option<Secret<String>>,
    /// Words of extra headers that no text may hold.
    secrets: Vec<Secret<String>>,
    request_timeout: Duration,
    /// Whether each request has a connection of its own.
    has_fresh_connections: bool,
    _stamps: StampKeeper,
}

/// What is known about one request; it fills up as the exchange goes on, so that a time-out or a
/// cancel loses nothing.
pub(crate) struct Attempt<'a> {
    /// When it was sent and its answer read.
    pub(crate) times: WireTimes,
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
    /// What it may cost.
    pub(crate) reservation: Reservation<'a>,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(answer: Answer, reservation: Reservation<'a>) -> Self {
        Self {
            times: WireTimes::default(),
            finished_at: None,
            connect_ns: None,
            http_status: None,
            reconnected: false,
            answer,
            reservation,
        }
    }
}

/// An open connection. It belongs to the thread that opened it.
pub(crate) struct Connection {
    wire: Wire,
    /// Time it took to open, until a request has taken it into its record.
    connect_ns: Option<u64>,
    answered_count: u32,
}

impl Connection {
    /// Whether it can still take a request, as far as is known.
    pub(crate) async fn is_usable(&mut self) -> bool {
        // The end of the stream and bytes that nobody asked for both spoil it.
        poll_fn(|cx| Poll::Ready(self.wire.poll_read_with(cx, |_, _| ()).is_pending())).await
    }
}

impl Client {
    /// A client for one API. `key` goes into the `Authorization` header. One of the extra `headers` may
    /// take the place of one of its own.
    pub(crate) fn new(
        endpoint: Endpoint,
        api: Api,
        key: Option<Secret<String>>,
        headers: &[Header],
        request_timeout: Duration,
        clock: RunClock,
    ) -> Result<Self, LoadError> {
        let head = head(&endpoint, api, key.as_ref(), headers)?;
        Ok(Self {
            endpoint,
            clock,
            head,
            key,
            secrets: secrets(headers),
            request_timeout,
            has_fresh_connections: false,
            _stamps: StampKeeper::new(),
        })
    }

    /// The same client with a connection for each request. Servers are told, so that they close it: the
    /// side that closes first keeps the port busy for a minute.
    pub(crate) fn with_fresh_connections(mut self) -> Self {
        let field = b"connection: close\r\n";
        let request_line = self.head.expose().iter().position(|byte| *byte == b'\n');
        let mut head = self.head.expose().clone();
        let at = request_line.map_or(0, |end| end + 1);
        head.splice(at..at, *field);
        self.head = Secret::new(head);
        self.has_fresh_connections = true;
        self
    }

    /// Whether each request has a connection of its own.
    pub(crate) fn has_fresh_connections(&self) -> bool {
        self.has_fresh_connections
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
        // A value such as `close` would tear the client's own words apart.
        let text = if failure.is_quoting {
            without_secrets(failure.text, &self.secrets)
        } else {
            failure.text
        };
        Failure {
            text: bounded_error(&text, key),
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
        let opened = tokio::time::timeout(CONNECT_TIMEOUT, self.connect());
        let wire = match opened.await {
            Ok(Ok(wire)) => wire,
            Ok(Err(error)) => {
                return Err(Failure::new(Outcome::Connect, explained(causes(&error))));
            }
            Err(_) => {
                let text = format!("no connection within {} s", CONNECT_TIMEOUT.as_secs());
                return Err(Failure::new(Outcome::Connect, text));
            }
        };
        Ok(Connection {
            wire,
            connect_ns: Some(self.clock.now_ns() - started_at),
            answered_count: 0,
        })
    }

    async fn connect(&self) -> io::Result<Wire> {
        let stream = TcpStream::connect(self.endpoint.addresses.as_slice()).await?;
        stream.set_nodelay(true)?;
        let stream = StampedStream::new(stream);
        let Some(tls) = &self.endpoint.tls else {
            return Ok(Wire::Plain(stream));
        };
        let stream = tls
            .connector
            .connect(tls.server_name.clone(), stream)
            .await?;
        Ok(Wire::Tls(Box::new(stream)))
    }

    /// Sends one request and reads its answer to the end. A connection that can be used again is
    /// left in `slot`, after a refusal as well: else a busy server would cost a connection with each.
    /// `cancel` is looked at with every chunk and should be the thread's own.
    pub(crate) async fn send(
        &self,
        slot: &mut Option<Connection>,
        body: &Bytes,
        attempt: &mut Attempt<'_>,
        live: &LiveShard,
        cancel: &CancellationToken,
    ) -> Result<(), Failure> {
        let deadline = Instant::now() + self.request_timeout;
        let interruption = async {
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(Failure::new(Outcome::Cancelled, "the run was cancelled")),
                () = tokio::time::sleep_until(deadline) => {
                    let text = format!("no complete answer within {} s", self.request_timeout.as_secs());
                    Err(Failure::new(Outcome::Timeout, text))
                }
            }
        };
        let exchange = self.exchange(slot, body, attempt, live);
        let is_due = || cancel.is_cancelled() || Instant::now() >= deadline;
        let exchanged = unless(exchange, interruption, is_due).await;
        if exchanged.is_err() {
            attempt.finished_at = Some(self.clock.now_ns());
        }
        exchanged
    }

    async fn exchange(
        &self,
        slot: &mut Option<Connection>,
        body: &Bytes,
        attempt: &mut Attempt<'_>,
        live: &LiveShard,
    ) -> Result<(), Failure> {
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        let head = [
            self.head.expose(),
            body.len().to_string().as_bytes(),
            b"\r\n\r\n",
        ]
        .concat();
        let mut intake = Intake::new(&mut attempt.answer, &mut attempt.http_status);
        let is_reusable = loop {
            attempt.connect_ns = connection.connect_ns.take().or(attempt.connect_ns);
            // A connection known to be closed is replaced before anything goes out on it.
            let ended = if connection.answered_count > 0 && !connection.is_usable().await {
                None
            } else {
                let request = [&head[..], &body[..]];
                let times = &mut attempt.times;
                let wire = &mut connection.wire;
                let exchange = Exchange::new(wire, self.clock, request, &mut intake, times, live);
                Some(exchange.carry_out().await)
            };
            match ended {
                None => {}
                Some(Ended::Answered { is_reusable }) => break is_reusable,
                Some(Ended::Failed(failure)) => return Err(failure),
                // Only a connection that served before can have been closed behind our back, and only
                // before its answer began; a fresh one is never tried twice.
                Some(Ended::Unanswered { failure, .. }) if connection.answered_count == 0 => {
                    return Err(failure);
                }
                Some(Ended::Unanswered { was_sent, failure }) => {
                    if was_sent && !attempt.reservation.again() {
                        return Err(failure);
                    }
                    attempt.reconnected = was_sent;
                }
            }
            connection = self.open().await?;
        };
        let sent_at = attempt.times.sent_at.unwrap_or_default();
        let read = intake.finish(sent_at, live);
        attempt.finished_at = Some(attempt.times.last_read_at.unwrap_or(sent_at));
        connection.answered_count += 1;
        if is_reusable && !self.has_fresh_connections && connection.is_usable().await {
            *slot = Some(connection);
        }
        read
    }
}

/// The head of every request, up to the value of its last field, `content-length`.
fn head(
    endpoint: &Endpoint,
    api: Api,
    key: Option<&Secret<String>>,
    headers: &[Header],
) -> Result<Secret<Vec<u8>>, LoadError> {
    let extra = header_map(headers)?;
    let refuse = |what: &str| LoadError::Plan(format!("{what} cannot be part of a request"));
    let path = endpoint.api_path(api);
    if path.parse::<http::uri::PathAndQuery>().is_err() {
        return Err(refuse("the path of the base URL"));
    }
    let mut head = format!("POST {path} HTTP/1.1\r\n").into_bytes();
    let mut field = |name: &str, value: &str, what: &str| {
        if extra.contains_key(name) {
            return Ok(());
        }
        // A value with a line break would be more than one field.
        http::HeaderValue::from_str(value).map_err(|_| refuse(what))?;
        for part in [name, ": ", value, "\r\n"] {
            head.extend_from_slice(part.as_bytes());
        }
        Ok(())
    };
    field("host", &endpoint.authority, "the host of the base URL")?;
    field("content-type", "application/json", "")?;
    field("accept", "text/event-stream", "")?;
    field(
        "user-agent",
        concat!("assay/", env!("CARGO_PKG_VERSION")),
        "",
    )?;
    if let Some(key) = key {
        let value = format!("Bearer {}", key.expose());
        field("authorization", &value, "the API key")?;
    }
    for (name, value) in &extra {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"content-length: ");
    Ok(Secret::new(head))
}

/// What TLS says for those who know it, and what to do.
fn explained(text: String) -> String {
    let help = if text.contains("corrupt message of type InvalidContentType") {
        "the server does not speak TLS there: does its URL begin with http://?"
    } else if text.contains("CaUsedAsEndEntity") || text.contains("UnknownIssuer") {
        "nobody this machine trusts signed the server's certificate: name a file with one that did, or with a self-signed one's authority, in SSL_CERT_FILE"
    } else {
        return text;
    };
    format!("{help} ({text})")
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
