//! Who uses a thing of the catalogue, and removing what nobody used.

use domain::catalogue::usage::USES_SHOWN_MAX;
use domain::catalogue::{BenchmarkUse, UsedBy};
use domain::id::{ClusterId, CredentialId, DatasetId, ModelId};
use domain::time::Timestamp;

use crate::benchmarks::parse_status;
use crate::database::sql;
use crate::store::{found, parse_id};
use crate::{Store, StoreError};

/// A thing that benchmarks use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// A model.
    Model(ModelId),
    /// A cluster.
    Cluster(ClusterId),
    /// A credential, whether chosen for the benchmark or the endpoint's own.
    Credential(CredentialId),
    /// A dataset that a benchmark draws from.
    Dataset(DatasetId),
}

impl Used {
    fn id(self) -> String {
        match self {
            Self::Model(id) => id.to_string(),
            Self::Cluster(id) => id.to_string(),
            Self::Credential(id) => id.to_string(),
            Self::Dataset(id) => id.to_string(),
        }
    }

    fn table(self) -> &'static str {
        match self {
            Self::Model(_) => "models",
            Self::Cluster(_) => "clusters",
            Self::Credential(_) => "credentials",
            Self::Dataset(_) => "datasets",
        }
    }

    /// The condition on a benchmark `b`, with the id as `$1`.
    fn condition(self) -> &'static str {
        match self {
            Self::Model(_) => "b.model_id = $1",
            Self::Cluster(_) => "b.cluster_id = $1",
            Self::Credential(_) => "b.credential_id = $1",
            Self::Dataset(_) => {
                "b.id IN (SELECT d.benchmark_id FROM benchmark_datasets d WHERE d.dataset_id = $1)"
            }
        }
    }
}

#[derive(sqlx::FromRow)]
struct UseRow {
    id: String,
    name: String,
    status: String,
    created_at: i64,
}

impl Store {
    /// Which benchmarks use a thing: how many, and the newest.
    pub async fn used_by(&self, used: Used) -> Result<UsedBy, StoreError> {
        let condition = used.condition();
        let query = sql(format!(
            "SELECT COUNT(*) FROM benchmarks b WHERE {condition}"
        ));
        let benchmark_count = self.database.fetch_count(query.bind(used.id())).await?;
        let query = sql(format!(
            "SELECT b.id, b.name, b.status, b.created_at FROM benchmarks b WHERE {condition}
             ORDER BY b.created_at DESC, b.id DESC LIMIT $2"
        ))
        .bind(used.id())
        .bind(USES_SHOWN_MAX);
        let rows: Vec<UseRow> = self.database.fetch_all(query).await?;
        let newest = rows.into_iter().map(|row| {
            Ok(BenchmarkUse {
                id: parse_id("benchmark id", &row.id)?,
                name: row.name,
                status: parse_status(&row.status)?,
                created_at: Timestamp(row.created_at),
            })
        });
        Ok(UsedBy {
            benchmark_count,
            newest: newest.collect::<Result<_, StoreError>>()?,
        })
    }

    /// Notes when a thing was put away, or that it is in use again.
    pub async fn set_archived(
        &self,
        used: Used,
        archived_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let table = used.table();
        let update = sql(format!("UPDATE {table} SET archived_at = $2 WHERE id = $1"));
        let update = update.bind(used.id()).bind(archived_at);
        found(self.database.execute(update).await?)
    }

    /// Removes a thing in one statement with the question whether it is used.
    /// [`StoreError::Conflict`] when it is.
    pub(crate) async fn delete_unused(&self, used: Used) -> Result<(), StoreError> {
        let (table, condition) = (used.table(), used.condition());
        let by_others = match used {
            Used::Credential(_) => {
                "AND NOT EXISTS (SELECT 1 FROM clusters c WHERE c.credential_id = $1)"
            }
            Used::Model(_) | Used::Cluster(_) | Used::Dataset(_) => "",
        };
        let delete = sql(format!(
            "DELETE FROM {table} WHERE id = $1
                 AND NOT EXISTS (SELECT 1 FROM benchmarks b WHERE {condition}) {by_others}"
        ));
        let mut tx = self.database.begin().await?;
        if tx.execute(delete.bind(used.id())).await? == 1 {
            return tx.commit().await;
        }
        let query = sql(format!("SELECT id FROM {table} WHERE id = $1")).bind(used.id());
        match tx.fetch_optional::<(String,)>(query).await? {
            None => Err(StoreError::NotFound),
            Some(_) => Err(StoreError::conflict("use by others")),
        }
    }
}
