//! What a benchmark is made of and can be chosen: models, clusters, nodes.

mod shown;

pub use shown::Shown;

use serde::{Deserialize, Serialize};

use crate::field::{FieldErrors, base_url, optional_text, required_text};
use crate::id::{ClusterId, CredentialId, ModelId, NodeId};
use crate::time::Timestamp;

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ModelSource {
    /// An engine at an endpoint serves it already; nothing is transferred.
    Served,
    /// A Hugging Face repository; the engine loads it.
    HuggingFace {
        /// `organisation/name`.
        repository: String,
        /// Branch, tag or commit; empty for the default.
        revision: String,
    },
    /// A file or folder on the node.
    LocalPath {
        /// Absolute path.
        path: String,
    },
    /// The reference engine's own name: no model at all.
    Reference,
}

impl ModelSource {
    /// In words, for tables.
    pub fn in_words(&self) -> String {
        match self {
            Self::Served => "served by an endpoint".to_owned(),
            Self::HuggingFace {
                repository,
                revision,
            } if revision.is_empty() => {
                format!("Hugging Face {repository}")
            }
            Self::HuggingFace {
                repository,
                revision,
            } => {
                format!("Hugging Face {repository}@{revision}")
            }
            Self::LocalPath { path } => path.clone(),
            Self::Reference => "reference engine (no model)".to_owned(),
        }
    }

    /// The kind's name in forms.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::HuggingFace { .. } => "hugging_face",
            Self::LocalPath { .. } => "local_path",
            Self::Reference => "reference",
        }
    }
}

/// A model of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Its id.
    pub id: ModelId,
    /// Name shown; unique.
    pub name: String,
    /// Name sent in requests (`model` of the API).
    pub served_name: String,
    /// Where it comes from.
    pub source: ModelSource,
    /// Local `tokenizer.json` or a folder with one; empty when unknown.
    pub tokenizer_path: String,
    /// Free text.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A model's form, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelForm {
    /// Name shown.
    pub name: String,
    /// Name sent in requests; empty means the same as `name`.
    pub served_name: String,
    /// `served`, `hugging_face` or `local_path`.
    pub source: String,
    /// Hugging Face repository.
    pub repository: String,
    /// Hugging Face revision.
    pub revision: String,
    /// Path of a local model.
    pub path: String,
    /// Path of a tokenizer.
    pub tokenizer_path: String,
    /// Free text.
    pub description: String,
}

/// A checked [`ModelForm`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewModel {
    /// Name shown.
    pub name: String,
    /// Name sent in requests.
    pub served_name: String,
    /// Where it comes from.
    pub source: ModelSource,
    /// Path of a tokenizer or empty.
    pub tokenizer_path: String,
    /// Free text.
    pub description: String,
}

impl ModelForm {
    /// The form of an existing model.
    pub fn of(model: &Model) -> Self {
        let mut form = Self {
            name: model.name.clone(),
            served_name: model.served_name.clone(),
            source: model.source.kind().to_owned(),
            tokenizer_path: model.tokenizer_path.clone(),
            description: model.description.clone(),
            ..Self::default()
        };
        match &model.source {
            ModelSource::HuggingFace {
                repository,
                revision,
            } => {
                form.repository.clone_from(repository);
                form.revision.clone_from(revision);
            }
            ModelSource::LocalPath { path } => form.path.clone_from(path),
            ModelSource::Served | ModelSource::Reference => {}
        }
        form
    }

