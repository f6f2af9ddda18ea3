//! The connection to one Docker Engine.

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use bollard::ClientVersion;
use bollard::models::SystemVersion;
use hyper::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::transport::{Answer, Transport};
use crate::{Address, Error};

/// How long an ordinary call may take: a busy machine needs many seconds to create a container.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a sign of life may take.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// The oldest API that has all that is used here: Docker 20.10.
const API_MIN: ApiVersion = ApiVersion(1, 41);
/// The newest API that the client library knows.
const API_MAX: ApiVersion = ApiVersion(1, 53);

/// Where a Docker Engine is reached over the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The address that a connection to it went to.
    pub address: IpAddr,
    /// The time of a round trip to that address.
    pub round_trip: Duration,
}

/// A Docker Engine that answered, with the version of the API that both sides speak. Cheap to clone; it holds
/// no open connection.
#[derive(Clone)]
pub struct Docker {
    pub(crate) api: bollard::Docker,
    pub(crate) transport: Transport,
    pub(crate) address: String,
    api_version: ApiVersion,
}

impl std::fmt::Debug for Docker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Docker")
            .field("address", &self.address)
            .field("api_version", &self.api_version)
            .finish_non_exhaustive()
    }
}

impl Docker {
    /// Asks the Docker Engine at `address` for its version, and agrees on one of the API.
    ///
    /// # Errors
    /// [`Error::NoDaemon`], [`Error::NotPermitted`], [`Error::TlsRefused`], [`Error::Certificate`],
    /// [`Error::ApiVersion`], [`Error::TimedOut`].
    pub async fn connect(address: Address) -> Result<Self, Error> {
        let doing = "asking for its version";
        let transport = Transport::new(&address)?;
        let address = address.to_string();
        // Without a version in the path: every Docker Engine answers that.
        let answer = transport
            .call(Method::GET, "/version", None, CALL_TIMEOUT)
            .await
            .map_err(|fault| Error::from_fault(&address, doing, &fault))?;
        let version: SystemVersion = read(&address, doing, &answer)?;
        let api_version = agree(&address, &version)?;
        let ways = transport.clone();
        let api = bollard::Docker::connect_with_custom_transport(
            move |request| {
                let transport = ways.clone();
                async move {
                    transport
                        .send(request)
                        .await
                        .map_err(|fault| bollard::errors::Error::IOError {
                            err: std::io::Error::other(fault),
                        })
                }
            },
            Some("http://docker"),
            CALL_TIMEOUT.as_secs(),
            &ClientVersion {
                major_version: api_version.0,
                minor_version: api_version.1,
            },
        )
        .map_err(|error| Error::from_bollard(&address, doing, CALL_TIMEOUT, error))?;
        Ok(Self {
            api,
            transport,
            address,
            api_version,
        })
    }

    /// The address it is reached at over the network, and the round trip to there; `None` where it is reached
    /// through a socket of this machine.
    ///
    /// # Errors
    /// [`Error::NoDaemon`].
    pub async fn reach(&self) -> Result<Option<Reach>, Error> {
        let reach = self.transport.reach().await;
        reach.map_err(|fault| Error::from_fault(&self.address, "timing a round trip", &fault))
    }

    /// Asks it for nothing but an answer.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn ping(&self) -> Result<(), Error> {
        let ping = self.api.ping();
        self.ask("asking for a sign of life", PING_TIMEOUT, ping)
            .await
            .map(drop)
    }

    /// Waits for `call`, at most `within`, and says its errors for the call `doing`.
    pub(crate) async fn ask<T>(
        &self,
        doing: &str,
        within: Duration,
        call: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, Error> {
        match timeout(within, call).await {
            Ok(result) => result.map_err(|error| self.error(doing, within, error)),
            Err(_) => Err(Error::TimedOut {
                doing: doing.to_owned(),
                after: within,
            }),
        }
    }

    /// The client library's error in our words.
    pub(crate) fn error(
        &self,
        doing: &str,
        within: Duration,
        error: bollard::errors::Error,
    ) -> Error {
        Error::from_bollard(&self.address, doing, within, error)
    }

    /// A call past the client library, which would log its bodies. `path` is without the version.
    pub(crate) async fn call_unlogged<T: DeserializeOwned>(
        &self,
        doing: &str,
        method: Method,
        path: &str,
        json: Option<Vec<u8>>,
    ) -> Result<T, Error> {
        let path = format!("/v{}{path}", self.api_version);
        let answer = self
            .transport
            .call(method, &path, json, CALL_TIMEOUT)
            .await
            .map_err(|fault| Error::from_fault(&self.address, doing, &fault))?;
        read(&self.address, doing, &answer)
    }
}

fn read<T: DeserializeOwned>(address: &str, doing: &str, answer: &Answer) -> Result<T, Error> {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
    }
    if !(200..300).contains(&answer.status) {
        let message = serde_json::from_slice::<Refusal>(&answer.body).map_or_else(
            |_| String::from_utf8_lossy(&answer.body).into_owned(),
            |refusal| refusal.message,
        );
        return Err(Error::from_status(address, doing, answer.status, &message));
    }
    serde_json::from_slice(&answer.body).map_err(|error| Error::Unreadable {
        doing: doing.to_owned(),
        // Its category and place: the text itself may be secret.
        reason: format!(
            "{:?} error at line {} column {}",
            error.classify(),
            error.line(),
            error.column()
        ),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ApiVersion(usize, usize);

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl std::str::FromStr for ApiVersion {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (major, minor) = text.split_once('.').ok_or(())?;
        Ok(Self(
            major.parse().map_err(drop)?,
            minor.parse().map_err(drop)?,
        ))
    }
}

/// The newest version of the API that both sides speak.
fn agree(address: &str, version: &SystemVersion) -> Result<ApiVersion, Error> {
    let unreadable = || Error::Unreadable {
        doing: "asking for its version".to_owned(),
        reason: "it names no version of its API".to_owned(),
    };
    let parse = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
    let newest: ApiVersion = parse(&version.api_version).ok_or_else(unreadable)?;
    let oldest = parse(&version.min_api_version).unwrap_or(API_MIN);
    let apart = |theirs: ApiVersion, ours: ApiVersion, side| Error::ApiVersion {
        address: address.to_owned(),
        theirs: theirs.to_string(),
        ours: ours.to_string(),
        side,
    };
    if newest < API_MIN {
        return Err(apart(newest, API_MIN, "Docker Engine"));
    }
    if API_MAX < oldest {
        return Err(apart(oldest, API_MAX, "version of this server"));
    }
    Ok(newest.min(API_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(newest: &str, oldest: &str) -> SystemVersion {
        SystemVersion {
            api_version: Some(newest.to_owned()),
            min_api_version: Some(oldest.to_owned()),
            ..SystemVersion::default()
        }
    }

    #[test]
    fn the_newest_common_version_is_spoken() {
        let agreed = |newest, oldest| agree("unix:///s", &version(newest, oldest));
        assert_eq!(agreed("1.41", "1.12"), Ok(ApiVersion(1, 41)));
        assert_eq!(agreed("1.99", "1.44"), Ok(API_MAX));
        assert_eq!(
            agreed("1.40", "1.12").unwrap_err().to_string(),
            "the Docker Engine at unix:///s speaks API 1.40, and 1.41 is needed: install a newer Docker Engine"
        );
        assert_eq!(
            agreed("2.5", "2.0").unwrap_err().to_string(),
            "the Docker Engine at unix:///s speaks API 2.0, and 1.53 is needed: install a newer version of this server"
        );
        assert!(matches!(agreed("new", ""), Err(Error::Unreadable { .. })));
    }
}
