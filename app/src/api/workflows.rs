//! The wizard's saved state. Each step has a function that a plain form can post to; all of them
//! validate and save by the same use case and lead to the next step.

use domain::engine::EngineForm;
use domain::id::{BenchmarkId, WorkflowId};
use domain::workflow::form::{BasicForm, EvaluationForm};
#[cfg(feature = "ssr")]
use domain::workflow::form::{
    ClusterChoiceForm, ConfirmForm, CredentialChoiceForm, ModelChoiceForm, NodesForm,
};
use domain::workflow::{Catalogue, Workflow};
#[cfg(feature = "ssr")]
use domain::workflow::{Step, StepForm};
use leptos::prelude::*;
#[cfg(feature = "ssr")]
use leptos_axum::redirect;

use super::ApiError;
use super::codec::Json;
#[cfg(feature = "ssr")]
use super::context::{optional_id, refuse, signed_in};
#[cfg(feature = "ssr")]
use crate::routes;

/// Starts a workflow, empty or from the plan of the benchmark `from` (its id as text; empty for
/// none), and goes to the first step that wants an answer.
#[server(endpoint = "workflows/start", output = Json)]
pub async fn start_workflow(
    /// Id of an earlier benchmark, or empty.
    #[server(default)]
    from: String,
) -> Result<WorkflowId, ApiError> {
    let (ctx, actor) = signed_in()?;
    let from = optional_id(&from)?;
    let workflow = service::workflows::start_workflow(&ctx, &actor, from)
        .await
        .map_err(refuse)?;
    let catalogue = service::workflows::get_catalogue(&ctx, &actor)
        .await
        .map_err(refuse)?;
    let step = workflow.draft.first_open_step(&catalogue);
    redirect(&routes::wizard(workflow.id, step));
    Ok(workflow.id)
}

/// A workflow of the person's.
#[server(endpoint = "workflows/get", output = Json)]
pub async fn get_workflow(
    /// Which.
    id: WorkflowId,
) -> Result<Workflow, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::workflows::get_workflow(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// The person's workflows that can be gone on with.
#[server(endpoint = "workflows/list_open", output = Json)]
pub async fn list_open_workflows() -> Result<Vec<Workflow>, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::workflows::list_open_workflows(&ctx, &actor)
        .await
        .map_err(refuse)
}

/// What the steps can choose from.
#[server(endpoint = "workflows/catalogue", output = Json)]
pub async fn get_catalogue() -> Result<Catalogue, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::workflows::get_catalogue(&ctx, &actor)
        .await
        .map_err(refuse)
}

/// Forgets a workflow and goes back to the list.
#[server(endpoint = "workflows/discard", output = Json)]
pub async fn discard_workflow(
    /// Which.
    id: WorkflowId,
) -> Result<(), ApiError> {
    let (ctx, actor) = signed_in()?;
    service::workflows::discard_workflow(&ctx, &actor, id)
        .await
        .map_err(refuse)?;
    redirect(routes::NEW);
    Ok(())
}

/// Queues the confirmed plan and goes to its benchmark.
#[server(endpoint = "workflows/execute", output = Json)]
pub async fn execute_workflow(
    /// Which.
    id: WorkflowId,
    /// The revision the person saw.
    revision: i64,
) -> Result<BenchmarkId, ApiError> {
    let (ctx, actor) = signed_in()?;
    let benchmark_id = service::workflows::execute_workflow(&ctx, &actor, id, revision)
        .await
        .map_err(refuse)?;
    redirect(&routes::benchmark(benchmark_id));
    Ok(benchmark_id)
}

/// Step 1.
#[server(endpoint = "workflows/answer_basic_info", output = Json)]
pub async fn answer_basic_info(
    /// Which workflow.
    id: WorkflowId,
    /// The revision the form was shown with.
    revision: i64,
    /// The answers, each under its own name.
    #[server(flatten)]
    form: BasicForm,
) -> Result<(), ApiError> {
    answer(id, revision, StepForm::BasicInfo(form), Step::Evaluation).await
}

