//! The forms of the steps, as typed: flat strings, validated here.

mod evaluation;

use serde::{Deserialize, Serialize};

pub use evaluation::{DURATION_S_MAX, EvaluationForm, REQUESTS_MAX};

use super::draft::BasicAnswers;
use crate::engine::EngineForm;
use crate::field::{FieldErrors, optional_text, parse_tags, required_text, whole_number};
use crate::reruns::{Purpose, RERUNS_MAX};
use crate::workload::arrival::CONCURRENCY_MAX;
use crate::workload::{EvaluationMethod, SpendLimit};

/// The form of whichever step is being answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
#[allow(
    clippy::large_enum_variant,
    reason = "one at a time, for the length of a call; large where addresses are"
)]
pub enum StepForm {
    /// Step 1.
    BasicInfo(BasicForm),
    /// Step 2.
    Evaluation(EvaluationForm),
    /// Step 3.
    Cluster(ClusterChoiceForm),
    /// Step 4.
    Nodes(NodesForm),
    /// Step 5.
    Model(ModelChoiceForm),
    /// Step 6.
    Credential(CredentialChoiceForm),
    /// Step 7.
    Confirm(ConfirmForm),
}

/// Step 1, as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BasicForm {
    /// Name of the benchmark.
    pub name: String,
    /// Tags, separated by commas.
    pub tags: String,
    /// Free text.
    pub description: String,
    /// Concurrent requests: the users of a closed loop.
    pub concurrent_requests: String,
    /// `configuration` or `dataset`.
    pub eval_with: String,
    /// `exploratory` or `gating`.
    pub purpose: String,
    /// How often the plan is carried out, in all.
    pub reruns: String,
    /// `on` when the engine is kept between them.
    pub keep_engine: String,
}

/// Concurrent requests of a form that was never answered, and of an open loop, which has none.
pub const CONCURRENT_REQUESTS: u32 = 8;

/// A message at `keep_engine`.
const ONE_RUN_KEEPS_NOTHING: &str =
    "One run keeps its engine for nobody: ask for two runs or more, or for a fresh engine each.";

impl Default for BasicForm {
    fn default() -> Self {
        Self {
            name: String::new(),
            tags: String::new(),
            description: String::new(),
            concurrent_requests: CONCURRENT_REQUESTS.to_string(),
            eval_with: "configuration".to_owned(),
            purpose: Purpose::default().as_str().to_owned(),
            reruns: "1".to_owned(),
            keep_engine: String::new(),
        }
    }
}

impl BasicForm {
    /// The form of earlier answers.
    pub fn of(answers: &BasicAnswers) -> Self {
        Self {
            name: answers.name.clone(),
            tags: answers.tags.join(", "),
            description: answers.description.clone(),
            concurrent_requests: answers.concurrent_requests.to_string(),
            eval_with: answers.method.as_str().to_owned(),
            purpose: answers.purpose.as_str().to_owned(),
            reruns: answers.reruns.to_string(),
            keep_engine: if answers.keep_engine { "on" } else { "" }.to_owned(),
        }
    }

    /// Checks every field.
    pub fn validate(&self) -> Result<BasicAnswers, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.check("name", required_text(&self.name, "a name", 200));
        let tags = errors.check("tags", parse_tags(&self.tags));
        let description = errors.check(
            "description",
            optional_text(&self.description, "the description", 5_000),
        );
        let concurrency = whole_number(
            &self.concurrent_requests,
            "the concurrent requests",
            1,
            u64::from(CONCURRENCY_MAX),
        );
        let concurrent_requests = errors
            .check("concurrent_requests", concurrency)
            .and_then(|n| u32::try_from(n).ok());
        let method = EvaluationMethod::parse(&self.eval_with)
            .ok_or("Choose how prompts come to be.".to_owned());
        let method = errors.check("eval_with", method);
        let purpose = Purpose::parse(&self.purpose).ok_or("Choose what the run is for.".to_owned());
        let purpose = errors.check("purpose", purpose);
        let reruns = whole_number(&self.reruns, "the number of runs", 1, u64::from(RERUNS_MAX));
        let reruns = errors
            .check("reruns", reruns)
            .and_then(|n| u32::try_from(n).ok());
        let keep_engine = !self.keep_engine.is_empty();
        if keep_engine && reruns == Some(1) {
            errors.add("keep_engine", ONE_RUN_KEEPS_NOTHING);
        }
        let (Some(name), Some(tags), Some(description), Some(concurrent_requests), Some(method)) =
            (name, tags, description, concurrent_requests, method)
        else {
            return Err(errors);
        };
        let (Some(purpose), Some(reruns)) = (purpose, reruns) else {
            return Err(errors);
        };
        errors.into_result(BasicAnswers {
            name,
            tags,
            description,
            concurrent_requests,
            method,
            purpose,
            reruns,
            keep_engine,
        })
    }
}

/// Step 3, as chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterChoiceForm {
    /// Id of the cluster.
    pub cluster_id: String,
}

/// Step 4, as chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodesForm {
    /// Ids of the nodes.
    pub node_ids: Vec<String>,
    /// Id of the machine that makes the load; empty: the server itself.
    #[serde(default)]
    pub load_from: String,
}

/// Step 5, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelChoiceForm {
    /// Id of the model.
    pub model_id: String,
    /// The engine; looked at only where one is to be started.
    pub engine: EngineForm,
}

/// Step 6, as chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CredentialChoiceForm {
    /// Id of the credential.
    pub credential_id: String,
    /// The most requests; empty: the usual limit.
    pub requests_max: String,
    /// The most tokens; empty: the usual limit.
    pub tokens_max: String,
}

impl CredentialChoiceForm {
    /// The limits, checked.
    pub fn spend_limit(&self) -> Result<SpendLimit, FieldErrors> {
        let mut errors = FieldErrors::default();
        let mut limit = |field: &str, text: &str, what: &str, max: u64| {
            if text.trim().is_empty() {
                return None;
            }
            errors.check(field, whole_number(text, what, 1, max))
        };
        let most = u64::from(u32::MAX);
        let requests = limit(
            "requests_max",
            &self.requests_max,
            "the most requests",
            most,
        );
        let tokens = limit(
            "tokens_max",
            &self.tokens_max,
            "the most tokens",
            TOKENS_MAX,
        );
        errors.into_result(SpendLimit {
            requests: requests.and_then(|count| u32::try_from(count).ok()),
            tokens,
        })
    }
}

/// Highest limit of tokens: JavaScript's numbers hold no larger one exactly.
const TOKENS_MAX: u64 = (1 << 53) - 1;

/// Step 7, as chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmForm {
    /// `on` when the person confirms.
    pub confirmed: String,
}
