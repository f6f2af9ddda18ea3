//! Models of the catalogue.

use domain::catalogue::{Model, ModelFacts, ModelSource};
use domain::id::ModelId;
use domain::time::Timestamp;

use crate::database::sql;
use crate::store::{found, from_json, parse_id, to_json};
use crate::usage::Used;
use crate::{Store, StoreError};

#[derive(sqlx::FromRow)]
struct ModelRow {
    id: String,
    name: String,
    served_name: String,
    source: String,
    tokenizer_path: String,
    description: String,
    facts: Option<String>,
    created_at: i64,
    archived_at: Option<i64>,
}

impl ModelRow {
    fn into_model(self) -> Result<Model, StoreError> {
        Ok(Model {
            id: parse_id("model id", &self.id)?,
            name: self.name,
            served_name: self.served_name,
            source: from_json("source of a model", &self.source)?,
            tokenizer_path: self.tokenizer_path,
            description: self.description,
            facts: self
                .facts
                .map(|facts| from_json("facts of a model", &facts))
                .transpose()?,
            created_at: Timestamp(self.created_at),
            archived_at: self.archived_at.map(Timestamp),
        })
    }
}

const TAKEN: &str = "name of a model";

impl Store {
    /// Adds a model. [`StoreError::Conflict`] when the name is taken, in whatever case.
    pub async fn insert_model(&self, model: &Model) -> Result<(), StoreError> {
        let insert = sql("INSERT INTO models
                 (id, name, served_name, source, tokenizer_path, description, facts, created_at,
                  archived_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind_id(model.id)
        .bind(model.name.as_str())
        .bind(model.served_name.as_str())
        .bind(to_json(&model.source)?)
        .bind(model.tokenizer_path.as_str())
        .bind(model.description.as_str())
        .bind(model.facts.as_ref().map(to_json).transpose()?)
        .bind(model.created_at)
        .bind(model.archived_at);
        let inserted = self.database.execute(insert).await;
        inserted.map_err(|error| error.taken(TAKEN))?;
        Ok(())
    }

    /// Replaces everything but id and creation. [`StoreError::Conflict`] when the name is taken.
    pub async fn update_model(&self, model: &Model) -> Result<(), StoreError> {
        let update = sql(
            "UPDATE models SET name = $2, served_name = $3, source = $4, tokenizer_path = $5,
                 description = $6, facts = $7, archived_at = $8
             WHERE id = $1",
        )
        .bind_id(model.id)
        .bind(model.name.as_str())
        .bind(model.served_name.as_str())
        .bind(to_json(&model.source)?)
        .bind(model.tokenizer_path.as_str())
        .bind(model.description.as_str())
        .bind(model.facts.as_ref().map(to_json).transpose()?)
        .bind(model.archived_at);
        let updated = self.database.execute(update).await;
        found(updated.map_err(|error| error.taken(TAKEN))?)
    }

    /// All models, archived ones included, by name.
    pub async fn list_models(&self) -> Result<Vec<Model>, StoreError> {
        let query = sql(
            "SELECT id, name, served_name, source, tokenizer_path, description, facts, created_at,
                 archived_at
             FROM models ORDER BY lower(name), id",
        );
        let rows: Vec<ModelRow> = self.database.fetch_all(query).await?;
        rows.into_iter().map(ModelRow::into_model).collect()
    }

    /// One model.
    pub async fn find_model(&self, id: ModelId) -> Result<Option<Model>, StoreError> {
        let query = sql(
            "SELECT id, name, served_name, source, tokenizer_path, description, facts, created_at,
                 archived_at
             FROM models WHERE id = $1",
        );
        let row: Option<ModelRow> = self.database.fetch_optional(query.bind_id(id)).await?;
        row.map(ModelRow::into_model).transpose()
    }

    /// Keeps what was read of the files of a model. [`StoreError::NotFound`] when it is gone or has
    /// another source by now.
    pub async fn save_model_facts(
        &self,
        id: ModelId,
        source: &ModelSource,
        facts: &ModelFacts,
    ) -> Result<(), StoreError> {
        let update = sql("UPDATE models SET facts = $3 WHERE id = $1 AND source = $2")
            .bind_id(id)
            .bind(to_json(source)?)
            .bind(to_json(facts)?);
        found(self.database.execute(update).await?)
    }

    /// Removes a model that no benchmark used. [`StoreError::Conflict`] when one did.
    pub async fn delete_model(&self, id: ModelId) -> Result<(), StoreError> {
        self.delete_unused(Used::Model(id)).await
    }
}
