//! Engines in containers: what is chosen, and what each preset is started from.

use serde::{Deserialize, Serialize};

use super::image_name::check_image_name;
use super::preset::EnginePreset;
use crate::field::{FieldErrors, whole_number};

/// Where an engine listens inside its container unless the form says otherwise.
pub const CONTAINER_PORT: u16 = 8000;
/// The address an engine listens at inside its container: every one of it, so that its port can be
/// published.
pub const CONTAINER_HOST: &str = "0.0.0.0";
/// Where the folder of a model is seen inside a container.
pub const MODEL_FOLDER: &str = "/models";
/// Most accelerators a container is given by number.
const ACCELERATORS_MAX: usize = 64;
/// Bytes of the unit of the memory field.
const GIB: u64 = 1 << 30;

/// Variable with the content of the litellm proxy's configuration, in a container.
pub const PROXY_CONFIG_VARIABLE: &str = "ASSAY_PROXY_CONFIG";
/// Writes that configuration where the command of the preset looks for it, and becomes the proxy.
const PROXY_SCRIPT: &str =
    r#"cd "$(mktemp -d)" && printf %s "$ASSAY_PROXY_CONFIG" > litellm.json && exec "$@""#;

/// The container an engine runs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerChoice {
    /// Name of the image, with tag or digest.
    pub image: String,
    /// Where the engine listens inside.
    pub port: u16,
    /// The CPUs it may use, in the kernel's notation (`0-3,8`); empty: all of the node.
    pub cpus: String,
    /// The memory it may use, in bytes; `None`: all of the node.
    pub memory_bytes: Option<u64>,
    /// The accelerators it sees.
    pub accelerators: ContainerAccelerators,
}

/// The accelerators a container sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "which")]
pub enum ContainerAccelerators {
    /// None.
    #[default]
    None,
    /// All of the node.
    All,
    /// These, by their numbers on the node.
    Numbers {
        /// The numbers, ascending.
        numbers: Vec<u32>,
    },
}

impl ContainerAccelerators {
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" | "none" => return Ok(Self::None),
            "all" => return Ok(Self::All),
            _ => {}
        }
        let numbers: Result<Vec<u32>, _> = text.split(',').map(|one| one.trim().parse()).collect();
        let mut numbers = numbers.map_err(|_| {
            "Write “all”, or the numbers of the accelerators, such as 0,1; leave it empty for none."
                .to_owned()
        })?;
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.len() > ACCELERATORS_MAX {
            return Err(format!("Name at most {ACCELERATORS_MAX} accelerators."));
        }
        Ok(Self::Numbers { numbers })
    }

    fn to_text(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::All => "all".to_owned(),
            Self::Numbers { numbers } => {
                let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
                numbers.join(",")
            }
        }
    }
}

impl ContainerChoice {
    /// The highest number among its CPUs; `None` when it may use all.
    pub fn last_cpu(&self) -> Option<u16> {
        let numbers = self.cpus.split([',', '-']);
        numbers.filter_map(|number| number.parse().ok()).max()
    }

    /// What it may use of the node, in words.
    pub fn limits_in_words(&self) -> String {
        let cpus = match self.cpus.as_str() {
            "" => "all CPUs".to_owned(),
            cpus => format!("CPUs {cpus}"),
        };
        let memory = match self.memory_bytes {
            None => "all memory".to_owned(),
            Some(bytes) => format!("{} of memory", crate::size::bytes_in_words(bytes)),
        };
        let accelerators = match &self.accelerators {
            ContainerAccelerators::None => "no accelerator".to_owned(),
            ContainerAccelerators::All => "all accelerators".to_owned(),
            numbers @ ContainerAccelerators::Numbers { .. } => {
                format!("accelerators {}", numbers.to_text())
            }
        };
        format!("{cpus}, {memory}, {accelerators}")
    }
}

/// A folder of the node that a container sees, read-only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerMount {
    /// The folder on the node.
    pub source: String,
    /// Where it is seen.
    pub target: String,
}

/// What a preset is started from in a container.
pub struct ContainerTemplate {
    /// The image of the engine's makers.
    pub image: &'static str,
    /// Replaces the image's own entrypoint, which differs between versions; `None` leaves it.
    pub entrypoint: Option<&'static [&'static str]>,
    /// The words after it, with the blanks of a command.
    pub arguments: &'static [&'static str],
}

