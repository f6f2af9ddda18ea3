//! What a workflow still wants, in the names of calls.

use crate::workflow::draft::NO_LIMIT;
use crate::workflow::{Catalogue, Draft, Step};
use crate::workload::EvaluationMethod;

/// Something that keeps a workflow from being executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingAnswer {
    /// The step.
    pub step: Step,
    /// The field, in the names of calls.
    pub field: &'static str,
    /// What to do.
    pub message: &'static str,
}

/// What is said of a choice that does not hold any more.
const GONE: &str = "What was chosen is gone or does not fit any more: answer it again.";

impl Draft {
    /// What still keeps it from being executed, in the order of the steps.
    pub fn missing(&self, catalogue: &Catalogue) -> Vec<MissingAnswer> {
        let mut missing = Vec::new();
        let mut add = |step, field, message| {
            missing.push(MissingAnswer {
                step,
                field,
                message,
            });
        };
        if self.basic.is_none() {
            add(Step::BasicInfo, "name", "Give the benchmark a name.");
            add(
                Step::BasicInfo,
                "concurrent_requests",
                "Give the concurrent requests.",
            );
            add(
                Step::BasicInfo,
                "eval_with",
                "Choose configuration or dataset.",
            );
        }
        let is_answered = self.is_evaluation_answered(catalogue);
        if !is_answered && self.method() == EvaluationMethod::Dataset {
            let message = "Choose at least one dataset that can be drawn from.";
            add(Step::Evaluation, "dataset_ids", message);
        } else if !is_answered {
            add(
                Step::Evaluation,
                "max_input_tokens",
                "Give the length of prompts.",
            );
            add(
                Step::Evaluation,
                "max_output_tokens",
                "Give the length of answers.",
            );
        }
        if self.cluster_id.is_none() {
            add(Step::Cluster, "cluster_id", "Choose a cluster.");
        }
        if self.node_ids.is_empty() {
            add(Step::Nodes, "nodes", "Choose at least one node.");
        }
        if self.model.is_none() {
            add(Step::Model, "model_id", "Choose a model.");
        }
        if self.needs_credential(catalogue) && self.credential_id.is_none() {
            let message = "Choose a credential: the model is a cloud model.";
            add(Step::Credential, "credential_id", message);
        } else if self.needs_credential(catalogue) && !self.has_spend_limit(catalogue) {
            add(Step::Credential, "spend_limit", NO_LIMIT);
        }
        if !self.is_confirmed {
            let message = "Confirm the plan with true.";
            add(Step::Confirm, "user_confirmation", message);
        }
        let open = self.first_open_step(catalogue);
        if open != Step::Execute && missing.iter().all(|answer| answer.step != open) {
            missing.push(MissingAnswer {
                step: open,
                field: field_of(open),
                message: GONE,
            });
        }
        missing.sort_by_key(|answer| answer.step);
        missing
    }
}

/// The field of a call that answers a step.
fn field_of(step: Step) -> &'static str {
    match step {
        Step::BasicInfo => "name",
        Step::Evaluation => "max_input_tokens",
        Step::Cluster => "cluster_id",
        Step::Nodes => "nodes",
        Step::Model => "model_id",
        Step::Credential => "credential_id",
        Step::Confirm => "user_confirmation",
        Step::Execute => "trigger_workflow",
    }
}
