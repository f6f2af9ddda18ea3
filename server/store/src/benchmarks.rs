//! Benchmarks: made from a plan, tagged, asked to cancel, and told where they stand.

use std::collections::{BTreeSet, HashMap};

use domain::catalogue::EngineIdentity;
use domain::history::BenchmarkDetail;
use domain::id::{BenchmarkId, RerunGroupId, UserId};
use domain::plan::{Deployment, RunPlan};
use domain::reruns::Purpose;
use domain::run::event::RunOutcome;
use domain::run::{RunState, RunStatus};
use domain::time::Timestamp;

use crate::database::{Sql, Transaction, sql};
use crate::reruns::parse_rerun;
use crate::same_machine::same_machines;
use crate::store::{found, from_json, parse_id, to_json};
use crate::{Store, StoreError};

/// A benchmark to be queued.
#[derive(Clone, Copy, Debug)]
pub struct NewBenchmark<'a> {
    /// Its id.
    pub id: BenchmarkId,
    /// The confirmed plan.
    pub plan: &'a RunPlan,
    /// Its tags.
    pub tags: &'a [String],
    /// Who makes it.
    pub owner_id: UserId,
    /// Whether it is a sample of demo mode.
    pub is_sample: bool,
    /// What its figures are for.
    pub purpose: Purpose,
    /// Its group and its number in it from 1; `None` for the only run of its plan.
    pub rerun: Option<(RerunGroupId, u32)>,
    /// When it is made.
    pub at: Timestamp,
}

impl<'a> NewBenchmark<'a> {
    /// The only run of its plan, made to explore.
    pub fn of(id: BenchmarkId, plan: &'a RunPlan, owner_id: UserId, at: Timestamp) -> Self {
        Self {
            id,
            plan,
            tags: &plan.tags,
            owner_id,
            is_sample: false,
            purpose: Purpose::default(),
            rerun: None,
            at,
        }
    }
}

#[derive(sqlx::FromRow)]
struct DetailRow {
    id: String,
    status: String,
    failure: Option<String>,
    is_sample: bool,
    purpose: String,
    rerun_group_id: Option<String>,
    rerun_index: Option<i64>,
    rerun_last_index: Option<i64>,
    archived_at: Option<i64>,
    tags: String,
    owner_id: String,
    owner_name: String,
    created_at: i64,
    plan: String,
}

impl Store {
    /// Adds a benchmark that waits for its nodes.
    pub async fn insert_benchmark(
        &self,
        id: BenchmarkId,
        plan: &RunPlan,
        owner_id: UserId,
        is_sample: bool,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let new = NewBenchmark {
            is_sample,
            ..NewBenchmark::of(id, plan, owner_id, at)
        };
        let mut tx = self.database.begin().await?;
        insert_planned(&mut tx, &new).await?;
        tx.commit().await
    }

    /// A benchmark with its plan and, when there is one, its result.
    pub async fn find_benchmark(
        &self,
        id: BenchmarkId,
    ) -> Result<Option<BenchmarkDetail>, StoreError> {
        let query = sql(
            "SELECT b.id, b.status, b.failure, b.is_sample, b.purpose, b.rerun_group_id, b.rerun_index,
                 (SELECT MAX(g.rerun_index) FROM benchmarks g
                  WHERE g.rerun_group_id = b.rerun_group_id) AS rerun_last_index,
                 b.archived_at, b.tags, b.owner_id, u.name AS owner_name, b.created_at, p.plan
             FROM benchmarks b
             JOIN users u ON u.id = b.owner_id
             JOIN benchmark_plans p ON p.benchmark_id = b.id
             WHERE b.id = $1",
        );
        let row: Option<DetailRow> = self.database.fetch_optional(query.bind_id(id)).await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let status = parse_status(&row.status)?;
        let queue_position = if status == RunStatus::Queued {
            self.queue_position(id).await?
        } else {
            None
        };
        Ok(Some(BenchmarkDetail {
            id: parse_id("benchmark id", &row.id)?,
            plan: from_json("plan of a benchmark", &row.plan)?,
            tags: from_json("tags of a benchmark", &row.tags)?,
            status,
            failure: row.failure,
            queue_position,
            is_sample: row.is_sample,
            purpose: parse_purpose(&row.purpose)?,
            rerun: parse_rerun(row.rerun_group_id, row.rerun_index, row.rerun_last_index)?,
            archived_at: row.archived_at.map(Timestamp),
            owner_id: parse_id("user id", &row.owner_id)?,
            owner_name: row.owner_name,
            created_at: Timestamp(row.created_at),
            late_cleanups: self.list_late_cleanups_of(id).await?,
            result: self.find_result(id).await?,
        }))
    }

