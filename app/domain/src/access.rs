//! Who may do what. `service` is the only place that asks.

pub mod account;
pub mod token;

pub use account::{
    Account, AccountForm, AccountKind, NewAccountForm, OwnPasswordForm, PASSWORD_CHARS_MAX,
    PASSWORD_CHARS_MIN, PasswordForm,
};
pub use token::{TOKEN_DAYS_DEFAULT, TOKEN_DAYS_MAX, Token, TokenForm, TokenState};

use serde::{Deserialize, Serialize};

use crate::id::UserId;

/// A role; each includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything.
    Viewer,
    /// Creates and runs benchmarks, edits models and clusters.
    Operator,
    /// Tags and marks anybody's runs, submits promotions.
    Lead,
    /// People, credentials and settings.
    Administrator,
}

impl Role {
    /// All of them, the one with the fewest rights first.
    pub const ALL: [Self; 4] = [
        Self::Viewer,
        Self::Operator,
        Self::Lead,
        Self::Administrator,
    ];

    /// What somebody with this role can do, as a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Viewer => "Reads everything, changes nothing.",
            Self::Operator => "Creates and runs benchmarks, edits the catalogue.",
            Self::Lead => "Also tags, marks, archives and deletes anybody's benchmarks.",
            Self::Administrator => "Also manages people, tokens and settings.",
        }
    }

    /// The name stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Lead => "lead",
            Self::Administrator => "administrator",
        }
    }

    /// The role of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// The role of that name as chosen in a form, or the message that says what fits.
    pub(crate) fn from_form(text: &str) -> Result<Self, String> {
        Self::parse(text.trim()).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("Choose one of these roles: {names}.")
        })
    }
}

/// A signed-in person, as pages and services see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The account.
    pub id: UserId,
    /// Sign-in name.
    pub name: String,
    /// What they may do.
    pub role: Role,
}
