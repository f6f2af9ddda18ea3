//! What was answered so far, and what an answer does to it.

mod again;
mod choose;
mod load_from;

pub(super) use choose::NO_LIMIT;
use choose::text_of;

use serde::{Deserialize, Serialize};

use super::Step;
use super::form::{
    BasicForm, ClusterChoiceForm, ConfirmForm, CredentialChoiceForm, EvaluationForm,
    ModelChoiceForm, NodesForm, StepForm,
};
use crate::catalogue::{Cluster, Credential, Model};
use crate::dataset::Dataset;
use crate::engine::{EngineChoice, EngineForm, EnginePreset};
use crate::field::FieldErrors;
use crate::finite::Finite;
use crate::id::{ClusterId, CredentialId, DatasetId, ModelId, NodeId};

use crate::reruns::Purpose;
use crate::slo::Slo;
use crate::workload::arrival::ArrivalProcess;
use crate::workload::{AnswerLengths, Api, EvaluationMethod, LengthSpec, SpendLimit, StopRule};

/// What can be chosen from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Clusters with their nodes.
    pub clusters: Vec<Cluster>,
    /// Models.
    pub models: Vec<Model>,
    /// Credentials, archived ones included: an endpoint may still send one.
    #[serde(default)]
    pub credentials: Vec<Credential>,
    /// Datasets that can be drawn from: ready and not archived.
    pub datasets: Vec<Dataset>,
}

impl Catalogue {
    /// The cluster of that id.
    pub fn cluster(&self, id: ClusterId) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.id == id)
    }

    /// The model of that id.
    pub fn model(&self, id: ModelId) -> Option<&Model> {
        self.models.iter().find(|model| model.id == id)
    }

    /// The credential of that id.
    pub fn credential(&self, id: CredentialId) -> Option<&Credential> {
        self.credentials
            .iter()
            .find(|credential| credential.id == id)
    }

    /// The dataset of that id, if it can be drawn from.
    pub fn dataset(&self, id: DatasetId) -> Option<&Dataset> {
        self.datasets
            .iter()
            .find(|dataset| dataset.id == id && dataset.is_usable())
    }
}

/// Answers of step 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasicAnswers {
    /// Name of the benchmark.
    pub name: String,
    /// Tags, normalised.
    pub tags: Vec<String>,
    /// Free text.
    pub description: String,
    /// Users of a closed loop.
    pub concurrent_requests: u32,
    /// How prompts come to be.
    pub method: EvaluationMethod,
    /// What the figures are for.
    #[serde(default)]
    pub purpose: Purpose,
    /// How often the plan is carried out in all, 1 to [`RERUNS_MAX`](crate::reruns::RERUNS_MAX).
    #[serde(default = "once")]
    pub reruns: u32,
    /// Whether the engine is kept between them.
    #[serde(default)]
    pub keep_engine: bool,
}

/// What drafts saved before there was a choice meant.
fn once() -> u32 {
    1
}

/// Answers of step 2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationAnswers {
    /// Which API is called.
    pub api: Api,
    /// Datasets that prompts come from, in the order chosen. Kept, but without a meaning, when the
    /// method of step 1 is another.
    #[serde(default)]
    pub dataset_ids: Vec<DatasetId>,
    /// How long answers to rows of datasets may be.
    #[serde(default)]
    pub answer_lengths: AnswerLengths,
    /// Prompt length.
    pub input: LengthSpec,
    /// Answer length.
    pub output: LengthSpec,
    /// Shared prefix in tokens.
    pub shared_prefix_tokens: u32,
    /// Rate and gaps of an open loop; `None` is a closed loop at the concurrency of step 1.
    pub open_loop: Option<(Finite, ArrivalProcess)>,
    /// What shapes the load further. Drafts of before have none of it.
    #[serde(default)]
    pub shape: LoadShape,
    /// When the run ends.
    pub stop: StopRule,
    /// Requests before the window.
    pub warmup_requests: u32,
    /// Seed.
    pub seed: u64,
    /// Whether the full answer length is asked for.
    pub ignore_eos: bool,
    /// Request timeout in seconds.
    pub request_timeout_s: u32,
}

