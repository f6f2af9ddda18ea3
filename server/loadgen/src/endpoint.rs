//! Where requests go: the parts of a base URL, its addresses, its encryption.

use std::net::SocketAddr;
use std::sync::Arc;

use domain::workload::Api;
use http::Uri;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::TlsConnector;

use crate::error::LoadError;

/// A server, resolved once before the run so that no name look-up falls into a measurement.
pub(crate) struct Endpoint {
    /// The base URL as the plan gave it.
    pub(crate) url: String,
    /// `host:port` for the `Host` header.
    pub(crate) authority: String,
    /// Path before `/v1`, without a slash at its end.
    pub(crate) root_path: String,
    /// Addresses in the order to try.
    pub(crate) addresses: Vec<SocketAddr>,
    /// For `https`.
    pub(crate) tls: Option<Tls>,
}

/// Encryption to one server name.
pub(crate) struct Tls {
    pub(crate) connector: TlsConnector,
    pub(crate) server_name: ServerName<'static>,
}

impl Endpoint {
    /// Reads the base URL and looks its name up.
    pub(crate) async fn resolve(base_url: &str) -> Result<Self, LoadError> {
        // A password stands before the @.
        let shown = if base_url.contains('@') { "" } else { base_url };
        let refuse = |why: &str| LoadError::Plan(format!("the base URL {shown:?} {why}"));
        let url = domain::field::base_url(base_url)
            .map_err(|why| refuse(&format!("is not possible. {why}")))?;
        let uri: Uri = url.parse().map_err(|_| refuse("is not a URL"))?;
        let is_https = uri.scheme_str() == Some("https");
        let authority = uri.authority().ok_or_else(|| refuse("names no host"))?;
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let port = authority
            .port_u16()
            .unwrap_or(if is_https { 443 } else { 80 });
        let unreachable = |reason: String| LoadError::Unreachable {
            url: base_url.to_owned(),
            reason,
        };
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), port))
            .await
            .map_err(|error| unreachable(error.to_string()))?
            .collect();
        if addresses.is_empty() {
            return Err(unreachable(format!("{host} has no address")));
        }
        let tls = if is_https {
            Some(Tls::new(host).map_err(|why| refuse(&why))?)
        } else {
            None
        };
        Ok(Self {
            url: base_url.to_owned(),
            authority: authority.as_str().to_owned(),
            root_path: root_path(uri.path()),
            addresses,
            tls,
        })
    }

    /// Path of an API.
    pub(crate) fn api_path(&self, api: Api) -> String {
        match api {
            Api::Chat => format!("{}/v1/chat/completions", self.root_path),
            Api::Completions => format!("{}/v1/completions", self.root_path),
        }
    }

    /// URL of a path below the root.
    pub(crate) fn root_url(&self, path: &str) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{}{path}", self.authority, self.root_path)
    }
}

/// The path without `/v1` and slashes at its end.
fn root_path(path: &str) -> String {
    let path = path.trim_end_matches('/');
    path.strip_suffix("/v1")
        .unwrap_or(path)
        .trim_end_matches('/')
        .to_owned()
}

impl Tls {
    fn new(host: String) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .map_err(|error| format!("cannot be reached by TLS on this machine: {error}"))?
            .with_no_client_auth();
        let server_name = ServerName::try_from(host)
            .map_err(|error| format!("names a host that TLS cannot check: {error}"))?;
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            server_name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn path_of(url: &str) -> String {
        Endpoint::resolve(url).await.unwrap().api_path(Api::Chat)
    }

    #[tokio::test]
    async fn v1_at_the_end_is_accepted() {
        for url in [
            "http://127.0.0.1:1",
            "http://127.0.0.1:1/",
            "http://127.0.0.1:1/v1/",
        ] {
            assert_eq!(path_of(url).await, "/v1/chat/completions", "{url}");
        }
        assert_eq!(
            path_of("http://127.0.0.1/openai/v1").await,
            "/openai/v1/chat/completions"
        );
    }

    #[tokio::test]
    async fn addresses_of_both_families_and_default_ports() {
        let endpoint = Endpoint::resolve("http://[::1]/v1").await.unwrap();
        assert_eq!(endpoint.addresses, ["[::1]:80".parse().unwrap()]);
        let endpoint = Endpoint::resolve("https://127.0.0.1").await.unwrap();
        assert_eq!(endpoint.addresses, ["127.0.0.1:443".parse().unwrap()]);
        assert!(endpoint.tls.is_some());
    }

    #[tokio::test]
    async fn what_is_no_url_is_refused() {
        for url in [
            "",
            "localhost:8000",
            "ftp://a",
            "http://",
            "http://me:pw@127.0.0.1/",
            "http://127.0.0.1/v1?api-version=1",
            "http://127.0.0.1/v1#a",
            "http://127.0.0.1:99999",
        ] {
            let refused = Endpoint::resolve(url).await;
            assert!(matches!(refused, Err(LoadError::Plan(_))), "{url}");
        }
    }
}