impl EnginePreset {
    /// How it is started in a container; `None` for one that runs as a process only.
    pub fn container_template(self) -> Option<ContainerTemplate> {
        let template = match self {
            Self::Reference => return None,
            Self::Litellm => ContainerTemplate {
                image: "ghcr.io/berriai/litellm:main-stable",
                // Its file comes as a variable: a Docker Engine elsewhere sees no folder of ours.
                entrypoint: Some(&["sh", "-c", PROXY_SCRIPT, "sh"]),
                arguments: after_program(self, 0),
            },
            Self::LlamaCpp => ContainerTemplate {
                image: "ghcr.io/ggml-org/llama.cpp:server",
                entrypoint: None,
                // Without the program itself, which is the image's entrypoint.
                arguments: after_program(self, 1),
            },
            Self::Vllm => ContainerTemplate {
                image: "vllm/vllm-openai:latest",
                entrypoint: Some(&["vllm", "serve"]),
                arguments: after_program(self, 2),
            },
            Self::Sglang => ContainerTemplate {
                image: "lmsysorg/sglang:latest",
                entrypoint: Some(&["python3", "-m", "sglang.launch_server"]),
                arguments: after_program(self, 3),
            },
            Self::Tgi => ContainerTemplate {
                image: "ghcr.io/huggingface/text-generation-inference:latest",
                // The image's entrypoint sets up its libraries, then becomes the program.
                entrypoint: None,
                arguments: after_program(self, 1),
            },
            Self::Ollama => ContainerTemplate {
                image: "ollama/ollama:latest",
                entrypoint: Some(&["env"]),
                arguments: after_program(self, 1),
            },
            Self::Custom => ContainerTemplate {
                image: "",
                entrypoint: None,
                arguments: &[],
            },
        };
        Some(template)
    }

    /// The image it is started from when the form names none.
    pub fn usual_image(self) -> Option<&'static str> {
        let template = self.container_template()?;
        (!template.image.is_empty()).then_some(template.image)
    }
}

/// The words of a preset without those of its program, which are the entrypoint of its container.
fn after_program(preset: EnginePreset, words: usize) -> &'static [&'static str] {
    preset.template().get(words..).unwrap_or_default()
}

/// The container's part of the engine form, as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerForm {
    /// Name of the image.
    pub image: String,
    /// Where the engine listens inside.
    #[serde(rename = "container_port")]
    pub port: String,
    /// CPUs; empty: all.
    pub cpus: String,
    /// Memory in GiB; empty: all.
    pub memory_gib: String,
    /// `all`, numbers, or empty for none.
    pub accelerators: String,
}

impl Default for ContainerForm {
    fn default() -> Self {
        Self {
            image: String::new(),
            port: CONTAINER_PORT.to_string(),
            cpus: String::new(),
            memory_gib: String::new(),
            accelerators: String::new(),
        }
    }
}

impl ContainerForm {
    /// The form of an earlier choice. The preset's usual image is left out again, so that the image
    /// follows when another preset is chosen.
    pub fn of(choice: &ContainerChoice, preset: EnginePreset) -> Self {
        let is_usual = preset.usual_image() == Some(choice.image.as_str());
        Self {
            image: if is_usual {
                String::new()
            } else {
                choice.image.clone()
            },
            port: choice.port.to_string(),
            cpus: choice.cpus.clone(),
            memory_gib: choice
                .memory_bytes
                .map(|bytes| (bytes / GIB).to_string())
                .unwrap_or_default(),
            accelerators: choice.accelerators.to_text(),
        }
    }

    /// Checks every field; messages go to the names of the fields. An empty image means the usual one
    /// of `preset`.
    pub fn validate(
        &self,
        preset: Option<EnginePreset>,
        errors: &mut FieldErrors,
    ) -> Option<ContainerChoice> {
        let usual = preset.and_then(EnginePreset::usual_image);
        let image = match (self.image.trim(), usual) {
            ("", Some(usual)) => Ok(usual.to_owned()),
            (image, _) => parse_image(image),
        };
        let image = errors.check("image", image);
        let port = whole_number(&self.port, "the port inside the container", 1, 65_535);
        let port = errors.check("container_port", port);
        let cpus = errors.check("cpus", parse_cpus(&self.cpus));
        let memory = match self.memory_gib.trim() {
            "" => Ok(None),
            text => whole_number(text, "the memory in GiB", 1, 1 << 20).map(Some),
        };
        let memory = errors.check("memory_gib", memory);
        let accelerators = ContainerAccelerators::parse(&self.accelerators);
        let accelerators = errors.check("accelerators", accelerators);
        Some(ContainerChoice {
            image: image?,
            port: u16::try_from(port?).ok()?,
            cpus: cpus?,
            memory_bytes: memory?.map(|gib| gib.saturating_mul(GIB)),
            accelerators: accelerators?,
        })
    }
}

/// A registry decides on the rest.
fn parse_image(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("Name the image the engine runs from.".to_owned());
    }
    check_image_name(text)
        .map_err(|why| format!("Write the image as registry/name:tag: {why}."))?;
    Ok(text.to_owned())
}

