//! The creation wizard: saved after every step, resumable, and executed once.

use domain::access::Role;
use domain::catalogue::CatalogueQuery;
use domain::field::FieldErrors;
use domain::id::{BenchmarkId, RerunGroupId, WorkflowId};
use domain::reruns::Purpose;
use domain::workflow::{Catalogue, Draft, Step, StepForm, Workflow, WorkflowState, build_plan};
use store::{NewBenchmark, StoreError};

use crate::error::not_found;
use crate::{Actor, Ctx, ServiceError};

mod call;

pub use call::{RunWorkflow, WorkflowStanding, get_standing, run_workflow};

/// Open workflows one person may have.
pub const OPEN_WORKFLOWS_MAX: usize = 100;

/// Starts a wizard, empty or with the answers of an earlier benchmark.
pub async fn start_workflow(
    ctx: &Ctx,
    actor: &Actor,
    from: Option<BenchmarkId>,
) -> Result<Workflow, ServiceError> {
    actor.require(Role::Operator, "create benchmarks")?;
    let draft = match from {
        None => Draft::default(),
        Some(id) => {
            let detail = crate::benchmarks::get_benchmark(ctx, actor, id).await?;
            let mut draft = Draft::from_plan(&detail.plan);
            if let Some(basic) = &mut draft.basic {
                basic.purpose = detail.purpose;
            }
            draft
        }
    };
    new_workflow(ctx, actor, draft).await
}

/// Adds a workflow with these answers.
async fn new_workflow(ctx: &Ctx, actor: &Actor, draft: Draft) -> Result<Workflow, ServiceError> {
    let open = ctx.store.list_open_workflows(actor.person.id).await?;
    if open.len() >= OPEN_WORKFLOWS_MAX {
        return Err(ServiceError::Conflict(format!(
            "You have {OPEN_WORKFLOWS_MAX} unfinished drafts. Finish or discard some first."
        )));
    }
    let now = ctx.now();
    let workflow = Workflow {
        id: WorkflowId(ctx.new_id()),
        owner_id: actor.person.id,
        owner_name: actor.person.name.clone(),
        draft,
        revision: 1,
        state: WorkflowState::Open,
        created_at: now,
        updated_at: now,
    };
    ctx.store.insert_workflow(&workflow).await?;
    Ok(workflow)
}

/// A workflow of this person; administrators reach all.
pub async fn get_workflow(
    ctx: &Ctx,
    actor: &Actor,
    id: WorkflowId,
) -> Result<Workflow, ServiceError> {
    let workflow = ctx
        .store
        .find_workflow(id)
        .await?
        .ok_or_else(|| not_found("draft"))?;
    if workflow.owner_id != actor.person.id && !actor.is_at_least(Role::Administrator) {
        return Err(ServiceError::Forbidden(format!(
            "This draft belongs to {}. Start one of your own.",
            workflow.owner_name
        )));
    }
    Ok(workflow)
}

/// This person's workflows that can be gone on with.
pub async fn list_open_workflows(ctx: &Ctx, actor: &Actor) -> Result<Vec<Workflow>, ServiceError> {
    Ok(ctx.store.list_open_workflows(actor.person.id).await?)
}

/// Validates and saves the answer of one step. `revision` is the one the form was shown with: when
/// somebody saved since, nothing is overwritten.
pub async fn answer_step(
    ctx: &Ctx,
    actor: &Actor,
    id: WorkflowId,
    revision: i64,
    form: &StepForm,
) -> Result<Workflow, ServiceError> {
    let mut workflow = open_workflow(ctx, actor, id, revision).await?;
    let catalogue = get_catalogue(ctx, actor).await?;
    workflow.draft = workflow.draft.answer(form, &catalogue)?;
    workflow.revision = revision.saturating_add(1);
    workflow.updated_at = ctx.now();
    ctx.store
        .update_workflow(&workflow, revision)
        .await
        .map_err(stale)?;
    Ok(workflow)
}

/// Throws a workflow away. Benchmarks it made stay.
pub async fn discard_workflow(
    ctx: &Ctx,
    actor: &Actor,
    id: WorkflowId,
) -> Result<(), ServiceError> {
    actor.require(Role::Operator, "discard drafts")?;
    get_workflow(ctx, actor, id).await?;
    Ok(ctx.store.delete_workflow(id).await?)
}

