//! Accounts of people and services.

use domain::access::{Account, AccountKind, Role};
use domain::id::UserId;
use domain::secret::Secret;
use domain::time::Timestamp;

use crate::database::{Transaction, sql};
use crate::store::{found, parse_id};
use crate::{Store, StoreError};

/// An account with what only signing in looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredUser {
    /// The account.
    pub account: Account,
    /// The hash of its password; that of a service is no hash and fits nothing.
    pub password_hash: Secret<String>,
    /// The number that a session of it must carry.
    pub session_stamp: i64,
}

/// What stands in the place of a service's password hash.
const NO_PASSWORD: &str = "-";

const COLUMNS: &str = "id, name, role, kind, password_hash, session_stamp, created_at, disabled_at";
const TAKEN: &str = "name of a user";

#[derive(sqlx::FromRow)]
struct UserRow {
    id: String,
    name: String,
    role: String,
    kind: String,
    password_hash: String,
    session_stamp: i64,
    created_at: i64,
    disabled_at: Option<i64>,
}

impl UserRow {
    fn into_user(self) -> Result<StoredUser, StoreError> {
        let kind = AccountKind::parse(&self.kind);
        Ok(StoredUser {
            account: Account {
                id: parse_id("user id", &self.id)?,
                name: self.name,
                role: parse_role(&self.role)?,
                kind: kind.ok_or_else(|| StoreError::corrupt("kind of a user", &self.kind))?,
                created_at: Timestamp(self.created_at),
                disabled_at: self.disabled_at.map(Timestamp),
            },
            password_hash: Secret::new(self.password_hash),
            session_stamp: self.session_stamp,
        })
    }
}

/// A role from its column.
pub(crate) fn parse_role(text: &str) -> Result<Role, StoreError> {
    Role::parse(text).ok_or_else(|| StoreError::corrupt("role", text))
}

impl Store {
    /// Adds the account of a person. [`StoreError::Conflict`] when the name is taken, in whatever
    /// case.
    pub async fn insert_user(
        &self,
        id: UserId,
        name: &str,
        role: Role,
        password_hash: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.insert_account(id, name, role, AccountKind::Person, password_hash, at)
            .await
    }

    /// Adds the account of a service, which no password opens. [`StoreError::Conflict`] when the
    /// name is taken, in whatever case.
    pub async fn insert_service(
        &self,
        id: UserId,
        name: &str,
        role: Role,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.insert_account(id, name, role, AccountKind::Service, NO_PASSWORD, at)
            .await
    }

    async fn insert_account(
        &self,
        id: UserId,
        name: &str,
        role: Role,
        kind: AccountKind,
        password_hash: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let insert = sql(
            "INSERT INTO users (id, name, role, kind, password_hash, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind_id(id)
        .bind(name)
        .bind(role.as_str())
        .bind(kind.as_str())
        .bind(password_hash)
        .bind(at);
        let inserted = self.database.execute(insert).await;
        inserted.map_err(|error| error.taken(TAKEN))?;
        Ok(())
    }

    /// The account of that name, in whatever case.
    pub async fn find_user_by_name(&self, name: &str) -> Result<Option<StoredUser>, StoreError> {
        let query = sql(format!(
            "SELECT {COLUMNS} FROM users WHERE lower(name) = lower($1)"
        ));
        let row: Option<UserRow> = self.database.fetch_optional(query.bind(name)).await?;
        row.map(UserRow::into_user).transpose()
    }

    /// The account of that id.
    pub async fn find_user(&self, id: UserId) -> Result<Option<StoredUser>, StoreError> {
        let query = sql(format!("SELECT {COLUMNS} FROM users WHERE id = $1"));
        let row: Option<UserRow> = self.database.fetch_optional(query.bind_id(id)).await?;
        row.map(UserRow::into_user).transpose()
    }

    /// All accounts, by name, at most `limit`.
    pub async fn list_accounts(&self, limit: u32) -> Result<Vec<Account>, StoreError> {
        let query = sql(format!(
            "SELECT {COLUMNS} FROM users ORDER BY lower(name), id LIMIT $1"
        ));
        let rows: Vec<UserRow> = self.database.fetch_all(query.bind(limit)).await?;
        rows.into_iter()
            .map(|row| row.into_user().map(|user| user.account))
            .collect()
    }

    /// How many accounts there are.
    pub async fn count_users(&self) -> Result<u32, StoreError> {
        self.database
            .fetch_count(sql("SELECT COUNT(*) FROM users"))
            .await
    }

    /// How many people are administrators and not disabled.
    pub async fn count_administrators(&self) -> Result<u32, StoreError> {
        self.database
            .fetch_count(sql(
                "SELECT COUNT(*) FROM users
                 WHERE kind = 'person' AND role = 'administrator' AND disabled_at IS NULL",
            ))
            .await
    }

    /// Gives an account another role. [`StoreError::Conflict`] when no administrator would be left.
    pub async fn set_role(&self, id: UserId, role: Role) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        if role != Role::Administrator {
            refuse_last_administrator(&mut tx, id).await?;
        }
        let update = sql("UPDATE users SET role = $2 WHERE id = $1");
        found(tx.execute(update.bind_id(id).bind(role.as_str())).await?)?;
        tx.commit().await
    }

    /// Disables an account and ends its sessions. [`StoreError::Conflict`] when no administrator
    /// would be left. One that is disabled already stays as it is.
    pub async fn disable_user(&self, id: UserId, at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        refuse_last_administrator(&mut tx, id).await?;
        let update = sql("UPDATE users SET disabled_at = COALESCE(disabled_at, $2),
                 session_stamp = session_stamp + 1
             WHERE id = $1");
        found(tx.execute(update.bind_id(id).bind(at)).await?)?;
        tx.commit().await
    }

    /// Lets a disabled account be used again. Sessions that were ended stay so.
    pub async fn enable_user(&self, id: UserId) -> Result<(), StoreError> {
        let update = sql("UPDATE users SET disabled_at = NULL WHERE id = $1");
        found(self.database.execute(update.bind_id(id)).await?)
    }

    /// Replaces the password and ends every session. Returns the number that new sessions carry.
    pub async fn set_password(&self, id: UserId, password_hash: &str) -> Result<i64, StoreError> {
        let mut tx = self.database.begin().await?;
        let update = sql(
            "UPDATE users SET password_hash = $2, session_stamp = session_stamp + 1 WHERE id = $1",
        );
        found(tx.execute(update.bind_id(id).bind(password_hash)).await?)?;
        let query = sql("SELECT session_stamp FROM users WHERE id = $1");
        let row: Option<(i64,)> = tx.fetch_optional(query.bind_id(id)).await?;
        let (stamp,) = row.ok_or(StoreError::NotFound)?;
        tx.commit().await?;
        Ok(stamp)
    }
}

/// Refuses when `id` is the only administrator who can sign in.
async fn refuse_last_administrator(tx: &mut Transaction, id: UserId) -> Result<(), StoreError> {
    // One row that every such change touches first: of two that come at once, the second sees what
    // the first did.
    let in_turn = sql("UPDATE users SET name = name WHERE id = (SELECT MIN(id) FROM users)");
    tx.execute(in_turn).await?;
    let query = sql("SELECT id FROM users
         WHERE kind = 'person' AND role = 'administrator' AND disabled_at IS NULL");
    let administrators: Vec<(String,)> = tx.fetch_all(query).await?;
    match administrators.as_slice() {
        [(only,)] if *only == id.to_string() => Err(StoreError::conflict("last administrator")),
        _ => Ok(()),
    }
}
