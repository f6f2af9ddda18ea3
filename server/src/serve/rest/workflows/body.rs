//! The body of a call to the workflow.

use domain::field::FieldErrors;
use domain::id::WorkflowId;
use domain::workflow::{LoadCall, NodeCall, WorkflowCall};
use domain::workload::SpendLimit;
use serde::Deserialize;
use service::workflows::RunWorkflow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::engine::EngineInput;

/// One call to the workflow: the reference's fields first, then what it lacks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "test-111", "tags": [], "description": "test-111", "concurrent_requests": 50,
    "eval_with": "configuration", "workflow_total_steps": 9, "step_number": 1, "trigger_workflow": false
}))]
pub(super) struct RunWorkflowBody {
    /// The workflow to go on with …
    workflow_id: Option<Uuid>,
    /// … or how many steps the client has in mind for a new one: exactly one of both. There are 8.
    #[schema(minimum = 1, maximum = 100)]
    workflow_total_steps: Option<u32>,
    /// The step the client is at. What is answered is told by the fields.
    #[schema(minimum = 1, maximum = 100)]
    step_number: Option<u32>,
    /// Whether to execute the workflow after this call.
    trigger_workflow: Option<bool>,
    /// Step 1: name of the benchmark.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Step 1: tags, as text or with a colour, which is not kept.
    #[schema(max_items = 20)]
    tags: Option<Vec<TagInput>>,
    /// Step 1: free text.
    #[schema(max_length = 5000)]
    description: Option<String>,
    /// Step 1: users of a closed loop.
    #[schema(minimum = 1, maximum = 10_000)]
    concurrent_requests: Option<u32>,
    /// Step 1: how prompts come to be.
    eval_with: Option<MethodInput>,
    /// Step 2, configuration: length of prompts.
    max_input_tokens: Option<LengthInput>,
    /// Step 2, configuration: length of answers.
    max_output_tokens: Option<LengthInput>,
    /// Step 2, dataset: the datasets, in the order prompts are drawn. Also under the names
    /// `datset_ids` and `datasets`.
    #[schema(max_items = 10)]
    dataset_ids: Option<Vec<Uuid>>,
    /// The same as `dataset_ids`.
    #[schema(max_items = 10)]
    datset_ids: Option<Vec<Uuid>>,
    /// The same as `dataset_ids`.
    #[schema(max_items = 10)]
    datasets: Option<Vec<Uuid>>,
    /// Step 3: the cluster.
    cluster_id: Option<Uuid>,
    /// Step 4: nodes of the cluster, as `GET /clusters/{id}/node-metrics` gives them.
    #[schema(max_items = 100)]
    nodes: Option<Vec<NodeInput>>,
    /// Step 4: id of the machine that makes the load; empty: the server itself.
    load_from: Option<String>,
    /// Step 5: the model.
    model_id: Option<Uuid>,
    /// Step 6: the credential of a cloud model.
    credential_id: Option<Uuid>,
    /// Step 6: the most that is sent to the provider of a cloud model; what is left out follows from the plan.
    spend_limit: Option<SpendLimitInput>,
    /// Step 7: whether the plan is confirmed as it stands.
    user_confirmation: Option<bool>,
    /// Step 8: only `false` is taken. Simulation does not exist yet.
    run_as_simulation: Option<bool>,

