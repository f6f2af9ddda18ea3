//! The workflow, in the reference's fields and in those it lacks.

mod body;
mod engine;
mod spending;

use axum::Json;
use domain::id::WorkflowId;
use domain::run::RunStatus;
use domain::workflow::draft::EvaluationAnswers;
use domain::workflow::{Draft, Step};
use domain::workload::StopRule;
use domain::workload::arrival::ArrivalProcess;
use serde::Serialize;
use service::workflows::WorkflowStanding;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Refusal;
use super::extract::{Body, Caller, PathId};
use super::things::RunStatusWord;
use crate::serve::edge::Edge;
use body::RunWorkflowBody;
use engine::EngineBody;
use spending::SpendingBody;

/// The reference's route of this file.
pub(super) fn reference_routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(run_workflow))
}

/// What the reference lacks.
pub(super) fn further_routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(get_workflow, discard_workflow))
}

/// How a workflow stands.
#[derive(Debug, Serialize, ToSchema)]
struct WorkflowAnswer {
    /// Always `workflow`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The workflow, to go on with.
    workflow_id: Uuid,
    /// Where it stands; `completed` and `failed` are those of its run.
    status: WorkflowStatusWord,
    /// The step that wants an answer, from 1; 8 when none does.
    #[schema(minimum = 1, maximum = 8)]
    current_step: u32,
    /// Steps in all.
    #[schema(minimum = 8, maximum = 8)]
    total_steps: u32,
    /// Why the run failed.
    reason: Option<String>,
    /// Counts changes. Sent back, it keeps a call from being added to somebody else's change.
    revision: i64,
    /// Who started it.
    created_user: String,
    /// The benchmark it made, once it was executed; of several runs, the first.
    benchmark_id: Option<Uuid>,
    /// Where the run stands, once there is one.
    run_status: Option<RunStatusWord>,
    /// What the plan may spend at the provider of a cloud model, once everything but the confirmation is
    /// answered and until it is executed; `null` for other models.
    spending: Option<SpendingBody>,
    /// What was answered.
    workflow_steps: AnsweredBody,
    /// What is missing, in the order of the steps.
    missing: Vec<MissingBody>,
}

/// Where a workflow stands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WorkflowStatusWord {
    /// It wants answers, or its run goes on.
    InProgress,
    /// Its run ended with a result.
    Completed,
    /// Its run failed or was cancelled.
    Failed,
}

/// Something that keeps a workflow from being executed.
#[derive(Debug, Serialize, ToSchema)]
struct MissingBody {
    /// The step, from 1.
    step: u32,
    /// The field.
    field: &'static str,
    /// What to do.
    message: &'static str,
}

