//! Sample benchmarks of demo mode: really run, against the reference engine on this machine.

use domain::access::Role;
use domain::catalogue::{ClusterKind, ModelSource};
use domain::engine::{EngineForm, EnginePreset};
use domain::history::HistoryQuery;
use domain::id::BenchmarkId;
use domain::workflow::form::{
    BasicForm, ClusterChoiceForm, ConfirmForm, EvaluationForm, ModelChoiceForm, NodesForm,
};
use domain::workflow::{Catalogue, Draft, StepForm, build_plan};

use crate::workflows::get_catalogue;
use crate::{Actor, Ctx, ServiceError};

/// The tag all samples carry.
pub const SAMPLE_TAG: &str = "sample";

/// What differs between the samples.
struct Sample {
    name: &'static str,
    description: &'static str,
    concurrency: &'static str,
    input_tokens: &'static str,
    output_tokens: &'static str,
    /// `closed`, or the process of an open loop with its rate.
    arrival: &'static str,
    rate_per_s: &'static str,
    request_count: &'static str,
    engine_arguments: &'static str,
}

/// The samples, shortest first, so that a newcomer sees a result soon. The first carries no option
/// of the engine at all.
const SAMPLES: [Sample; 3] = [
    Sample {
        name: "Sample: short answers at a concurrency of 8",
        description: "Eight users in a closed loop ask the reference engine for short answers.",
        concurrency: "8",
        input_tokens: "64",
        output_tokens: "32",
        arrival: "closed",
        rate_per_s: "4",
        request_count: "240",
        engine_arguments: "",
    },
    Sample {
        name: "Sample: prompts of mixed lengths",
        description: "Prompt lengths vary, and the reference engine takes time for each prompt token: the scatter of prompt length against time to first token shows it.",
        concurrency: "8",
        input_tokens: "lognormal:400,0.6",
        output_tokens: "48",
        arrival: "closed",
        rate_per_s: "4",
        request_count: "240",
        engine_arguments: "--ttft-ms 60 --itl-ms 15 --jitter-ms 2 --prefill-us-per-token 400",
    },
    Sample {
        name: "Sample: arrivals at random against four slots",
        description: "Requests arrive at random, whether or not earlier ones have ended, and the reference engine serves four at a time: the rest waits, which the time to first token shows.",
        concurrency: "8",
        input_tokens: "128",
        output_tokens: "40",
        arrival: "poisson",
        rate_per_s: "5",
        request_count: "250",
        engine_arguments: "--ttft-ms 80 --itl-ms 15 --jitter-ms 2 --slots 4",
    },
];

/// Queues the samples unless there are some already. They run one after another.
pub async fn run_demo_samples(ctx: &Ctx, actor: &Actor) -> Result<Vec<BenchmarkId>, ServiceError> {
    actor.require(Role::Operator, "run the samples")?;
    let query = HistoryQuery {
        tags: vec![SAMPLE_TAG.to_owned()],
        ..HistoryQuery::default()
    };
    if ctx.store.list_benchmarks(&query).await?.total_count > 0 {
        return Ok(Vec::new());
    }
    let catalogue = get_catalogue(ctx, actor).await?;
    let mut ids = Vec::new();
    for sample in &SAMPLES {
        let draft = sample.draft(&catalogue)?;
        let plan = build_plan(&draft, &catalogue)?;
        let id = BenchmarkId(ctx.new_id());
        ctx.store
            .insert_benchmark(id, &plan, actor.person.id, true, ctx.now())
            .await?;
        ids.push(id);
    }
    ctx.queue.wake();
    Ok(ids)
}

impl Sample {
    /// The sample as a person would have answered the wizard.
    fn draft(&self, catalogue: &Catalogue) -> Result<Draft, ServiceError> {
        let missing = || ServiceError::internal("this machine is not in the catalogue");
        let is_local = |kind: &ClusterKind| *kind == ClusterKind::ThisMachine;
        let cluster = catalogue
            .clusters
            .iter()
            .find(|cluster| is_local(&cluster.kind));
        let cluster = cluster.ok_or_else(missing)?;
        let model = catalogue
            .models
            .iter()
            .find(|model| model.source == ModelSource::Reference);
        let model = model.ok_or_else(missing)?;
        let forms = [
            StepForm::BasicInfo(BasicForm {
                name: self.name.to_owned(),
                tags: SAMPLE_TAG.to_owned(),
                description: self.description.to_owned(),
                concurrent_requests: self.concurrency.to_owned(),
                ..BasicForm::default()
            }),
            StepForm::Evaluation(EvaluationForm {
                input_tokens: self.input_tokens.to_owned(),
                output_tokens: self.output_tokens.to_owned(),
                arrival: self.arrival.to_owned(),
                rate_per_s: self.rate_per_s.to_owned(),
                request_count: self.request_count.to_owned(),
                request_timeout_s: "60".to_owned(),
                ..EvaluationForm::default()
            }),
            StepForm::Cluster(ClusterChoiceForm {
                cluster_id: cluster.id.to_string(),
            }),
            StepForm::Nodes(NodesForm {
                node_ids: cluster
                    .nodes
                    .iter()
                    .map(|node| node.id.to_string())
                    .collect(),
                load_from: String::new(),
            }),
            StepForm::Model(ModelChoiceForm {
                model_id: model.id.to_string(),
                engine: EngineForm {
                    preset: EnginePreset::Reference.as_str().to_owned(),
                    arguments: self.engine_arguments.to_owned(),
                    ..EngineForm::default()
                },
            }),
            StepForm::Confirm(ConfirmForm {
                confirmed: "on".to_owned(),
            }),
        ];
        let mut draft = Draft::default();
        for form in &forms {
            draft = draft.answer(form, catalogue)?;
        }
        Ok(draft)
    }
}