    /// Checks every field.
    pub fn validate(&self) -> Result<NewModel, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.check("name", required_text(&self.name, "a name", 200));
        let served_name = errors.check(
            "served_name",
            optional_text(&self.served_name, "the served name", 300),
        );
        let description = errors.check(
            "description",
            optional_text(&self.description, "the description", 2_000),
        );
        let tokenizer_path = errors.check(
            "tokenizer_path",
            optional_text(&self.tokenizer_path, "the tokenizer path", 1_000),
        );
        if tokenizer_path
            .as_deref()
            .is_some_and(|path| !path.is_empty() && !path.starts_with('/'))
        {
            errors.add(
                "tokenizer_path",
                "Give an absolute path to tokenizer.json or its folder.",
            );
        }
        let source = match self.source.as_str() {
            "served" => Some(ModelSource::Served),
            "hugging_face" => self.validate_hugging_face(&mut errors),
            "local_path" => {
                let path =
                    errors.check("path", required_text(&self.path, "the model's path", 1_000));
                if path.as_deref().is_some_and(|path| !path.starts_with('/')) {
                    errors.add("path", "Give an absolute path on the node.");
                }
                path.map(|path| ModelSource::LocalPath { path })
            }
            "reference" => Some(ModelSource::Reference),
            _ => {
                errors.add("source", "Choose where the model comes from.");
                None
            }
        };
        let (Some(name), Some(served_name), Some(description), Some(tokenizer_path), Some(source)) =
            (name, served_name, description, tokenizer_path, source)
        else {
            return Err(errors);
        };
        let served_name = if served_name.is_empty() {
            name.clone()
        } else {
            served_name
        };
        errors.into_result(NewModel {
            name,
            served_name,
            source,
            tokenizer_path,
            description,
        })
    }

    fn validate_hugging_face(&self, errors: &mut FieldErrors) -> Option<ModelSource> {
        let repository = errors.check(
            "repository",
            required_text(&self.repository, "the repository", 200),
        )?;
        let is_segment = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        let fits = repository
            .split_once('/')
            .is_some_and(|(a, b)| is_segment(a) && is_segment(b));
        if !fits {
            errors.add("repository", "Give it as organisation/name.");
        }
        let revision = errors.check(
            "revision",
            optional_text(&self.revision, "the revision", 100),
        )?;
        Some(ModelSource::HuggingFace {
            repository,
            revision,
        })
    }
}

/// How a cluster is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ClusterKind {
    /// The machine the runner works on: engines are local processes.
    ThisMachine,
    /// A base URL that already serves an OpenAI-compatible API.
    Endpoint {
        /// The URL, without a trailing slash.
        base_url: String,
        /// The sealed key, when the endpoint wants one.
        credential_id: Option<CredentialId>,
    },
}

impl ClusterKind {
    /// The kind's name in forms and in the database.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ThisMachine => "this_machine",
            Self::Endpoint { .. } => "endpoint",
        }
    }
}

/// A named set of nodes, or an endpoint (which has one node that stands for it, so that runs
/// against it queue like on any other node).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its id.
    pub id: ClusterId,
    /// Name shown; unique.
    pub name: String,
    /// How it is reached.
    pub kind: ClusterKind,
    /// Free text.
    pub description: String,
    /// Its nodes, by name.
    pub nodes: Vec<Node>,
    /// The last check, if there was one.
    pub last_check: Option<ReachabilityCheck>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a check of a cluster found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachabilityCheck {
    /// When.
    pub checked_at: Timestamp,
    /// Whether it answered.
    pub is_reachable: bool,
    /// What it said, or why not, in a sentence.
    pub message: String,
    /// Models it serves (endpoints).
    pub served_models: Vec<String>,
    /// Name and version of the engine, when it tells.
    pub engine: Option<EngineIdentity>,
}

/// Name and version of an engine, as it tells them itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineIdentity {
    /// `vllm`, `llama.cpp`, `assay-reference`, …
    pub name: String,
    /// Its version, as told; empty when it does not tell.
    pub version: String,
}

impl EngineIdentity {
    /// `llama.cpp b9999` or just the name.
    pub fn in_words(&self) -> String {
        format!("{} {}", self.name, self.version)
            .trim_end()
            .to_owned()
    }
}

/// One machine of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Host name, or the address of an endpoint.
    pub name: String,
    /// What it has, when it is known.
    pub inventory: Option<Inventory>,
    /// The benchmark that holds it now, if any.
    pub held_by: Option<crate::id::BenchmarkId>,
}

