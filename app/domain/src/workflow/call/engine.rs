//! What a call says about the engine, as its form.

use super::set;
use crate::catalogue::{Model, ModelSource};
use crate::engine::{ContainerForm, EngineForm, EnginePreset, RunsAs};
use crate::field::FieldErrors;

/// What a call says about the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineCall {
    /// Name of the preset.
    pub preset: Option<String>,
    /// Further arguments, or the words of a custom command.
    pub arguments: Option<Vec<String>>,
    /// Names and values.
    pub environment: Option<Vec<(String, String)>>,
    /// Seconds until it must answer.
    pub readiness_timeout_s: Option<u32>,
    /// `process` or `container`.
    pub runs_as: Option<String>,
    /// The model as litellm knows it.
    pub upstream_model: Option<String>,
    /// Path of an archive with the engine, for far nodes.
    pub archive: Option<String>,
    /// The container it runs in.
    pub container: ContainerCall,
}

/// What a call says about the container of an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerCall {
    /// Name of the image.
    pub image: Option<String>,
    /// Where the engine listens inside.
    pub port: Option<u16>,
    /// CPUs, in the kernel's notation.
    pub cpus: Option<String>,
    /// Memory in GiB.
    pub memory_gib: Option<u32>,
    /// `all`, `none` or numbers.
    pub accelerators: Option<String>,
}

impl EngineCall {
    pub(super) fn names_archive(&self) -> bool {
        self.archive.as_ref().is_some_and(|path| !path.is_empty())
    }

    pub(super) fn fill(&self, form: &mut EngineForm) -> Result<(), FieldErrors> {
        set(&mut form.preset, self.preset.as_ref());
        set(
            &mut form.readiness_timeout_s,
            self.readiness_timeout_s.as_ref(),
        );
        if let Some(arguments) = &self.arguments {
            let words = arguments.iter().map(String::as_str);
            let message = "Remove the NUL character.";
            form.arguments = shlex::try_join(words)
                .map_err(|_| FieldErrors::one("engine.arguments", message))?;
        }
        if let Some(environment) = &self.environment {
            let refuse = |message: &str| FieldErrors::one("engine.environment", message);
            // Each is to be one line of the form.
            let breaks = |text: &str| text.contains(['\n', '\r']);
            if environment
                .iter()
                .any(|(name, value)| breaks(name) || breaks(value))
            {
                return Err(refuse("Give values without line breaks."));
            }
            if let Some((name, _)) = environment.iter().find(|(name, _)| name.contains('=')) {
                let message = format!("“{name}” cannot be used as a variable's name.");
                return Err(refuse(&message));
            }
            let lines = environment
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            form.environment = lines.collect::<Vec<_>>().join("\n");
        }
        set(&mut form.runs_as, self.runs_as.as_ref());
        set(&mut form.upstream_model, self.upstream_model.as_ref());
        let is_container = RunsAs::parse(&form.runs_as) == Some(RunsAs::Container);
        if is_container && self.archive.is_some() {
            let message = "Leave archive out: a container brings its engine with its image.";
            return Err(FieldErrors::one("engine.archive", message));
        }
        set(&mut form.archive, self.archive.as_ref());
        self.container.fill(form)
    }
}

/// The engine that is started for a model when a call names none.
pub(super) fn usual_engine(model: &Model) -> Option<EnginePreset> {
    if model.source.is_cloud() {
        return Some(EnginePreset::Litellm);
    }
    let is_gguf = |path: &str| path.to_lowercase().ends_with(".gguf");
    if model.source == ModelSource::Reference {
        return Some(EnginePreset::Reference);
    }
    if matches!(&model.source, ModelSource::LocalPath { path } if is_gguf(path)) {
        return Some(EnginePreset::LlamaCpp);
    }
    let has_files = matches!(
        model.source,
        ModelSource::LocalPath { .. } | ModelSource::HuggingFace { .. }
    );
    has_files.then_some(EnginePreset::Vllm)
}

impl ContainerCall {
    /// What a call says of a container for an engine that is a process is refused: a form has these fields
    /// anyway, a call means something by each.
    fn fill(&self, form: &mut EngineForm) -> Result<(), FieldErrors> {
        let Self {
            image,
            port,
            cpus,
            memory_gib,
            accelerators,
        } = self;
        let said = [
            (image.is_some(), "image"),
            (port.is_some(), "container_port"),
            (cpus.is_some(), "cpus"),
            (memory_gib.is_some(), "memory_gib"),
            (accelerators.is_some(), "accelerators"),
        ];
        let idle = said.iter().find(|(is_said, _)| *is_said);
        if let (Some(RunsAs::Process), Some((_, field))) = (RunsAs::parse(&form.runs_as), idle) {
            let message = format!("Leave {field} out, or let the engine run as a container.");
            return Err(FieldErrors::one(format!("engine.{field}"), message));
        }
        let container: &mut ContainerForm = &mut form.container;
        set(&mut container.image, image.as_ref());
        set(&mut container.port, port.as_ref());
        set(&mut container.cpus, cpus.as_ref());
        set(&mut container.memory_gib, memory_gib.as_ref());
        set(&mut container.accelerators, accelerators.as_ref());
        Ok(())
    }
}
