//! The forms of the steps, as typed: flat strings, validated here.

use serde::{Deserialize, Serialize};

use super::draft::{BasicAnswers, EvaluationAnswers};
use crate::engine::EngineForm;
use crate::field::{
    FieldErrors, decimal_number, optional_text, parse_tags, required_text, whole_number,
};
use crate::finite::Finite;
use crate::reruns::{Purpose, RERUNS_MAX};
use crate::workload::arrival::{ArrivalProcess, CONCURRENCY_MAX, RATE_PER_S_MAX};
use crate::workload::{Api, EvaluationMethod, LengthSpec, StopRule};

/// The form of whichever step is being answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
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
}

impl Default for BasicForm {
    fn default() -> Self {
        Self {
            name: String::new(),
            tags: String::new(),
            description: String::new(),
            concurrent_requests: "8".to_owned(),
            eval_with: "configuration".to_owned(),
            purpose: Purpose::default().as_str().to_owned(),
            reruns: "1".to_owned(),
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
        match self.eval_with.as_str() {
            "configuration" => {}
            "dataset" => errors.add(
                "eval_with",
                "No dataset has been imported. Choose “Configuration” for synthetic prompts of exact lengths.",
            ),
            _ => errors.add("eval_with", "Choose how prompts come to be."),
        }
        let purpose = Purpose::parse(&self.purpose).ok_or("Choose what the run is for.".to_owned());
        let purpose = errors.check("purpose", purpose);
        let reruns = whole_number(&self.reruns, "the number of runs", 1, u64::from(RERUNS_MAX));
        let reruns = errors
            .check("reruns", reruns)
            .and_then(|n| u32::try_from(n).ok());
        let (Some(name), Some(tags), Some(description), Some(concurrent_requests)) =
            (name, tags, description, concurrent_requests)
        else {
            return Err(errors);
        };
        let (Some(purpose), Some(reruns)) = (purpose, reruns) else {
            return Err(errors);
        };
        let method = EvaluationMethod::Configuration;
        errors.into_result(BasicAnswers {
            name,
            tags,
            description,
            concurrent_requests,
            method,
            purpose,
            reruns,
        })
    }
}

/// Step 2, as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationForm {
    /// `chat` or `completions`.
    pub api: String,
    /// Prompt length: `512`, `uniform:100..900`, `normal:512,64`, `lognormal:512,0.6`.
    pub input_tokens: String,
    /// Answer length, in the same forms.
    pub output_tokens: String,
    /// Tokens at the start of every prompt that are the same.
    pub shared_prefix_tokens: String,
    /// `closed`, `constant` or `poisson`.
    pub arrival: String,
    /// Requests per second in open loop.
    pub rate_per_s: String,
    /// `requests` or `duration`.
    pub stop: String,
    /// Measured requests.
    pub request_count: String,
    /// Measured seconds.
    pub duration_s: String,
    /// Requests before the measured window.
    pub warmup_requests: String,
    /// Seed.
    pub seed: String,
    /// `on` to ask for the full answer length; a box that is not checked is not sent.
    #[serde(default)]
    pub ignore_eos: String,
    /// Seconds until a request counts as timed out.
    pub request_timeout_s: String,
}

impl Default for EvaluationForm {
    fn default() -> Self {
        Self {
            api: "chat".to_owned(),
            input_tokens: "512".to_owned(),
            output_tokens: "256".to_owned(),
            shared_prefix_tokens: "0".to_owned(),
            arrival: "closed".to_owned(),
            rate_per_s: "4".to_owned(),
            stop: "requests".to_owned(),
            request_count: "200".to_owned(),
            duration_s: "60".to_owned(),
            warmup_requests: "16".to_owned(),
            seed: "1".to_owned(),
            ignore_eos: "on".to_owned(),
            request_timeout_s: "300".to_owned(),
        }
    }
}

/// Most measured requests of one run.
pub const REQUESTS_MAX: u32 = 1_000_000;
/// Longest measured window in seconds: one day.
pub const DURATION_S_MAX: u32 = 86_400;

impl EvaluationForm {
    /// The form of earlier answers.
    pub fn of(answers: &EvaluationAnswers) -> Self {
        let mut form = Self {
            api: answers.api.as_str().to_owned(),
            input_tokens: answers.input.to_string(),
            output_tokens: answers.output.to_string(),
            shared_prefix_tokens: answers.shared_prefix_tokens.to_string(),
            warmup_requests: answers.warmup_requests.to_string(),
            seed: answers.seed.to_string(),
            ignore_eos: if answers.ignore_eos {
                "on".to_owned()
            } else {
                String::new()
            },
            request_timeout_s: answers.request_timeout_s.to_string(),
            ..Self::default()
        };
        if let Some((rate_per_s, process)) = answers.open_loop {
            process.as_str().clone_into(&mut form.arrival);
            form.rate_per_s = rate_per_s.to_string();
        }
        match answers.stop {
            StopRule::Requests { count } => form.request_count = count.to_string(),
            StopRule::Duration { seconds } => {
                "duration".clone_into(&mut form.stop);
                form.duration_s = seconds.to_string();
            }
        }
        form
    }

