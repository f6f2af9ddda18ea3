//! The way to a Docker Engine: one connection for each request, over a Unix socket or TLS.
//!
//! The client library would bring transports of its own; these take certificates from memory instead of
//! files, tell apart why a connection failed, and allow calls whose bodies the library would log.

use std::error::Error as StdError;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::{Address, Error, Reach};

/// How long a connection with its TLS handshake may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer that is read as a whole, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// How often the way is timed; the middle one counts.
const ROUND_TRIPS: usize = 5;

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{0}")]
    Connect(io::Error),
    #[error("{0}")]
    Tls(io::Error),
    #[error("{0}")]
    Http(#[source] hyper::Error),
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("the answer is too long")]
    TooLong,
    #[error("the request has no path")]
    NotOneRequest,
}

impl Fault {
    /// The innermost cause in words: the outer ones only say that there was an error.
    pub(crate) fn reason(&self) -> String {
        if let Some(error) = self.tls_error() {
            return tls_in_words(error);
        }
        let mut cause: &dyn StdError = self;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        cause.to_string()
    }

    /// Whether TLS is the cause: TLS 1.3 tells a client only after the handshake that it was refused.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls_error().is_some()
    }

    fn tls_error(&self) -> Option<&rustls::Error> {
        let inner = match self {
            Self::Connect(error) | Self::Tls(error) => tls_inside(error),
            _ => None,
        };
        if inner.is_some() {
            return inner;
        }
        let mut cause: Option<&(dyn StdError + 'static)> = Some(self);
        while let Some(error) = cause {
            let found = error
                .downcast_ref::<rustls::Error>()
                .or_else(|| error.downcast_ref::<io::Error>().and_then(tls_inside));
            if found.is_some() {
                return found;
            }
            cause = error.source();
        }
        None
    }
}

fn tls_inside(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}

/// Which side did not accept what of the other.
fn tls_in_words(error: &rustls::Error) -> String {
    use rustls::AlertDescription as Alert;
    use rustls::CertificateError as Theirs;
    let words = match error {
        rustls::Error::InvalidCertificate(theirs) => match theirs {
            Theirs::UnknownIssuer | Theirs::BadSignature => {
                "its certificate does not come from the authority that was given"
            }
            Theirs::NotValidForName | Theirs::NotValidForNameContext { .. } => {
                return format!("its certificate is for another name ({theirs})");
            }
            Theirs::Expired | Theirs::ExpiredContext { .. } => "its certificate has expired",
            Theirs::NotValidYet | Theirs::NotValidYetContext { .. } => {
                "its certificate is not valid yet"
            }
            _ => return format!("its certificate is not accepted ({theirs})"),
        },
        rustls::Error::AlertReceived(
            alert @ (Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::CertificateExpired
            | Alert::CertificateRequired
            | Alert::UnsupportedCertificate
            | Alert::DecryptError
            | Alert::AccessDenied),
        ) => return format!("it does not accept the certificate of this server ({alert:?})"),
        rustls::Error::InvalidMessage(_) => "what answers there does not speak TLS",
        other => return other.to_string(),
    };
    words.to_owned()
}

/// An answer that was read as a whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// Opens connections to one Docker Engine. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Transport {
    way: Arc<Way>,
}

enum Way {
    Socket(PathBuf),
    Tls {
        host: String,
        port: u16,
        name: ServerName<'static>,
        connector: TlsConnector,
    },
}

impl Transport {
    /// Reads the certificates; nothing is connected yet.
    pub(crate) fn new(address: &Address) -> Result<Self, Error> {
        let way = match address {
            Address::Socket(path) => Way::Socket(path.clone()),
            Address::Tls {
                host,
                port,
                ca,
                certificate,
                key,
            } => Way::Tls {
                host: host.clone(),
                port: *port,
                name: ServerName::try_from(host.clone()).map_err(|_| Error::Invalid {
                    field: "host".to_owned(),
                    reason: format!("{host} is neither a host name nor an IP address"),
                })?,
                connector: TlsConnector::from(Arc::new(client_config(
                    ca,
                    certificate,
                    key.expose(),
                )?)),
            },
        };
        Ok(Self { way: Arc::new(way) })
    }

