//! Credentials: sealed secrets, with what people may know of them.

use domain::catalogue::{BoundSecret, Credential, CredentialKind, CredentialTest};
use domain::id::{ClusterId, CredentialId};
use domain::secret::Secret;
use domain::time::Timestamp;

use crate::database::sql;
use crate::store::{found, from_json, parse_id, to_json};
use crate::usage::Used;
use crate::{Store, StoreError};

#[derive(sqlx::FromRow)]
struct CredentialRow {
    id: String,
    name: Option<String>,
    kind: String,
    user_name: String,
    base_url: String,
    description: String,
    created_at: i64,
    rotated_at: Option<i64>,
    last_test: Option<String>,
    archived_at: Option<i64>,
    endpoint_id: Option<String>,
    endpoint_name: Option<String>,
}

impl CredentialRow {
    fn into_credential(self) -> Result<Credential, StoreError> {
        let endpoint_id = self
            .endpoint_id
            .map(|id| parse_id("cluster id", &id))
            .transpose()?;
        let last_test = self
            .last_test
            .map(|test| from_json("test of a credential", &test))
            .transpose()?;
        Ok(Credential {
            id: parse_id("credential id", &self.id)?,
            name: match (self.name, self.endpoint_name) {
                (Some(name), _) => name,
                (None, Some(endpoint)) => format!("Key of {endpoint}"),
                (None, None) => "Key of an endpoint".to_owned(),
            },
            kind: CredentialKind::parse(&self.kind)
                .ok_or_else(|| StoreError::corrupt("kind of a credential", &self.kind))?,
            user: self.user_name,
            endpoint_id,
            base_url: self.base_url,
            description: self.description,
            created_at: Timestamp(self.created_at),
            rotated_at: self.rotated_at.map(Timestamp),
            last_test,
            archived_at: self.archived_at.map(Timestamp),
        })
    }
}

/// One without a name is the own key of the endpoint that refers to it.
const SELECT: &str =
    "SELECT k.id, k.name, k.kind, k.user_name, k.base_url, k.description, k.created_at,
         k.rotated_at, k.last_test, k.archived_at, c.id AS endpoint_id, c.name AS endpoint_name
     FROM credentials k LEFT JOIN clusters c ON k.name IS NULL AND c.credential_id = k.id";

const TAKEN: &str = "name of a credential";

impl Store {
    /// Adds a credential with its secret, sealed. One that belongs to an endpoint gets no name of
    /// its own; it belongs to the cluster that is saved with its id.
    /// [`StoreError::Conflict`] when the name is taken, in whatever case.
    pub async fn insert_credential(
        &self,
        credential: &Credential,
        secret: &Secret<String>,
    ) -> Result<(), StoreError> {
        let sealed = self.vault.seal(&credential.id.to_string(), secret)?;
        let insert = sql(
            "INSERT INTO credentials (id, name, kind, base_url, description, sealed, created_at,
                 user_name)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind_id(credential.id)
        .bind(own_name(credential))
        .bind(credential.kind.as_str())
        .bind(credential.base_url.as_str())
        .bind(credential.description.as_str())
        .bind(sealed)
        .bind(credential.created_at)
        .bind(credential.user.as_str());
        let inserted = self.database.execute(insert).await;
        inserted.map_err(|error| error.taken(TAKEN))?;
        Ok(())
    }

