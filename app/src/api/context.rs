//! What a request brings, and how an error becomes an answer. On the server only.

use std::net::IpAddr;

use axum::http::header::{ACCEPT, CONTENT_SECURITY_POLICY, LOCATION, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use domain::field::FieldErrors;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use service::session::SessionChanges;
use service::{Actor, Ctx, ServiceError};

use super::ApiError;
use crate::routes;

/// What every server function starts from. Provided once for each request.
#[derive(Clone)]
pub struct RequestContext {
    /// What use cases need.
    pub ctx: Ctx,
    /// Who asks, if somebody is signed in.
    pub actor: Option<Actor>,
    /// Where signing in and out is noted for the edge, which owns the cookie.
    pub session: SessionChanges,
    /// Where the request came from.
    pub client_ip: IpAddr,
}

/// The request, whoever sent it.
pub(super) fn request() -> Result<RequestContext, ApiError> {
    use_context().ok_or_else(|| {
        let cause = "no request context: a server function ran outside of a request";
        fault(cause)
    })
}

/// Use cases and the person who asks. Signed out, a page is answered with the way to the sign-in
/// page and a call with the error.
pub(super) fn signed_in() -> Result<(Ctx, Actor), ApiError> {
    let RequestContext { ctx, actor, .. } = request()?;
    if let Some(actor) = actor {
        return Ok((ctx, actor));
    }
    let error = ApiError::SignedOut;
    match use_context::<Parts>().map(|parts| page_of(&parts)) {
        Some(Some(page)) => redirect_page(&routes::sign_in(&page)),
        Some(None) if is_plain_form() => leptos_axum::redirect(routes::SIGN_IN),
        _ => set_status_of(&error),
    }
    Err(error)
}

/// The page a request asks for; `None` for a call of a server function.
fn page_of(parts: &Parts) -> Option<String> {
    let path = parts.uri.path();
    let is_call = path.starts_with("/api/");
    let page = parts.uri.path_and_query().map_or(path, |all| all.as_str());
    (!is_call).then(|| page.to_owned())
}

/// Answers a page with another page's address.
fn redirect_page(path: &str) {
    if let (Some(response), Ok(value)) = (
        use_context::<ResponseOptions>(),
        HeaderValue::from_str(path),
    ) {
        response.set_status(StatusCode::FOUND);
        response.insert_header(LOCATION, value);
    }
}

/// Whether this is a form sent without the page's script: such a call is answered with the page it
/// came from, and the error in its address.
pub(super) fn is_plain_form() -> bool {
    use_context::<Parts>().is_some_and(|parts| {
        let accept = parts
            .headers
            .get(ACCEPT)
            .and_then(|value| value.to_str().ok());
        page_of(&parts).is_none() && accept.is_some_and(|accept| accept.contains("text/html"))
    })
}

/// Maps the error of a use case, sets the status of the answer, and writes faults to the log.
pub(super) fn refuse(error: ServiceError) -> ApiError {
    let error = error_of(error);
    set_status_of(&error);
    error
}

/// The error of a use case as pages read it; a fault's cause goes to the log.
pub fn error_of(error: ServiceError) -> ApiError {
    let message = error.public_text();
    match error {
        ServiceError::NotFound(_) => ApiError::NotFound { message },
        ServiceError::Invalid(errors) => ApiError::Invalid { errors },
        ServiceError::Conflict(_) => ApiError::Conflict { message },
        ServiceError::Forbidden(_) => ApiError::Forbidden { message },
        ServiceError::SignedOut => ApiError::SignedOut,
        ServiceError::TooManyRequests { retry_after_s } => {
            ApiError::TooManyRequests { retry_after_s }
        }
        // Only files are long enough, and no server function takes one.
        ServiceError::TooLarge(_) => ApiError::Invalid {
            errors: FieldErrors::one("file", message),
        },
        ServiceError::Unavailable(_) => ApiError::Unavailable { message },
        ServiceError::Internal(cause) => {
            tracing::error!(error = %ErrorChain(&*cause), "a use case failed");
            ApiError::Internal { message }
        }
    }
}

/// A fault of this layer: its cause goes to the log.
pub(super) fn fault(cause: &str) -> ApiError {
    tracing::error!(error = cause, "a server function failed");
    let error = ApiError::Internal {
        message: "Something went wrong on the server. The server's log has the cause.".to_owned(),
    };
    set_status_of(&error);
    error
}

/// Gives the answer the status of the error. A plain form is answered with a redirect instead,
/// which must keep its own.
pub(super) fn set_status_of(error: &ApiError) {
    let Some(response) = use_context::<ResponseOptions>() else {
        return;
    };
    if is_plain_form() {
        return;
    }
    if let Ok(status) = StatusCode::from_u16(error.status()) {
        response.set_status(status);
    }
    if let ApiError::TooManyRequests { retry_after_s } = error {
        response.insert_header(RETRY_AFTER, HeaderValue::from(*retry_after_s));
    }
}

/// Says that there is no such page.
pub fn set_not_found() {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(StatusCode::NOT_FOUND);
    }
}

/// Allows a document exactly what it needs: its own files, and the scripts that carry `nonce`.
pub fn set_content_security_policy(nonce: &str) {
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; \
         style-src 'self' 'nonce-{nonce}'; connect-src 'self'; img-src 'self' data:; \
         font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    if let (Some(response), Ok(value)) = (
        use_context::<ResponseOptions>(),
        HeaderValue::from_str(&policy),
    ) {
        response.insert_header(CONTENT_SECURITY_POLICY, value);
    }
}

/// The value of a cookie of the request.
pub fn cookie(name: &str) -> Option<String> {
    let parts = use_context::<Parts>()?;
    let cookies = parts.headers.get_all(axum::http::header::COOKIE);
    cookies
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// The id a form sends, or `None` where it sends none. What is no id names nothing that exists: it must
/// not pass for a new thing.
pub(super) fn optional_id<T: std::str::FromStr>(text: &str) -> Result<Option<T>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        let error = ApiError::NotFound {
            message: "There is no such thing. The link is incomplete.".to_owned(),
        };
        set_status_of(&error);
        error
    })
}

/// An error with its causes on one line.
struct ErrorChain<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
