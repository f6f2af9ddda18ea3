//! What every use case needs, made once when the server starts.

use std::fmt;
use std::sync::Arc;

use domain::access::{Person, Role};
use domain::id::TokenId;
use domain::time::Timestamp;
use runner::{Clock, QueueSignal};
use store::Store;
use uuid::Uuid;

use crate::ServiceError;
use crate::catalogue::{FilesReader, FoundCache};
use crate::datasets::ImportDesk;
use crate::password::Passwords;
use crate::rate::{BearerGate, SignInGate};
use crate::records::RecordsCache;
use crate::runner_key::RunnerKey;
use crate::selftests::SelftestDesk;
use crate::session::SetupToken;
use crate::system::SystemFacts;
use crate::tokens::FreshTokens;

/// Makes ids. Those of the server sort by their time of making.
pub type IdSource = Arc<dyn Fn() -> Uuid + Send + Sync>;

/// The parts a [`Ctx`] is made of.
pub struct CtxParts {
    /// Where everything is kept.
    pub store: Store,
    /// Wakes the runner when there is something to do.
    pub queue: QueueSignal,
    /// Tells the time.
    pub clock: Clock,
    /// Makes ids.
    pub ids: IdSource,
    /// What does not change while the server runs.
    pub facts: SystemFacts,
}

/// What every use case needs. Cloning is cheap; all clones are one.
#[derive(Clone)]
pub struct Ctx {
    /// Where everything is kept. Only `service` reads and writes through it.
    pub(crate) store: Store,
    pub(crate) queue: QueueSignal,
    pub(crate) clock: Clock,
    ids: IdSource,
    pub(crate) facts: Arc<SystemFacts>,
    pub(crate) setup: Arc<SetupToken>,
    pub(crate) runner_key: Arc<RunnerKey>,
    pub(crate) gate: Arc<SignInGate>,
    pub(crate) bearer_gate: Arc<BearerGate>,
    pub(crate) fresh_tokens: Arc<FreshTokens>,
    pub(crate) passwords: Arc<Passwords>,
    pub(crate) records: Arc<RecordsCache>,
    pub(crate) found: Arc<FoundCache>,
    pub(crate) files: Arc<FilesReader>,
    pub(crate) datasets: Arc<ImportDesk>,
    pub(crate) selftests: Arc<SelftestDesk>,
}

impl Ctx {
    /// Puts the parts together.
    pub fn new(parts: CtxParts) -> Self {
        Self {
            store: parts.store,
            queue: parts.queue,
            clock: parts.clock,
            ids: parts.ids,
            facts: Arc::new(parts.facts),
            setup: Arc::default(),
            runner_key: Arc::default(),
            gate: Arc::default(),
            bearer_gate: Arc::default(),
            fresh_tokens: Arc::default(),
            passwords: Arc::default(),
            records: Arc::default(),
            found: Arc::default(),
            files: Arc::default(),
            datasets: Arc::default(),
            selftests: Arc::default(),
        }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// A new id.
    pub(crate) fn new_id(&self) -> Uuid {
        (self.ids)()
    }

    /// The key of this process's own runner.
    pub fn runner_key(&self) -> &RunnerKey {
        &self.runner_key
    }

    /// What does not change while the server runs.
    pub fn facts(&self) -> &SystemFacts {
        &self.facts
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

/// How somebody who asks came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// A person at a browser, who signed in.
    Session,
    /// A program with this API token.
    Token(TokenId),
}

/// Somebody who asks for something: the person, and how they came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Who. Behind a token: its account, with no more rights than the token has.
    pub person: Person,
    /// How they came in.
    pub via: Via,
}

impl Actor {
    /// A person who signed in.
    pub fn signed_in(person: Person) -> Self {
        Self {
            person,
            via: Via::Session,
        }
    }

    /// Whether this person may do what needs `role`.
    pub fn is_at_least(&self, role: Role) -> bool {
        self.person.role >= role
    }

    /// Refuses those below `role`; `what` ends the sentence “… may”.
    pub(crate) fn require(&self, role: Role, what: &str) -> Result<(), ServiceError> {
        if self.is_at_least(role) {
            return Ok(());
        }
        Err(ServiceError::Forbidden(format!(
            "Your role is {}. To {what}, ask an administrator for the role {}.",
            self.person.role.as_str(),
            role.as_str()
        )))
    }

    /// Refuses tokens what only a person at a browser may do; `what` ends the sentence “A token
    /// cannot …”.
    pub(crate) fn require_session(&self, what: &str) -> Result<(), ServiceError> {
        match self.via {
            Via::Session => Ok(()),
            Via::Token(_) => Err(ServiceError::Forbidden(format!(
                "A token cannot {what}. Sign in with a browser to do it."
            ))),
        }
    }
}
