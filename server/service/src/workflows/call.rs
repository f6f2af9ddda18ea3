//! A workflow driven by calls instead of forms: started, answered and executed in any number of them.

use domain::access::Role;
use domain::field::FieldErrors;
use domain::id::WorkflowId;
use domain::run::RunStatus;
use domain::workflow::planning::build_plan;
use domain::workflow::{Draft, MissingAnswer, Step, Workflow, WorkflowCall, WorkflowState};
use domain::workload::Spending;
use store::StoreError;

use super::{discard_workflow, execute_workflow, get_catalogue, get_workflow, new_workflow, stale};
use crate::{Actor, Ctx, ServiceError};

/// Tries to save an answer while other calls save theirs.
const SAVE_TRIES_MAX: u32 = 10;

/// One call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunWorkflow {
    /// The workflow to go on with …
    pub workflow_id: Option<WorkflowId>,
    /// … or how many steps the client has in mind for a new one: exactly one of both.
    pub total_steps: Option<u32>,
    /// The revision the client knows: when somebody saved since, nothing is changed. Without one,
    /// the answer is added to whatever is there.
    pub revision: Option<i64>,
    /// The answers.
    pub answers: WorkflowCall,
    /// Whether to execute it.
    pub is_triggered: bool,
    /// Whether a simulation is asked for.
    pub is_simulation: bool,
}

/// How a workflow stands.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowStanding {
    /// The workflow.
    pub workflow: Workflow,
    /// The step that wants an answer; Execute when none does.
    pub step: Step,
    /// What keeps it from being executed; empty when it was.
    pub missing: Vec<MissingAnswer>,
    /// Where the run stands, when it was executed.
    pub run_status: Option<RunStatus>,
    /// Why the run failed.
    pub failure: Option<String>,
    /// What the plan may spend at a provider, as far as it can be made and until it is executed.
    pub spending: Option<Spending>,
}

/// Starts a workflow or goes on with one, answers what the call answers, and executes it when it is
/// triggered. A call that is wrong anywhere changes nothing.
pub async fn run_workflow(
    ctx: &Ctx,
    actor: &Actor,
    run: &RunWorkflow,
) -> Result<WorkflowStanding, ServiceError> {
    actor.require(Role::Operator, "create benchmarks")?;
    check(run)?;
    match run.workflow_id {
        Some(id) => go_on(ctx, actor, id, run).await,
        None => begin(ctx, actor, run).await,
    }
}

/// How a workflow of this person stands; administrators reach all.
pub async fn get_standing(
    ctx: &Ctx,
    actor: &Actor,
    id: WorkflowId,
) -> Result<WorkflowStanding, ServiceError> {
    let workflow = get_workflow(ctx, actor, id).await?;
    standing_of(ctx, actor, workflow).await
}

fn check(run: &RunWorkflow) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::default();
    match (run.workflow_id, run.total_steps) {
        (Some(_), Some(_)) => errors.add(
            "workflow_total_steps",
            "Give either workflow_id, to go on, or workflow_total_steps, to start anew.",
        ),
        (None, None) => errors.add(
            "workflow_id",
            "Give workflow_id to go on with a workflow, or workflow_total_steps to start one.",
        ),
        _ => {}
    }
    if run.is_simulation {
        errors.add(
            "run_as_simulation",
            "Simulation does not exist yet: nothing was started. Leave it out, or send false, to run on the cluster.",
        );
    }
    errors.into_result(())
}

async fn begin(
    ctx: &Ctx,
    actor: &Actor,
    run: &RunWorkflow,
) -> Result<WorkflowStanding, ServiceError> {
    let catalogue = get_catalogue(ctx, actor).await?;
    let draft = Draft::default().answer_call(&run.answers, &catalogue)?;
    if run.is_triggered {
        refuse_missing(&draft.missing(&catalogue))?;
    }
    let workflow = new_workflow(ctx, actor, draft).await?;
    if run.is_triggered {
        let executed = execute_workflow(ctx, actor, workflow.id, workflow.revision).await;
        if let Err(error) = executed {
            // What was refused leaves nothing behind.
            discard_workflow(ctx, actor, workflow.id).await?;
            return Err(error);
        }
    }
    get_standing(ctx, actor, workflow.id).await
}

