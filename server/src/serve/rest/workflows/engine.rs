//! The engine in calls to the workflow, and as it was answered.

use std::collections::BTreeMap;

use domain::engine::{EngineChoice, EngineForm};
use domain::workflow::{ContainerCall, EngineCall};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How an engine is started.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EngineInput {
    /// Which; without one, what is usual for the model.
    preset: Option<PresetInput>,
    /// Further arguments; for `custom` the whole command, one word an entry. No shell is started.
    #[schema(max_items = 200)]
    arguments: Option<Vec<String>>,
    /// Environment of the process. Not for secrets: it is part of the manifest.
    environment: Option<BTreeMap<String, String>>,
    /// Seconds until it must answer.
    #[schema(minimum = 1, maximum = 86_400)]
    readiness_timeout_s: Option<u32>,
    /// What it runs as; `process` unless told otherwise.
    runs_as: Option<RunsAsInput>,
    /// For `litellm`: the model as litellm knows it, `provider/model`; without one, it follows from the model.
    #[schema(max_length = 300, example = "anthropic/claude-sonnet-4-5")]
    upstream_model: Option<String>,
    /// Path on the server of a tar archive with the engine, which is brought to a machine over SSH and unpacked
    /// there: a program that is named without a folder is looked for in it, and `{engine}` stands for its folder.
    #[schema(max_length = 1_000, example = "/opt/engines/llama-server.tar.gz")]
    archive: Option<String>,
    /// Image of the container; without one, the usual one of the preset.
    #[schema(min_length = 1, max_length = 512, example = "vllm/vllm-openai:latest")]
    image: Option<String>,
    /// Where the engine listens inside its container; 8000 unless told otherwise.
    #[schema(minimum = 1, maximum = 65_535)]
    container_port: Option<u16>,
    /// The CPUs of the node that the container may use, such as `0-3,8`; all unless told otherwise.
    #[schema(max_length = 500)]
    cpus: Option<String>,
    /// The memory it may use, in GiB; all of the node unless told otherwise.
    #[schema(minimum = 1, maximum = 1_048_576)]
    memory_gib: Option<u32>,
    /// The accelerators it sees: `all`, `none` or their numbers, such as `0,1`; none unless told otherwise.
    #[schema(max_length = 500)]
    accelerators: Option<String>,
}

/// What an engine runs as.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RunsAsInput {
    /// A program of the node.
    Process,
    /// A Docker container.
    Container,
}

/// A way to start an engine.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PresetInput {
    /// The reference engine: no model.
    Reference,
    /// llama.cpp's server.
    LlamaCpp,
    /// vLLM.
    Vllm,
    /// `SGLang`.
    Sglang,
    /// Text Generation Inference.
    Tgi,
    /// Ollama, which pulls the model itself.
    Ollama,
    /// litellm's proxy, for cloud models.
    Litellm,
    /// A command or image of one's own.
    Custom,
}

impl EngineInput {
    pub(super) fn into_call(self) -> EngineCall {
        let name = |preset: PresetInput| match preset {
            PresetInput::Reference => "reference",
            PresetInput::LlamaCpp => "llama_cpp",
            PresetInput::Vllm => "vllm",
            PresetInput::Sglang => "sglang",
            PresetInput::Tgi => "tgi",
            PresetInput::Ollama => "ollama",
            PresetInput::Litellm => "litellm",
            PresetInput::Custom => "custom",
        };
        EngineCall {
            preset: self.preset.map(|preset| name(preset).to_owned()),
            arguments: self.arguments,
            environment: self.environment.map(|names| names.into_iter().collect()),
            readiness_timeout_s: self.readiness_timeout_s,
            runs_as: self.runs_as.map(|way| match way {
                RunsAsInput::Process => "process".to_owned(),
                RunsAsInput::Container => "container".to_owned(),
            }),
            upstream_model: self.upstream_model,
            archive: self.archive,
            container: ContainerCall {
                image: self.image,
                port: self.container_port,
                cpus: self.cpus,
                memory_gib: self.memory_gib,
                accelerators: self.accelerators,
            },
        }
    }
}

/// The engine that is started, under the names it has in calls.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EngineBody {
    /// The preset.
    preset: &'static str,
    /// Arguments after the preset's own; for `custom` the whole command.
    arguments: Vec<String>,
    /// Environment of the process.
    environment: BTreeMap<String, String>,
    /// Seconds until it must answer.
    readiness_timeout_s: u32,
    /// `process` or `container`.
    runs_as: String,
    /// For `litellm`: the model as litellm knows it, where that was chosen.
    upstream_model: Option<String>,
    /// Path on the server of the archive that the engine is brought in, where there is one.
    archive: Option<String>,
    /// Image of the container, where it runs in one.
    image: Option<String>,
    /// Where the engine listens inside.
    container_port: Option<u16>,
    /// The CPUs the container may use; `null` for all.
    cpus: Option<String>,
    /// The memory it may use, in bytes; `null` for all.
    memory_bytes: Option<u64>,
    /// The accelerators it sees; `null` for none.
    accelerators: Option<String>,
}

impl EngineBody {
    pub(super) fn of(choice: &EngineChoice) -> Self {
        let form = EngineForm::of(choice);
        let container = choice.container.as_ref();
        let given = |text: String| (container.is_some() && !text.is_empty()).then_some(text);
        Self {
            preset: choice.preset.as_str(),
            arguments: choice.arguments.clone(),
            environment: choice.environment.iter().cloned().collect(),
            readiness_timeout_s: choice.readiness_timeout_s,
            runs_as: form.runs_as,
            upstream_model: Some(form.upstream_model).filter(|model| !model.is_empty()),
            archive: Some(form.archive).filter(|path| !path.is_empty()),
            image: container.map(|container| container.image.clone()),
            container_port: container.map(|container| container.port),
            cpus: given(form.container.cpus),
            memory_bytes: container.and_then(|container| container.memory_bytes),
            accelerators: given(form.container.accelerators),
        }
    }
}