/// Turns a confirmed workflow into queued benchmarks, as many as it asks for runs, and gives the
/// first. Asking twice gives the same benchmark.
pub async fn execute_workflow(
    ctx: &Ctx,
    actor: &Actor,
    id: WorkflowId,
    revision: i64,
) -> Result<BenchmarkId, ServiceError> {
    actor.require(Role::Operator, "run benchmarks")?;
    if let WorkflowState::Executed { benchmark_id } = get_workflow(ctx, actor, id).await?.state {
        return Ok(benchmark_id);
    }
    let mut workflow = open_workflow(ctx, actor, id, revision).await?;
    let catalogue = get_catalogue(ctx, actor).await?;
    let open_step = workflow.draft.first_open_step(&catalogue);
    if open_step != Step::Execute {
        return Err(ServiceError::Conflict(format!(
            "Step {} ({}) still wants an answer.",
            open_step.number(),
            open_step.label()
        )));
    }
    let plan = build_plan(&workflow.draft, &catalogue)?;
    let (purpose, runs) = workflow
        .draft
        .basic
        .as_ref()
        .map_or((Purpose::default(), 1), |basic| {
            (basic.purpose, basic.reruns)
        });
    let now = ctx.now();
    let group_id = (runs > 1).then(|| RerunGroupId(ctx.new_id()));
    let new = |index: u32| NewBenchmark {
        purpose,
        rerun: group_id.map(|group_id| (group_id, index)),
        ..NewBenchmark::of(BenchmarkId(ctx.new_id()), &plan, workflow.owner_id, now)
    };
    let first = new(1);
    let benchmark_id = first.id;
    let benchmarks: Vec<NewBenchmark<'_>> =
        std::iter::once(first).chain((2..=runs).map(new)).collect();
    workflow.state = WorkflowState::Executed { benchmark_id };
    workflow.revision = revision.saturating_add(1);
    workflow.updated_at = now;
    let executed = ctx
        .store
        .execute_workflow(&workflow, revision, &benchmarks)
        .await;
    executed.map_err(stale)?;
    ctx.queue.wake();
    Ok(benchmark_id)
}

/// What the wizard can choose from: nothing that was archived, but for credentials, which an
/// endpoint may still send. Those who could not create a benchmark are shown no credentials.
pub async fn get_catalogue(ctx: &Ctx, actor: &Actor) -> Result<Catalogue, ServiceError> {
    let query = CatalogueQuery::in_use();
    Ok(Catalogue {
        clusters: crate::catalogue::list_clusters(ctx, actor, &query).await?,
        models: crate::catalogue::list_models(ctx, actor, &query).await?,
        credentials: crate::catalogue::visible_credentials(ctx, actor).await?,
        datasets: crate::datasets::list_usable_datasets(ctx, actor).await?,
    })
}

/// A workflow that can be changed, at the revision the person saw.
async fn open_workflow(
    ctx: &Ctx,
    actor: &Actor,
    id: WorkflowId,
    revision: i64,
) -> Result<Workflow, ServiceError> {
    actor.require(Role::Operator, "create benchmarks")?;
    let workflow = get_workflow(ctx, actor, id).await?;
    if workflow.state != WorkflowState::Open {
        return Err(ServiceError::Conflict(
            "This draft was executed already. Start a new one from its benchmark.".to_owned(),
        ));
    }
    if workflow.revision != revision {
        return Err(stale(StoreError::Conflict(String::new())));
    }
    Ok(workflow)
}

fn stale(error: StoreError) -> ServiceError {
    match error {
        StoreError::Conflict(_) => ServiceError::Conflict(
            "This draft was changed in another window. Reload to see its answers; nothing was overwritten."
                .to_owned(),
        ),
        other => other.into(),
    }
}

/// Cancels a run: the one that a workflow of this person made, or the one of a benchmark. Exactly one
/// of both is given.
pub async fn cancel_run(
    ctx: &Ctx,
    actor: &Actor,
    workflow_id: Option<WorkflowId>,
    benchmark_id: Option<BenchmarkId>,
) -> Result<BenchmarkId, ServiceError> {
    actor.require(Role::Operator, "cancel benchmarks")?;
    let benchmark_id = match (workflow_id, benchmark_id) {
        (Some(id), None) => match get_workflow(ctx, actor, id).await?.state {
            WorkflowState::Executed { benchmark_id } => benchmark_id,
            WorkflowState::Open => {
                return Err(ServiceError::Conflict(
                    "This workflow was not executed: there is no run to cancel.".to_owned(),
                ));
            }
        },
        (None, Some(id)) => id,
        _ => {
            let message = "Give either workflow_id or benchmark_id.";
            return Err(FieldErrors::one("workflow_id", message).into());
        }
    };
    if workflow_id.is_none() {
        crate::benchmarks::cancel_benchmark(ctx, actor, benchmark_id).await?;
        return Ok(benchmark_id);
    }
    // A workflow may have made several runs: those that have not ended are cancelled, the last first,
    // so that none begins because the one before it ended.
    let runs = crate::benchmarks::list_reruns(ctx, actor, benchmark_id).await?;
    let going_on = runs.iter().rev().filter(|run| !run.status.is_terminal());
    let ids: Vec<BenchmarkId> = going_on.map(|run| run.id).collect();
    if ids.is_empty() {
        crate::benchmarks::cancel_benchmark(ctx, actor, benchmark_id).await?;
    }
    for id in ids {
        match crate::benchmarks::cancel_benchmark(ctx, actor, id).await {
            // It ended by itself in the meantime.
            Ok(()) | Err(ServiceError::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(benchmark_id)
}