    /// Sends one request over a connection of its own, which ends with the answer's body.
    pub(crate) async fn send<B>(&self, request: Request<B>) -> Result<Response<Incoming>, Fault>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let connect = async {
            match &*self.way {
                Way::Socket(path) => {
                    let stream = UnixStream::connect(path).await.map_err(Fault::Connect)?;
                    Ok(Box::pin(stream) as Stream)
                }
                Way::Tls {
                    host,
                    port,
                    name,
                    connector,
                } => {
                    let stream = TcpStream::connect((host.as_str(), *port))
                        .await
                        .map_err(Fault::Connect)?;
                    let stream = connector
                        .connect(name.clone(), stream)
                        .await
                        .map_err(Fault::Tls)?;
                    Ok(Box::pin(stream) as Stream)
                }
            }
        };
        let stream = timeout(CONNECT_TIMEOUT, connect)
            .await
            .map_err(|_| Fault::Connect(io::ErrorKind::TimedOut.into()))??;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(Fault::Http)?;
        // It ends with the answer's body, or when both halves here are dropped; what goes wrong with it is
        // told to whoever reads the answer.
        tokio::spawn(connection);
        sender
            .send_request(origin_form(request)?)
            .await
            .map_err(Fault::Http)
    }

    /// Where the Docker Engine is reached over the network, and how far away that is; `None` for a socket of
    /// this machine.
    pub(crate) async fn reach(&self) -> Result<Option<Reach>, Fault> {
        let Way::Tls { host, port, .. } = &*self.way else {
            return Ok(None);
        };
        let mut times = Vec::with_capacity(ROUND_TRIPS);
        let mut peer: Option<IpAddr> = None;
        for _ in 0..ROUND_TRIPS {
            let began = Instant::now();
            // The kernels of both sides make a connection among themselves: neither TLS nor the Docker
            // Engine's own work is in the time. From the second on to the same address.
            let connect = async {
                match peer {
                    Some(address) => TcpStream::connect((address, *port)).await,
                    None => TcpStream::connect((host.as_str(), *port)).await,
                }
            };
            let stream = timeout(CONNECT_TIMEOUT, connect)
                .await
                .map_err(|_| Fault::Connect(io::ErrorKind::TimedOut.into()))?
                .map_err(Fault::Connect)?;
            if peer.is_some() {
                times.push(began.elapsed());
            }
            let address = stream.peer_addr().map_err(Fault::Connect)?;
            peer = Some(address.ip().to_canonical());
        }
        times.sort_unstable();
        let round_trip = times.get(times.len() / 2).copied().unwrap_or_default();
        Ok(peer.map(|address| Reach {
            address,
            round_trip,
        }))
    }

    /// Sends JSON (or nothing) and reads the whole answer. Nothing of either is logged.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        json: Option<Vec<u8>>,
        within: Duration,
    ) -> Result<Answer, Fault> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(json.unwrap_or_default())))
            .map_err(|_| Fault::NotOneRequest)?;
        let exchange = async {
            let response = self.send(request).await?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
                .collect()
                .await
                .map_err(|error| match error.downcast::<hyper::Error>() {
                    Ok(error) => Fault::Http(*error),
                    Err(_) => Fault::TooLong,
                })?
                .to_bytes();
            Ok(Answer { status, body })
        };
        timeout(within, exchange)
            .await
            .map_err(|_| Fault::TimedOut(within))?
    }
}

/// Either kind of connection.
trait Duplex: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}
type Stream = std::pin::Pin<Box<dyn Duplex>>;

/// The form of a request between a client and its server: the path alone, and the header Host.
fn origin_form<B>(mut request: Request<B>) -> Result<Request<B>, Fault> {
    let path = request
        .uri()
        .path_and_query()
        .cloned()
        .ok_or(Fault::NotOneRequest)?;
    *request.uri_mut() = Uri::from(path);
    request
        .headers_mut()
        .insert(HOST, HeaderValue::from_static("docker"));
    Ok(request)
}

/// What both sides prove themselves with; also whether it can be used at all.
pub(crate) fn client_config(ca: &str, certificate: &str, key: &str) -> Result<ClientConfig, Error> {
    let unusable = |what: &'static str, reason: String| Error::Certificate { what, reason };
    let mut roots = RootCertStore::empty();
    for authority in certificates("authority's certificate", ca)? {
        roots
            .add(authority)
            .map_err(|error| unusable("authority's certificate", error.to_string()))?;
    }
    let chain = certificates("certificate", certificate)?;
    // What the parser says might quote the key.
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|_| unusable("private key", "it is not a PEM private key".to_owned()))?;
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("certificate", error.to_string()))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|error| {
            let reason = match error {
                rustls::Error::InconsistentKeys(_) => {
                    "the key does not belong to the certificate".to_owned()
                }
                error => error.to_string(),
            };
            unusable("certificate with its private key", reason)
        })
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let unusable = |reason: String| Error::Certificate { what, reason };
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unusable(error.to_string()))?;
    if certificates.is_empty() {
        return Err(unusable("it holds no PEM certificate".to_owned()));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[tokio::test]
    async fn one_that_takes_a_request_and_never_answers_is_given_up() {
        let folder = testkit::data_dir();
        let path = folder.path().join("mute.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        let transport = Transport::new(&Address::Socket(path)).unwrap();
        let limit = Duration::from_millis(20);
        let fault = transport
            .call(Method::GET, "/version", None, limit)
            .await
            .err()
            .unwrap();
        let error = Error::from_fault("unix:///s", "asking for its version", &fault);
        assert_eq!(
            error,
            Error::TimedOut {
                doing: "asking for its version".to_owned(),
                after: limit,
            }
        );
    }
}