/// What a machine has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// When it was read.
    pub read_at: Timestamp,
    /// Host name.
    pub hostname: String,
    /// Operating system with version.
    pub os: String,
    /// Kernel version.
    pub kernel: String,
    /// CPU model.
    pub cpu_model: String,
    /// Logical cores.
    pub cpu_core_count: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Accelerators; empty when there are none.
    pub accelerators: Vec<Accelerator>,
}

impl Inventory {
    /// `cpu`, or `gpu` when there is an accelerator.
    pub fn node_type(&self) -> &'static str {
        if self.accelerators.is_empty() {
            "cpu"
        } else {
            "gpu"
        }
    }

    /// The accelerator's name, or the CPU model: the vendor column of the history.
    pub fn vendor(&self) -> String {
        self.accelerators
            .first()
            .map_or_else(|| self.cpu_model.clone(), |first| first.name.clone())
    }
}

/// One accelerator of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accelerator {
    /// Product name.
    pub name: String,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Driver version.
    pub driver: String,
}

/// A cluster's form, as typed. Only endpoints are created by hand; this machine is always there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointForm {
    /// Name shown.
    pub name: String,
    /// Base URL.
    pub base_url: String,
    /// A new key; empty keeps the present one.
    pub api_key: String,
    /// Whether the present key is to be removed: `on` when checked.
    pub remove_key: String,
    /// Free text.
    pub description: String,
}

/// A checked [`EndpointForm`]; the key stays in the form, to be sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEndpoint {
    /// Name shown.
    pub name: String,
    /// Base URL, normalised.
    pub base_url: String,
    /// Free text.
    pub description: String,
}

impl EndpointForm {
    /// Checks every field.
    pub fn validate(&self) -> Result<NewEndpoint, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.check("name", required_text(&self.name, "a name", 200));
        let url = errors.check("base_url", base_url(&self.base_url));
        let description = errors.check(
            "description",
            optional_text(&self.description, "the description", 2_000),
        );
        let key_fits = |c: char| c.is_ascii_graphic();
        if self.api_key.len() > 4_096 || !self.api_key.trim().chars().all(key_fits) {
            errors.add(
                "api_key",
                "A key is one line of visible ASCII characters, at most 4,096.",
            );
        }
        let (Some(name), Some(base_url), Some(description)) = (name, url, description) else {
            return Err(errors);
        };
        errors.into_result(NewEndpoint {
            name,
            base_url,
            description,
        })
    }
}

/// An engine found on loopback at the first start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundEngine {
    /// Its base URL.
    pub base_url: String,
    /// The models it serves.
    pub served_models: Vec<String>,
    /// What it says it is.
    pub engine: Option<EngineIdentity>,
}

/// Ports of loopback where engines usually listen: vLLM, llama.cpp and others, Ollama, SGLang, LM
/// Studio.
pub const USUAL_PORTS: [u16; 5] = [8000, 8080, 11434, 30000, 1234];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_form_round_trips_and_names_bad_fields() {
        let form = ModelForm {
            name: "Tiny".to_owned(),
            source: "hugging_face".to_owned(),
            repository: "org/tiny".to_owned(),
            ..ModelForm::default()
        };
        let new = form.validate().unwrap();
        assert_eq!(new.served_name, "Tiny");
        let bad = ModelForm {
            source: "hugging_face".to_owned(),
            repository: "tiny".to_owned(),
            ..form
        };
        assert_eq!(
            bad.validate().unwrap_err().at("repository"),
            Some("Give it as organisation/name.")
        );
        assert!(
            ModelForm::default()
                .validate()
                .unwrap_err()
                .at("source")
                .is_some()
        );
    }

    #[test]
    fn an_endpoint_needs_a_name_and_a_url() {
        let errors = EndpointForm::default().validate().unwrap_err();
        assert!(errors.at("name").is_some() && errors.at("base_url").is_some());
    }
}
