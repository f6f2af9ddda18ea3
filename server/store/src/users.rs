//! Accounts of people.

use domain::access::{Person, Role};
use domain::id::UserId;
use domain::time::Timestamp;

use crate::database::sql;
use crate::store::parse_id;
use crate::{Store, StoreError};

#[derive(sqlx::FromRow)]
struct UserRow {
    id: String,
    name: String,
    role: String,
    password_hash: String,
}

impl UserRow {
    fn into_parts(self) -> Result<(Person, String), StoreError> {
        let role = Role::parse(&self.role);
        let person = Person {
            id: parse_id("user id", &self.id)?,
            name: self.name,
            role: role.ok_or_else(|| StoreError::corrupt("role", &self.role))?,
        };
        Ok((person, self.password_hash))
    }
}

impl Store {
    /// Adds an account. [`StoreError::Conflict`] when the name is taken, in whatever case.
    pub async fn insert_user(
        &self,
        id: UserId,
        name: &str,
        role: Role,
        password_hash: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let insert = sql(
            "INSERT INTO users (id, name, role, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind_id(id)
        .bind(name)
        .bind(role.as_str())
        .bind(password_hash)
        .bind(at);
        let inserted = self.database.execute(insert).await;
        inserted.map_err(|error| error.taken("name of a user"))?;
        Ok(())
    }

    /// The account of that name, in whatever case, with its password hash.
    pub async fn find_user_by_name(
        &self,
        name: &str,
    ) -> Result<Option<(Person, String)>, StoreError> {
        let query =
            sql("SELECT id, name, role, password_hash FROM users WHERE lower(name) = lower($1)");
        let row: Option<UserRow> = self.database.fetch_optional(query.bind(name)).await?;
        row.map(UserRow::into_parts).transpose()
    }

    /// The account of that id.
    pub async fn find_user(&self, id: UserId) -> Result<Option<Person>, StoreError> {
        let query = sql("SELECT id, name, role, password_hash FROM users WHERE id = $1");
        let row: Option<UserRow> = self.database.fetch_optional(query.bind_id(id)).await?;
        Ok(row
            .map(UserRow::into_parts)
            .transpose()?
            .map(|(person, _)| person))
    }

    /// How many accounts there are.
    pub async fn count_users(&self) -> Result<u32, StoreError> {
        self.database
            .fetch_count(sql("SELECT COUNT(*) FROM users"))
            .await
    }
}
