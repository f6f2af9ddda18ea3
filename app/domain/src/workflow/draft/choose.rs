//! What a choice of cluster, nodes, model or credential does to a draft.

use super::{Catalogue, Draft, ModelAnswers};
use crate::catalogue::{ClusterKind, ModelSource};
use crate::engine::EnginePreset;
use crate::field::FieldErrors;
use crate::id::NodeId;
use crate::plan::RunPlan;
use crate::workflow::form::{ClusterChoiceForm, CredentialChoiceForm, ModelChoiceForm, NodesForm};
use crate::workflow::planning::{refuses_process, sendable};
use crate::workload::{EvaluationMethod, Prompts, SpendLimit};

/// What is said where neither the plan nor a person says how much is sent.
pub(in crate::workflow) const NO_LIMIT: &str =
    "Give a limit: how much this load sends is not known beforehand.";

impl Draft {
    pub(super) fn choose_cluster(
        &mut self,
        form: &ClusterChoiceForm,
        catalogue: &Catalogue,
    ) -> Result<(), FieldErrors> {
        let chosen = form
            .cluster_id
            .parse()
            .ok()
            .and_then(|id| catalogue.cluster(id));
        let cluster = chosen.ok_or_else(|| FieldErrors::one("cluster_id", "Choose a cluster."))?;
        self.cluster_id = Some(cluster.id);
        self.node_ids
            .retain(|id| cluster.nodes.iter().any(|node| node.id == *id));
        if let Some(model) = &mut self.model
            && !cluster.kind.starts_engines()
        {
            model.engine = None;
        }
        if self
            .load_from
            .is_some_and(|id| self.refuses_load_from(id, catalogue).is_some())
        {
            self.load_from = None;
        }
        if !self.credential_holds(catalogue) {
            self.credential_id = None;
        }
        Ok(())
    }

    pub(super) fn choose_nodes(
        &mut self,
        form: &NodesForm,
        catalogue: &Catalogue,
    ) -> Result<(), FieldErrors> {
        let cluster = self.cluster_id.and_then(|id| catalogue.cluster(id));
        let cluster =
            cluster.ok_or_else(|| FieldErrors::one("node_ids", "Choose a cluster first."))?;
        let mut node_ids: Vec<NodeId> = Vec::new();
        for text in &form.node_ids {
            let id = text
                .parse()
                .ok()
                .filter(|id| cluster.nodes.iter().any(|n| n.id == *id));
            let id = id.ok_or_else(|| {
                FieldErrors::one(
                    "node_ids",
                    format!("Choose nodes of {} only.", cluster.name),
                )
            })?;
            if !node_ids.contains(&id) {
                node_ids.push(id);
            }
        }
        if node_ids.is_empty() {
            return Err(FieldErrors::one("node_ids", "Choose at least one node."));
        }
        self.node_ids = node_ids;
        let load_from = match form.load_from.trim() {
            "" => None,
            id => Some(id.parse().map_err(|_| {
                FieldErrors::one("load_from", "Choose the server or one of the machines.")
            })?),
        };
        if let Some(reason) = load_from.and_then(|id| self.refuses_load_from(id, catalogue)) {
            return Err(FieldErrors::one("load_from", reason));
        }
        self.load_from = load_from;
        Ok(())
    }

