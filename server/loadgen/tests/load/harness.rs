//! Plans and runs of tests.

use domain::load::{LOAD_PLAN_VERSION, LoadEvent, LoadPlan};
use domain::secret::Secret;
use domain::workload::{Api, Arrival, LengthSpec, Prompts, StopRule, WorkloadSpec};
use loadgen::{LoadError, LoadOutcome};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The key that tests send.
pub(crate) const KEY: &str = "sk-secret-7";

/// A tokenizer to which every word is one token.
pub(crate) fn word_tokenizer() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let json = r#"{
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": null, "pre_tokenizer": { "type": "WhitespaceSplit" },
        "post_processor": null, "decoder": null,
        "model": { "type": "WordLevel", "vocab": { "[UNK]": 0 }, "unk_token": "[UNK]" }
    }"#;
    std::fs::write(folder.path().join("tokenizer.json"), json).unwrap();
    folder
}

/// One user, one request, two tokens, no warm-up; prompts counted by words.
pub(crate) fn plan(url: &str, tokenizer: &TempDir) -> LoadPlan {
    LoadPlan {
        version: LOAD_PLAN_VERSION,
        base_url: url.to_owned(),
        model: "m".to_owned(),
        workload: WorkloadSpec {
            api: Api::Chat,
            prompts: Prompts::Synthetic,
            input: LengthSpec::Fixed { tokens: 8 },
            output: LengthSpec::Fixed { tokens: 2 },
            shared_prefix_tokens: 0,
            arrival: Arrival::ClosedLoop { concurrency: 1 },
            stop: StopRule::Requests { count: 1 },
            warmup_requests: 0,
            seed: 1,
            ignore_eos: false,
            request_timeout_s: 30,
            ..WorkloadSpec::default()
        },
        dataset_paths: Vec::new(),
        trace_path: None,
        headers: Vec::new(),
        tokenizer_path: Some(tokenizer.path().display().to_string()),
        out_dir: String::new(),
    }
}

/// Runs a plan to its end.
pub(crate) async fn run(plan: &LoadPlan) -> Result<LoadOutcome, LoadError> {
    run_with(plan, CancellationToken::new()).await.0
}

/// Runs a plan; gives the events as well.
pub(crate) async fn run_with(
    plan: &LoadPlan,
    cancel: CancellationToken,
) -> (Result<LoadOutcome, LoadError>, Vec<LoadEvent>) {
    let (sender, mut receiver) = mpsc::channel(1_024);
    let key = Some(Secret::new(KEY.to_owned()));
    let outcome = loadgen::run(plan, key, sender, cancel).await;
    let mut events = Vec::new();
    while let Some(event) = receiver.recv().await {
        events.push(event);
    }
    (outcome, events)
}
