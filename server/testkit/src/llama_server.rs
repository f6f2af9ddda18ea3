//! llama.cpp's own server with the tiny model: a real engine on any machine.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::{Process, target_dir, workspace_root};

const READY_TIMEOUT: Duration = Duration::from_mins(1);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A running llama.cpp server. It ends when dropped.
#[derive(Debug)]
pub struct LlamaServer {
    process: Process,
    url: String,
}

impl LlamaServer {
    /// The name of the model it serves.
    pub const MODEL: &str = "tiny";

    /// Starts one on a free loopback port that serves `parallel` requests at once, each with 4,096
    /// tokens of context; without its prompt cache, so that every prompt is computed.
    ///
    /// # Panics
    ///
    /// When its parts are missing, or it is not ready within a minute.
    pub fn start(parallel: u16) -> Self {
        Self::start_with(parallel, &[])
    }

    /// The same with further arguments of `end2end/engine/llama_server.py`, such as
    /// `["--api-key", "…"]`.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub fn start_with(parallel: u16, further: &[&str]) -> Self {
        let command = Self::command_line(0, parallel);
        let (program, args) = command.split_first().expect("it starts with the program");
        let mut process = Process::spawn(Command::new(program).args(args).args(further));
        let line = process.wait_for_line("ready on ", READY_TIMEOUT);
        let url = line.trim_start_matches("ready on ").trim().to_owned();
        Self { process, url }
    }

    /// The words of the command that runs it in the foreground on `port`: for tests in which
    /// something else starts the engine.
    ///
    /// # Panics
    ///
    /// When its parts are missing.
    pub fn command_line(port: u16, parallel: u16) -> Vec<String> {
        let words = [
            part("venv/bin/python").display().to_string(),
            workspace_root()
                .join("end2end/engine/llama_server.py")
                .display()
                .to_string(),
            "--model".to_owned(),
            tiny_model_path().display().to_string(),
            "--port".to_owned(),
            port.to_string(),
            "--parallel".to_owned(),
            parallel.to_string(),
        ];
        words.into()
    }

    /// Its base URL without a trailing slash, such as `http://127.0.0.1:41234`; the API lies
    /// under `/v1`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process, to stop it midway or to read its log.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Drop for LlamaServer {
    fn drop(&mut self) {
        self.process.stop(Signal::SIGKILL, STOP_TIMEOUT);
    }
}

/// The folder of the program `litellm`, for a search path.
///
/// # Panics
///
/// When it was not installed yet.
pub fn litellm_folder() -> PathBuf {
    let mut program = part("venv/bin/litellm");
    program.pop();
    program
}

/// The folders that a container must see, each at its own path, to run the program of [`litellm_folder`]: its
/// virtual environment and the Python it was made from.
///
/// # Panics
///
/// When it was not installed yet.
pub fn litellm_folders() -> Vec<PathBuf> {
    let script = std::fs::read_to_string(litellm_folder().join("litellm")).expect("a script");
    let python = script
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("#!"));
    let python = python.expect("the script names its Python").trim();
    let folders = Command::new(python)
        .args([
            "-c",
            "import sys; print(sys.prefix); print(sys.base_prefix)",
        ])
        .output()
        .expect("its Python runs");
    let folders = String::from_utf8(folders.stdout).expect("paths");
    let mut folders: Vec<PathBuf> = folders.lines().map(PathBuf::from).collect();
    folders.push(litellm_folder().parent().expect("a folder").to_owned());
    folders.sort();
    folders.dedup();
    folders
}

/// The tiny model's GGUF file.
///
/// # Panics
///
/// When it was not made yet.
pub fn tiny_model_path() -> PathBuf {
    part("tiny-model/model.gguf")
}

/// The tiny model's `tokenizer.json`.
///
/// # Panics
///
/// When it was not made yet.
pub fn tiny_tokenizer_path() -> PathBuf {
    part("tiny-model/tokenizer.json")
}

/// A file that the set-up of the tests puts into the build folder.
fn part(path: &str) -> PathBuf {
    let file = target_dir().join(path);
    assert!(
        file.exists(),
        "{} is missing: this test runs against a real engine, which `cargo xtask test` sets up",
        file.display()
    );
    file
}
