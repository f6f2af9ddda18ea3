//! Models: where they come from, and what is known of their files.

use serde::{Deserialize, Serialize};

use super::CatalogueQuery;
use crate::id::ModelId;
use crate::time::Timestamp;
use crate::workload::TokenPrice;

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
    /// A provider serves it behind an OpenAI-compatible API that wants a credential.
    Cloud {
        /// The provider: `openai`, `anthropic`, …
        provider: String,
        /// The model's name there.
        model: String,
        /// What it charges, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        price: Option<TokenPrice>,
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
            Self::Cloud {
                provider, model, ..
            } => format!("cloud: {model} by {provider}"),
            Self::Reference => "reference engine (no model)".to_owned(),
        }
    }

    /// The kind's name in forms.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::HuggingFace { .. } => "hugging_face",
            Self::LocalPath { .. } => "local_path",
            Self::Cloud { .. } => "cloud",
            Self::Reference => "reference",
        }
    }

    /// Whether a provider serves it, so that requests need a credential.
    pub fn is_cloud(&self) -> bool {
        matches!(self, Self::Cloud { .. })
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
    /// What its files say; `None` when there are none on this machine, or they were not read.
    pub facts: Option<ModelFacts>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was put away; it is no longer offered then.
    pub archived_at: Option<Timestamp>,
}

impl Model {
    /// Whether a list shows it.
    pub fn is_shown(&self, query: &CatalogueQuery) -> bool {
        let (source, id) = (self.source.in_words(), self.id.to_string());
        let architecture = self
            .facts
            .as_ref()
            .map_or("", |facts| facts.architecture.as_str());
        let texts = [
            self.name.as_str(),
            &self.served_name,
            &source,
            &self.description,
            architecture,
            &id,
        ];
        query.shows(&texts, self.archived_at)
    }
}

/// What the files of a model on this machine say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// When they were read.
    pub read_at: Timestamp,
    /// How the weights are stored.
    pub format: WeightsFormat,
    /// As the files name it: `LlamaForCausalLM` (config.json), `llama` (GGUF); empty when they do
    /// not say.
    pub architecture: String,
    /// How many parameters it has, when it can be told.
    pub parameters: Option<ParameterCount>,
    /// Files and bytes.
    pub file_count: u32,
    /// Size of all files in bytes.
    pub bytes: u64,
    /// The digest of the files; `None` when it was not computed, because they are large.
    pub digest: Option<FilesDigest>,
    /// What the keys and values of one token take in a cache of 16-bit numbers, in bytes, when it can be
    /// told.
    #[serde(default)]
    pub kv_bytes_per_token: Option<u64>,
}

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightsFormat {
    /// A GGUF file.
    Gguf,
    /// Safetensors files.
    Safetensors,
    /// Something else.
    Other,
}

impl WeightsFormat {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gguf => "gguf",
            Self::Safetensors => "safetensors",
            Self::Other => "other",
        }
    }

    /// As it is usually written.
    pub fn label(self) -> &'static str {
        match self {
            Self::Gguf => "GGUF",
            Self::Safetensors => "safetensors",
            Self::Other => "not known",
        }
    }
}

/// SHA-256 of a model's files.
///
/// Of a single file it is that file's own. Of a folder it is the digest of the text that `sha256sum`
/// prints for all files in it, by relative path in the order of bytes; links are followed, names that
/// begin with a dot are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FilesDigest(pub String);

/// How many parameters a model has, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterCount {
    /// The number.
    pub count: u64,
    /// How it is known.
    pub source: ParameterSource,
}

/// How a parameter count is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterSource {
    /// The shapes of all tensors, from the headers of the weights. Packed quantised weights count as
    /// they are stored.
    TensorShapes,
    /// The index of the weights says it.
    WeightsIndex,
    /// Computed from the shapes in config.json for a known architecture.
    Config,
}

impl ParameterSource {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TensorShapes => "tensor_shapes",
            Self::WeightsIndex => "weights_index",
            Self::Config => "config",
        }
    }

    /// In words, after the number.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::TensorShapes => "from the shapes of the tensors",
            Self::WeightsIndex => "from the index of the weights",
            Self::Config => "computed from config.json",
        }
    }
}
