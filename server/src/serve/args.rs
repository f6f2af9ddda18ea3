//! What `assay serve` can be told.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::data::DataArgs;

/// Serve the web application and carry out benchmarks on this machine.
///
/// Everything is kept in the data directory: an SQLite database, the raw records of runs, the logs
/// of engines and the key that seals credentials. At the first start the server prints a one-time
/// link that makes the first administrator.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on; port 0 takes a free port
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:3000",
        env = "ASSAY_ADDR"
    )]
    pub(crate) addr: SocketAddr,

    #[command(flatten)]
    pub(crate) data: DataArgs,

    /// Address people reach the server at, when a proxy stands before it
    ///
    /// With an https address, cookies are only sent over TLS and browsers are told to keep to it.
    #[arg(long, value_name = "URL", env = "ASSAY_PUBLIC_URL", value_parser = parse_public_url)]
    pub(crate) public_url: Option<PublicUrl>,

    /// Take the address of a client from the last entry of X-Forwarded-For
    ///
    /// Only behind a proxy that sets the header itself: sign-in attempts are limited per address.
    #[arg(long, env = "ASSAY_BEHIND_PROXY")]
    pub(crate) behind_proxy: bool,

    /// Socket of this machine's Docker Engine
    #[arg(
        long,
        value_name = "PATH",
        env = "ASSAY_DOCKER_SOCKET",
        default_value = "/var/run/docker.sock"
    )]
    pub(crate) docker_socket: PathBuf,

    /// Folder of models that containers may be given, read-only, with everything below it
    ///
    /// May be named several times (in the variable: with colons between). Without any, an engine in a
    /// container sees no file of its machine, and only models that it fetches itself can be served.
    #[arg(
        long = "model-folder",
        value_name = "PATH",
        env = "ASSAY_MODEL_FOLDERS",
        value_delimiter = ':'
    )]
    pub(crate) model_folders: Vec<PathBuf>,

    /// Sign every visitor in as a demo administrator, and run a few sample benchmarks
    ///
    /// On loopback addresses only: whoever reaches the server may start programs on this machine.
    #[arg(long)]
    pub(crate) demo: bool,
}

/// An address people reach the server at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicUrl {
    /// `http` or `https`.
    pub(crate) scheme: String,
    /// Host and, where it is not the usual one, port.
    pub(crate) authority: String,
}

impl PublicUrl {
    /// Whether it is reached over TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.scheme == "https"
    }
}

impl std::fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

fn parse_public_url(text: &str) -> Result<PublicUrl, String> {
    let help = || "give it as https://host or http://host:port, without a path".to_owned();
    let uri: axum::http::Uri = text.trim_end_matches('/').parse().map_err(|_| help())?;
    let scheme = uri
        .scheme_str()
        .filter(|scheme| ["http", "https"].contains(scheme));
    match (scheme, uri.authority()) {
        (Some(scheme), Some(authority)) if uri.path() == "/" && uri.query().is_none() => {
            Ok(PublicUrl {
                scheme: scheme.to_owned(),
                authority: authority.as_str().to_lowercase(),
            })
        }
        _ => Err(help()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_an_origin() {
        let url = parse_public_url("https://Assay.example.org/").unwrap();
        assert_eq!(url.to_string(), "https://assay.example.org");
        assert!(url.is_tls());
        for bad in [
            "assay.example.org",
            "ftp://host",
            "https://host/path",
            "https://host?x",
            "",
        ] {
            assert!(parse_public_url(bad).is_err(), "{bad}");
        }
    }
}