    /// The revision the client knows. When somebody saved since, the call is refused with 409.
    #[schema(minimum = 1)]
    revision: Option<i64>,
    /// What the figures are for; `exploratory` unless told otherwise.
    purpose: Option<PurposeInput>,
    /// How often the plan is carried out in all; once unless told otherwise.
    #[schema(minimum = 1, maximum = 20)]
    reruns: Option<u32>,
    /// Whether a run leaves its engine, warm, to the next of them, where Assay starts it. Else each run starts its own.
    keep_engine: Option<bool>,
    /// Which API is called; `chat` unless told otherwise.
    api: Option<ApiInput>,
    /// How long answers to rows of datasets may be; `rows` unless told otherwise.
    answer_lengths: Option<AnswerLengthsInput>,
    /// Load shape: `closed` holds `concurrent_requests`, the others send at `rate_per_s`.
    arrival: Option<ArrivalInput>,
    /// Requests per second of an open loop.
    #[schema(minimum = 0.001, maximum = 100_000)]
    rate_per_s: Option<f64>,
    /// Shape of gamma gaps: 1 is Poisson, less is burstier, more is calmer.
    #[schema(minimum = 0.01, maximum = 100)]
    burstiness: Option<f64>,
    /// Most requests in flight of an open loop; later arrivals are sent late and counted.
    #[schema(minimum = 1, maximum = 10_000)]
    in_flight_max: Option<u32>,
    /// Seconds in which the load rises to its full height.
    #[schema(minimum = 0, maximum = 86_400)]
    ramp_s: Option<u32>,
    /// Stop after this many measured requests …
    #[schema(minimum = 1, maximum = 1_000_000)]
    request_count: Option<u32>,
    /// … or after this many measured seconds.
    #[schema(minimum = 1, maximum = 86_400)]
    duration_s: Option<u32>,
    /// Requests before the measured window.
    #[schema(minimum = 0, maximum = 100_000)]
    warmup_requests: Option<u32>,
    /// Seconds of load before the measured window, in place of requests.
    #[schema(minimum = 0, maximum = 86_400)]
    warmup_s: Option<u32>,
    /// What the run has to hold: `ttft_ms<=200@p99`, `output_tok_per_s>=500`, `error_rate<=0.01`.
    #[schema(max_items = 20)]
    slos: Option<Vec<ObjectiveText>>,
    /// Whether a connection is opened for every request.
    fresh_connections: Option<bool>,
    /// Tokens at the start of every prompt that are the same.
    #[schema(minimum = 0, maximum = 1_000_000)]
    shared_prefix_tokens: Option<u32>,
    /// Seed of lengths, prompts and arrival times.
    #[schema(minimum = 0)]
    seed: Option<u64>,
    /// Whether the engine is asked for the full answer length.
    ignore_eos: Option<bool>,
    /// Seconds until a request counts as timed out.
    #[schema(minimum = 1, maximum = 86_400)]
    request_timeout_s: Option<u32>,
    /// The engine, where one is to be started.
    engine: Option<EngineInput>,
}

/// A tag.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum TagInput {
    /// Its name.
    Name(TagName),
    /// Its name with a colour.
    Coloured(ColouredTag),
}

/// Name of a tag.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(max_length = 64)]
struct TagName(String);

/// A tag with a colour.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ColouredTag {
    /// Its name.
    name: TagName,
    /// Not kept.
    #[expect(dead_code, reason = "clients of the reference send it")]
    color: Option<String>,
}

/// The most that a load sends, warm-up included. It stops before it would send more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SpendLimitInput {
    /// Requests.
    #[schema(minimum = 1)]
    requests: Option<u32>,
    /// Tokens of prompts and answers together.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    tokens: Option<u64>,
}

/// How prompts come to be.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum MethodInput {
    /// Synthetic prompts of configured lengths.
    Configuration,
    /// Prompts of datasets.
    Dataset,
}

/// A length in tokens: a number, or a distribution such as `uniform:100..900`, `normal:512,64` or
/// `lognormal:512,0.6`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum LengthInput {
    /// Always the same.
    Fixed(TokenCount),
    /// A distribution.
    Distribution(LengthText),
}

/// Tokens.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(minimum = 1, maximum = 1_000_000)]
struct TokenCount(u32);

/// A service level objective.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(max_length = 100, example = "ttft_ms<=200@p99")]
struct ObjectiveText(String);

/// A distribution of lengths.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(max_length = 100, example = "uniform:100..900")]
struct LengthText(String);

/// A node, as the node metrics give it: `id` counts, else `hostname`. Other fields are not read.
#[derive(Debug, Deserialize, ToSchema)]
struct NodeInput {
    /// Its id.
    id: Option<Uuid>,
    /// Its host name.
    #[schema(max_length = 500)]
    hostname: Option<String>,
}

/// What figures are for.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PurposeInput {
    /// To find something out.
    Exploratory,
    /// To decide whether something goes to production.
    Gating,
}

/// Which API is called.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ApiInput {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/completions`.
    Completions,
}

/// How long answers to rows of datasets may be.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AnswerLengthsInput {
    /// As long as each row says.
    Rows,
    /// As long as each row says, and at most `max_output_tokens`.
    Capped,
    /// `max_output_tokens`.
    Planned,
}

/// Load shape.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ArrivalInput {
    /// A fixed number of users.
    Closed,
    /// Equal gaps.
    Constant,
    /// Exponential gaps.
    Poisson,
    /// At a rate, with gamma-distributed gaps of a `burstiness`.
    Gamma,
}

