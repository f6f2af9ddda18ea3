//! The engine presets a local process can be started from.

use serde::{Deserialize, Serialize};

use super::RunsAs;
use super::archive::parse_archive;
use super::command::EngineCommand;
use super::container::{ContainerChoice, ContainerForm};
use crate::field::{FieldErrors, optional_text, whole_number};

/// Name of the proxy's configuration in the folder of its run, where it is started.
pub const PROXY_CONFIG_FILE: &str = "litellm.json";
/// Longest name of a model as litellm knows it, in characters.
const UPSTREAM_MODEL_CHARS_MAX: u32 = 300;

/// A way to start an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnginePreset {
    /// `assay engine`: exactly scheduled answers, no model. Always labelled as a reference.
    Reference,
    /// `llama-server` of llama.cpp.
    LlamaCpp,
    /// `vllm serve`.
    Vllm,
    /// `python3 -m sglang.launch_server`.
    Sglang,
    /// `text-generation-launcher` of Text Generation Inference.
    Tgi,
    /// `ollama serve`; the run has it pull the model.
    Ollama,
    /// `litellm` of litellm's proxy: passes requests on to a provider that serves a cloud model.
    Litellm,
    /// A command of the user's.
    Custom,
}

impl EnginePreset {
    /// Every preset, in the order of menus.
    pub const ALL: [Self; 8] = [
        Self::Reference,
        Self::LlamaCpp,
        Self::Vllm,
        Self::Sglang,
        Self::Tgi,
        Self::Ollama,
        Self::Litellm,
        Self::Custom,
    ];

    /// The name in forms and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::LlamaCpp => "llama_cpp",
            Self::Vllm => "vllm",
            Self::Sglang => "sglang",
            Self::Tgi => "tgi",
            Self::Ollama => "ollama",
            Self::Litellm => "litellm",
            Self::Custom => "custom",
        }
    }

    /// The preset of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.as_str() == text)
    }

    /// The label of menus.
    pub fn label(self) -> &'static str {
        match self {
            Self::Reference => "Reference engine (no model)",
            Self::LlamaCpp => "llama.cpp server",
            Self::Vllm => "vLLM",
            Self::Sglang => "SGLang",
            Self::Tgi => "Text Generation Inference",
            Self::Ollama => "Ollama",
            Self::Litellm => "litellm proxy (cloud models)",
            Self::Custom => "Custom command or image",
        }
    }

    /// The program and arguments before the user's own, with `{model}`, `{served_name}`, `{host}`
    /// and `{port}` to be filled in. `{assay}` is the running binary itself.
    pub fn template(self) -> &'static [&'static str] {
        match self {
            Self::Reference => &[
                "{assay}",
                "engine",
                "--addr",
                "{host}:{port}",
                "--model",
                "{served_name}",
            ],
            Self::LlamaCpp => &[
                "llama-server",
                "--model",
                "{model}",
                "--alias",
                "{served_name}",
                "--host",
                "{host}",
                "--port",
                "{port}",
                "--metrics",
                "--no-cache-prompt",
            ],
            Self::Vllm => &[
                "vllm",
                "serve",
                "{model}",
                "--served-model-name",
                "{served_name}",
                "--host",
                "{host}",
                "--port",
                "{port}",
            ],
            Self::Sglang => &[
                "python3",
                "-m",
                "sglang.launch_server",
                "--model-path",
                "{model}",
                "--served-model-name",
                "{served_name}",
                "--host",
                "{host}",
                "--port",
                "{port}",
            ],
            Self::Tgi => &[
                "text-generation-launcher",
                "--model-id",
                "{model}",
                "--hostname",
                "{host}",
                "--port",
                "{port}",
            ],
            // It takes its address from the environment only; `env` puts it there and becomes it.
            Self::Ollama => &["env", "OLLAMA_HOST={host}:{port}", "ollama", "serve"],
            Self::Litellm => &[
                "litellm",
                "--config",
                PROXY_CONFIG_FILE,
                "--host",
                "{host}",
                "--port",
                "{port}",
            ],
            Self::Custom => &[],
        }
    }

    /// Where a started engine tells that it is ready. litellm's `/health` sends a request to every model it
    /// knows, and its provider would charge for it.
    pub fn health_path(self) -> &'static str {
        match self {
            Self::Litellm => "/health/readiness",
            _ => "/health",
        }
    }

    /// The name under which a started engine lists its one model, where that is not the name it was told:
    /// Text Generation Inference knows a model only by the repository or folder it was started with.
    pub fn listed_name(self, command: &EngineCommand) -> Option<&str> {
        if self != Self::Tgi {
            return None;
        }
        let after = command.words.iter().skip(1);
        let mut pairs = command.words.iter().zip(after);
        pairs
            .find(|(word, _)| *word == "--model-id")
            .map(|(_, model)| model.as_str())
    }
}

