//! Nodes of several clusters that are one machine: a benchmark that wants one wants them all, so that no two
//! runs measure each other there.

use domain::id::NodeId;

use crate::database::{Sql, Transaction, sql};
use crate::nodes::read_access;
use crate::{Store, StoreError};

/// A node's id and how it is reached.
type Row = (String, Option<String>);

/// Nodes that may be one machine.
fn nodes_elsewhere() -> Sql {
    sql("SELECT id, access FROM nodes WHERE access IS NOT NULL ORDER BY id")
}

/// The other nodes that are the same machine.
pub(crate) async fn same_machines(
    tx: &mut Transaction,
    node: NodeId,
) -> Result<Vec<String>, StoreError> {
    others_of(node, tx.fetch_all(nodes_elsewhere()).await?)
}

impl Store {
    /// A node and the others that are the same machine.
    pub(crate) async fn nodes_of_machine(&self, node: NodeId) -> Result<Vec<String>, StoreError> {
        let mut nodes = others_of(node, self.database.fetch_all(nodes_elsewhere()).await?)?;
        nodes.push(node.to_string());
        Ok(nodes)
    }
}

fn others_of(node: NodeId, rows: Vec<Row>) -> Result<Vec<String>, StoreError> {
    let own = node.to_string();
    let mut nodes = Vec::new();
    for (id, access) in rows {
        nodes.push((id, read_access(access)?));
    }
    let Some((_, access)) = nodes.iter().find(|(id, _)| *id == own) else {
        return Ok(Vec::new());
    };
    let others = nodes
        .iter()
        .filter(|(id, other)| *id != own && access.is_same_machine(other));
    Ok(others.map(|(id, _)| id.clone()).collect())
}

/// Makes what wants, or holds, a node that was saved or one that is the same machine want and hold both.
pub(crate) async fn share_machine(tx: &mut Transaction, node: NodeId) -> Result<(), StoreError> {
    let own = node.to_string();
    for other in same_machines(tx, node).await? {
        for (from, to) in [(&own, &other), (&other, &own)] {
            let want = sql("INSERT INTO benchmark_nodes (benchmark_id, node_id)
                 SELECT n.benchmark_id, $2 FROM benchmark_nodes n
                 JOIN benchmarks b ON b.id = n.benchmark_id
                 WHERE n.node_id = $1 AND b.status NOT IN ('completed', 'failed', 'cancelled')
                 ON CONFLICT (benchmark_id, node_id) DO NOTHING");
            tx.execute(want.bind(from.as_str()).bind(to.as_str()))
                .await?;
            let hold = sql("INSERT INTO node_holds (node_id, benchmark_id)
                 SELECT $2, h.benchmark_id FROM node_holds h WHERE h.node_id = $1
                 ON CONFLICT (node_id) DO NOTHING");
            tx.execute(hold.bind(from.as_str()).bind(to.as_str()))
                .await?;
        }
    }
    Ok(())
}
