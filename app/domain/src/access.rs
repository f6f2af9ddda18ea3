//! Who may do what. `service` is the only place that asks.

use serde::{Deserialize, Serialize};

use crate::field::{FieldErrors, required_text};
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
        [
            Self::Viewer,
            Self::Operator,
            Self::Lead,
            Self::Administrator,
        ]
        .into_iter()
        .find(|role| role.as_str() == text)
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

/// Fewest characters of a password.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Most characters of a password (argon2 hashes all of them).
pub const PASSWORD_CHARS_MAX: usize = 256;

/// Name and password of a new account, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountForm {
    /// Sign-in name: letters, digits, `.`, `-`, `_`, `@`.
    pub name: String,
    /// The password.
    pub password: String,
    /// The password again.
    pub password_again: String,
}

impl AccountForm {
    /// The checked name.
    pub fn validate(&self) -> Result<String, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.check("name", required_text(&self.name, "a name", 64));
        let name_fits = |name: &str| {
            name.chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@'))
        };
        if name.as_deref().is_some_and(|name| !name_fits(name)) {
            errors.add("name", "Use letters, digits and . - _ @ only.");
        }
        let length = self.password.chars().count();
        if length < PASSWORD_CHARS_MIN {
            let message = format!("Use at least {PASSWORD_CHARS_MIN} characters; {length} given.");
            errors.add("password", message);
        } else if length > PASSWORD_CHARS_MAX {
            errors.add(
                "password",
                format!("Use at most {PASSWORD_CHARS_MAX} characters."),
            );
        } else if self.password != self.password_again {
            errors.add("password_again", "The two passwords differ.");
        }
        errors.into_result(name.unwrap_or_default())
    }
}
