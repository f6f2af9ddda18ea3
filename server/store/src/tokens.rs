//! API tokens. Their text is nowhere: rows hold its digest.

use domain::access::{Account, Token};
use domain::id::{TokenId, UserId};
use domain::time::Timestamp;

use crate::database::{Sql, sql};
use crate::store::{found, parse_id};
use crate::users::parse_role;
use crate::{Store, StoreError};

/// How often the last use of a token is written, in microseconds.
const USED_EVERY_MICROS: i64 = 60_000_000;

const QUERY: &str = "SELECT t.id, t.user_id, u.name AS user_name, t.name, t.role, t.created_at,
         t.expires_at, t.last_used_at, t.revoked_at
     FROM tokens t JOIN users u ON u.id = t.user_id";

#[derive(sqlx::FromRow)]
struct TokenRow {
    id: String,
    user_id: String,
    user_name: String,
    name: String,
    role: String,
    created_at: i64,
    expires_at: i64,
    last_used_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl TokenRow {
    fn into_token(self) -> Result<Token, StoreError> {
        Ok(Token {
            id: parse_id("token id", &self.id)?,
            name: self.name,
            role: parse_role(&self.role)?,
            account_id: parse_id("user id", &self.user_id)?,
            account_name: self.user_name,
            created_at: Timestamp(self.created_at),
            expires_at: Timestamp(self.expires_at),
            last_used_at: self.last_used_at.map(Timestamp),
            revoked_at: self.revoked_at.map(Timestamp),
        })
    }
}

impl Store {
    /// Adds a token; `digest` is the SHA-256 of its text as hexadecimal digits.
    pub async fn insert_token(&self, token: &Token, digest: &str) -> Result<(), StoreError> {
        let insert = sql(
            "INSERT INTO tokens (id, user_id, name, role, digest, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind_id(token.id)
        .bind_id(token.account_id)
        .bind(token.name.as_str())
        .bind(token.role.as_str())
        .bind(digest)
        .bind(token.created_at)
        .bind(token.expires_at);
        let inserted = self.database.execute(insert).await;
        inserted.map_err(|error| error.taken("digest of a token"))?;
        Ok(())
    }

    /// The token with that digest, and the account it acts as.
    pub async fn find_token_by_digest(
        &self,
        digest: &str,
    ) -> Result<Option<(Token, Account)>, StoreError> {
        let query = sql(format!("{QUERY} WHERE t.digest = $1")).bind(digest);
        self.find_with_account(query).await
    }

    /// One token, and the account it acts as.
    pub async fn find_token(&self, id: TokenId) -> Result<Option<(Token, Account)>, StoreError> {
        let query = sql(format!("{QUERY} WHERE t.id = $1")).bind_id(id);
        self.find_with_account(query).await
    }

    async fn find_with_account(&self, query: Sql) -> Result<Option<(Token, Account)>, StoreError> {
        let row: Option<TokenRow> = self.database.fetch_optional(query).await?;
        let Some(token) = row.map(TokenRow::into_token).transpose()? else {
            return Ok(None);
        };
        let user = self.find_user(token.account_id).await?;
        Ok(user.map(|user| (token, user.account)))
    }

    /// The tokens of one account, or of all; the newest first, at most `limit`.
    pub async fn list_tokens(
        &self,
        account: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<Token>, StoreError> {
        let query = match account {
            Some(id) => sql(format!(
                "{QUERY} WHERE t.user_id = $1 ORDER BY t.created_at DESC, t.id LIMIT $2"
            ))
            .bind_id(id)
            .bind(limit),
            None => sql(format!("{QUERY} ORDER BY t.created_at DESC, t.id LIMIT $1")).bind(limit),
        };
        let rows: Vec<TokenRow> = self.database.fetch_all(query).await?;
        rows.into_iter().map(TokenRow::into_token).collect()
    }

    /// How many tokens of an account are valid at `now`.
    pub async fn count_valid_tokens(
        &self,
        account: UserId,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let query = sql("SELECT COUNT(*) FROM tokens
             WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2");
        self.database
            .fetch_count(query.bind_id(account).bind(now))
            .await
    }

    /// Notes that a token was used; not more often than once a minute.
    pub async fn touch_token(&self, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
        let update = sql("UPDATE tokens SET last_used_at = $2
             WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)")
        .bind_id(id)
        .bind(now)
        .bind(now.plus_micros(-USED_EVERY_MICROS));
        self.database.execute(update).await?;
        Ok(())
    }

    /// Revokes a token; one that is revoked already stays as it is.
    pub async fn revoke_token(&self, id: TokenId, at: Timestamp) -> Result<(), StoreError> {
        let update = sql("UPDATE tokens SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1");
        found(self.database.execute(update.bind_id(id).bind(at)).await?)
    }
}