/// What was answered, in the fields of calls; `null` where nothing was.
#[derive(Debug, Default, Serialize, ToSchema)]
struct AnsweredBody {
    /// Name of the benchmark.
    name: Option<String>,
    /// Tags.
    tags: Option<Vec<String>>,
    /// Free text.
    description: Option<String>,
    /// Users of a closed loop.
    concurrent_requests: Option<u32>,
    /// `configuration` or `dataset`.
    eval_with: Option<String>,
    /// `exploratory` or `gating`.
    purpose: Option<String>,
    /// How often the plan is carried out in all.
    reruns: Option<u32>,
    /// Whether the engine is kept between them.
    keep_engine: Option<bool>,
    /// `chat` or `completions`.
    api: Option<String>,
    /// Length of prompts.
    max_input_tokens: Option<String>,
    /// Length of answers.
    max_output_tokens: Option<String>,
    /// Tokens at the start of every prompt that are the same.
    shared_prefix_tokens: Option<u32>,
    /// The datasets of the method `dataset`, in the order prompts are drawn.
    dataset_ids: Vec<Uuid>,
    /// `closed`, `constant`, `poisson` or `gamma`.
    arrival: Option<String>,
    /// Requests per second of an open loop.
    rate_per_s: Option<f64>,
    /// Shape of gamma gaps.
    burstiness: Option<f64>,
    /// Most requests in flight of an open loop, when they are capped.
    in_flight_max: Option<u32>,
    /// Measured requests, when the run ends after them.
    request_count: Option<u32>,
    /// Measured seconds, when the run ends after them.
    duration_s: Option<u32>,
    /// Requests before the measured window.
    warmup_requests: Option<u32>,
    /// Seconds of load before the measured window, when the warm-up is by time.
    warmup_s: Option<u32>,
    /// Seconds in which the load rises to its full height.
    ramp_s: Option<u32>,
    /// What the run has to hold.
    slos: Vec<String>,
    /// Whether a connection is opened for every request.
    fresh_connections: Option<bool>,
    /// Whether the engine is asked for the full answer length.
    ignore_eos: Option<bool>,
    /// Seconds until a request counts as timed out.
    request_timeout_s: Option<u32>,
    /// Seed, as text: it may exceed what JavaScript's numbers hold.
    seed: Option<String>,
    /// The cluster.
    cluster_id: Option<Uuid>,
    /// The nodes.
    node_ids: Vec<Uuid>,
    /// The machine that makes the load; missing: the server itself.
    load_from: Option<Uuid>,
    /// The model.
    model_id: Option<Uuid>,
    /// The preset of the engine that is started, where one is.
    engine_preset: Option<String>,
    /// The engine that is started, where one is.
    engine: Option<EngineBody>,
    /// The credential of a cloud model.
    credential_id: Option<Uuid>,
    /// The most requests that a provider is sent, where that was chosen.
    requests_max: Option<u32>,
    /// The most tokens, where that was chosen.
    tokens_max: Option<u64>,
    /// Whether the plan was confirmed as it stands.
    user_confirmation: bool,
}

impl AnsweredBody {
    fn of(draft: &Draft) -> Self {
        let mut body = Self {
            cluster_id: draft.cluster_id.map(|id| id.0),
            node_ids: draft.node_ids.iter().map(|id| id.0).collect(),
            load_from: draft.load_from.map(|id| id.0),
            credential_id: draft.credential_id.map(|id| id.0),
            requests_max: draft.spend_limit.requests,
            tokens_max: draft.spend_limit.tokens,
            user_confirmation: draft.is_confirmed,
            ..Self::default()
        };
        if let Some(basic) = &draft.basic {
            body.name = Some(basic.name.clone());
            body.tags = Some(basic.tags.clone());
            body.description = Some(basic.description.clone());
            body.concurrent_requests = Some(basic.concurrent_requests);
            body.purpose = Some(basic.purpose.as_str().to_owned());
            body.reruns = Some(basic.reruns);
            body.keep_engine = Some(basic.keep_engine);
            body.eval_with = Some(basic.method.as_str().to_owned());
        }
        if let Some(evaluation) = &draft.evaluation {
            body.answer_load(evaluation);
        }
        if let Some(model) = &draft.model {
            body.model_id = Some(model.model_id.0);
            let preset = model.engine.as_ref().map(|engine| engine.preset.as_str());
            body.engine_preset = preset.map(str::to_owned);
            body.engine = model.engine.as_ref().map(EngineBody::of);
        }
        body
    }

    /// Step 2.
    fn answer_load(&mut self, answers: &EvaluationAnswers) {
        self.api = Some(answers.api.as_str().to_owned());
        self.max_input_tokens = Some(answers.input.to_string());
        self.max_output_tokens = Some(answers.output.to_string());
        self.shared_prefix_tokens = Some(answers.shared_prefix_tokens);
        self.dataset_ids = answers.dataset_ids.iter().map(|id| id.0).collect();
        match answers.stop {
            StopRule::Requests { count } => self.request_count = Some(count),
            StopRule::Duration { seconds } => self.duration_s = Some(seconds),
        }
        let shape = &answers.shape;
        let word = match answers.open_loop {
            None => "closed",
            Some((rate_per_s, process)) => {
                self.rate_per_s = Some(rate_per_s.get());
                self.in_flight_max = shape.in_flight_max;
                if process == ArrivalProcess::Gamma {
                    self.burstiness = Some(shape.burstiness.get());
                }
                process.as_str()
            }
        };
        self.arrival = Some(word.to_owned());
        if shape.warmup_s > 0 {
            self.warmup_s = Some(shape.warmup_s);
        } else {
            self.warmup_requests = Some(answers.warmup_requests);
        }
        self.ramp_s = Some(shape.ramp_s);
        self.slos = shape.slos.iter().map(ToString::to_string).collect();
        self.fresh_connections = Some(shape.fresh_connections);
        self.ignore_eos = Some(answers.ignore_eos);
        self.request_timeout_s = Some(answers.request_timeout_s);
        self.seed = Some(answers.seed.to_string());
    }
}

