//! Clusters of the catalogue and their nodes.

use std::collections::HashMap;

use domain::catalogue::{Cluster, ClusterKind, Node, ReachabilityCheck};
use domain::id::ClusterId;
use domain::time::Timestamp;

use crate::database::sql;
use crate::nodes::{NodeRow, SELECT_NODES, save_node};
use crate::same_machine::share_machine;
use crate::store::{found, from_json, parse_id, to_json};
use crate::usage::Used;
use crate::{Store, StoreError};

#[derive(sqlx::FromRow)]
struct ClusterRow {
    id: String,
    name: String,
    kind: String,
    base_url: Option<String>,
    credential_id: Option<String>,
    description: String,
    last_check: Option<String>,
    created_at: i64,
    archived_at: Option<i64>,
}

impl ClusterRow {
    fn into_cluster(self, nodes: Vec<Node>) -> Result<Cluster, StoreError> {
        let credential_id = self
            .credential_id
            .map(|id| parse_id("credential id", &id))
            .transpose()?;
        let last_check = self
            .last_check
            .map(|check| from_json("check of a cluster", &check))
            .transpose()?;
        Ok(Cluster {
            id: parse_id("cluster id", &self.id)?,
            name: self.name,
            kind: match (self.kind.as_str(), self.base_url) {
                ("this_machine", _) => ClusterKind::ThisMachine,
                ("machines", _) => ClusterKind::Machines,
                ("endpoint", Some(base_url)) => ClusterKind::Endpoint {
                    base_url,
                    credential_id,
                },
                (other, _) => return Err(StoreError::corrupt("kind of a cluster", other)),
            },
            description: self.description,
            nodes,
            last_check,
            created_at: Timestamp(self.created_at),
            archived_at: self.archived_at.map(Timestamp),
        })
    }
}

const TAKEN: &str = "name of a cluster";

impl Store {
    /// Adds a cluster with its nodes. [`StoreError::Conflict`] when the name is taken.
    pub async fn insert_cluster(&self, cluster: &Cluster) -> Result<(), StoreError> {
        let (base_url, credential_id) = columns_of(cluster);
        let mut tx = self.database.begin().await?;
        let insert = sql(
            "INSERT INTO clusters (id, name, kind, base_url, credential_id, description,
                 last_check, created_at, archived_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind_id(cluster.id)
        .bind(cluster.name.as_str())
        .bind(cluster.kind.as_str())
        .bind(base_url)
        .bind(credential_id)
        .bind(cluster.description.as_str())
        .bind(cluster.last_check.as_ref().map(to_json).transpose()?)
        .bind(cluster.created_at)
        .bind(cluster.archived_at);
        let inserted = tx.execute(insert).await;
        inserted.map_err(|error| error.taken(TAKEN))?;
        for node in &cluster.nodes {
            save_node(&mut tx, cluster.id, node).await?;
            share_machine(&mut tx, node.id).await?;
        }
        tx.commit().await
    }

    /// Replaces everything but id and creation, nodes and last check included.
    /// [`StoreError::Conflict`] when the name is taken.
    pub async fn update_cluster(&self, cluster: &Cluster) -> Result<(), StoreError> {
        let (base_url, credential_id) = columns_of(cluster);
        let mut tx = self.database.begin().await?;
        let update = sql(
            "UPDATE clusters SET name = $2, kind = $3, base_url = $4, credential_id = $5,
                 description = $6, last_check = $7, archived_at = $8
             WHERE id = $1",
        )
        .bind_id(cluster.id)
        .bind(cluster.name.as_str())
        .bind(cluster.kind.as_str())
        .bind(base_url)
        .bind(credential_id)
        .bind(cluster.description.as_str())
        .bind(cluster.last_check.as_ref().map(to_json).transpose()?)
        .bind(cluster.archived_at);
        let updated = tx.execute(update).await;
        found(updated.map_err(|error| error.taken(TAKEN))?)?;

        let query = sql("SELECT id FROM nodes WHERE cluster_id = $1").bind_id(cluster.id);
        let stored: Vec<(String,)> = tx.fetch_all(query).await?;
        for (id,) in stored {
            if !cluster.nodes.iter().any(|node| node.id.to_string() == id) {
                tx.execute(sql("DELETE FROM nodes WHERE id = $1").bind(id))
                    .await?;
            }
        }
        // Names are unique at every moment: nodes may have taken each other's.
        let free = sql("UPDATE nodes SET name = id WHERE cluster_id = $1").bind_id(cluster.id);
        tx.execute(free).await?;
        for node in &cluster.nodes {
            save_node(&mut tx, cluster.id, node).await?;
            share_machine(&mut tx, node.id).await?;
        }
        tx.commit().await
    }

    /// All clusters, archived ones included, by name, with their nodes and who holds them.
    pub async fn list_clusters(&self) -> Result<Vec<Cluster>, StoreError> {
        let query = sql(
            "SELECT id, name, kind, base_url, credential_id, description, last_check,
                 created_at, archived_at
             FROM clusters ORDER BY lower(name), id",
        );
        let rows: Vec<ClusterRow> = self.database.fetch_all(query).await?;
        let query = sql(format!("{SELECT_NODES} ORDER BY n.name, n.id"));
        let mut nodes: HashMap<String, Vec<Node>> = HashMap::new();
        for row in self.database.fetch_all::<NodeRow>(query).await? {
            let cluster_id = row.cluster_id.clone();
            nodes.entry(cluster_id).or_default().push(row.into_node()?);
        }
        rows.into_iter()
            .map(|row| {
                let own = nodes.remove(&row.id).unwrap_or_default();
                row.into_cluster(own)
            })
            .collect()
    }

    /// One cluster with its nodes and who holds them.
    pub async fn find_cluster(&self, id: ClusterId) -> Result<Option<Cluster>, StoreError> {
        let query = sql(
            "SELECT id, name, kind, base_url, credential_id, description, last_check,
                 created_at, archived_at
             FROM clusters WHERE id = $1",
        );
        let row: Option<ClusterRow> = self.database.fetch_optional(query.bind_id(id)).await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let query = sql(format!(
            "{SELECT_NODES} WHERE n.cluster_id = $1 ORDER BY n.name, n.id"
        ));
        let nodes: Vec<NodeRow> = self.database.fetch_all(query.bind_id(id)).await?;
        let nodes: Result<_, _> = nodes.into_iter().map(NodeRow::into_node).collect();
        row.into_cluster(nodes?).map(Some)
    }

    /// Removes a cluster with its nodes, if no benchmark used it. [`StoreError::Conflict`] when one
    /// did.
    pub async fn delete_cluster(&self, id: ClusterId) -> Result<(), StoreError> {
        self.delete_unused(Used::Cluster(id)).await
    }

    /// Keeps what the last check of a cluster found.
    pub async fn save_check(
        &self,
        id: ClusterId,
        check: &ReachabilityCheck,
    ) -> Result<(), StoreError> {
        let update = sql("UPDATE clusters SET last_check = $2 WHERE id = $1");
        let update = update.bind_id(id).bind(to_json(check)?);
        found(self.database.execute(update).await?)
    }
}

/// URL and credential of a cluster, as columns. Machines share one credential, which their access names.
fn columns_of(cluster: &Cluster) -> (Option<String>, Option<String>) {
    let credential_id = match &cluster.kind {
        ClusterKind::ThisMachine => None,
        ClusterKind::Machines => cluster.credential_id(),
        ClusterKind::Endpoint { credential_id, .. } => *credential_id,
    };
    (
        cluster.kind.base_url().map(str::to_owned),
        credential_id.map(|id| id.to_string()),
    )
}
