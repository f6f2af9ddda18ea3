//! The two processes and what they leave behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use domain::load::{LOAD_PLAN_VERSION, LoadEvent, LoadPlan, REQUESTS_FILE};
use domain::measure::record::RequestRecord;
use domain::measure::truth::SentAnswer;
use domain::workload::{Api, Arrival, LengthSpec, Prompts, StopRule, WorkloadSpec};
use testkit::{Process, TempDir, wait_until};

/// How long something may take that happens at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running reference engine with its log.
pub(crate) struct Engine {
    pub(crate) url: String,
    pub(crate) process: Process,
    folder: TempDir,
}

impl Engine {
    /// Starts one on a free port; `options` in the form of a command line.
    pub(crate) fn start(options: &str) -> Self {
        let folder = testkit::data_dir();
        let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
        command
            .args(["engine", "--addr", "127.0.0.1:0"])
            .args(options.split_whitespace())
            .arg("--log")
            .arg(folder.path().join("engine.jsonl"));
        let mut process = Process::spawn(&mut command);
        let line = process.wait_for_line("listening on ", PATIENCE);
        let url = line.trim_start_matches("listening on ").to_owned();
        Self {
            url,
            process,
            folder,
        }
    }

    /// What it sent, once `count` requests have ended, in the order of arrival.
    pub(crate) fn sent(&self, count: usize) -> Vec<SentAnswer> {
        let path = self.folder.path().join("engine.jsonl");
        let lines = wait_until("the engine's log", PATIENCE, || {
            let text = std::fs::read_to_string(&path).unwrap();
            (text.matches('\n').count() >= count).then_some(text)
        });
        let mut sent: Vec<SentAnswer> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        sent.sort_by_key(|sent| sent.request);
        sent
    }
}

/// `assay load` with these words.
pub(crate) fn load_command(options: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command.arg("load").args(options.split_whitespace());
    command
        .env_remove("ASSAY_LOAD_API_KEY")
        .stdin(Stdio::null());
    command
}

/// Runs `assay load` to its end.
pub(crate) fn load(options: &str) -> Output {
    load_command(options).output().unwrap()
}

/// The events on standard output.
pub(crate) fn events(output: &Output) -> Vec<LoadEvent> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The records in an out folder.
pub(crate) fn records(out_dir: &Path) -> Vec<RequestRecord> {
    let bytes = std::fs::read(out_dir.join(REQUESTS_FILE)).unwrap();
    store::records::read_records(bytes.into()).unwrap()
}

/// A plan for the reference engine: 4 users, 20 requests.
pub(crate) fn plan(engine: &Engine, out_dir: PathBuf) -> LoadPlan {
    LoadPlan {
        version: LOAD_PLAN_VERSION,
        base_url: engine.url.clone(),
        model: "assay-reference".to_owned(),
        workload: WorkloadSpec {
            api: Api::Chat,
            prompts: Prompts::Synthetic,
            input: LengthSpec::Uniform { min: 4, max: 40 },
            output: LengthSpec::Fixed { tokens: 12 },
            shared_prefix_tokens: 0,
            arrival: Arrival::ClosedLoop { concurrency: 4 },
            stop: StopRule::Requests { count: 20 },
            warmup_requests: 2,
            seed: 3,
            ignore_eos: true,
            request_timeout_s: 60,
            ..WorkloadSpec::default()
        },
        dataset_paths: Vec::new(),
        trace_path: None,
        headers: Vec::new(),
        tokenizer_path: None,
        out_dir: out_dir.display().to_string(),
    }
}
