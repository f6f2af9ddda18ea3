//! Prompts of datasets: every row once, in the order of the seed, sent as they are.

use std::collections::BTreeSet;
use std::fs;

use domain::dataset::{ChatRole, DatasetRow, Message};
use domain::id::DatasetId;
use domain::load::{LoadPlan, PromptSource};
use domain::measure::record::{RequestPhase, RequestRecord};
use domain::workload::{
    AnswerLengths, Api, Arrival, LengthSpec, PlannedDataset, Prompts, StopRule,
};
use loadgen::LoadOutcome;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use uuid::Uuid;

use crate::harness::{plan, run, word_tokenizer};
use crate::scripted::{ScriptedServer, good};

/// Files of datasets, and what a plan says of them.
pub(crate) struct Files {
    folder: TempDir,
    planned: Vec<PlannedDataset>,
    paths: Vec<String>,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            planned: Vec::new(),
            paths: Vec::new(),
        }
    }

    /// One more dataset with these rows.
    pub(crate) fn with(mut self, lines: &[String]) -> Self {
        let bits = self.planned.len() as u128 + 1;
        let text = lines.join("\n") + "\n";
        let path = self.folder.path().join(format!("{bits}.jsonl"));
        fs::write(&path, &text).unwrap();
        self.planned.push(PlannedDataset {
            id: DatasetId(Uuid::from_u128(bits)),
            name: format!("d{bits}"),
            sha256: format!("{:x}", Sha256::digest(text.as_bytes())),
            row_count: u32::try_from(lines.len()).unwrap(),
        });
        self.paths.push(path.display().to_string());
        self
    }

    pub(crate) fn fill(&self, plan: &mut LoadPlan, answer_lengths: AnswerLengths) {
        plan.workload.prompts = Prompts::Datasets {
            datasets: self.planned.clone(),
            answer_lengths,
        };
        plan.dataset_paths.clone_from(&self.paths);
    }
}

/// A canonical row with two turns, the second with `name` in it.
fn conversation(name: &str, output_tokens: Option<u32>) -> String {
    let row = DatasetRow {
        line: 1,
        messages: vec![
            Message::new(ChatRole::System, "Be brief."),
            Message::new(ChatRole::User, "Who are you?"),
            Message::new(ChatRole::Assistant, "A model."),
            Message::new(ChatRole::User, format!("Say \"{name}\"\nplease")),
        ],
        input_tokens: 40,
        output_tokens,
    };
    serde_json::to_string(&row).unwrap()
}

pub(crate) fn conversations(prefix: &str, count: u32) -> Vec<String> {
    (0..count)
        .map(|number| conversation(&format!("{prefix}{number}"), Some(100 + number)))
        .collect()
}

pub(crate) fn plain(count: u32) -> Vec<String> {
    (0..count)
        .map(|number| json!({ "prompt": format!("plain {number} of {count}") }).to_string())
        .collect()
}

async fn outcome_of(
    files: &Files,
    change: impl FnOnce(&mut LoadPlan),
) -> (LoadOutcome, Vec<Value>) {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.tokenizer_path = None;
    files.fill(&mut plan, AnswerLengths::Rows);
    change(&mut plan);
    let outcome = run(&plan).await.unwrap();
    let seen = server.seen();
    let bodies = seen
        .iter()
        .map(|seen| serde_json::from_str(&seen.body).unwrap());
    let bodies = bodies.collect();
    (outcome, bodies)
}