    /// Checks every field. Fields of a choice that was not made are not looked at.
    pub fn validate(&self) -> Result<EvaluationAnswers, FieldErrors> {
        let mut errors = FieldErrors::default();
        let number = |errors: &mut FieldErrors, field: &str, text: &str, what: &str, min, max| {
            errors.check(field, whole_number(text, what, min, max))
        };
        let api = Api::parse(&self.api).ok_or("Choose the API.".to_owned());
        let api = errors.check("api", api);
        let input = errors.check("input_tokens", self.input_tokens.parse::<LengthSpec>());
        let output = errors.check("output_tokens", self.output_tokens.parse::<LengthSpec>());
        let prefix = number(
            &mut errors,
            "shared_prefix_tokens",
            &self.shared_prefix_tokens,
            "the shared prefix",
            0,
            1_000_000,
        );
        if let (Some(prefix), Some(LengthSpec::Fixed { tokens })) = (prefix, input)
            && prefix >= u64::from(tokens)
        {
            let message = format!("Make it shorter than the prompt of {tokens} tokens.");
            errors.add("shared_prefix_tokens", message);
        }
        let open_loop = self.validate_arrival(&mut errors);
        let stop = self.validate_stop(&mut errors);
        let warmup = number(
            &mut errors,
            "warmup_requests",
            &self.warmup_requests,
            "the warm-up requests",
            0,
            100_000,
        );
        let seed = number(&mut errors, "seed", &self.seed, "the seed", 0, u64::MAX);
        let timeout = number(
            &mut errors,
            "request_timeout_s",
            &self.request_timeout_s,
            "the request timeout in seconds",
            1,
            86_400,
        );
        let (Some(api), Some(input), Some(output), Some(prefix), Some(open_loop)) =
            (api, input, output, prefix, open_loop)
        else {
            return Err(errors);
        };
        let (Some(stop), Some(warmup), Some(seed), Some(timeout)) = (stop, warmup, seed, timeout)
        else {
            return Err(errors);
        };
        let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        errors.into_result(EvaluationAnswers {
            api,
            input,
            output,
            shared_prefix_tokens: narrow(prefix),
            open_loop,
            stop,
            warmup_requests: narrow(warmup),
            seed,
            ignore_eos: self.ignore_eos == "on",
            request_timeout_s: narrow(timeout),
        })
    }

    /// `Some(None)` is a closed loop.
    #[expect(clippy::option_option, reason = "the outer level is “was valid”")]
    fn validate_arrival(
        &self,
        errors: &mut FieldErrors,
    ) -> Option<Option<(Finite, ArrivalProcess)>> {
        if self.arrival == "closed" {
            return Some(None);
        }
        let process =
            ArrivalProcess::parse(&self.arrival).ok_or("Choose the load shape.".to_owned());
        let process = errors.check("arrival", process)?;
        let rate = decimal_number(
            &self.rate_per_s,
            "the requests per second",
            0.001,
            RATE_PER_S_MAX,
        );
        let rate = errors.check("rate_per_s", rate).and_then(Finite::new)?;
        Some(Some((rate, process)))
    }

    fn validate_stop(&self, errors: &mut FieldErrors) -> Option<StopRule> {
        let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        match self.stop.as_str() {
            "requests" => {
                let max = u64::from(REQUESTS_MAX);
                let count = whole_number(&self.request_count, "the measured requests", 1, max);
                let count = errors.check("request_count", count)?;
                Some(StopRule::Requests {
                    count: narrow(count),
                })
            }
            "duration" => {
                let max = u64::from(DURATION_S_MAX);
                let seconds = whole_number(&self.duration_s, "the measured seconds", 1, max);
                let seconds = errors.check("duration_s", seconds)?;
                Some(StopRule::Duration {
                    seconds: narrow(seconds),
                })
            }
            _ => {
                errors.add("stop", "Choose when the run ends.");
                None
            }
        }
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
pub struct CredentialChoiceForm {
    /// Id of the credential.
    pub credential_id: String,
}

/// Step 7, as chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmForm {
    /// `on` when the person confirms.
    pub confirmed: String,
}