/// What shapes a load besides its arrivals, as a plan has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadShape {
    /// Shape of gamma gaps.
    pub burstiness: Finite,
    /// Most requests in flight in open loop.
    pub in_flight_max: Option<u32>,
    /// Seconds in which the load rises.
    pub ramp_s: u32,
    /// Seconds of load before the window, in place of a number of requests; 0 for none.
    pub warmup_s: u32,
    /// What the run has to hold.
    pub slos: Vec<Slo>,
    /// A connection for every request.
    pub fresh_connections: bool,
}

impl Default for LoadShape {
    fn default() -> Self {
        Self {
            burstiness: Finite::ONE,
            in_flight_max: None,
            ramp_s: 0,
            warmup_s: 0,
            slos: Vec::new(),
            fresh_connections: false,
        }
    }
}

/// Answers of step 5.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelAnswers {
    /// The model.
    pub model_id: ModelId,
    /// The engine to start; `None` where an endpoint serves already.
    pub engine: Option<EngineChoice>,
}

/// The saved state of a wizard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// Step 1.
    pub basic: Option<BasicAnswers>,
    /// Step 2.
    pub evaluation: Option<EvaluationAnswers>,
    /// Step 3.
    pub cluster_id: Option<ClusterId>,
    /// Step 4.
    pub node_ids: Vec<NodeId>,
    /// The machine that makes the load; `None`: the server itself.
    #[serde(default)]
    pub load_from: Option<NodeId>,
    /// Step 5.
    pub model: Option<ModelAnswers>,
    /// Step 6, for a cloud model.
    #[serde(default)]
    pub credential_id: Option<CredentialId>,
    /// Step 6: the most that is sent to a provider; what is `None` follows from the plan.
    #[serde(default)]
    pub spend_limit: SpendLimit,
    /// Step 7: the plan as it stands was confirmed. Any other answer takes it back.
    pub is_confirmed: bool,
}

impl Draft {
    /// The draft after one more answer. Later answers that still hold are kept; what no longer
    /// holds (nodes of another cluster, an engine where an endpoint serves) is dropped.
    pub fn answer(&self, form: &StepForm, catalogue: &Catalogue) -> Result<Self, FieldErrors> {
        let mut draft = self.clone();
        draft.is_confirmed = false;
        match form {
            StepForm::BasicInfo(form) => draft.basic = Some(form.validate()?),
            StepForm::Evaluation(form) => {
                draft.evaluation = Some(form.validate(self.method(), catalogue)?);
            }
            StepForm::Cluster(form) => draft.choose_cluster(form, catalogue)?,
            StepForm::Nodes(form) => draft.choose_nodes(form, catalogue)?,
            StepForm::Model(form) => draft.choose_model(form, catalogue)?,
            StepForm::Credential(form) => draft.choose_credential(form, catalogue)?,
            StepForm::Confirm(form) => {
                super::planning::build_plan(&draft, catalogue)?;
                if form.confirmed != "on" {
                    return Err(FieldErrors::one("confirmed", "Confirm the plan to go on."));
                }
                draft.is_confirmed = true;
            }
        }
        Ok(draft)
    }

    /// Whether step 6 asks for something: the chosen model is a provider's.
    pub fn needs_credential(&self, catalogue: &Catalogue) -> bool {
        let model = self.model.as_ref();
        let model = model.and_then(|answers| catalogue.model(answers.model_id));
        model.is_some_and(|model| model.source.is_cloud())
    }

    /// The step that follows `step` for this draft.
    pub fn step_after(&self, step: Step, catalogue: &Catalogue) -> Option<Step> {
        match step.next() {
            Some(Step::Credential) if !self.needs_credential(catalogue) => Step::Credential.next(),
            next => next,
        }
    }

    /// The step before `step` for this draft.
    pub fn step_before(&self, step: Step, catalogue: &Catalogue) -> Option<Step> {
        match step.previous() {
            Some(Step::Credential) if !self.needs_credential(catalogue) => {
                Step::Credential.previous()
            }
            previous => previous,
        }
    }

    /// How prompts come to be, as step 1 says; synthetic until it says so.
    pub fn method(&self) -> EvaluationMethod {
        self.basic
            .as_ref()
            .map_or(EvaluationMethod::Configuration, |basic| basic.method)
    }

