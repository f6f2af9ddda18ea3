//! API tokens: what programs come in with instead of a password.

use serde::{Deserialize, Serialize};

use super::Role;
use super::account::NAME_CHARS_MAX;
use crate::field::{FieldErrors, required_text, whole_number};
use crate::id::{TokenId, UserId};
use crate::time::Timestamp;

/// Days that a token lasts when nothing is said.
pub const TOKEN_DAYS_DEFAULT: u32 = 90;
/// Most days that a token may last.
pub const TOKEN_DAYS_MAX: u32 = 365;
/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;

/// An API token without its text, which only its maker has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The token.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// The most it may do: its account's role limits it further.
    pub role: Role,
    /// The account it acts as.
    pub account_id: UserId,
    /// That account's name.
    pub account_name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The first instant at which it is of no use any more.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute; `None` if it never was.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// How a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// It lets its holder in.
    Valid,
    /// Its time is over.
    Expired,
    /// Somebody revoked it.
    Revoked,
}

impl TokenState {
    /// The word shown and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl Token {
    /// How it stands at `now`.
    pub fn state(&self, now: Timestamp) -> TokenState {
        if self.revoked_at.is_some() {
            TokenState::Revoked
        } else if self.expires_at <= now {
            TokenState::Expired
        } else {
            TokenState::Valid
        }
    }
}

/// A token to be made, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenForm {
    /// What it is for.
    pub name: String,
    /// Name of its role.
    pub role: String,
    /// Days until it expires; empty means [`TOKEN_DAYS_DEFAULT`].
    #[serde(default)]
    pub expires_days: String,
}

/// A checked [`TokenForm`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// The most it may do.
    pub role: Role,
    /// Days until it expires.
    pub expires_days: u32,
}

impl NewToken {
    /// When it expires if it is made at `now`.
    pub fn expires_at(&self, now: Timestamp) -> Timestamp {
        now.plus_micros(i64::from(self.expires_days).saturating_mul(DAY_MICROS))
    }
}

impl TokenForm {
    /// The checked token of an account with the role `most`, or every message.
    pub fn validate(&self, most: Role) -> Result<NewToken, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.check("name", required_text(&self.name, "a name", NAME_CHARS_MAX));
        let role = Role::from_form(&self.role).and_then(|role| {
            if role <= most {
                Ok(role)
            } else {
                let most = most.as_str();
                Err(format!(
                    "Choose a role up to {most}: a token may not do more than its account."
                ))
            }
        });
        let role = errors.check("role", role);
        let days = match self.expires_days.trim() {
            "" => Some(TOKEN_DAYS_DEFAULT),
            text => {
                let days = whole_number(text, "the days", 1, u64::from(TOKEN_DAYS_MAX));
                let days = days.map(|days| u32::try_from(days).unwrap_or(TOKEN_DAYS_MAX));
                errors.check("expires_days", days)
            }
        };
        let (Some(name), Some(role), Some(expires_days)) = (name, role, days) else {
            return Err(errors);
        };
        errors.into_result(NewToken {
            name,
            role,
            expires_days,
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn form(role: &str, days: &str) -> TokenForm {
        TokenForm {
            name: "nightly".to_owned(),
            role: role.to_owned(),
            expires_days: days.to_owned(),
        }
    }

    #[test]
    fn a_token_may_not_do_more_than_its_account() {
        for most in Role::ALL {
            for role in Role::ALL {
                let checked = form(role.as_str(), "").validate(most);
                assert_eq!(checked.is_ok(), role <= most, "{role:?} under {most:?}");
            }
        }
    }

    #[test]
    fn it_lasts_some_days_and_never_for_ever() {
        let days = |text: &str| form("viewer", text).validate(Role::Lead);
        assert_eq!(days("").unwrap().expires_days, TOKEN_DAYS_DEFAULT);
        assert_eq!(days(" 7 ").unwrap().expires_days, 7);
        for wrong in ["0", "366", "-1", "never", "1.5"] {
            assert!(
                days(wrong).unwrap_err().at("expires_days").is_some(),
                "{wrong}"
            );
        }
        let week = days("7").unwrap();
        assert_eq!(week.expires_at(Timestamp(5)), Timestamp(7 * DAY_MICROS + 5));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let errors = TokenForm::default().validate(Role::Lead).unwrap_err();
        assert!(errors.at("name").is_some() && errors.at("role").is_some());
    }

    #[test]
    fn it_stands_valid_until_it_is_revoked_or_expires() {
        let mut token = Token {
            id: TokenId(Uuid::nil()),
            name: "nightly".to_owned(),
            role: Role::Viewer,
            account_id: UserId(Uuid::nil()),
            account_name: "ci".to_owned(),
            created_at: Timestamp(0),
            expires_at: Timestamp(10),
            last_used_at: None,
            revoked_at: None,
        };
        assert_eq!(token.state(Timestamp(9)), TokenState::Valid);
        assert_eq!(token.state(Timestamp(10)), TokenState::Expired);
        token.revoked_at = Some(Timestamp(3));
        assert_eq!(token.state(Timestamp(9)), TokenState::Revoked);
    }
}
