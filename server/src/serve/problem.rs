//! Refusals of routes that are not pages: a status, and a sentence as JSON.

use app::api::ApiError;
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use service::ServiceError;

use super::rest::Refusal;

/// A refusal with a sentence a person may read.
pub(super) fn refuse(status: StatusCode, message: &str) -> Response {
    Refusal::new(status, message).into_response()
}

/// What a use case refused, as a route answers it. Causes go to the log.
pub(super) fn of_service(error: ServiceError) -> Response {
    Refusal::from(error).into_response()
}

/// A token that lets nobody in, in words that say more than “sign in”.
pub(super) fn of_token(error: ServiceError) -> Response {
    let ServiceError::SignedOut = error else {
        return of_service(error);
    };
    let message =
        "This token lets nobody in: it is unknown, expired or revoked, or its account is disabled.";
    let mut response = refuse(StatusCode::UNAUTHORIZED, message);
    let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    let headers = response.headers_mut();
    headers.insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// Nobody is signed in: a person is sent to the sign-in page and then to `next`, a program gets a 401.
pub(super) fn signed_out(headers: &HeaderMap, next: &str) -> Response {
    if wants_page(headers) {
        Redirect::to(&app::routes::sign_in(next)).into_response()
    } else {
        of_service(ServiceError::SignedOut)
    }
}

/// The same for the call of a server function, in the form the app reads.
pub(super) fn signed_out_of_call(headers: &HeaderMap) -> Response {
    if wants_page(headers) {
        Redirect::to(app::routes::SIGN_IN).into_response()
    } else {
        (StatusCode::UNAUTHORIZED, Json(ApiError::SignedOut)).into_response()
    }
}

pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}