    /// The plans of these benchmarks; those that do not exist are left out.
    pub async fn list_plans(
        &self,
        ids: &[BenchmarkId],
    ) -> Result<HashMap<BenchmarkId, RunPlan>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let places: Vec<String> = (1..=ids.len()).map(|place| format!("${place}")).collect();
        let query = format!(
            "SELECT benchmark_id, plan FROM benchmark_plans WHERE benchmark_id IN ({})",
            places.join(", ")
        );
        let query = ids.iter().fold(sql(query), Sql::bind_id);
        let rows: Vec<(String, String)> = self.database.fetch_all(query).await?;
        rows.into_iter()
            .map(|(id, plan)| {
                let id = parse_id("benchmark id", &id)?;
                Ok((id, from_json("plan of a benchmark", &plan)?))
            })
            .collect()
    }

    /// Replaces the tags.
    pub async fn set_tags(
        &self,
        id: BenchmarkId,
        tags: &[String],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        let query = sql("SELECT plan FROM benchmark_plans WHERE benchmark_id = $1").bind_id(id);
        let row: Option<(String,)> = tx.fetch_optional(query).await?;
        let (plan,) = row.ok_or(StoreError::NotFound)?;
        let plan: RunPlan = from_json("plan of a benchmark", &plan)?;
        let update =
            sql("UPDATE benchmarks SET tags = $2, search_text = $3, updated_at = $4 WHERE id = $1")
                .bind_id(id)
                .bind(to_json(&tags)?)
                .bind(search_text(id, &plan, tags))
                .bind(at);
        tx.execute(update).await?;
        replace_tags(&mut tx, id, tags).await?;
        tx.commit().await
    }

    /// Says what the figures of a benchmark are for.
    pub async fn set_purpose(
        &self,
        id: BenchmarkId,
        purpose: Purpose,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let update = sql("UPDATE benchmarks SET purpose = $2, updated_at = $3 WHERE id = $1")
            .bind_id(id)
            .bind(purpose.as_str())
            .bind(at);
        found(self.database.execute(update).await?)
    }

    /// Keeps who asked to cancel a benchmark. Whether this was the first to ask; asking a
    /// benchmark that has ended changes nothing.
    pub async fn request_cancel(
        &self,
        id: BenchmarkId,
        by: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = sql(
            "UPDATE benchmarks SET cancel_requested_by = $2, cancel_requested_at = $3
             WHERE id = $1 AND cancel_requested_by IS NULL
                 AND status NOT IN ('completed', 'failed', 'cancelled')",
        )
        .bind_id(id)
        .bind(by)
        .bind(at);
        Ok(self.database.execute(update).await? == 1)
    }

    /// Who asked to cancel a benchmark, if somebody did.
    pub async fn cancel_request(&self, id: BenchmarkId) -> Result<Option<String>, StoreError> {
        let query = sql("SELECT cancel_requested_by FROM benchmarks WHERE id = $1");
        let row: Option<(Option<String>,)> =
            self.database.fetch_optional(query.bind_id(id)).await?;
        let (by,) = row.ok_or(StoreError::NotFound)?;
        Ok(by)
    }

    /// Writes where a run stands, as its journal tells it, into the benchmark's row, and frees its
    /// nodes when it has ended. Whether anything changed: a run that has not begun or whose row
    /// says it has ended is left alone.
    pub async fn update_status(
        &self,
        id: BenchmarkId,
        state: &RunState,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let status = state.status();
        if status == RunStatus::Queued {
            return Ok(false);
        }
        let failure = match &state.outcome {
            Some(RunOutcome::Failed { reason, .. }) => Some(reason.clone()),
            Some(_) => None,
            None => state.failure().map(|(_, reason)| reason.to_owned()),
        };
        let engine_name = state.engine.as_ref().map(EngineIdentity::in_words);
        let mut tx = self.database.begin().await?;
        let update = sql(
            "UPDATE benchmarks SET status = $2, failure = $3, started_at = $4, ended_at = $5,
                 engine_name = COALESCE($6, engine_name), updated_at = $7, is_warm = $8
             WHERE id = $1 AND status NOT IN ('completed', 'failed', 'cancelled')
                 AND (status <> $2 OR failure IS DISTINCT FROM $3
                     OR started_at IS DISTINCT FROM $4 OR ended_at IS DISTINCT FROM $5
                     OR engine_name <> COALESCE($6, engine_name) OR is_warm <> $8)",
        )
        .bind_id(id)
        .bind(status.as_str())
        .bind(failure)
        .bind(state.started_at)
        .bind(state.ended_at)
        .bind(engine_name)
        .bind(at)
        .bind(state.taken_over.is_some());
        let changed = tx.execute(update).await?;
        if status.is_terminal() {
            let delete = sql("DELETE FROM claims WHERE benchmark_id = $1");
            tx.execute(delete.bind_id(id)).await?;
        }
        tx.commit().await?;
        Ok(changed == 1)
    }
}

