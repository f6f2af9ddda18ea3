//! From a choice to the words of a command line. No shell is ever started.

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use super::container::{ContainerMount, MODEL_FOLDER};
use super::preset::{EngineChoice, EnginePreset};

/// A complete command: words and environment, with `{host}`, `{port}` and `{assay}` still open:
/// these the runner knows only when it starts the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineCommand {
    /// Program and arguments.
    pub words: Vec<String>,
    /// Environment added to the runner's own, in order.
    pub environment: Vec<(String, String)>,
}

/// Fills in what the plan knows: the model's path or repository and its served name.
pub fn render_command(choice: &EngineChoice, model: &str, served_name: &str) -> EngineCommand {
    let template = match &choice.container {
        None => choice.preset.template(),
        Some(_) => choice
            .preset
            .container_template()
            .map_or(&[][..], |template| template.arguments),
    };
    let preset = template.iter().map(|word| {
        word.replace("{model}", model)
            .replace("{served_name}", served_name)
    });
    // A preset's user arguments are passed on byte for byte; only a custom command has blanks.
    let user = choice.arguments.iter().map(|word| match choice.preset {
        EnginePreset::Custom => word
            .replace("{model}", model)
            .replace("{served_name}", served_name),
        _ => word.clone(),
    });
    EngineCommand {
        words: preset.chain(user).collect(),
        environment: choice.environment.clone(),
    }
}

/// How a container sees a model of the node: the folder it is given, and the model's path in it. The
/// folder of a single file is given as a whole: a model may be spread over files beside it. `None` for
/// a path that has no folder.
pub fn model_in_container(path: &str) -> Option<(ContainerMount, String)> {
    let path = path.trim_end_matches('/');
    let (folder, name) = path.rsplit_once('/')?;
    if name.is_empty() || name == ".." {
        return None;
    }
    let seen = format!("{MODEL_FOLDER}/{name}");
    let is_file = name.to_ascii_lowercase().ends_with(".gguf");
    let mount = if is_file {
        ContainerMount {
            source: if folder.is_empty() { "/" } else { folder }.to_owned(),
            target: MODEL_FOLDER.to_owned(),
        }
    } else {
        ContainerMount {
            source: path.to_owned(),
            target: seen.clone(),
        }
    };
    Some((mount, seen))
}

impl EngineCommand {
    /// The words with everything filled in, ready to be started.
    pub fn with_address(&self, assay: &str, host: &str, port: u16) -> Vec<String> {
        let port = port.to_string();
        // An address and a port in one word: without brackets, an IPv6 address would swallow the port.
        let authority = match host.parse::<Ipv6Addr>() {
            Ok(_) => format!("[{host}]:{port}"),
            Err(_) => format!("{host}:{port}"),
        };
        self.words
            .iter()
            .map(|word| {
                word.replace("{assay}", assay)
                    .replace("{host}:{port}", &authority)
                    .replace("{host}", host)
                    .replace("{port}", &port)
            })
            .collect()
    }

    /// Whether it leaves open where the engine listens.
    pub fn names_host(&self) -> bool {
        self.words.iter().any(|word| word.contains("{host}"))
    }

    /// As one would type it in a shell, for people to read.
    pub fn in_words(&self) -> String {
        shlex::try_join(self.words.iter().map(String::as_str))
            .unwrap_or_else(|_| self.words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_sees_the_folder_of_a_model() {
        let (mount, seen) = model_in_container("/m/tiny.Q4.gguf").unwrap();
        assert_eq!(
            (mount.source.as_str(), mount.target.as_str()),
            ("/m", "/models")
        );
        assert_eq!(seen, "/models/tiny.Q4.gguf");
        let (mount, seen) = model_in_container("/m/Llama 8B/").unwrap();
        assert_eq!(
            (mount.source.as_str(), mount.target.as_str()),
            ("/m/Llama 8B", "/models/Llama 8B")
        );
        assert_eq!(seen, "/models/Llama 8B");
        for odd in ["", "/", "tiny", "/m/.."] {
            assert_eq!(model_in_container(odd), None, "{odd}");
        }
    }

    #[test]
    fn blanks_are_filled_in_two_steps() {
        let choice = EngineChoice {
            preset: EnginePreset::LlamaCpp,
            arguments: vec!["-c".to_owned(), "4096".to_owned()],
            environment: Vec::new(),
            readiness_timeout_s: 10,
            container: None,
            upstream_model: String::new(),
            archive: String::new(),
        };
        let command = render_command(&choice, "/models/a b.gguf", "tiny");
        let words = command.with_address("assay", "127.0.0.1", 4321);
        assert_eq!(words[2], "/models/a b.gguf");
        assert!(words.windows(2).any(|pair| pair == ["--port", "4321"]));
        assert_eq!(words.last().unwrap(), "4096");
        assert!(command.in_words().contains("'/models/a b.gguf'"));
    }

    #[test]
    fn an_address_and_its_port_in_one_word_stay_apart() {
        let words = ["--at", "{host}", "OLLAMA_HOST={host}:{port}"].map(str::to_owned);
        let command = EngineCommand {
            words: words.into(),
            environment: Vec::new(),
        };
        let four = command.with_address("assay", "10.0.0.7", 80);
        assert_eq!(four, ["--at", "10.0.0.7", "OLLAMA_HOST=10.0.0.7:80"]);
        let six = command.with_address("assay", "fd00::7", 80);
        assert_eq!(six, ["--at", "fd00::7", "OLLAMA_HOST=[fd00::7]:80"]);
    }
}