impl WorkflowAnswer {
    fn of(standing: WorkflowStanding, message: &'static str) -> Self {
        use domain::workflow::WorkflowState;
        let workflow = standing.workflow;
        let status = match standing.run_status {
            Some(RunStatus::Completed) => WorkflowStatusWord::Completed,
            Some(RunStatus::Failed | RunStatus::Cancelled) => WorkflowStatusWord::Failed,
            _ => WorkflowStatusWord::InProgress,
        };
        let missing = standing.missing.into_iter();
        Self {
            object: "workflow",
            message,
            workflow_id: workflow.id.0,
            status,
            current_step: standing.step.number(),
            total_steps: Step::Execute.number(),
            reason: standing.failure,
            revision: workflow.revision,
            created_user: workflow.owner_name,
            benchmark_id: match workflow.state {
                WorkflowState::Open => None,
                WorkflowState::Executed { benchmark_id } => Some(benchmark_id.0),
            },
            run_status: standing.run_status.map(RunStatusWord::from),
            spending: standing.spending.as_ref().map(SpendingBody::of),
            workflow_steps: AnsweredBody::of(&workflow.draft),
            missing: missing
                .map(|answer| MissingBody {
                    step: answer.step.number(),
                    field: answer.field,
                    message: answer.message,
                })
                .collect(),
        }
    }
}

/// Starts a workflow or goes on with one.
///
/// A call answers any number of steps; what it leaves out stays as it was. With `trigger_workflow` the
/// workflow is executed: everything must be answered and confirmed by then. A call that is wrong
/// anywhere changes nothing. Only the owner and administrators go on with a workflow.
#[utoipa::path(
    post, path = "/benchmark/run-workflow", tag = "Workflows", operation_id = "run_workflow",
    request_body = RunWorkflowBody,
    responses((status = 200, description = "How the workflow stands.", body = WorkflowAnswer)),
)]
async fn run_workflow(
    caller: Caller,
    Body(body): Body<RunWorkflowBody>,
) -> Result<Json<WorkflowAnswer>, Refusal> {
    let run = body.into_run()?;
    let standing = service::workflows::run_workflow(&caller.ctx, &caller.actor, &run).await?;
    let message = if standing.run_status.is_some() {
        "Workflow executed"
    } else {
        "Workflow step saved"
    };
    Ok(Json(WorkflowAnswer::of(standing, message)))
}

/// How a workflow stands.
#[utoipa::path(
    get, path = "/workflows/{id}", tag = "Workflows", operation_id = "get_workflow",
    params(("id" = Uuid, Path, description = "The workflow.")),
    responses((status = 200, description = "How the workflow stands.", body = WorkflowAnswer)),
)]
async fn get_workflow(
    caller: Caller,
    PathId(id): PathId<WorkflowId>,
) -> Result<Json<WorkflowAnswer>, Refusal> {
    let standing = service::workflows::get_standing(&caller.ctx, &caller.actor, id).await?;
    Ok(Json(WorkflowAnswer::of(
        standing,
        "Successfully fetched workflow",
    )))
}

/// Throws a workflow away. A benchmark that it made stays.
#[utoipa::path(
    delete, path = "/workflows/{id}", tag = "Workflows", operation_id = "discard_workflow",
    params(("id" = Uuid, Path, description = "The workflow.")),
    responses((status = 204, description = "It is gone.")),
)]
async fn discard_workflow(
    caller: Caller,
    PathId(id): PathId<WorkflowId>,
) -> Result<axum::http::StatusCode, Refusal> {
    service::workflows::discard_workflow(&caller.ctx, &caller.actor, id).await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}