/// A status from its name in the database.
pub(crate) fn parse_status(text: &str) -> Result<RunStatus, StoreError> {
    RunStatus::parse(text).ok_or_else(|| StoreError::corrupt("status of a benchmark", text))
}

/// A purpose from its name in the database.
pub(crate) fn parse_purpose(text: &str) -> Result<Purpose, StoreError> {
    Purpose::parse(text).ok_or_else(|| StoreError::corrupt("purpose of a benchmark", text))
}

/// Adds a queued benchmark with everything that is taken from its plan. [`StoreError::Conflict`]
/// when its id or its number in its group is taken.
pub(crate) async fn insert_planned(
    tx: &mut Transaction,
    new: &NewBenchmark<'_>,
) -> Result<(), StoreError> {
    let NewBenchmark { id, plan, at, .. } = *new;
    let (group_id, index) = new.rerun.unzip();
    let (node_type, vendor) = hardware_of(plan);
    let rate_per_s = plan.workload.arrival.rate_per_s();
    let insert = sql(
        "INSERT INTO benchmarks (id, name, owner_id, is_sample, is_reference, status, model_id,
             model_name, engine_name, cluster_id, cluster_name, node_type, vendor, concurrency,
             rate_per_s, tags, search_text, created_at, updated_at, credential_id, purpose,
             rerun_group_id, rerun_index)
         VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
             $17, $18, $19, $20, $21, $22)",
    )
    .bind_id(id)
    .bind(plan.name.as_str())
    .bind_id(new.owner_id)
    .bind(new.is_sample)
    .bind(plan.deployment.is_reference())
    .bind_id(plan.model.id)
    .bind(plan.model.name.as_str())
    .bind(plan.deployment.in_words())
    .bind_id(plan.cluster.id)
    .bind(plan.cluster.name.as_str())
    .bind(node_type)
    .bind(vendor)
    .bind(plan.workload.arrival.concurrency())
    .bind(rate_per_s)
    .bind(to_json(&new.tags)?)
    .bind(search_text(id, plan, new.tags))
    .bind(at)
    .bind(at)
    .bind(plan.credential_id().map(|id| id.to_string()))
    .bind(new.purpose.as_str())
    .bind(group_id.map(|id| id.to_string()))
    .bind(index);
    let inserted = tx.execute(insert).await;
    inserted.map_err(|error| error.taken("id of a benchmark"))?;

    let insert = sql("INSERT INTO benchmark_plans (benchmark_id, plan) VALUES ($1, $2)");
    tx.execute(insert.bind_id(id).bind(to_json(plan)?)).await?;
    replace_tags(tx, id, new.tags).await?;
    for node in plan.cluster.nodes.iter().chain(&plan.load_from) {
        let mut wanted = same_machines(tx, node.id).await?;
        wanted.push(node.id.to_string());
        for node in wanted {
            let insert = sql(
                "INSERT INTO benchmark_nodes (benchmark_id, node_id) VALUES ($1, $2)
                 ON CONFLICT (benchmark_id, node_id) DO NOTHING",
            );
            tx.execute(insert.bind_id(id).bind(node)).await?;
        }
    }
    insert_datasets(tx, id, plan).await
}

