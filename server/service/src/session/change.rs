//! What a request did to its session, carried from the use case to the edge that owns cookies.

use std::sync::{Arc, Mutex, PoisonError};

use domain::access::Person;
use domain::id::UserId;

/// Somebody who just proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub person: Person,
    /// The number their session carries: it is over when the account's is another.
    pub stamp: i64,
}

/// What is to happen to the session of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionChange {
    /// A new session for this person, with the number it carries; the old one ends.
    SignIn {
        /// The account.
        id: UserId,
        /// See [`SignedIn`].
        stamp: i64,
    },
    /// The session ends.
    SignOut,
}

/// A note that a page or server function leaves for the edge: the edge reads it before it sends the
/// answer and sets the cookie. Clones share the note.
#[derive(Clone, Debug, Default)]
pub struct SessionChanges(Arc<Mutex<Option<SessionChange>>>);

impl SessionChanges {
    /// Signs the browser of this request in.
    pub fn sign_in(&self, signed_in: &SignedIn) {
        self.set(SessionChange::SignIn {
            id: signed_in.person.id,
            stamp: signed_in.stamp,
        });
    }

    /// Signs the browser of this request out.
    pub fn sign_out(&self) {
        self.set(SessionChange::SignOut);
    }

    /// What was asked for last, once.
    pub fn take(&self) -> Option<SessionChange> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, change: SessionChange) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(change);
    }
}