    /// Whether step 2 is answered for the method of step 1, with datasets that are still there.
    pub(super) fn is_evaluation_answered(&self, catalogue: &Catalogue) -> bool {
        let Some(answers) = &self.evaluation else {
            return false;
        };
        let has_datasets = || {
            let mut ids = answers.dataset_ids.iter();
            !answers.dataset_ids.is_empty() && ids.all(|id| catalogue.dataset(*id).is_some())
        };
        self.method() == EvaluationMethod::Configuration || has_datasets()
    }

    /// The first step that wants an answer, for resuming.
    pub fn first_open_step(&self, catalogue: &Catalogue) -> Step {
        let cluster = self.cluster_id.and_then(|id| catalogue.cluster(id));
        let model_holds = || match (&self.model, cluster) {
            (Some(answers), Some(cluster)) => {
                let needs_engine = cluster.kind.starts_engines();
                let model = catalogue.model(answers.model_id);
                let fits = |model: &Model| match &answers.engine {
                    None => !needs_engine,
                    Some(engine) => {
                        let is_proxy = engine.preset == EnginePreset::Litellm;
                        needs_engine && is_proxy == model.source.is_cloud()
                    }
                };
                model.is_some_and(fits)
            }
            _ => false,
        };
        if self.basic.is_none() {
            Step::BasicInfo
        } else if !self.is_evaluation_answered(catalogue) {
            Step::Evaluation
        } else if cluster.is_none() {
            Step::Cluster
        } else if self.node_ids.is_empty() {
            Step::Nodes
        } else if !model_holds() {
            Step::Model
        } else if self.needs_credential(catalogue)
            && (!self.credential_holds(catalogue) || !self.has_spend_limit(catalogue))
        {
            Step::Credential
        } else if !self.is_confirmed {
            Step::Confirm
        } else {
            Step::Execute
        }
    }

    /// The form of a step, filled with what was answered, else with defaults. `None` for Execute.
    pub fn form(&self, step: Step) -> Option<StepForm> {
        Some(match step {
            Step::BasicInfo => {
                StepForm::BasicInfo(self.basic.as_ref().map(BasicForm::of).unwrap_or_default())
            }
            Step::Evaluation => StepForm::Evaluation(
                self.evaluation
                    .as_ref()
                    .map_or_else(|| self.suggested_evaluation(), EvaluationForm::of),
            ),
            Step::Cluster => StepForm::Cluster(ClusterChoiceForm {
                cluster_id: self.cluster_id.map(|id| id.to_string()).unwrap_or_default(),
            }),
            Step::Nodes => StepForm::Nodes(NodesForm {
                node_ids: self.node_ids.iter().map(ToString::to_string).collect(),
                load_from: self.load_from.map(|id| id.to_string()).unwrap_or_default(),
            }),
            Step::Model => {
                StepForm::Model(self.model.as_ref().map_or_else(Default::default, |model| {
                    ModelChoiceForm {
                        model_id: model.model_id.to_string(),
                        engine: model
                            .engine
                            .as_ref()
                            .map(EngineForm::of)
                            .unwrap_or_default(),
                    }
                }))
            }
            Step::Credential => StepForm::Credential(CredentialChoiceForm {
                credential_id: self
                    .credential_id
                    .map(|id| id.to_string())
                    .unwrap_or_default(),
                requests_max: text_of(self.spend_limit.requests),
                tokens_max: text_of(self.spend_limit.tokens),
            }),
            Step::Confirm => StepForm::Confirm(ConfirmForm {
                confirmed: if self.is_confirmed {
                    "on".to_owned()
                } else {
                    String::new()
                },
            }),
            Step::Execute => return None,
        })
    }

    /// Warm-up and requests that suit the concurrency of step 1.
    fn suggested_evaluation(&self) -> EvaluationForm {
        let mut form = EvaluationForm::default();
        if let Some(basic) = &self.basic {
            let concurrency = basic.concurrent_requests;
            form.warmup_requests = concurrency.saturating_mul(2).min(1_000).to_string();
            form.request_count = concurrency
                .saturating_mul(20)
                .clamp(100, 10_000)
                .to_string();
        }
        form
    }
}

#[cfg(test)]
pub(super) mod tests;
