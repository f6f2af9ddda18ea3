//! What a request did to its session, carried from the use case to the edge that owns cookies.

use std::sync::{Arc, Mutex, PoisonError};

use domain::access::Person;
use domain::id::UserId;

/// What is to happen to the session of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionChange {
    /// A new session for this person; the old one ends.
    SignIn(UserId),
    /// The session ends.
    SignOut,
}

/// A note that a page or server function leaves for the edge: the edge reads it before it sends the
/// answer and sets the cookie. Clones share the note.
#[derive(Clone, Debug, Default)]
pub struct SessionChanges(Arc<Mutex<Option<SessionChange>>>);

impl SessionChanges {
    /// Signs the browser of this request in as `person`.
    pub fn sign_in(&self, person: &Person) {
        self.set(SessionChange::SignIn(person.id));
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
