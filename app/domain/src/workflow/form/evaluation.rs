//! Step 2: what is sent and for how long.

use serde::{Deserialize, Serialize};

use crate::dataset::DATASETS_OF_A_PLAN_MAX;
use crate::field::{FieldErrors, decimal_number, whole_number};
use crate::finite::Finite;
use crate::id::DatasetId;
use crate::workflow::draft::{Catalogue, EvaluationAnswers};
use crate::workload::arrival::{ArrivalProcess, RATE_PER_S_MAX, RATE_PER_S_MIN, SCHEDULE_S_MAX};
use crate::workload::{AnswerLengths, Api, EvaluationMethod, LengthSpec, StopRule};

/// Prompt length of a form that was never answered, in tokens.
const INPUT_TOKENS: u32 = 512;

mod shape;

/// Step 2, as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationForm {
    /// `chat` or `completions`.
    pub api: String,
    /// Ids of the datasets that prompts come from; looked at only with the dataset method.
    #[serde(default)]
    pub dataset_ids: Vec<String>,
    /// `rows`, `capped` or `planned`: how long answers to rows of datasets may be. Empty is `rows`.
    #[serde(default)]
    pub answer_lengths: String,
    /// Length of synthetic prompts: `512`, `uniform:100..900`, `normal:512,64`, `lognormal:512,0.6`.
    /// Looked at only with the configuration method.
    pub input_tokens: String,
    /// Answer length, in the same forms.
    pub output_tokens: String,
    /// Tokens at the start of every synthetic prompt that are the same.
    pub shared_prefix_tokens: String,
    /// `closed`, `constant`, `poisson` or `gamma`.
    pub arrival: String,
    /// Requests per second in open loop.
    pub rate_per_s: String,
    /// Shape of gamma gaps; empty is 1.
    #[serde(default)]
    pub burstiness: String,
    /// Most requests in flight in open loop; empty for no cap.
    #[serde(default)]
    pub in_flight_max: String,
    /// Seconds in which the load rises to its full height; empty is 0.
    #[serde(default)]
    pub ramp_s: String,
    /// `requests` or `duration`.
    pub stop: String,
    /// Measured requests.
    pub request_count: String,
    /// Measured seconds.
    pub duration_s: String,
    /// `requests` or `time`: what the warm-up is counted in. Empty is `requests`.
    #[serde(default)]
    pub warmup: String,
    /// Requests before the measured window.
    pub warmup_requests: String,
    /// Seconds of load before the measured window; empty is 0.
    #[serde(default)]
    pub warmup_s: String,
    /// What the run has to hold, one objective a line: `ttft_ms<=200@p99`.
    #[serde(default)]
    pub slos: String,
    /// `on` to open a connection for every request.
    #[serde(default)]
    pub fresh_connections: String,
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
            dataset_ids: Vec::new(),
            answer_lengths: AnswerLengths::default().as_str().to_owned(),
            input_tokens: INPUT_TOKENS.to_string(),
            output_tokens: "256".to_owned(),
            shared_prefix_tokens: "0".to_owned(),
            arrival: "closed".to_owned(),
            rate_per_s: "4".to_owned(),
            burstiness: "1".to_owned(),
            in_flight_max: String::new(),
            ramp_s: "0".to_owned(),
            warmup: "requests".to_owned(),
            warmup_s: "10".to_owned(),
            slos: String::new(),
            fresh_connections: String::new(),
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
            dataset_ids: answers
                .dataset_ids
                .iter()
                .map(ToString::to_string)
                .collect(),
            answer_lengths: answers.answer_lengths.as_str().to_owned(),
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
        form.take_shape(&answers.shape);
        match answers.stop {
            StopRule::Requests { count } => form.request_count = count.to_string(),
            StopRule::Duration { seconds } => {
                "duration".clone_into(&mut form.stop);
                form.duration_s = seconds.to_string();
            }
        }
        form
    }

    /// Checks every field. Fields of a choice that was not made are not looked at; what can be read
    /// of them is kept for the day the choice changes.
    pub fn validate(
        &self,
        method: EvaluationMethod,
        catalogue: &Catalogue,
    ) -> Result<EvaluationAnswers, FieldErrors> {
        let mut errors = FieldErrors::default();
        let number = |errors: &mut FieldErrors, field: &str, text: &str, what: &str, min, max| {
            errors.check(field, whole_number(text, what, min, max))
        };
        let api = Api::parse(&self.api).ok_or("Choose the API.".to_owned());
        let api = errors.check("api", api);
        let output = errors.check("output_tokens", self.output_tokens.parse::<LengthSpec>());
        let lengths = match method {
            EvaluationMethod::Configuration => self.validate_prompt_lengths(&mut errors),
            EvaluationMethod::Dataset => Some(self.read_prompt_lengths()),
        };
        let datasets = match method {
            EvaluationMethod::Configuration => Some(self.read_datasets()),
            EvaluationMethod::Dataset => self.validate_datasets(catalogue, &mut errors),
        };
        let open_loop = self.validate_arrival(&mut errors);
        let stop = self.validate_stop(&mut errors);
        if let (Some(Some((rate, _))), Some(StopRule::Requests { count })) = (open_loop, stop)
            && f64::from(count) / rate.get() > f64::from(SCHEDULE_S_MAX)
        {
            let days = f64::from(count) / rate.get() / 86_400.0;
            let message = format!(
                "Give a higher rate or fewer requests: these take {days:.0} days, at most 7 are planned."
            );
            errors.add("rate_per_s", message);
        }
        let shape = self.validate_shape(&mut errors);
        let seed = number(&mut errors, "seed", &self.seed, "the seed", 0, u64::MAX);
        let timeout = number(
            &mut errors,
            "request_timeout_s",
            &self.request_timeout_s,
            "the request timeout in seconds",
            1,
            86_400,
        );
        let (Some(api), Some((input, shared_prefix_tokens)), Some(output), Some(open_loop)) =
            (api, lengths, output, open_loop)
        else {
            return Err(errors);
        };
        let (Some((dataset_ids, answer_lengths)), Some(stop), Some(shape), Some(seed)) =
            (datasets, stop, shape, seed)
        else {
            return Err(errors);
        };
        let (shape, warmup_requests) = shape;
        let Some(timeout) = timeout else {
            return Err(errors);
        };
        errors.into_result(EvaluationAnswers {
            api,
            dataset_ids,
            answer_lengths,
            input,
            output,
            shared_prefix_tokens,
            open_loop,
            shape,
            stop,
            warmup_requests,
            seed,
            ignore_eos: self.ignore_eos == "on",
            request_timeout_s: narrow(timeout),
        })
    }

    /// Length and shared prefix of synthetic prompts.
    fn validate_prompt_lengths(&self, errors: &mut FieldErrors) -> Option<(LengthSpec, u32)> {
        let input = errors.check("input_tokens", self.input_tokens.parse::<LengthSpec>());
        let prefix = whole_number(
            &self.shared_prefix_tokens,
            "the shared prefix",
            0,
            1_000_000,
        );
        let prefix = errors.check("shared_prefix_tokens", prefix);
        if let (Some(prefix), Some(LengthSpec::Fixed { tokens })) = (prefix, input)
            && prefix >= u64::from(tokens)
        {
            let message = format!("Make it shorter than the prompt of {tokens} tokens.");
            errors.add("shared_prefix_tokens", message);
        }
        Some((input?, narrow(prefix?)))
    }

    /// The same, where they do not matter now.
    fn read_prompt_lengths(&self) -> (LengthSpec, u32) {
        let usual = LengthSpec::Fixed {
            tokens: INPUT_TOKENS,
        };
        let input = self.input_tokens.parse().unwrap_or(usual);
        (input, self.shared_prefix_tokens.parse().unwrap_or(0))
    }

    /// Datasets that can be drawn from, each once, in the order given.
    fn validate_datasets(
        &self,
        catalogue: &Catalogue,
        errors: &mut FieldErrors,
    ) -> Option<(Vec<DatasetId>, AnswerLengths)> {
        const FIELD: &str = "dataset_ids";
        let mut ids: Vec<DatasetId> = Vec::new();
        let mut unknown = Vec::new();
        for text in self.dataset_ids.iter().map(|text| text.trim()) {
            let found = text.parse().ok().and_then(|id| catalogue.dataset(id));
            match found {
                Some(dataset) if !ids.contains(&dataset.id) => ids.push(dataset.id),
                Some(_) => {}
                None => unknown.push(shortened(text)),
            }
        }
        if !unknown.is_empty() {
            errors.add(
                FIELD,
                format!(
                    "{} cannot be drawn from: it was archived or deleted, or is still being imported. Choose another.",
                    unknown.join(", ")
                ),
            );
        } else if ids.is_empty() {
            errors.add(FIELD, "Choose at least one dataset.");
        } else if ids.len() > DATASETS_OF_A_PLAN_MAX {
            errors.add(
                FIELD,
                format!("Choose at most {DATASETS_OF_A_PLAN_MAX} datasets."),
            );
        }
        let lengths = match self.answer_lengths.trim() {
            "" => Ok(AnswerLengths::default()),
            text => AnswerLengths::parse(text).ok_or("Choose how long answers may be.".to_owned()),
        };
        Some((ids, errors.check("answer_lengths", lengths)?))
    }

    /// The same, where they do not matter now.
    fn read_datasets(&self) -> (Vec<DatasetId>, AnswerLengths) {
        let ids = self.dataset_ids.iter().filter_map(|text| text.parse().ok());
        let lengths = AnswerLengths::parse(&self.answer_lengths).unwrap_or_default();
        (ids.take(DATASETS_OF_A_PLAN_MAX).collect(), lengths)
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
            RATE_PER_S_MIN,
            RATE_PER_S_MAX,
        );
        let rate = errors.check("rate_per_s", rate).and_then(Finite::new)?;
        Some(Some((rate, process)))
    }

    fn validate_stop(&self, errors: &mut FieldErrors) -> Option<StopRule> {
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

fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// What was given, short enough for a message.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    if text.chars().count() <= CHARS_MAX {
        return format!("“{text}”");
    }
    let start: String = text.chars().take(CHARS_MAX).collect();
    format!("“{start}…”")
}