/// A chosen engine with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineChoice {
    /// The preset.
    pub preset: EnginePreset,
    /// Arguments after the preset's; for [`EnginePreset::Custom`] the whole command line.
    pub arguments: Vec<String>,
    /// Environment of the process, in order.
    pub environment: Vec<(String, String)>,
    /// How long it may take until it answers, in seconds.
    pub readiness_timeout_s: u32,
    /// The container it runs in; `None`: it is a process of the node.
    #[serde(default)]
    pub container: Option<ContainerChoice>,
    /// For the litellm proxy: the model as litellm knows it, `provider/model`. Empty: it follows from the
    /// cloud model.
    #[serde(default)]
    pub upstream_model: String,
    /// Path on the server of an archive that holds the engine; it is brought to a far node and unpacked
    /// there. Empty: the node has the engine. Looked at for processes of far nodes only.
    #[serde(default)]
    pub archive: String,
}

/// An engine's part of the model step, as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EngineForm {
    /// Name of the preset.
    pub preset: String,
    /// Further arguments or the custom command, quoted like in a POSIX shell; no shell is started.
    pub arguments: String,
    /// Environment, one `NAME=value` a line. Not for secrets: it is part of the manifest.
    pub environment: String,
    /// Seconds until it must answer.
    pub readiness_timeout_s: String,
    /// Name of what it runs as ([`RunsAs`]).
    pub runs_as: String,
    /// The container, where it runs in one.
    #[serde(flatten)]
    pub container: ContainerForm,
    /// The model as litellm knows it; looked at for its proxy only.
    pub upstream_model: String,
    /// Path of an archive on the server; looked at for processes of far nodes only.
    pub archive: String,
}

impl Default for EngineForm {
    fn default() -> Self {
        Self {
            preset: String::new(),
            arguments: String::new(),
            environment: String::new(),
            readiness_timeout_s: "300".to_owned(),
            runs_as: RunsAs::default().as_str().to_owned(),
            container: ContainerForm::default(),
            upstream_model: String::new(),
            archive: String::new(),
        }
    }
}

/// Most arguments of an engine's command line.
pub const ARGUMENTS_MAX: usize = 200;

impl EngineForm {
    /// The form of an earlier choice.
    pub fn of(choice: &EngineChoice) -> Self {
        let words = choice.arguments.iter().map(String::as_str);
        Self {
            preset: choice.preset.as_str().to_owned(),
            arguments: shlex::try_join(words).unwrap_or_default(),
            environment: choice
                .environment
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join("\n"),
            readiness_timeout_s: choice.readiness_timeout_s.to_string(),
            runs_as: match choice.container {
                None => RunsAs::Process,
                Some(_) => RunsAs::Container,
            }
            .as_str()
            .to_owned(),
            container: choice
                .container
                .as_ref()
                .map(|container| ContainerForm::of(container, choice.preset))
                .unwrap_or_default(),
            upstream_model: choice.upstream_model.clone(),
            archive: choice.archive.clone(),
        }
    }