fn digests(records: &[RequestRecord]) -> Vec<&str> {
    let digests = records.iter().map(|record| record.prompt_sha256.as_str());
    digests.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_sent_as_they_are_and_digested() {
    let files = Files::new().with(&[conversation("x", Some(7))]);
    let (outcome, bodies) = outcome_of(&files, |_| {}).await;
    let messages = json!([
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": "Who are you?" },
        { "role": "assistant", "content": "A model." },
        { "role": "user", "content": "Say \"x\"\nplease" },
    ]);
    assert_eq!(bodies[0]["messages"], messages);
    assert_eq!(bodies[0]["max_tokens"], 7);
    let canonical = r#"[{"role":"system","content":"Be brief."},{"role":"user","content":"Who are you?"},{"role":"assistant","content":"A model."},{"role":"user","content":"Say \"x\"\nplease"}]"#;
    let record = &outcome.records[0];
    assert_eq!(
        record.prompt_sha256,
        format!("{:x}", Sha256::digest(canonical))
    );
    assert_eq!(record.dataset_id, Some(DatasetId(Uuid::from_u128(1))));
    assert_eq!(
        (record.planned_input_tokens, record.planned_output_tokens),
        (40, 7)
    );
    assert_eq!(outcome.prompt_source, PromptSource::Dataset);
    let in_order = format!("{}\n", record.prompt_sha256);
    assert_eq!(
        outcome.prompts_sha256(),
        format!("{:x}", Sha256::digest(in_order))
    );

    let (joined, bodies) = outcome_of(&files, |plan| plan.workload.api = Api::Completions).await;
    let text = "Be brief.\n\nWho are you?\n\nA model.\n\nSay \"x\"\nplease";
    assert_eq!(bodies[0]["prompt"], text);
    assert_eq!(bodies[0].get("messages"), None);
    assert_eq!(joined.prompts_sha256(), outcome.prompts_sha256());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_row_returns_before_all_were_sent_and_warm_up_takes_the_first() {
    let files = Files::new()
        .with(&conversations("a", 12))
        .with(&conversations("b", 8));
    let (outcome, _) = outcome_of(&files, |plan| {
        plan.workload.warmup_requests = 5;
        plan.workload.stop = StopRule::Requests { count: 35 };
    })
    .await;
    let digests = digests(&outcome.records);
    assert_eq!(digests.len(), 40);
    let phases = |phase| {
        outcome
            .records
            .iter()
            .filter(move |record| record.phase == phase)
    };
    assert_eq!(phases(RequestPhase::WarmUp).count(), 5);
    for epoch in digests.chunks(20) {
        assert_eq!(epoch.iter().collect::<BTreeSet<_>>().len(), 20);
    }
    assert_ne!(
        digests[..20],
        digests[20..],
        "the next epoch is shuffled anew"
    );
    let of_second =
        |record: &&RequestRecord| record.dataset_id == Some(DatasetId(Uuid::from_u128(2)));
    assert_eq!(outcome.records.iter().filter(of_second).count(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_sends_the_same_rows_in_the_same_order() {
    let files = Files::new().with(&conversations("a", 30)).with(&plain(30));
    let sent = async |seed: u64, users: u32| {
        let (outcome, _) = outcome_of(&files, |plan| {
            plan.workload.seed = seed;
            plan.workload.arrival = Arrival::ClosedLoop { concurrency: users };
            plan.workload.warmup_requests = 3;
            plan.workload.stop = StopRule::Requests { count: 50 };
        })
        .await;
        outcome.prompts_sha256()
    };
    let (one, again) = (sent(1, 1).await, sent(1, 6).await);
    assert_eq!(one, again, "whatever the users do");
    assert_ne!(one, sent(2, 1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_as_long_as_rows_say_or_as_planned() {
    let files = Files::new().with(&[conversation("x", Some(100)), conversation("y", None)]);
    let asked = async |answer_lengths| {
        let (_, bodies) = outcome_of(&files, |plan| {
            files.fill(plan, answer_lengths);
            plan.workload.output = LengthSpec::Fixed { tokens: 30 };
            plan.workload.stop = StopRule::Requests { count: 2 };
        })
        .await;
        let max_tokens = bodies
            .iter()
            .map(|body| body["max_tokens"].as_u64().unwrap());
        max_tokens.collect::<BTreeSet<_>>()
    };
    assert_eq!(asked(AnswerLengths::Rows).await, BTreeSet::from([30, 100]));
    assert_eq!(asked(AnswerLengths::Capped).await, BTreeSet::from([30]));
    assert_eq!(asked(AnswerLengths::Planned).await, BTreeSet::from([30]));
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_are_counted_here_where_there_is_a_tokenizer() {
    let files = Files::new().with(&plain(4));
    let count = |plan: &mut LoadPlan| plan.workload.stop = StopRule::Requests { count: 4 };
    let (estimated, _) = outcome_of(&files, count).await;
    assert_eq!(estimated.prompt_source, PromptSource::Estimate);
    let tokenizer = word_tokenizer();
    let (counted, _) = outcome_of(&files, |plan| {
        count(plan);
        plan.tokenizer_path = Some(tokenizer.path().display().to_string());
    })
    .await;
    assert_eq!(counted.prompt_source, PromptSource::Tokenizer);
    for record in estimated.records.iter().chain(&counted.records) {
        assert_eq!(record.planned_input_tokens, 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duration_draws_rows_for_as_long_as_it_lasts() {
    let files = Files::new().with(&plain(3));
    let (outcome, _) = outcome_of(&files, |plan| {
        plan.workload.arrival = Arrival::ClosedLoop { concurrency: 4 };
        plan.workload.stop = StopRule::Duration { seconds: 1 };
    })
    .await;
    let digests = digests(&outcome.records);
    assert!(
        digests.len() > 256,
        "more than are made ahead: {}",
        digests.len()
    );
    for epoch in digests.chunks_exact(3) {
        assert_eq!(epoch.iter().collect::<BTreeSet<_>>().len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_what_was_planned_are_refused() {
    let files = Files::new().with(&plain(3));
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let refused = async |change: &dyn Fn(&mut LoadPlan)| {
        let mut plan = plan(&server.url, &tokenizer);
        files.fill(&mut plan, AnswerLengths::Rows);
        change(&mut plan);
        run(&plan).await.unwrap_err().to_string()
    };
    let of_dataset = |plan: &mut LoadPlan, change: &dyn Fn(&mut PlannedDataset)| {
        if let Prompts::Datasets { datasets, .. } = &mut plan.workload.prompts {
            change(&mut datasets[0]);
        }
    };
    let why = refused(&|plan| of_dataset(plan, &|dataset| dataset.sha256 = "0".repeat(64))).await;
    assert!(why.contains("d1") && why.contains("SHA-256"), "{why}");
    let why = refused(&|plan| of_dataset(plan, &|dataset| dataset.row_count = 4)).await;
    assert!(why.contains("3 rows, planned were 4"), "{why}");
    let why = refused(&|plan| plan.dataset_paths[0] = "/nowhere.jsonl".to_owned()).await;
    assert!(why.contains("/nowhere.jsonl"), "{why}");
    let why = refused(&|plan| plan.dataset_paths.clear()).await;
    assert!(why.contains("1 datasets and 0 files"), "{why}");
    assert_eq!(server.seen().len(), 0, "nothing was sent");
}