    pub(super) fn choose_model(
        &mut self,
        form: &ModelChoiceForm,
        catalogue: &Catalogue,
    ) -> Result<(), FieldErrors> {
        let mut errors = FieldErrors::default();
        let cluster = self.cluster_id.and_then(|id| catalogue.cluster(id));
        let cluster =
            cluster.ok_or_else(|| FieldErrors::one("model_id", "Choose a cluster first."))?;
        let model = form
            .model_id
            .parse()
            .ok()
            .and_then(|id| catalogue.model(id));
        if model.is_none() {
            errors.add("model_id", "Choose a model.");
        }
        let is_cloud = model.is_some_and(|model| model.source.is_cloud());
        let engine = match cluster.kind {
            ClusterKind::Endpoint { .. } => None,
            ClusterKind::ThisMachine | ClusterKind::Machines => form.engine.validate(&mut errors),
        };
        if let Some(engine) = &engine
            && let Some(reason) = refuses_process(cluster, engine)
        {
            errors.add("runs_as", reason);
        }
        if let (Some(model), Some(engine)) = (model, &engine) {
            let message = match (&model.source, engine.preset) {
                (ModelSource::Cloud { .. }, EnginePreset::Litellm)
                | (ModelSource::Reference, EnginePreset::Reference | EnginePreset::Custom)
                | (ModelSource::Served, EnginePreset::Ollama | EnginePreset::Custom)
                | (
                    ModelSource::HuggingFace { .. } | ModelSource::LocalPath { .. },
                    EnginePreset::Reference
                    | EnginePreset::LlamaCpp
                    | EnginePreset::Vllm
                    | EnginePreset::Sglang
                    | EnginePreset::Custom,
                )
                | (ModelSource::HuggingFace { .. }, EnginePreset::Tgi) => None,
                (ModelSource::LocalPath { path }, EnginePreset::Tgi) => {
                    let is_gguf = path.to_ascii_lowercase().ends_with(".gguf");
                    is_gguf.then_some(
                        "Text Generation Inference loads folders of safetensors, not GGUF files: choose another model or llama.cpp.",
                    )
                }
                (ModelSource::Cloud { .. }, _) => Some(
                    "A provider serves this model: choose the litellm proxy, or an endpoint with the provider's address in step 3.",
                ),
                (_, EnginePreset::Litellm) => Some(
                    "The litellm proxy passes requests on to a provider: choose a cloud model.",
                ),
                (_, EnginePreset::Ollama) => Some(
                    "Ollama pulls models of its own library by name: choose a model without files of its own whose served name is that name, such as llama3.2:1b.",
                ),
                (ModelSource::Reference, _) => Some(
                    "This entry stands for the reference engine: choose that engine, or a model.",
                ),
                (ModelSource::Served, _) => Some(
                    "This model is served by an endpoint. Choose one with files, let Ollama pull it, or give a custom command.",
                ),
            };
            if let Some(message) = message {
                errors.add("model_id", message);
            }
            let needs_file = engine.preset == EnginePreset::LlamaCpp;
            if needs_file && matches!(model.source, ModelSource::HuggingFace { .. }) {
                errors.add(
                    "model_id",
                    "llama.cpp needs a GGUF file: choose a model with a local path.",
                );
            }
        }
        let Some(model) = model else {
            return Err(errors);
        };
        self.model = errors.into_result(Some(ModelAnswers {
            model_id: model.id,
            engine,
        }))?;
        if !is_cloud {
            self.credential_id = None;
        }
        Ok(())
    }

    pub(super) fn choose_credential(
        &mut self,
        form: &CredentialChoiceForm,
        catalogue: &Catalogue,
    ) -> Result<(), FieldErrors> {
        let refused = |message: &str| Err(FieldErrors::one("credential_id", message));
        if self.model.is_none() {
            return refused("Choose a model first.");
        }
        if !self.needs_credential(catalogue) {
            return refused("The chosen model is not a cloud model: it needs no credential.");
        }
        let Ok(id) = form.credential_id.parse() else {
            return refused("Choose a credential.");
        };
        sendable(id, self.cluster_id, catalogue)
            .map_err(|message| FieldErrors::one("credential_id", message))?;
        let limit = form.spend_limit()?;
        let draft = Self {
            spend_limit: limit,
            ..self.clone()
        };
        if self.evaluation.is_some() && !draft.has_spend_limit(catalogue) {
            return Err(FieldErrors::one("requests_max", NO_LIMIT));
        }
        self.spend_limit = limit;
        self.credential_id = Some(id);
        Ok(())
    }

    /// The limits that follow from the plan as far as it stands.
    pub fn usual_limit(&self, catalogue: &Catalogue) -> SpendLimit {
        let (Some(evaluation), Some(basic)) = (&self.evaluation, &self.basic) else {
            return SpendLimit::default();
        };
        let model = self
            .model
            .as_ref()
            .and_then(|model| catalogue.model(model.model_id));
        let has_tokenizer = model.is_some_and(|model| !model.tokenizer_path.is_empty());
        let workload = evaluation.workload(basic.concurrent_requests, Prompts::Synthetic);
        let usual = workload.usual_limit(has_tokenizer);
        match basic.method {
            EvaluationMethod::Configuration => usual,
            // Rows are as long as they are.
            EvaluationMethod::Dataset => SpendLimit {
                tokens: None,
                ..usual
            },
        }
    }

    /// Whether a provider's bill has an end.
    pub(in crate::workflow) fn has_spend_limit(&self, catalogue: &Catalogue) -> bool {
        self.spend_limit.is_some() || self.usual_limit(catalogue).is_some()
    }

    /// Whether the chosen credential is there and may be sent to the chosen endpoint.
    pub(super) fn credential_holds(&self, catalogue: &Catalogue) -> bool {
        self.credential_id
            .is_some_and(|id| sendable(id, self.cluster_id, catalogue).is_ok())
    }
}

/// A number as a form has it; nothing where there is none.
pub(super) fn text_of(number: Option<impl ToString>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// The limits of a plan that do not follow from it.
pub(super) fn chosen_limit(plan: &RunPlan) -> SpendLimit {
    let usual = plan
        .workload
        .usual_limit(!plan.model.tokenizer_path.is_empty());
    let limit = plan.workload.spend_limit.unwrap_or_default();
    SpendLimit {
        requests: limit.requests.filter(|_| limit.requests != usual.requests),
        tokens: limit.tokens.filter(|_| limit.tokens != usual.tokens),
    }
}
