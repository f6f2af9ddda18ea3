//! Answers that come without a form: any number of steps at once, each with any of its fields.
//!
//! A call is translated into the forms of the steps and answered by [`Draft::answer`], the one place
//! of rules. A call that is wrong anywhere changes nothing.

mod engine;
mod idle;
mod missing;

pub use engine::{ContainerCall, EngineCall};
pub use missing::MissingAnswer;

use super::Step;
use super::draft::{Catalogue, Draft};
use super::form::{
    BasicForm, ClusterChoiceForm, ConfirmForm, EvaluationForm, ModelChoiceForm, NodesForm, StepForm,
};
use crate::catalogue::ClusterKind;
use crate::field::{FieldError, FieldErrors};
use crate::workload::{EvaluationMethod, SpendLimit};

/// What a call answers. `None` leaves a field as it was, or at its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkflowCall {
    /// The step the client says it is at.
    pub step_number: Option<u32>,
    /// Name of the benchmark.
    pub name: Option<String>,
    /// Tags.
    pub tags: Option<Vec<String>>,
    /// Free text.
    pub description: Option<String>,
    /// Users of a closed loop.
    pub concurrent_requests: Option<u32>,
    /// `configuration` or `dataset`.
    pub eval_with: Option<String>,
    /// `exploratory` or `gating`.
    pub purpose: Option<String>,
    /// How often the plan is carried out in all.
    pub reruns: Option<u32>,
    /// Whether the engine is kept between them.
    pub keep_engine: Option<bool>,
    /// The load.
    pub load: LoadCall,
    /// Id of the cluster.
    pub cluster_id: Option<String>,
    /// Its nodes.
    pub nodes: Option<Vec<NodeCall>>,
    /// Id of the machine that makes the load; empty: the server itself.
    pub load_from: Option<String>,
    /// Id of the model.
    pub model_id: Option<String>,
    /// The engine, where one is to be started.
    pub engine: Option<EngineCall>,
    /// Id of the credential of a cloud model.
    pub credential_id: Option<String>,
    /// The most that is sent to a provider.
    pub spend_limit: Option<SpendLimit>,
    /// Whether the person confirms.
    pub user_confirmation: Option<bool>,
}

/// What a call says about the load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadCall {
    /// `chat` or `completions`.
    pub api: Option<String>,
    /// Ids of the datasets that prompts come from.
    pub dataset_ids: Option<Vec<String>>,
    /// `rows`, `capped` or `planned`: how long answers to rows of datasets may be.
    pub answer_lengths: Option<String>,
    /// Prompt length as text: a number or a distribution.
    pub input_tokens: Option<String>,
    /// Answer length, in the same forms.
    pub output_tokens: Option<String>,
    /// Tokens at the start of every prompt that are the same.
    pub shared_prefix_tokens: Option<u32>,
    /// `closed`, `constant`, `poisson` or `gamma`.
    pub arrival: Option<String>,
    /// Requests per second, as text.
    pub rate_per_s: Option<String>,
    /// Shape of gamma gaps, as text.
    pub burstiness: Option<String>,
    /// Most requests in flight in open loop.
    pub in_flight_max: Option<u32>,
    /// Seconds in which the load rises.
    pub ramp_s: Option<u32>,
    /// Measured requests: the run ends after them.
    pub request_count: Option<u32>,
    /// Measured seconds: the run ends after them.
    pub duration_s: Option<u32>,
    /// Requests before the measured window.
    pub warmup_requests: Option<u32>,
    /// Seconds before the measured window, in place of requests.
    pub warmup_s: Option<u32>,
    /// Objectives, each as text.
    pub slos: Option<Vec<String>>,
    /// Whether a connection is opened for every request.
    pub fresh_connections: Option<bool>,
    /// Seed.
    pub seed: Option<u64>,
    /// Whether the full answer length is asked for.
    pub ignore_eos: Option<bool>,
    /// Seconds until a request counts as timed out.
    pub request_timeout_s: Option<u32>,
}

/// How a call names a node: by its id, else by its host name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeCall {
    /// The id.
    pub id: Option<String>,
    /// The host name.
    pub hostname: Option<String>,
}

