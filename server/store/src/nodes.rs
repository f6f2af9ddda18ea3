//! Nodes of clusters: how they are reached, what they have, and what the last look at them found.

use domain::catalogue::{Inventory, Node, NodeAccess, NodeCheck};
use domain::id::{BenchmarkId, ClusterId, NodeId};

use crate::database::{Transaction, sql};
use crate::store::{found, from_json, parse_id, to_json};
use crate::{Store, StoreError};

/// Every node with what holds it; a condition and an order may follow.
pub(crate) const SELECT_NODES: &str = "SELECT n.id, n.cluster_id, n.name, n.access, n.inventory,
         n.last_check, h.benchmark_id AS held_by
     FROM nodes n LEFT JOIN node_holds h ON h.node_id = n.id";

#[derive(sqlx::FromRow)]
pub(crate) struct NodeRow {
    id: String,
    pub(crate) cluster_id: String,
    name: String,
    access: Option<String>,
    inventory: Option<String>,
    last_check: Option<String>,
    held_by: Option<String>,
}

impl NodeRow {
    pub(crate) fn into_node(self) -> Result<Node, StoreError> {
        let inventory = self
            .inventory
            .map(|text| from_json("inventory of a node", &text));
        let last_check = self
            .last_check
            .map(|text| from_json("check of a node", &text));
        let held_by = self.held_by.map(|id| parse_id("benchmark id", &id));
        Ok(Node {
            id: parse_id("node id", &self.id)?,
            name: self.name,
            access: read_access(self.access)?,
            inventory: inventory.transpose()?,
            last_check: last_check.transpose()?,
            held_by: held_by.transpose()?,
        })
    }
}

/// A node with the cluster it stands in.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedNode {
    /// The node.
    pub node: Node,
    /// Its cluster.
    pub cluster_id: ClusterId,
    /// The cluster's name.
    pub cluster_name: String,
}

/// A node that a run holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldNode {
    /// The node.
    pub node_id: NodeId,
    /// The run.
    pub benchmark_id: BenchmarkId,
    /// The benchmark's name.
    pub benchmark_name: String,
}

impl Store {
    /// The nodes of a cluster that runs hold now, by name.
    pub async fn list_held_nodes(&self, id: ClusterId) -> Result<Vec<HeldNode>, StoreError> {
        let query = sql("SELECT n.id, b.id, b.name FROM nodes n
             JOIN node_holds h ON h.node_id = n.id
             JOIN benchmarks b ON b.id = h.benchmark_id
             WHERE n.cluster_id = $1 ORDER BY n.name, n.id")
        .bind_id(id);
        let rows: Vec<(String, String, String)> = self.database.fetch_all(query).await?;
        let rows = rows.into_iter().map(|(node, benchmark, name)| {
            Ok(HeldNode {
                node_id: parse_id("node id", &node)?,
                benchmark_id: parse_id("benchmark id", &benchmark)?,
                benchmark_name: name,
            })
        });
        rows.collect()
    }

    /// One node with its cluster.
    pub async fn find_node(&self, id: NodeId) -> Result<Option<PlacedNode>, StoreError> {
        let query = sql(format!("{SELECT_NODES} WHERE n.id = $1")).bind_id(id);
        let Some(row) = self.database.fetch_optional::<NodeRow>(query).await? else {
            return Ok(None);
        };
        let query = sql("SELECT name FROM clusters WHERE id = $1").bind(row.cluster_id.as_str());
        let Some((cluster_name,)) = self.database.fetch_optional(query).await? else {
            return Ok(None);
        };
        Ok(Some(PlacedNode {
            cluster_id: parse_id("cluster id", &row.cluster_id)?,
            cluster_name,
            node: row.into_node()?,
        }))
    }

    /// Changes how a node is reached, if it is still reached as it `was`. [`StoreError::Conflict`] when
    /// somebody changed that in between, or the node is gone.
    pub async fn update_node_access(
        &self,
        id: NodeId,
        was: &NodeAccess,
        is: &NodeAccess,
    ) -> Result<(), StoreError> {
        let update =
            sql("UPDATE nodes SET access = $2 WHERE id = $1 AND COALESCE(access, '') = $3")
                .bind_id(id)
                .bind(access_column(is)?)
                .bind(access_column(was)?.unwrap_or_default());
        match self.database.execute(update).await? {
            0 => Err(StoreError::conflict("way to a node")),
            _ => Ok(()),
        }
    }

    /// Keeps what a look at a node found.
    pub async fn save_node_check(&self, id: NodeId, check: &NodeCheck) -> Result<(), StoreError> {
        let update = sql("UPDATE nodes SET last_check = $2 WHERE id = $1");
        let update = update.bind_id(id).bind(to_json(check)?);
        found(self.database.execute(update).await?)
    }

    /// Keeps what a node has.
    pub async fn save_inventory(
        &self,
        id: NodeId,
        inventory: &Inventory,
    ) -> Result<(), StoreError> {
        let update = sql("UPDATE nodes SET inventory = $2 WHERE id = $1");
        let update = update.bind_id(id).bind(to_json(inventory)?);
        found(self.database.execute(update).await?)
    }
}

pub(crate) fn read_access(column: Option<String>) -> Result<NodeAccess, StoreError> {
    column.map_or(Ok(NodeAccess::Direct), |text| {
        from_json("access of a node", &text)
    })
}

fn access_column(access: &NodeAccess) -> Result<Option<String>, StoreError> {
    match access {
        NodeAccess::Direct => Ok(None),
        NodeAccess::Ssh(_) | NodeAccess::DockerTls(_) => to_json(access).map(Some),
    }
}

pub(crate) async fn save_node(
    tx: &mut Transaction,
    cluster_id: ClusterId,
    node: &Node,
) -> Result<(), StoreError> {
    // A node's id stays with its cluster: an id of another cluster's node changes nothing.
    let upsert = sql(
        "INSERT INTO nodes (id, cluster_id, name, access, inventory, last_check)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, access = excluded.access,
             inventory = excluded.inventory, last_check = excluded.last_check
         WHERE nodes.cluster_id = excluded.cluster_id",
    )
    .bind_id(node.id)
    .bind_id(cluster_id)
    .bind(node.name.as_str())
    .bind(access_column(&node.access)?)
    .bind(node.inventory.as_ref().map(to_json).transpose()?)
    .bind(node.last_check.as_ref().map(to_json).transpose()?);
    let saved = tx.execute(upsert).await;
    let saved = saved.map_err(|error| error.taken("name of a node"))?;
    if saved == 0 {
        return Err(StoreError::conflict("id of a node"));
    }
    Ok(())
}
