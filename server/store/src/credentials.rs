//! Sealed secrets.

use domain::id::CredentialId;
use domain::secret::Secret;
use domain::time::Timestamp;

use crate::database::sql;
use crate::store::found;
use crate::{Store, StoreError};

impl Store {
    /// Seals a secret under an id. `purpose` says in words what it is for; it is not secret.
    pub async fn seal_credential(
        &self,
        id: CredentialId,
        purpose: &str,
        secret: &Secret<String>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sealed = self.vault.seal(&id.to_string(), secret)?;
        let insert = sql(
            "INSERT INTO credentials (id, purpose, sealed, created_at) VALUES ($1, $2, $3, $4)",
        )
        .bind_id(id)
        .bind(purpose)
        .bind(sealed)
        .bind(at);
        let inserted = self.database.execute(insert).await;
        inserted.map_err(|error| error.taken("id of a credential"))?;
        Ok(())
    }

    /// Opens a sealed secret.
    pub async fn open_credential(&self, id: CredentialId) -> Result<Secret<String>, StoreError> {
        let query = sql("SELECT sealed FROM credentials WHERE id = $1");
        let row: Option<(Vec<u8>,)> = self.database.fetch_optional(query.bind_id(id)).await?;
        let (sealed,) = row.ok_or(StoreError::NotFound)?;
        self.vault.open_sealed(&id.to_string(), &sealed)
    }

    /// Removes a secret. A cluster that used it has none then.
    pub async fn delete_credential(&self, id: CredentialId) -> Result<(), StoreError> {
        let delete = sql("DELETE FROM credentials WHERE id = $1");
        found(self.database.execute(delete.bind_id(id)).await?)
    }
}
