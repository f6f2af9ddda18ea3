//! Accounts: those of people, who sign in, and of services, which come with tokens.

use serde::{Deserialize, Serialize};

use super::{Person, Role};
use crate::field::{FieldErrors, required_text};
use crate::id::UserId;
use crate::time::Timestamp;

/// Fewest characters of a password.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Most characters of a password (argon2 hashes all of them).
pub const PASSWORD_CHARS_MAX: usize = 256;
/// Most characters of the name of an account or a token.
pub const NAME_CHARS_MAX: u32 = 64;

/// Whose account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// A person, who signs in with a password.
    Person,
    /// A program, which has no password and comes with tokens only.
    Service,
}

impl AccountKind {
    /// The name stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
        }
    }

    /// The kind of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Person, Self::Service]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// An account, as those who manage it see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account.
    pub id: UserId,
    /// Its name; for a person the sign-in name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whose it is.
    pub kind: AccountKind,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it is disabled; `None` while it is in use.
    pub disabled_at: Option<Timestamp>,
}

impl Account {
    /// Whether it can be used.
    pub fn is_enabled(&self) -> bool {
        self.disabled_at.is_none()
    }

    /// Who acts with it.
    pub fn person(&self) -> Person {
        Person {
            id: self.id,
            name: self.name.clone(),
            role: self.role,
        }
    }
}

/// Name and password of the first account, as typed.
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
        let name = errors.check("name", account_name(&self.name));
        check_new_password(&mut errors, &self.password, &self.password_again);
        errors.into_result(name.unwrap_or_default())
    }
}

/// An account that an administrator makes, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAccountForm {
    /// Its name: letters, digits, `.`, `-`, `_`, `@`.
    pub name: String,
    /// Name of its role.
    pub role: String,
    /// `person`, or `service`; empty means a person.
    #[serde(default)]
    pub kind: String,
    /// The first password of a person. A service has none.
    #[serde(default)]
    pub password: String,
    /// The password again.
    #[serde(default)]
    pub password_again: String,
}

/// A checked [`NewAccountForm`]. The password stays in the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whose it is.
    pub kind: AccountKind,
}

impl NewAccountForm {
    /// The checked account, or every message.
    pub fn validate(&self) -> Result<NewAccount, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.check("name", account_name(&self.name));
        let role = errors.check("role", Role::from_form(&self.role));
        let kind = match self.kind.trim() {
            "" => Some(AccountKind::Person),
            text => errors.check(
                "kind",
                AccountKind::parse(text).ok_or_else(|| "Choose a person or a service.".to_owned()),
            ),
        };
        match kind {
            Some(AccountKind::Person) => {
                check_new_password(&mut errors, &self.password, &self.password_again);
            }
            Some(AccountKind::Service) if !self.password.is_empty() => {
                errors.add("password", "A service has no password: leave it empty.");
            }
            _ => {}
        }
        let (Some(name), Some(role), Some(kind)) = (name, role, kind) else {
            return Err(errors);
        };
        errors.into_result(NewAccount { name, role, kind })
    }
}

/// A new password for somebody else, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordForm {
    /// The password.
    pub password: String,
    /// The password again.
    pub password_again: String,
}

impl PasswordForm {
    /// Whether it can be a password.
    pub fn validate(&self) -> Result<(), FieldErrors> {
        let mut errors = FieldErrors::default();
        check_new_password(&mut errors, &self.password, &self.password_again);
        errors.into_result(())
    }
}

/// A new password of one's own, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnPasswordForm {
    /// The password until now.
    pub present_password: String,
    /// The new one.
    pub password: String,
    /// The new one again.
    pub password_again: String,
}

impl OwnPasswordForm {
    /// Whether it can be a password, and differs from the present one. Whether the present one is
    /// right is not known here.
    pub fn validate(&self) -> Result<(), FieldErrors> {
        let mut errors = FieldErrors::default();
        if self.present_password.is_empty() {
            errors.add("present_password", "Give your present password.");
        }
        check_new_password(&mut errors, &self.password, &self.password_again);
        if errors.is_empty() && self.password == self.present_password {
            errors.add(
                "password",
                "This is the present password. Choose a new one.",
            );
        }
        errors.into_result(())
    }
}

/// The checked name of an account.
pub(super) fn account_name(text: &str) -> Result<String, String> {
    let name = required_text(text, "a name", NAME_CHARS_MAX)?;
    let fits = name
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@'));
    if fits {
        Ok(name)
    } else {
        Err("Use letters, digits and . - _ @ only.".to_owned())
    }
}

fn check_new_password(errors: &mut FieldErrors, password: &str, again: &str) {
    let length = password.chars().count();
    if length < PASSWORD_CHARS_MIN {
        let message = format!("Use at least {PASSWORD_CHARS_MIN} characters; {length} given.");
        errors.add("password", message);
    } else if length > PASSWORD_CHARS_MAX {
        let message = format!("Use at most {PASSWORD_CHARS_MAX} characters.");
        errors.add("password", message);
    } else if password != again {
        errors.add("password_again", "The two passwords differ.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "correct horse battery";

    fn form(kind: &str, password: &str) -> NewAccountForm {
        NewAccountForm {
            name: " grace ".to_owned(),
            role: "lead".to_owned(),
            kind: kind.to_owned(),
            password: password.to_owned(),
            password_again: password.to_owned(),
        }
    }

    #[test]
    fn a_person_has_a_password_and_a_service_none() {
        let person = form("", PASSWORD).validate().unwrap();
        assert_eq!(person.name, "grace");
        assert_eq!(
            (person.role, person.kind),
            (Role::Lead, AccountKind::Person)
        );
        let service = form("service", "").validate().unwrap();
        assert_eq!(service.kind, AccountKind::Service);
        for (kind, password) in [("person", ""), ("service", PASSWORD)] {
            let errors = form(kind, password).validate().unwrap_err();
            assert!(errors.at("password").is_some(), "{kind}: {errors:?}");
        }
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let wrong = NewAccountForm {
            name: "two words".to_owned(),
            role: "king".to_owned(),
            kind: "robot".to_owned(),
            ..NewAccountForm::default()
        };
        let errors = wrong.validate().unwrap_err();
        for field in ["name", "role", "kind"] {
            assert!(errors.at(field).is_some(), "{field}: {errors:?}");
        }
    }

    #[test]
    fn a_new_password_is_new_long_enough_and_typed_twice() {
        let change = |present: &str, password: &str, again: &str| {
            let form = OwnPasswordForm {
                present_password: present.to_owned(),
                password: password.to_owned(),
                password_again: again.to_owned(),
            };
            form.validate()
        };
        assert_eq!(change("old", PASSWORD, PASSWORD), Ok(()));
        let at = |result: Result<(), FieldErrors>, field: &str| {
            assert!(result.unwrap_err().at(field).is_some(), "{field}");
        };
        at(change("", PASSWORD, PASSWORD), "present_password");
        at(change("old", "short", "short"), "password");
        at(change("old", PASSWORD, "another"), "password_again");
        at(change(PASSWORD, PASSWORD, PASSWORD), "password");
        let long = "x".repeat(PASSWORD_CHARS_MAX + 1);
        at(change("old", &long, &long), "password");
    }
}
