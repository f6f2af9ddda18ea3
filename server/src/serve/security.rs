//! What every answer forbids, and which requests are refused before anything looks at them.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERER, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;

use super::args::PublicUrl;
use super::problem::refuse;
use super::session::bearer_of;

/// For answers that are not documents; a page sets its own with a nonce.
const STATIC_CSP: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// One year.
const HSTS: &str = "max-age=31536000";
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), display-capture=(), \
     fullscreen=(self), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), \
     payment=(), usb=()";

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Which requests are let in.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    /// Where people reach the server, when that was told.
    pub(super) public_url: Option<Arc<PublicUrl>>,
    /// Whether only names of this machine are answered: without sign-in, a page elsewhere whose name
    /// is made to resolve to loopback must not reach the server.
    pub(super) is_loopback_only: bool,
}

/// Adds the headers every answer carries. What an inner layer set stays.
pub(super) async fn set_headers(
    State(policy): State<Policy>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    set(CONTENT_SECURITY_POLICY, STATIC_CSP);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    // With `no-referrer`, browsers would send `Origin: null` with forms.
    set(REFERRER_POLICY, "same-origin");
    set(CROSS_ORIGIN_OPENER_POLICY, "same-origin");
    set(CROSS_ORIGIN_RESOURCE_POLICY, "same-origin");
    set(PERMISSIONS_POLICY, PERMISSIONS);
    set(CACHE_CONTROL, "no-store");
    if policy.public_url.is_some_and(|url| url.is_tls()) {
        set(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

/// Refuses names that are not this machine's (where only those are answered), and requests that
/// change something and come from another site's page.
pub(super) async fn check_source(
    State(policy): State<Policy>,
    request: Request,
    next: Next,
) -> Response {
    let host = host_of(request.headers(), request.uri());
    if policy.is_loopback_only && !host.as_deref().is_some_and(is_loopback_name) {
        return refuse(
            StatusCode::MISDIRECTED_REQUEST,
            "The demo answers to localhost, 127.0.0.1 and [::1] only.",
        );
    }
    // Whoever comes with a token is judged by it alone, never by a cookie; and a page elsewhere cannot
    // add the header without asking first, which is never granted. The API asks itself.
    let is_judged_later =
        bearer_of(request.headers()).is_some() || super::rest::is_api_path(request.uri().path());
    if !is_judged_later && !policy.lets_in(&request) {
        return refuse(
            StatusCode::FORBIDDEN,
            "This request did not come from a page of this server.",
        );
    }
    next.run(request).await
}

impl Policy {
    /// Whether a request that is known by its cookie alone may be carried out: it changes nothing,
    /// or a page of this server sent it.
    pub(super) fn lets_in(&self, request: &Request) -> bool {
        let changes_nothing = matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS
        );
        let host = host_of(request.headers(), request.uri());
        changes_nothing || self.comes_from_here(request.headers(), host.as_deref())
    }

    /// Whether the browser says that a page of this server sent the request. Every browser sends
    /// `Origin` or `Referer` with a form or a script's call.
    fn comes_from_here(&self, headers: &HeaderMap, host: Option<&str>) -> bool {
        let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
        if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
            return false;
        }
        let source = headers.get(ORIGIN).or_else(|| headers.get(REFERER));
        let source = source
            .and_then(|value| value.to_str().ok())
            .and_then(authority_of);
        let public = self.public_url.as_ref().map(|url| url.authority.as_str());
        source.is_some_and(|source| {
            [host, public]
                .into_iter()
                .flatten()
                .any(|own| own.eq_ignore_ascii_case(&source))
        })
    }
}

/// Host and port the client asked for: in the request line (HTTP/2) or the `Host` header.
fn host_of(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let in_uri = uri
        .authority()
        .map(|authority| authority.as_str().to_owned());
    let in_header = headers.get(HOST).and_then(|value| value.to_str().ok());
    in_uri.or_else(|| in_header.map(str::to_owned))
}

fn authority_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    uri.scheme()?;
    Some(uri.authority()?.as_str().to_owned())
}

/// Whether a `Host` names this machine, with any port.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        let public_url = PublicUrl {
            scheme: "https".to_owned(),
            authority: "assay.example".to_owned(),
        };
        Policy {
            public_url: Some(Arc::new(public_url)),
            is_loopback_only: false,
        }
    }

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_pages_of_this_server_may_change_things() {
        let host = Some("10.0.0.1:3000");
        let allowed = [
            headers(&[(ORIGIN, "http://10.0.0.1:3000")]),
            headers(&[
                (ORIGIN, "https://assay.example"),
                (SEC_FETCH_SITE, "same-origin"),
            ]),
            headers(&[(REFERER, "http://10.0.0.1:3000/new/7")]),
        ];
        for headers in allowed {
            assert!(policy().comes_from_here(&headers, host), "{headers:?}");
        }
        let refused = [
            headers(&[]),
            headers(&[(ORIGIN, "null")]),
            headers(&[(ORIGIN, "http://evil.example")]),
            headers(&[(ORIGIN, "http://10.0.0.1:8000")]),
            headers(&[
                (ORIGIN, "http://evil.example"),
                (REFERER, "http://10.0.0.1:3000/"),
            ]),
            headers(&[
                (ORIGIN, "http://10.0.0.1:3000"),
                (SEC_FETCH_SITE, "cross-site"),
            ]),
            headers(&[
                (ORIGIN, "http://10.0.0.1:3000"),
                (SEC_FETCH_SITE, "same-site"),
            ]),
        ];
        for headers in refused {
            assert!(!policy().comes_from_here(&headers, host), "{headers:?}");
        }
    }

    #[test]
    fn names_of_this_machine() {
        for own in [
            "localhost",
            "LOCALHOST:3000",
            "127.0.0.1:80",
            "127.8.8.8",
            "[::1]:3000",
        ] {
            assert!(is_loopback_name(own), "{own}");
        }
        for other in [
            "",
            "evil.example:3000",
            "127.0.0.1.evil.example",
            "[::2]",
            "10.0.0.1",
        ] {
            assert!(!is_loopback_name(other), "{other}");
        }
    }
}