/// The datasets of a plan. [`StoreError::NotFound`] when one was deleted since it was planned.
async fn insert_datasets(
    tx: &mut Transaction,
    id: BenchmarkId,
    plan: &RunPlan,
) -> Result<(), StoreError> {
    for (position, dataset) in (0u32..).zip(plan.workload.prompts.datasets()) {
        let insert = sql(
            "INSERT INTO benchmark_datasets (benchmark_id, dataset_id, position)
             VALUES ($1, $2, $3)",
        )
        .bind_id(id)
        .bind_id(dataset.id)
        .bind(position);
        let inserted = tx.execute(insert).await;
        inserted.map_err(StoreError::missing)?;
    }
    Ok(())
}

/// Gives a benchmark these tags and no others, and keeps count of them.
pub(crate) async fn replace_tags(
    tx: &mut Transaction,
    id: BenchmarkId,
    tags: &[String],
) -> Result<(), StoreError> {
    let query = sql("SELECT tag FROM benchmark_tags WHERE benchmark_id = $1").bind_id(id);
    let present: Vec<(String,)> = tx.fetch_all(query).await?;
    let present: BTreeSet<String> = present.into_iter().map(|(tag,)| tag).collect();
    let wanted: BTreeSet<String> = tags.iter().cloned().collect();
    // In one order for everybody, so that two changes wait for each other in turn, never in a ring.
    for tag in present.symmetric_difference(&wanted) {
        let (link, count) = if wanted.contains(tag) {
            (
                "INSERT INTO benchmark_tags (tag, benchmark_id) VALUES ($1, $2)",
                "INSERT INTO tags (tag, benchmark_count) VALUES ($1, 1)
                 ON CONFLICT (tag) DO UPDATE SET benchmark_count = tags.benchmark_count + 1",
            )
        } else {
            (
                "DELETE FROM benchmark_tags WHERE tag = $1 AND benchmark_id = $2",
                "UPDATE tags SET benchmark_count = benchmark_count - 1 WHERE tag = $1",
            )
        };
        tx.execute(sql(link).bind(tag.as_str()).bind_id(id)).await?;
        tx.execute(sql(count).bind(tag.as_str())).await?;
    }
    Ok(())
}

/// What a search looks through. Lower case is made here, since databases disagree about it.
fn search_text(id: BenchmarkId, plan: &RunPlan, tags: &[String]) -> String {
    let tags = tags.join("\n");
    format!("{}\n{}\n{tags}\n{id}", plan.name, plan.description).to_lowercase()
}

/// Node type and vendor of the first node.
fn hardware_of(plan: &RunPlan) -> (&'static str, String) {
    if matches!(plan.deployment, Deployment::Endpoint { .. }) {
        return ("endpoint", String::new());
    }
    let inventory = plan
        .cluster
        .nodes
        .iter()
        .find_map(|node| node.inventory.as_ref());
    inventory.map_or(("cpu", String::new()), |inventory| {
        (inventory.node_type(), inventory.vendor())
    })
}
