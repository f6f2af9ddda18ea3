//! The error a server function answers with, the same on both sides of the wire.

use super::codec::JsonText;
use domain::field::FieldErrors;
use serde::{Deserialize, Serialize};
use server_fn::error::{FromServerFnError, ServerFnErrorErr};

/// Why a server function did not do what was asked. Texts are for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ApiError {
    /// There is no such thing.
    #[error("{message}")]
    NotFound {
        /// What, and why it may be so.
        message: String,
    },
    /// The input is wrong at these fields.
    #[error("Some answers need another look.")]
    Invalid {
        /// The messages.
        errors: FieldErrors,
    },
    /// Something else happened first, or stands in the way.
    #[error("{message}")]
    Conflict {
        /// What, and what to do.
        message: String,
    },
    /// Signed in, but not allowed.
    #[error("{message}")]
    Forbidden {
        /// What is missing.
        message: String,
    },
    /// Nobody is signed in, or name and password do not fit.
    #[error("You are signed out. Sign in to go on.")]
    SignedOut,
    /// Too many attempts.
    #[error("Too many attempts. Try again in {retry_after_s} s.")]
    TooManyRequests {
        /// Seconds until the next attempt can succeed.
        retry_after_s: u32,
    },
    /// Something this needs does not answer.
    #[error("{message}")]
    Unavailable {
        /// What, and what to do.
        message: String,
    },
    /// A fault of the product or its machine.
    #[error("{message}")]
    Internal {
        /// What a person may read of it.
        message: String,
    },
    /// The call did not get through, or was not understood.
    #[error(
        "The server could not be reached, or did not understand the call. Check the connection and reload the page."
    )]
    Transport {
        /// The cause, for the curious.
        cause: String,
    },
}

impl ApiError {
    /// Messages at fields; empty when the error is of another kind.
    pub fn field_errors(&self) -> FieldErrors {
        match self {
            Self::Invalid { errors } => errors.clone(),
            _ => FieldErrors::default(),
        }
    }

    /// Whether the messages stand at fields.
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Invalid { .. })
    }

    /// The HTTP status that says the same.
    pub fn status(&self) -> u16 {
        match self {
            Self::NotFound { .. } => 404,
            Self::Invalid { .. } => 422,
            Self::Conflict { .. } => 409,
            Self::Forbidden { .. } => 403,
            Self::SignedOut => 401,
            Self::TooManyRequests { .. } => 429,
            Self::Unavailable { .. } => 503,
            Self::Internal { .. } => 500,
            Self::Transport { .. } => 400,
        }
    }
}

impl FromServerFnError for ApiError {
    type Encoder = JsonText;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let error = Self::Transport {
            cause: error.to_string(),
        };
        #[cfg(feature = "ssr")]
        super::context::set_status_of(&error);
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_survive_the_wire() {
        let errors = [
            ApiError::Invalid {
                errors: FieldErrors::one("name", "Give a name."),
            },
            ApiError::SignedOut,
            ApiError::TooManyRequests { retry_after_s: 7 },
        ];
        for error in errors {
            assert_eq!(ApiError::de(error.ser()), error);
        }
    }

    #[test]
    fn what_is_not_an_error_of_ours_is_a_fault_of_transport() {
        let read = ApiError::de("<html>502</html>".into());
        assert!(matches!(read, ApiError::Transport { .. }), "{read:?}");
    }
}