impl Draft {
    /// The draft after a call. Messages stand at the names of the call's fields.
    pub fn answer_call(
        &self,
        call: &WorkflowCall,
        catalogue: &Catalogue,
    ) -> Result<Self, FieldErrors> {
        let mut draft = self.clone();
        let mut errors = FieldErrors::default();
        let steps: [Translation; 6] = [
            WorkflowCall::basic_info,
            WorkflowCall::evaluation,
            WorkflowCall::cluster,
            WorkflowCall::chosen_nodes,
            WorkflowCall::model,
            WorkflowCall::credential,
        ];
        for step in steps {
            match step(call, &draft, catalogue) {
                None => {}
                Some(Err(found)) => errors.0.extend(found.0),
                Some(Ok(form)) => match draft.answer(&form, catalogue) {
                    Ok(answered) => draft = draft.unless_changed(answered),
                    Err(found) => errors.0.extend(found.0.into_iter().map(in_words_of_calls)),
                },
            }
        }
        match call.user_confirmation {
            Some(true) if errors.is_empty() => {
                let form = StepForm::Confirm(ConfirmForm {
                    confirmed: "on".to_owned(),
                });
                match draft.answer(&form, catalogue) {
                    Ok(answered) => draft = answered,
                    Err(found) => errors.0.extend(found.0.into_iter().map(in_words_of_calls)),
                }
            }
            Some(false) => draft.is_confirmed = false,
            _ => {}
        }
        errors.into_result(draft)
    }

    /// An answer that says the same again takes no confirmation back: clients of the reference repeat
    /// what they have with every step.
    fn unless_changed(self, answered: Self) -> Self {
        let same = Self {
            is_confirmed: self.is_confirmed,
            ..answered.clone()
        };
        if same == self { self } else { answered }
    }
}

/// Fields of the form of step 5 that a call has in its part `engine`.
const ENGINE_FIELDS: [&str; 12] = [
    "preset",
    "arguments",
    "environment",
    "readiness_timeout_s",
    "runs_as",
    "image",
    "container_port",
    "cpus",
    "memory_gib",
    "accelerators",
    "upstream_model",
    "archive",
];

/// The form of a step as a call has it.
type Answer = Result<StepForm, FieldErrors>;
/// From a call to the form of one step, if the call answers it.
type Translation = fn(&WorkflowCall, &Draft, &Catalogue) -> Option<Answer>;

impl WorkflowCall {
    /// Clients of the reference repeat step 1 with every step, its method among them, and its own
    /// examples go on with `configuration` after datasets were chosen: once step 2 is answered, a later
    /// step that says nothing else about the load changes no method.
    fn only_repeats_the_method(&self, draft: &Draft) -> bool {
        self.step_number
            .is_some_and(|number| number > Step::Evaluation.number())
            && draft.evaluation.is_some()
            && self.load == LoadCall::default()
    }

    fn basic_info(&self, draft: &Draft, _: &Catalogue) -> Option<Answer> {
        let is_silent = self.name.is_none()
            && self.tags.is_none()
            && self.description.is_none()
            && self.concurrent_requests.is_none()
            && self.eval_with.is_none()
            && self.purpose.is_none()
            && self.reruns.is_none()
            && self.keep_engine.is_none();
        if is_silent {
            return None;
        }
        let mut form = draft.basic.as_ref().map(BasicForm::of).unwrap_or_default();
        if draft.basic.is_none() {
            // A form suggests; a call says what it wants.
            form.concurrent_requests = String::new();
            form.eval_with = String::new();
        }
        set(&mut form.name, self.name.as_ref());
        set(&mut form.description, self.description.as_ref());
        if !self.only_repeats_the_method(draft) {
            set(&mut form.eval_with, self.eval_with.as_ref());
        }
        set(&mut form.purpose, self.purpose.as_ref());
        set(&mut form.reruns, self.reruns.as_ref());
        if let Some(keep_engine) = self.keep_engine {
            let on = if keep_engine { "on" } else { "" };
            on.clone_into(&mut form.keep_engine);
        }
        set(
            &mut form.concurrent_requests,
            self.concurrent_requests.as_ref(),
        );
        if let Some(tags) = &self.tags {
            // The form separates tags by commas.
            if tags.iter().any(|tag| tag.contains([',', '\n'])) {
                let message = "Give each tag without commas and line breaks.";
                return Some(Err(FieldErrors::one("tags", message)));
            }
            form.tags = tags.join(",");
        }
        Some(Ok(StepForm::BasicInfo(form)))
    }

