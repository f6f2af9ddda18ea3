//! Engines that are kept between the runs of one group.
//!
//! A row belongs to whoever holds its node: a run of the group serves itself of the engine and leaves it to
//! the next or removes it, a run of another group removes it. While nobody holds the node, it waits for the
//! next run of its group, and is unwanted when none is to come.

use domain::id::{BenchmarkId, NodeId, RerunGroupId};
use domain::run::WarmEngine;
use domain::time::Timestamp;

use crate::database::{Sql, sql};
use crate::store::{from_json, parse_id, to_json};
use crate::{Store, StoreError};

/// Most of one answer.
const ENGINES_MAX: u32 = 1_000;

const SELECT: &str = "SELECT w.group_id, w.node_id, w.engine FROM warm_engines w";

/// A kept engine with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEngine {
    /// The group whose runs it is kept for.
    pub group_id: RerunGroupId,
    /// The node it runs on.
    pub node_id: NodeId,
    /// Itself.
    pub engine: WarmEngine,
}

impl Store {
    /// Keeps the engine of `run`, which holds the node, for the next run of its group, and gives the
    /// number of that run. `None`, with nothing changed, when a run of the group is not the next for
    /// every node that `run` holds: others must not wait beside an engine that takes up their node.
    pub async fn keep_warm_engine(
        &self,
        run: BenchmarkId,
        node: NodeId,
        engine: &WarmEngine,
        at: Timestamp,
    ) -> Result<Option<u32>, StoreError> {
        let mut tx = self.database.begin().await?;
        let query = sql("SELECT rerun_group_id FROM benchmarks WHERE id = $1").bind_id(run);
        let Some((Some(group),)) = tx.fetch_optional::<(Option<String>,)>(query).await? else {
            return Ok(None);
        };
        let next = sql("SELECT b.rerun_group_id, b.rerun_index FROM benchmarks b
             WHERE b.status = 'queued' AND b.cancel_requested_by IS NULL
                 AND EXISTS (
                     SELECT 1 FROM benchmark_nodes n
                     JOIN benchmark_nodes own ON own.node_id = n.node_id
                     WHERE n.benchmark_id = b.id AND own.benchmark_id = $1)
             ORDER BY b.created_at, b.id LIMIT 1")
        .bind_id(run);
        let next: Option<(Option<String>, Option<i64>)> = tx.fetch_optional(next).await?;
        let Some((Some(next_group), Some(index))) = next else {
            return Ok(None);
        };
        if next_group != group {
            return Ok(None);
        }
        let upsert = sql("INSERT INTO warm_engines (group_id, node_id, engine, since)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (group_id, node_id) DO UPDATE
                 SET engine = excluded.engine, since = excluded.since")
        .bind(group)
        .bind_id(node)
        .bind(to_json(engine)?)
        .bind(at);
        tx.execute(upsert).await?;
        tx.commit().await?;
        u32::try_from(index)
            .map(Some)
            .map_err(|error| StoreError::corrupt("number of a rerun", error))
    }

    /// The engine that is kept for a group on a node.
    pub async fn find_warm_engine(
        &self,
        group: RerunGroupId,
        node: NodeId,
    ) -> Result<Option<WarmEngine>, StoreError> {
        let query = sql(format!("{SELECT} WHERE w.group_id = $1 AND w.node_id = $2"));
        let kept = self.kept(query.bind_id(group).bind_id(node)).await?;
        Ok(kept.into_iter().next().map(|kept| kept.engine))
    }

    /// Every kept engine.
    pub async fn list_warm_engines(&self) -> Result<Vec<KeptEngine>, StoreError> {
        let query = format!("{SELECT} ORDER BY w.since, w.group_id, w.node_id LIMIT {ENGINES_MAX}");
        self.kept(sql(query)).await
    }

    /// The kept engines on the machine of a node: its own, and those of other clusters' nodes that are the same
    /// machine.
    pub async fn list_warm_engines_on(&self, node: NodeId) -> Result<Vec<KeptEngine>, StoreError> {
        let machine = self.nodes_of_machine(node).await?;
        let kept = self.list_warm_engines().await?;
        Ok(kept
            .into_iter()
            .filter(|kept| machine.contains(&kept.node_id.to_string()))
            .collect())
    }

    /// Forgets a kept engine: from now on it is a leftover of the run that started it.
    pub async fn forget_warm_engine(
        &self,
        group: RerunGroupId,
        node: NodeId,
    ) -> Result<(), StoreError> {
        let delete = sql("DELETE FROM warm_engines WHERE group_id = $1 AND node_id = $2");
        let delete = delete.bind_id(group).bind_id(node);
        self.database.execute(delete).await?;
        Ok(())
    }

    /// Forgets every engine whose group has no run that goes on or waits, and gives them. Runs that wait
    /// to be cancelled do not count.
    pub async fn take_unwanted_warm_engines(&self) -> Result<Vec<KeptEngine>, StoreError> {
        self.take(
            "NOT EXISTS (SELECT 1 FROM benchmarks b
             WHERE b.rerun_group_id = warm_engines.group_id
                 AND b.status NOT IN ('completed', 'failed', 'cancelled')
                 AND (b.status <> 'queued' OR b.cancel_requested_by IS NULL))",
        )
        .await
    }

    /// Forgets every engine that waits for a run on a node that nobody holds, and gives them.
    pub async fn take_waiting_warm_engines(&self) -> Result<Vec<KeptEngine>, StoreError> {
        self.take("NOT EXISTS (SELECT 1 FROM node_holds h WHERE h.node_id = warm_engines.node_id)")
            .await
    }

    /// Forgets those of which `condition` holds, and gives them.
    async fn take(&self, condition: &str) -> Result<Vec<KeptEngine>, StoreError> {
        let mut taken = Vec::new();
        for kept in self.list_warm_engines().await? {
            let delete = sql(format!(
                "DELETE FROM warm_engines WHERE group_id = $1 AND node_id = $2 AND {condition}"
            ));
            let delete = delete.bind_id(kept.group_id).bind_id(kept.node_id);
            if self.database.execute(delete).await? == 1 {
                taken.push(kept);
            }
        }
        Ok(taken)
    }

    async fn kept(&self, query: Sql) -> Result<Vec<KeptEngine>, StoreError> {
        let rows: Vec<(String, String, String)> = self.database.fetch_all(query).await?;
        rows.into_iter()
            .map(|(group_id, node_id, engine)| {
                Ok(KeptEngine {
                    group_id: parse_id("rerun group id", &group_id)?,
                    node_id: parse_id("node id", &node_id)?,
                    engine: from_json("kept engine", &engine)?,
                })
            })
            .collect()
    }
}