    /// Checks every field; messages go to the form's own field names.
    pub fn validate(&self, errors: &mut FieldErrors) -> Option<EngineChoice> {
        let preset = EnginePreset::parse(&self.preset).ok_or("Choose an engine.".to_owned());
        let preset = errors.check("preset", preset);
        let arguments = errors.check("arguments", split_arguments(&self.arguments));
        let runs_as = RunsAs::parse(&self.runs_as).ok_or("Choose what the engine runs as.");
        let runs_as = errors.check("runs_as", runs_as.map_err(str::to_owned));
        let container = match runs_as {
            Some(RunsAs::Container) => {
                if preset.is_some_and(|preset| preset.container_template().is_none()) {
                    errors.add("runs_as", "The reference engine is a part of this program: it runs as a program of the node.");
                }
                self.container.validate(preset, errors)
            }
            _ => None,
        };
        // In a container the image brings a command, and a port that only it knows.
        let is_command = preset == Some(EnginePreset::Custom) && runs_as == Some(RunsAs::Process);
        if is_command && arguments.as_ref().is_some_and(Vec::is_empty) {
            errors.add("arguments", "Give the command that starts the engine.");
        }
        if is_command
            && arguments.as_ref().is_some_and(|args| {
                !args.is_empty() && !args.iter().any(|arg| arg.contains("{port}"))
            })
        {
            errors.add("arguments", "Put {port} where the command takes its port.");
        }
        let environment = errors.check("environment", parse_environment(&self.environment));
        let timeout = errors.check(
            "readiness_timeout_s",
            whole_number(
                &self.readiness_timeout_s,
                "the time to be ready in seconds",
                1,
                86_400,
            ),
        );
        let upstream_model = match preset {
            Some(EnginePreset::Litellm) => {
                errors.check("upstream_model", parse_upstream_model(&self.upstream_model))
            }
            _ => Some(String::new()),
        };
        let archive = match runs_as {
            Some(RunsAs::Process) => errors.check("archive", parse_archive(&self.archive)),
            _ => Some(String::new()),
        };
        let choice = EngineChoice {
            preset: preset?,
            arguments: arguments?,
            environment: environment?,
            readiness_timeout_s: u32::try_from(timeout?).ok()?,
            container,
            upstream_model: upstream_model?,
            archive: archive?,
        };
        errors.is_empty().then_some(choice)
    }
}

/// `provider/model`, or nothing.
fn parse_upstream_model(text: &str) -> Result<String, String> {
    let text = optional_text(
        text,
        "the model as litellm knows it",
        UPSTREAM_MODEL_CHARS_MAX,
    )?;
    let has_parts = text
        .split_once('/')
        .is_some_and(|(provider, model)| !provider.is_empty() && !model.is_empty());
    if text.is_empty() || (has_parts && !text.contains(char::is_whitespace)) {
        return Ok(text);
    }
    Err("Write it as provider/model, such as anthropic/claude-sonnet-4-5; leave it empty for the usual one.".to_owned())
}

fn split_arguments(text: &str) -> Result<Vec<String>, String> {
    let words = shlex::split(text).ok_or("Close the open quote.".to_owned())?;
    if words.len() > ARGUMENTS_MAX {
        return Err(format!(
            "Use at most {ARGUMENTS_MAX} arguments; {} given.",
            words.len()
        ));
    }
    if words.iter().any(|word| word.contains('\0')) {
        return Err("Remove the NUL character.".to_owned());
    }
    Ok(words)
}