    fn evaluation(&self, draft: &Draft, _: &Catalogue) -> Option<Answer> {
        let load = &self.load;
        if *load == LoadCall::default() {
            return None;
        }
        let Some(StepForm::Evaluation(mut form)) = draft.form(Step::Evaluation) else {
            return None;
        };
        if draft.evaluation.is_none() && draft.method() == EvaluationMethod::Configuration {
            let mut errors = FieldErrors::default();
            if load.input_tokens.is_none() {
                errors.add("max_input_tokens", "Give the length of prompts.");
            }
            if load.output_tokens.is_none() {
                errors.add("max_output_tokens", "Give the length of answers.");
            }
            if !errors.is_empty() {
                return Some(Err(errors));
            }
        }
        let was_closed = draft.evaluation.is_none() || form.arrival == "closed";
        let EvaluationForm {
            api,
            dataset_ids,
            answer_lengths,
            input_tokens,
            output_tokens,
            shared_prefix_tokens,
            arrival,
            rate_per_s,
            burstiness,
            in_flight_max,
            ramp_s,
            stop,
            request_count,
            duration_s,
            warmup,
            warmup_requests,
            warmup_s,
            slos,
            fresh_connections,
            seed,
            ignore_eos,
            request_timeout_s,
        } = &mut form;
        set(api, load.api.as_ref());
        set(answer_lengths, load.answer_lengths.as_ref());
        if let Some(ids) = &load.dataset_ids {
            dataset_ids.clone_from(ids);
        }
        set(input_tokens, load.input_tokens.as_ref());
        set(output_tokens, load.output_tokens.as_ref());
        set(shared_prefix_tokens, load.shared_prefix_tokens.as_ref());
        set(arrival, load.arrival.as_ref());
        set(rate_per_s, load.rate_per_s.as_ref());
        set(burstiness, load.burstiness.as_ref());
        set(in_flight_max, load.in_flight_max.as_ref());
        set(ramp_s, load.ramp_s.as_ref());
        set(
            slos,
            load.slos.as_ref().map(|slos| slos.join("\n")).as_ref(),
        );
        if let Some(fresh) = load.fresh_connections {
            let on = if fresh { "on" } else { "" };
            on.clone_into(fresh_connections);
        }
        match (load.warmup_requests, load.warmup_s) {
            (Some(1..), Some(1..)) => {
                let message =
                    "Give either warmup_requests or warmup_s: a warm-up is counted in one of them.";
                return Some(Err(FieldErrors::one("warmup_s", message)));
            }
            (_, Some(seconds @ 1..)) => {
                "time".clone_into(warmup);
                *warmup_s = seconds.to_string();
            }
            (Some(count), _) => {
                "requests".clone_into(warmup);
                *warmup_requests = count.to_string();
            }
            (None, Some(0)) => {
                "requests".clone_into(warmup);
                "0".clone_into(warmup_requests);
            }
            (None, None) => {}
        }
        set(seed, load.seed.as_ref());
        set(request_timeout_s, load.request_timeout_s.as_ref());
        if let Some(full) = load.ignore_eos {
            let on = if full { "on" } else { "" };
            on.clone_into(ignore_eos);
        }
        if let Some(error) = idle::load_field(load, arrival, was_closed) {
            return Some(Err(error));
        }
        match (load.request_count, load.duration_s) {
            (Some(_), Some(_)) => {
                let message = "Give either request_count or duration_s: a run ends by one of them.";
                return Some(Err(FieldErrors::one("duration_s", message)));
            }
            (Some(count), None) => {
                "requests".clone_into(stop);
                *request_count = count.to_string();
            }
            (None, Some(seconds)) => {
                "duration".clone_into(stop);
                *duration_s = seconds.to_string();
            }
            (None, None) => {}
        }
        Some(Ok(StepForm::Evaluation(form)))
    }

    fn cluster(&self, _: &Draft, _: &Catalogue) -> Option<Answer> {
        let cluster_id = self.cluster_id.clone()?;
        Some(Ok(StepForm::Cluster(ClusterChoiceForm { cluster_id })))
    }

