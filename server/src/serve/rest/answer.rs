//! What every refusal looks like: a status, a sentence, and the fields it is about.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::field::FieldErrors;
use serde::Serialize;
use service::ServiceError;
use utoipa::ToSchema;

/// The body of every refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct ErrorBody {
    /// Always `error`.
    #[schema(pattern = "^error$")]
    object: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    code: u16,
    /// What is wrong and what would be right, for people.
    message: String,
    /// The fields that need another value; empty when it is not about fields.
    errors: Vec<FieldProblem>,
}

/// What is wrong with one field.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct FieldProblem {
    /// Name of the parameter, or path in the body such as `nodes.0.hostname`.
    field: String,
    /// What is wrong and what would be right.
    message: String,
}

/// A refusal.
#[derive(Debug)]
pub(in crate::serve) struct Refusal {
    status: StatusCode,
    message: String,
    errors: Vec<FieldProblem>,
    retry_after_s: Option<u32>,
}

impl Refusal {
    /// With a sentence a person may read.
    pub(in crate::serve) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            errors: Vec::new(),
            retry_after_s: None,
        }
    }

    /// Nobody is known to ask.
    pub(super) fn signed_out() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Send a valid token as “Authorization: Bearer …”. Tokens are made in Settings, or by `assay token create`.",
        )
    }

    /// These fields need another value.
    pub(super) fn invalid(errors: FieldErrors) -> Self {
        let mut refusal = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Some fields need another value.",
        );
        let problems = errors.0.into_iter().map(|error| FieldProblem {
            field: error.field,
            message: error.message,
        });
        refusal.errors = problems.collect();
        refusal
    }
}

impl From<FieldErrors> for Refusal {
    fn from(errors: FieldErrors) -> Self {
        Self::invalid(errors)
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        let message = error.public_text();
        let status = match error {
            ServiceError::Invalid(errors) => return Self::invalid(errors),
            ServiceError::SignedOut => return Self::signed_out(),
            ServiceError::TooManyRequests { retry_after_s } => {
                let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, message);
                refusal.retry_after_s = Some(retry_after_s);
                return refusal;
            }
            ServiceError::NotFound(_) => StatusCode::NOT_FOUND,
            ServiceError::Conflict(_) => StatusCode::CONFLICT,
            ServiceError::Forbidden(_) => StatusCode::FORBIDDEN,
            ServiceError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            ServiceError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            ServiceError::Internal(cause) => {
                tracing::error!(error = &*cause as &dyn std::error::Error, "a route failed");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self::new(status, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            object: "error",
            code: self.status.as_u16(),
            message: self.message,
            errors: self.errors,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