impl RunWorkflowBody {
    /// The call in the words of the use case.
    pub(super) fn into_run(self) -> Result<RunWorkflow, FieldErrors> {
        let dataset_ids = self
            .chosen_datasets()?
            .map(|ids| ids.iter().map(ToString::to_string).collect());
        let tags = self.tags.map(|tags| {
            let name = |tag| match tag {
                TagInput::Name(name) | TagInput::Coloured(ColouredTag { name, .. }) => name.0,
            };
            tags.into_iter().map(name).collect()
        });
        let word = |text: &str| Some(text.to_owned());
        Ok(RunWorkflow {
            workflow_id: self.workflow_id.map(WorkflowId),
            total_steps: self.workflow_total_steps,
            revision: self.revision,
            is_triggered: self.trigger_workflow.unwrap_or(false),
            is_simulation: self.run_as_simulation.unwrap_or(false),
            answers: WorkflowCall {
                step_number: self.step_number,
                name: self.name,
                tags,
                description: self.description,
                concurrent_requests: self.concurrent_requests,
                eval_with: self.eval_with.and_then(|method| match method {
                    MethodInput::Configuration => word("configuration"),
                    MethodInput::Dataset => word("dataset"),
                }),
                purpose: self.purpose.and_then(|purpose| match purpose {
                    PurposeInput::Exploratory => word("exploratory"),
                    PurposeInput::Gating => word("gating"),
                }),
                reruns: self.reruns,
                keep_engine: self.keep_engine,
                load: LoadCall {
                    api: self.api.and_then(|api| match api {
                        ApiInput::Chat => word("chat"),
                        ApiInput::Completions => word("completions"),
                    }),
                    dataset_ids,
                    answer_lengths: self.answer_lengths.and_then(|lengths| match lengths {
                        AnswerLengthsInput::Rows => word("rows"),
                        AnswerLengthsInput::Capped => word("capped"),
                        AnswerLengthsInput::Planned => word("planned"),
                    }),
                    input_tokens: self.max_input_tokens.map(LengthInput::into_text),
                    output_tokens: self.max_output_tokens.map(LengthInput::into_text),
                    shared_prefix_tokens: self.shared_prefix_tokens,
                    arrival: self.arrival.and_then(|arrival| match arrival {
                        ArrivalInput::Closed => word("closed"),
                        ArrivalInput::Constant => word("constant"),
                        ArrivalInput::Poisson => word("poisson"),
                        ArrivalInput::Gamma => word("gamma"),
                    }),
                    rate_per_s: self.rate_per_s.map(|rate| rate.to_string()),
                    burstiness: self.burstiness.map(|shape| shape.to_string()),
                    in_flight_max: self.in_flight_max,
                    ramp_s: self.ramp_s,
                    request_count: self.request_count,
                    duration_s: self.duration_s,
                    warmup_requests: self.warmup_requests,
                    warmup_s: self.warmup_s,
                    slos: self
                        .slos
                        .map(|slos| slos.into_iter().map(|slo| slo.0).collect()),
                    fresh_connections: self.fresh_connections,
                    seed: self.seed,
                    ignore_eos: self.ignore_eos,
                    request_timeout_s: self.request_timeout_s,
                },
                cluster_id: self.cluster_id.map(|id| id.to_string()),
                load_from: self.load_from,
                nodes: self
                    .nodes
                    .map(|nodes| nodes.into_iter().map(NodeInput::into_call).collect()),
                model_id: self.model_id.map(|id| id.to_string()),
                engine: self.engine.map(EngineInput::into_call),
                credential_id: self.credential_id.map(|id| id.to_string()),
                spend_limit: self.spend_limit.map(|limit| SpendLimit {
                    requests: limit.requests,
                    tokens: limit.tokens,
                }),
                user_confirmation: self.user_confirmation,
            },
        })
    }

    /// The datasets under whichever name.
    fn chosen_datasets(&self) -> Result<Option<&Vec<Uuid>>, FieldErrors> {
        let names = [
            ("dataset_ids", &self.dataset_ids),
            ("datset_ids", &self.datset_ids),
            ("datasets", &self.datasets),
        ];
        let mut chosen: Option<&Vec<Uuid>> = None;
        for (name, ids) in names {
            let Some(ids) = ids else { continue };
            if chosen.is_some_and(|others| others != ids) {
                let message = "Give the datasets under one name, or the same under each.";
                return Err(FieldErrors::one(name, message));
            }
            chosen = Some(ids);
        }
        Ok(chosen)
    }
}

impl LengthInput {
    fn into_text(self) -> String {
        match self {
            Self::Fixed(tokens) => tokens.0.to_string(),
            Self::Distribution(text) => text.0,
        }
    }
}

impl NodeInput {
    fn into_call(self) -> NodeCall {
        NodeCall {
            id: self.id.map(|id| id.to_string()),
            hostname: self.hostname,
        }
    }
}
