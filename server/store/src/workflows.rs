//! Saved wizards.

use domain::id::{BenchmarkId, UserId, WorkflowId};
use domain::time::Timestamp;
use domain::workflow::{Workflow, WorkflowState};

use crate::benchmarks::{NewBenchmark, insert_planned};
use crate::database::{Transaction, sql};
use crate::store::{found, from_json, parse_id, to_json};
use crate::{Store, StoreError};

/// Most open workflows that are listed.
const OPEN_WORKFLOWS_MAX: u32 = 200;

#[derive(sqlx::FromRow)]
struct WorkflowRow {
    id: String,
    owner_id: String,
    owner_name: String,
    draft: String,
    revision: i64,
    benchmark_id: Option<String>,
    created_at: i64,
    updated_at: i64,
}

impl WorkflowRow {
    fn into_workflow(self) -> Result<Workflow, StoreError> {
        Ok(Workflow {
            id: parse_id("workflow id", &self.id)?,
            owner_id: parse_id("user id", &self.owner_id)?,
            owner_name: self.owner_name,
            draft: from_json("draft of a workflow", &self.draft)?,
            revision: self.revision,
            state: match self.benchmark_id {
                None => WorkflowState::Open,
                Some(id) => WorkflowState::Executed {
                    benchmark_id: parse_id("benchmark id", &id)?,
                },
            },
            created_at: Timestamp(self.created_at),
            updated_at: Timestamp(self.updated_at),
        })
    }
}

impl Store {
    /// Adds a workflow.
    pub async fn insert_workflow(&self, workflow: &Workflow) -> Result<(), StoreError> {
        let insert = sql("INSERT INTO workflows
                 (id, owner_id, draft, revision, benchmark_id, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind_id(workflow.id)
        .bind_id(workflow.owner_id)
        .bind(to_json(&workflow.draft)?)
        .bind(workflow.revision)
        .bind(benchmark_of(workflow.state).map(|id| id.to_string()))
        .bind(workflow.created_at)
        .bind(workflow.updated_at);
        let inserted = self.database.execute(insert).await;
        inserted.map_err(|error| error.taken("id of a workflow"))?;
        Ok(())
    }

    /// Saves draft, revision and time of an open workflow whose stored revision is
    /// `expected_revision`. [`StoreError::Conflict`] when it was saved or executed since.
    pub async fn update_workflow(
        &self,
        workflow: &Workflow,
        expected_revision: i64,
    ) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        save_workflow(&mut tx, workflow, expected_revision, None).await?;
        tx.commit().await
    }

    /// Queues benchmarks and marks the workflow as executed into the first of them, all or nothing.
    /// [`StoreError::Conflict`] as for [`Self::update_workflow`].
    pub async fn execute_workflow(
        &self,
        workflow: &Workflow,
        expected_revision: i64,
        benchmarks: &[NewBenchmark<'_>],
    ) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        for new in benchmarks {
            insert_planned(&mut tx, new).await?;
        }
        let first = benchmarks.first().map(|new| new.id);
        save_workflow(&mut tx, workflow, expected_revision, first).await?;
        tx.commit().await
    }

    /// One workflow.
    pub async fn find_workflow(&self, id: WorkflowId) -> Result<Option<Workflow>, StoreError> {
        let query = sql(
            "SELECT w.id, w.owner_id, u.name AS owner_name, w.draft, w.revision, w.benchmark_id,
                 w.created_at, w.updated_at
             FROM workflows w JOIN users u ON u.id = w.owner_id
             WHERE w.id = $1",
        );
        let row: Option<WorkflowRow> = self.database.fetch_optional(query.bind_id(id)).await?;
        row.map(WorkflowRow::into_workflow).transpose()
    }

    /// A person's workflows that were not executed, last saved first.
    pub async fn list_open_workflows(&self, owner: UserId) -> Result<Vec<Workflow>, StoreError> {
        let query = sql(
            "SELECT w.id, w.owner_id, u.name AS owner_name, w.draft, w.revision, w.benchmark_id,
                 w.created_at, w.updated_at
             FROM workflows w JOIN users u ON u.id = w.owner_id
             WHERE w.owner_id = $1 AND w.benchmark_id IS NULL
             ORDER BY w.updated_at DESC, w.id LIMIT $2",
        )
        .bind_id(owner)
        .bind(OPEN_WORKFLOWS_MAX);
        let rows: Vec<WorkflowRow> = self.database.fetch_all(query).await?;
        rows.into_iter().map(WorkflowRow::into_workflow).collect()
    }

    /// Removes a workflow. A benchmark that it made stays.
    pub async fn delete_workflow(&self, id: WorkflowId) -> Result<(), StoreError> {
        let delete = sql("DELETE FROM workflows WHERE id = $1");
        found(self.database.execute(delete.bind_id(id)).await?)
    }
}

fn benchmark_of(state: WorkflowState) -> Option<BenchmarkId> {
    match state {
        WorkflowState::Open => None,
        WorkflowState::Executed { benchmark_id } => Some(benchmark_id),
    }
}

async fn save_workflow(
    tx: &mut Transaction,
    workflow: &Workflow,
    expected_revision: i64,
    benchmark: Option<BenchmarkId>,
) -> Result<(), StoreError> {
    let update = sql(
        "UPDATE workflows SET draft = $3, revision = $4, updated_at = $5, benchmark_id = $6
         WHERE id = $1 AND revision = $2 AND benchmark_id IS NULL",
    )
    .bind_id(workflow.id)
    .bind(expected_revision)
    .bind(to_json(&workflow.draft)?)
    .bind(workflow.revision)
    .bind(workflow.updated_at)
    .bind(benchmark.map(|id| id.to_string()));
    if tx.execute(update).await? == 1 {
        return Ok(());
    }
    let query = sql("SELECT revision FROM workflows WHERE id = $1").bind_id(workflow.id);
    match tx.fetch_optional::<(i64,)>(query).await? {
        None => Err(StoreError::NotFound),
        Some(_) => Err(StoreError::conflict("revision of a workflow")),
    }
}