async fn go_on(
    ctx: &Ctx,
    actor: &Actor,
    id: WorkflowId,
    run: &RunWorkflow,
) -> Result<WorkflowStanding, ServiceError> {
    for _ in 0..SAVE_TRIES_MAX {
        let workflow = get_workflow(ctx, actor, id).await?;
        if matches!(workflow.state, WorkflowState::Executed { .. }) {
            if run.is_triggered && changes_nothing(ctx, actor, &workflow, run).await? {
                // Asking twice gives the same benchmark.
                return standing_of(ctx, actor, workflow).await;
            }
            return Err(ServiceError::Conflict(
                "This workflow was executed already. Start a new one.".to_owned(),
            ));
        }
        if run.revision.is_some_and(|known| known != workflow.revision) {
            return Err(stale(StoreError::Conflict(String::new())));
        }
        match answer_and_execute(ctx, actor, workflow, run).await {
            // Another call saved at the same time: its answer stays, and this one is added to it.
            Err(ServiceError::Conflict(_)) if run.revision.is_none() => {}
            Err(error) => return Err(error),
            Ok(()) => return get_standing(ctx, actor, id).await,
        }
    }
    Err(ServiceError::Conflict(
        "Others kept changing this workflow. Nothing of this call was saved: send it again."
            .to_owned(),
    ))
}

/// Whether a call repeats what an executed workflow holds.
async fn changes_nothing(
    ctx: &Ctx,
    actor: &Actor,
    workflow: &Workflow,
    run: &RunWorkflow,
) -> Result<bool, ServiceError> {
    let only_answers = WorkflowCall {
        step_number: None,
        ..run.answers.clone()
    };
    if only_answers == WorkflowCall::default() {
        return Ok(true);
    }
    let catalogue = get_catalogue(ctx, actor).await?;
    let answered = workflow.draft.answer_call(&run.answers, &catalogue);
    Ok(answered.is_ok_and(|draft| draft == workflow.draft))
}

async fn answer_and_execute(
    ctx: &Ctx,
    actor: &Actor,
    mut workflow: Workflow,
    run: &RunWorkflow,
) -> Result<(), ServiceError> {
    let catalogue = get_catalogue(ctx, actor).await?;
    let draft = workflow.draft.answer_call(&run.answers, &catalogue)?;
    if run.is_triggered {
        refuse_missing(&draft.missing(&catalogue))?;
    }
    if draft != workflow.draft {
        let known = workflow.revision;
        workflow.draft = draft;
        workflow.revision = known.saturating_add(1);
        workflow.updated_at = ctx.now();
        let saved = ctx.store.update_workflow(&workflow, known).await;
        saved.map_err(stale)?;
    }
    if run.is_triggered {
        execute_workflow(ctx, actor, workflow.id, workflow.revision).await?;
    }
    Ok(())
}

fn refuse_missing(missing: &[MissingAnswer]) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::default();
    for answer in missing {
        let step = answer.step.number();
        errors.add(answer.field, format!("{} (Step {step}.)", answer.message));
    }
    errors.into_result(())
}

async fn standing_of(
    ctx: &Ctx,
    actor: &Actor,
    workflow: Workflow,
) -> Result<WorkflowStanding, ServiceError> {
    if let WorkflowState::Executed { benchmark_id } = workflow.state {
        let row = ctx.store.find_row(benchmark_id).await?;
        return Ok(WorkflowStanding {
            workflow,
            step: Step::Execute,
            missing: Vec::new(),
            run_status: row.as_ref().map(|row| row.status),
            failure: row.and_then(|row| row.failure),
            spending: None,
        });
    }
    let catalogue = get_catalogue(ctx, actor).await?;
    Ok(WorkflowStanding {
        step: workflow.draft.first_open_step(&catalogue),
        missing: workflow.draft.missing(&catalogue),
        spending: build_plan(&workflow.draft, &catalogue)
            .ok()
            .and_then(|plan| plan.spending()),
        workflow,
        run_status: None,
        failure: None,
    })
}