    /// Replaces name, user, address, description and archiving; with a secret, that too, under the same
    /// id. A test of the secret or the address before says nothing any more and is forgotten.
    /// [`StoreError::Conflict`] when the name is taken.
    pub async fn update_credential(
        &self,
        credential: &Credential,
        secret: Option<&Secret<String>>,
    ) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        let update = sql(
            "UPDATE credentials SET name = $2, description = $3, archived_at = $4,
                 last_test = CASE WHEN base_url = $5 THEN last_test ELSE NULL END, base_url = $5,
                 user_name = $6
             WHERE id = $1",
        )
        .bind_id(credential.id)
        .bind(own_name(credential))
        .bind(credential.description.as_str())
        .bind(credential.archived_at)
        .bind(credential.base_url.as_str())
        .bind(credential.user.as_str());
        let updated = tx.execute(update).await;
        found(updated.map_err(|error| error.taken(TAKEN))?)?;
        if let Some(secret) = secret {
            let sealed = self.vault.seal(&credential.id.to_string(), secret)?;
            let update = sql(
                "UPDATE credentials SET sealed = $2, rotated_at = $3, last_test = NULL
                 WHERE id = $1",
            )
            .bind_id(credential.id)
            .bind(sealed)
            .bind(credential.rotated_at);
            tx.execute(update).await?;
        }
        tx.commit().await
    }

    /// All credentials, archived ones and those of endpoints included, by name.
    pub async fn list_credentials(&self) -> Result<Vec<Credential>, StoreError> {
        let query = sql(format!(
            "{SELECT} WHERE k.name IS NOT NULL OR c.id IS NOT NULL
             ORDER BY lower(COALESCE(k.name, c.name)), k.id"
        ));
        let rows: Vec<CredentialRow> = self.database.fetch_all(query).await?;
        rows.into_iter()
            .map(CredentialRow::into_credential)
            .collect()
    }

    /// One credential.
    pub async fn find_credential(
        &self,
        id: CredentialId,
    ) -> Result<Option<Credential>, StoreError> {
        let query = sql(format!("{SELECT} WHERE k.id = $1")).bind_id(id);
        let row: Option<CredentialRow> = self.database.fetch_optional(query).await?;
        row.map(CredentialRow::into_credential).transpose()
    }

    /// Opens a sealed secret. It comes out of its wrapping only for the address it is bound to.
    pub async fn open_credential(&self, id: CredentialId) -> Result<BoundSecret, StoreError> {
        let query = sql("SELECT base_url, sealed FROM credentials WHERE id = $1");
        let row: Option<(String, Vec<u8>)> =
            self.database.fetch_optional(query.bind_id(id)).await?;
        let (base_url, sealed) = row.ok_or(StoreError::NotFound)?;
        let secret = self.vault.open_sealed(&id.to_string(), &sealed)?;
        Ok(BoundSecret::new(&base_url, secret))
    }

    /// Keeps what a test found.
    pub async fn save_credential_test(
        &self,
        id: CredentialId,
        test: &CredentialTest,
    ) -> Result<(), StoreError> {
        let update = sql("UPDATE credentials SET last_test = $2 WHERE id = $1");
        let update = update.bind_id(id).bind(to_json(test)?);
        found(self.database.execute(update).await?)
    }

    /// Endpoints that send a credential, with their names, by name.
    pub async fn clusters_with_credential(
        &self,
        id: CredentialId,
    ) -> Result<Vec<(ClusterId, String)>, StoreError> {
        let query =
            sql("SELECT id, name FROM clusters WHERE credential_id = $1 ORDER BY lower(name), id");
        let rows: Vec<(String, String)> = self.database.fetch_all(query.bind_id(id)).await?;
        rows.into_iter()
            .map(|(id, name)| Ok((parse_id("cluster id", &id)?, name)))
            .collect()
    }

    /// Removes a credential that nobody uses. [`StoreError::Conflict`] when an endpoint or a
    /// benchmark does.
    pub async fn delete_unused_credential(&self, id: CredentialId) -> Result<(), StoreError> {
        self.delete_unused(Used::Credential(id)).await
    }

    /// Destroys an endpoint's own key. A cluster that used it has none then, and a benchmark that
    /// still wants it fails.
    pub async fn delete_credential(&self, id: CredentialId) -> Result<(), StoreError> {
        let delete = sql("DELETE FROM credentials WHERE id = $1");
        found(self.database.execute(delete.bind_id(id)).await?)
    }
}

/// The name as it is stored.
fn own_name(credential: &Credential) -> Option<String> {
    credential
        .endpoint_id
        .is_none()
        .then(|| credential.name.clone())
}