    fn chosen_nodes(&self, draft: &Draft, catalogue: &Catalogue) -> Option<Answer> {
        if self.nodes.is_none() && self.load_from.is_none() {
            return None;
        }
        let cluster = draft.cluster_id.and_then(|id| catalogue.cluster(id));
        let Some(cluster) = cluster else {
            let message = "Choose a cluster first.";
            return Some(Err(FieldErrors::one("nodes", message)));
        };
        let mut errors = FieldErrors::default();
        // What a call does not name stays as it was.
        let mut node_ids = match &self.nodes {
            Some(_) => Vec::new(),
            None => draft.node_ids.iter().map(ToString::to_string).collect(),
        };
        for (place, called) in self.nodes.iter().flatten().enumerate() {
            let by_id = |id: &String| {
                let mut nodes = cluster.nodes.iter();
                nodes.find(|node| node.id.to_string() == id.to_lowercase())
            };
            let by_name = |name: &String| cluster.nodes.iter().find(|node| node.name == *name);
            let node = match (&called.id, &called.hostname) {
                (Some(id), _) => by_id(id),
                (None, Some(name)) => by_name(name),
                (None, None) => None,
            };
            match node {
                Some(node) => node_ids.push(node.id.to_string()),
                None => errors.add(
                    format!("nodes.{place}"),
                    format!("{} has no node of this id or host name.", cluster.name),
                ),
            }
        }
        let load_from = match &self.load_from {
            Some(id) => id.clone(),
            None => draft.load_from.map(|id| id.to_string()).unwrap_or_default(),
        };
        Some(errors.into_result(StepForm::Nodes(NodesForm {
            node_ids,
            load_from,
        })))
    }

    fn credential(&self, draft: &Draft, _: &Catalogue) -> Option<Answer> {
        if self.credential_id.is_none() && self.spend_limit.is_none() {
            return None;
        }
        let Some(StepForm::Credential(mut form)) = draft.form(Step::Credential) else {
            return None;
        };
        set(&mut form.credential_id, self.credential_id.as_ref());
        if let Some(limit) = &self.spend_limit {
            set(&mut form.requests_max, limit.requests.as_ref());
            set(&mut form.tokens_max, limit.tokens.as_ref());
        }
        Some(Ok(StepForm::Credential(form)))
    }

    fn model(&self, draft: &Draft, catalogue: &Catalogue) -> Option<Answer> {
        if self.model_id.is_none() && self.engine.is_none() {
            return None;
        }
        let Some(StepForm::Model(mut form)) = draft.form(Step::Model) else {
            return None;
        };
        set(&mut form.model_id, self.model_id.as_ref());
        let model = form.model_id.parse().ok();
        let model = model.and_then(|id| catalogue.model(id));
        let ModelChoiceForm { engine, .. } = &mut form;
        if engine.preset.is_empty()
            && let Some(preset) = model.and_then(engine::usual_engine)
        {
            preset.as_str().clone_into(&mut engine.preset);
        }
        if let Some(call) = &self.engine
            && let Err(errors) = call.fill(engine)
        {
            return Some(Err(errors));
        }
        let cluster = draft.cluster_id.and_then(|id| catalogue.cluster(id));
        let is_far = cluster.is_none_or(|cluster| {
            cluster.kind == ClusterKind::Machines && !cluster.is_docker_only()
        });
        if !is_far && self.engine.as_ref().is_some_and(EngineCall::names_archive) {
            let message = "Leave archive out: it is brought to machines over SSH only.";
            return Some(Err(FieldErrors::one("engine.archive", message)));
        }
        Some(Ok(StepForm::Model(form)))
    }
}

fn set(field: &mut String, value: Option<&impl ToString>) {
    if let Some(value) = value {
        *field = value.to_string();
    }
}

/// A message of a form, at the name the field has in calls.
fn in_words_of_calls(error: FieldError) -> FieldError {
    let field = match error.field.as_str() {
        "input_tokens" => "max_input_tokens",
        "output_tokens" => "max_output_tokens",
        "node_ids" => "nodes",
        "confirmed" => "user_confirmation",
        "requests_max" => "spend_limit.requests",
        "tokens_max" => "spend_limit.tokens",
        field if ENGINE_FIELDS.contains(&field) => {
            return FieldError {
                field: format!("engine.{field}"),
                message: error.message,
            };
        }
        same => same,
    };
    FieldError {
        field: field.to_owned(),
        message: error.message,
    }
}

#[cfg(test)]
mod tests;
