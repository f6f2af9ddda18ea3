//! How a use case fails: what a person may read, apart from the cause.

use domain::field::FieldErrors;
use store::StoreError;

/// Why a use case did not do what was asked. The texts are for people; causes go to the log.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// There is no such thing, as a sentence.
    #[error("{0}")]
    NotFound(String),
    /// The input is wrong at these fields.
    #[error("some fields are not valid")]
    Invalid(FieldErrors),
    /// Something else happened first, or stands in the way.
    #[error("{0}")]
    Conflict(String),
    /// Signed in, but not allowed.
    #[error("{0}")]
    Forbidden(String),
    /// Nobody is signed in, or name and password do not fit.
    #[error("signed out")]
    SignedOut,
    /// Too many attempts.
    #[error("too many attempts: try again in {retry_after_s} s")]
    TooManyRequests {
        /// Seconds until the next attempt can succeed.
        retry_after_s: u32,
    },
    /// What was sent is longer than what is taken.
    #[error("{0}")]
    TooLarge(String),
    /// Something this needs does not answer.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of the product or of its machine.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ServiceError {
    /// An internal fault with its cause.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// The text a person may read. It never contains the cause.
    pub fn public_text(&self) -> String {
        match self {
            Self::NotFound(text)
            | Self::Conflict(text)
            | Self::Forbidden(text)
            | Self::TooLarge(text)
            | Self::Unavailable(text) => text.clone(),
            Self::Invalid(_) => "Some fields need another value.".to_owned(),
            Self::SignedOut => "Sign in to go on.".to_owned(),
            Self::TooManyRequests { retry_after_s } => {
                format!("Too many attempts. Try again in {retry_after_s} s.")
            }
            Self::Internal(_) => {
                "Something went wrong on the server. The server's log has the cause.".to_owned()
            }
        }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => {
                Self::NotFound("There is no such thing, or it was deleted.".to_owned())
            }
            StoreError::Conflict(_) => Self::Conflict(
                "This was changed in the meantime. Reload the page and try again.".to_owned(),
            ),
            other => Self::internal(other),
        }
    }
}

impl From<FieldErrors> for ServiceError {
    fn from(errors: FieldErrors) -> Self {
        Self::Invalid(errors)
    }
}

/// Gives “not found” words of its own.
pub(crate) fn not_found(what: &str) -> ServiceError {
    ServiceError::NotFound(format!(
        "There is no such {what}. It may have been deleted, or the link is incomplete."
    ))
}

/// Turns a name that is taken into a message at the field `name`.
pub(crate) fn name_taken(what: &str) -> impl FnOnce(StoreError) -> ServiceError {
    let message = format!("Another {what} has this name. Choose a different one.");
    move |error| match error {
        StoreError::Conflict(_) => ServiceError::Invalid(FieldErrors::one("name", message)),
        other => other.into(),
    }
}

/// Turns the refusal to delete what is used into words.
pub(crate) fn still_used(what: &str) -> impl FnOnce(StoreError) -> ServiceError {
    let message = format!(
        "This {what} is in use, or was: what used it goes on naming it. Archive it instead, and it is no longer offered."
    );
    move |error| match error {
        StoreError::Conflict(_) => ServiceError::Conflict(message),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_text_has_no_cause() {
        let error = ServiceError::internal("disk /secret/path is full");
        assert!(!error.public_text().contains("secret"));
        assert!(
            std::error::Error::source(&error)
                .is_some_and(|cause| cause.to_string().contains("full"))
        );
    }
}