fn parse_environment(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut variables = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| format!("Write “{line}” as NAME=value."))?;
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !starts_well || !name.chars().all(fits) || name.starts_with("ASSAY_") {
            return Err(format!("“{name}” cannot be used as a variable's name."));
        }
        if value.contains('\0') {
            return Err("Remove the NUL character.".to_owned());
        }
        variables.push((name.to_owned(), value.to_owned()));
    }
    if variables.len() > ARGUMENTS_MAX {
        return Err(format!("Use at most {ARGUMENTS_MAX} variables."));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::render_command;

    fn validated(form: &EngineForm) -> Result<EngineChoice, FieldErrors> {
        let mut errors = FieldErrors::default();
        form.validate(&mut errors).ok_or(errors)
    }

    proptest! {
        #[test]
        fn arguments_round_trip_through_the_form(words in prop::collection::vec("[^\0]{1,12}", 1..6)) {
            let mut arguments = words;
            arguments.push("--port={port}".to_owned());
            let choice = EngineChoice {
                preset: EnginePreset::Custom,
                arguments,
                environment: vec![("A_1".to_owned(), "x y=z".to_owned())],
                readiness_timeout_s: 60,
                container: None,
                upstream_model: String::new(),
            archive: String::new(),
            };
            prop_assert_eq!(validated(&EngineForm::of(&choice)).unwrap(), choice);
        }
    }

    #[test]
    fn names_lead_back_to_their_presets() {
        for preset in EnginePreset::ALL {
            assert_eq!(EnginePreset::parse(preset.as_str()), Some(preset));
        }
    }

    #[test]
    fn the_proxy_takes_a_model_of_a_provider() {
        let form = |upstream_model: &str, preset: EnginePreset| EngineForm {
            preset: preset.as_str().to_owned(),
            upstream_model: upstream_model.to_owned(),
            ..EngineForm::default()
        };
        for good in ["", "anthropic/claude-x", "openai/org/model"] {
            let choice = validated(&form(good, EnginePreset::Litellm)).unwrap();
            assert_eq!(choice.upstream_model, good);
            assert_eq!(EngineForm::of(&choice).upstream_model, good);
        }
        for bad in ["claude", "/claude", "anthropic/", "a/b c"] {
            let errors = validated(&form(bad, EnginePreset::Litellm)).unwrap_err();
            assert!(errors.at("upstream_model").is_some(), "{bad}");
        }
        let other = validated(&form("claude", EnginePreset::Vllm)).unwrap();
        assert_eq!(other.upstream_model, "");
        let contained = |preset| EngineForm {
            runs_as: "container".to_owned(),
            ..form("", preset)
        };
        let choice = validated(&contained(EnginePreset::Litellm)).unwrap();
        assert!(choice.container.unwrap().image.contains("litellm"));
        let errors = validated(&contained(EnginePreset::Reference)).unwrap_err();
        assert!(errors.at("runs_as").unwrap().contains("reference engine"));
    }

    #[test]
    fn tgi_lists_what_it_was_started_with() {
        let choice = |preset| EngineChoice {
            preset,
            arguments: vec!["--model-id".to_owned(), "other".to_owned()],
            environment: Vec::new(),
            readiness_timeout_s: 1,
            container: None,
            upstream_model: String::new(),
            archive: String::new(),
        };
        let command = |preset| render_command(&choice(preset), "org/tiny", "tiny");
        let listed = |preset: EnginePreset| preset.listed_name(&command(preset)).map(str::to_owned);
        assert_eq!(listed(EnginePreset::Tgi).as_deref(), Some("org/tiny"));
        assert_eq!(listed(EnginePreset::Vllm), None);
    }

    #[test]
    fn messages_are_at_their_fields() {
        let form = EngineForm {
            preset: "custom".to_owned(),
            arguments: "serve 'open".to_owned(),
            environment: "1X=2".to_owned(),
            readiness_timeout_s: "0".to_owned(),
            ..EngineForm::default()
        };
        let errors = validated(&form).unwrap_err();
        assert_eq!(errors.at("arguments"), Some("Close the open quote."));
        assert!(errors.at("environment").is_some() && errors.at("readiness_timeout_s").is_some());
        let form = EngineForm {
            arguments: "serve".to_owned(),
            environment: "X=a\0b".to_owned(),
            ..form
        };
        let message = "Remove the NUL character.";
        assert_eq!(
            validated(&form).unwrap_err().at("environment"),
            Some(message)
        );
        let message = "Put {port} where the command takes its port.";
        assert_eq!(validated(&form).unwrap_err().at("arguments"), Some(message));
    }
}