/// Step 2.
#[server(endpoint = "workflows/answer_evaluation", output = Json)]
pub async fn answer_evaluation(
    /// Which workflow.
    id: WorkflowId,
    /// The revision the form was shown with.
    revision: i64,
    /// The answers, each under its own name.
    #[server(flatten)]
    form: EvaluationForm,
) -> Result<(), ApiError> {
    answer(id, revision, StepForm::Evaluation(form), Step::Cluster).await
}

/// Step 3.
#[server(endpoint = "workflows/answer_cluster", output = Json)]
pub async fn answer_cluster(
    /// Which workflow.
    id: WorkflowId,
    /// The revision the form was shown with.
    revision: i64,
    /// Id of the cluster.
    #[server(default)]
    cluster_id: String,
) -> Result<(), ApiError> {
    let form = ClusterChoiceForm { cluster_id };
    answer(id, revision, StepForm::Cluster(form), Step::Nodes).await
}

/// Step 4.
#[server(endpoint = "workflows/answer_nodes", output = Json)]
pub async fn answer_nodes(
    /// Which workflow.
    id: WorkflowId,
    /// The revision the form was shown with.
    revision: i64,
    /// Ids of the nodes.
    #[server(default)]
    node_ids: Vec<String>,
    /// Id of the machine that makes the load; empty: the server itself.
    #[server(default)]
    load_from: String,
) -> Result<(), ApiError> {
    let form = NodesForm {
        node_ids,
        load_from,
    };
    answer(id, revision, StepForm::Nodes(form), Step::Model).await
}

/// Step 5.
#[server(endpoint = "workflows/answer_model", output = Json)]
pub async fn answer_model(
    /// Which workflow.
    id: WorkflowId,
    /// The revision the form was shown with.
    revision: i64,
    /// Id of the model.
    #[server(default)]
    model_id: String,
    /// The engine, where one is to be started.
    #[server(flatten)]
    engine: EngineForm,
) -> Result<(), ApiError> {
    let form = ModelChoiceForm { model_id, engine };
    answer(id, revision, StepForm::Model(form), Step::Credential).await
}

/// Step 6, for a cloud model.
#[server(endpoint = "workflows/answer_credential", output = Json)]
pub async fn answer_credential(
    /// Which workflow.
    id: WorkflowId,
    /// The revision the form was shown with.
    revision: i64,
    /// Id of the credential.
    #[server(default)]
    credential_id: String,
    /// The most requests; empty: what follows from the plan.
    #[server(default)]
    requests_max: String,
    /// The most tokens; empty: what follows from the plan.
    #[server(default)]
    tokens_max: String,
) -> Result<(), ApiError> {
    let form = CredentialChoiceForm {
        credential_id,
        requests_max,
        tokens_max,
    };
    answer(id, revision, StepForm::Credential(form), Step::Confirm).await
}

/// Step 7.
#[server(endpoint = "workflows/confirm_plan", output = Json)]
pub async fn confirm_plan(
    /// Which workflow.
    id: WorkflowId,
    /// The revision the plan was shown with.
    revision: i64,
    /// `on` when confirmed.
    #[server(default)]
    confirmed: String,
) -> Result<(), ApiError> {
    let form = ConfirmForm { confirmed };
    answer(id, revision, StepForm::Confirm(form), Step::Execute).await
}

/// Saves an answer and goes to the step `next`, or past step 6 when no credential is needed.
#[cfg(feature = "ssr")]
async fn answer(id: WorkflowId, revision: i64, form: StepForm, next: Step) -> Result<(), ApiError> {
    let (ctx, actor) = signed_in()?;
    let workflow = service::workflows::answer_step(&ctx, &actor, id, revision, &form)
        .await
        .map_err(refuse)?;
    let next = if next == Step::Credential {
        let catalogue = service::workflows::get_catalogue(&ctx, &actor)
            .await
            .map_err(refuse)?;
        let after = workflow.draft.step_after(Step::Model, &catalogue);
        after.unwrap_or(next)
    } else {
        next
    };
    redirect(&routes::wizard(workflow.id, next));
    Ok(())
}