fn parse_cpus(text: &str) -> Result<String, String> {
    let text: String = text.split_whitespace().collect();
    let is_range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        match (first.parse::<u16>(), last.parse::<u16>()) {
            (Ok(first), Ok(last)) => first <= last,
            _ => false,
        }
    };
    if text.is_empty() || text.split(',').all(is_range) {
        return Ok(text);
    }
    Err("Write CPUs as numbers and ranges, such as 0-3,8; leave it empty for all.".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::PROXY_CONFIG_FILE;

    fn validated(form: &ContainerForm) -> Result<ContainerChoice, FieldErrors> {
        let mut errors = FieldErrors::default();
        let choice = form.validate(Some(EnginePreset::Vllm), &mut errors);
        choice.filter(|_| errors.is_empty()).ok_or(errors)
    }

    fn accelerators() -> impl Strategy<Value = ContainerAccelerators> {
        prop_oneof![
            Just(ContainerAccelerators::None),
            Just(ContainerAccelerators::All),
            prop::collection::btree_set(0_u32..64, 1..8).prop_map(|numbers| {
                ContainerAccelerators::Numbers {
                    numbers: numbers.into_iter().collect(),
                }
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_choice_round_trips_through_the_form(
            port in 1_u16..,
            cpus in "([0-9],){0,3}[0-9]-9",
            memory_gib in prop::option::of(1_u64..4096),
            accelerators in accelerators(),
        ) {
            let choice = ContainerChoice {
                image: "registry.example:5000/engines/vllm:v1".to_owned(),
                port,
                cpus,
                memory_bytes: memory_gib.map(|gib| gib * GIB),
                accelerators,
            };
            prop_assert_eq!(validated(&ContainerForm::of(&choice, EnginePreset::Vllm)).unwrap(), choice);
        }
    }

    #[test]
    fn messages_are_at_their_fields() {
        let form = ContainerForm {
            image: "two words".to_owned(),
            port: "0".to_owned(),
            cpus: "3-1".to_owned(),
            memory_gib: "much".to_owned(),
            accelerators: "first".to_owned(),
        };
        let errors = validated(&form).unwrap_err();
        let refused = errors.at("image").unwrap();
        assert!(refused.contains("only letters, digits and"), "{refused}");
        for field in [
            "image",
            "container_port",
            "cpus",
            "memory_gib",
            "accelerators",
        ] {
            assert!(errors.at(field).is_some(), "{field}");
        }
    }

    #[test]
    fn an_image_that_no_docker_engine_takes_is_refused_at_its_field() {
        for image in ["Org/Engine:1", "-v", "engine@sha256:12"] {
            let form = ContainerForm {
                image: image.to_owned(),
                ..ContainerForm::default()
            };
            let errors = validated(&form).unwrap_err();
            assert!(errors.at("image").is_some(), "{image}");
        }
    }

    #[test]
    fn an_empty_image_is_the_usual_one_and_follows_the_preset() {
        let image = |form: &ContainerForm, preset| {
            let mut errors = FieldErrors::default();
            let choice = form.validate(Some(preset), &mut errors);
            choice
                .ok_or_else(|| errors.at("image").map(str::to_owned))
                .map(|choice| choice.image)
        };
        let empty = ContainerForm::default();
        let vllm = image(&empty, EnginePreset::Vllm).unwrap();
        assert_eq!(vllm, "vllm/vllm-openai:latest");
        let choice = validated(&empty).unwrap();
        let again = ContainerForm::of(&choice, EnginePreset::Vllm);
        assert_eq!(
            image(&again, EnginePreset::Sglang).unwrap(),
            "lmsysorg/sglang:latest"
        );
        let refused = image(&empty, EnginePreset::Custom).unwrap_err();
        assert!(refused.unwrap().contains("Name the image"));
    }

    #[test]
    fn every_engine_but_our_own_runs_in_a_container() {
        for preset in EnginePreset::ALL {
            let template = preset.container_template();
            assert_eq!(
                template.is_none(),
                preset == EnginePreset::Reference,
                "{preset:?}"
            );
        }
        let litellm = EnginePreset::Litellm.container_template().unwrap();
        assert_eq!(litellm.arguments[..2], ["litellm", "--config"]);
        let script = litellm.entrypoint.unwrap()[2];
        assert!(script.contains(PROXY_CONFIG_VARIABLE), "{script}");
        assert!(script.contains(PROXY_CONFIG_FILE), "{script}");
        let vllm = EnginePreset::Vllm.container_template().unwrap();
        assert_eq!(vllm.arguments[0], "{model}");
        let sglang = EnginePreset::Sglang.container_template().unwrap();
        assert_eq!(sglang.arguments[0], "--model-path");
        let llama = EnginePreset::LlamaCpp.container_template().unwrap();
        assert_eq!(llama.arguments[0], "--model");
        let tgi = EnginePreset::Tgi.container_template().unwrap();
        assert_eq!((tgi.entrypoint, tgi.arguments[0]), (None, "--model-id"));
        let ollama = EnginePreset::Ollama.container_template().unwrap();
        assert_eq!(
            ollama.arguments,
            ["OLLAMA_HOST={host}:{port}", "ollama", "serve"]
        );
    }
}
