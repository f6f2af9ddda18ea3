//! Prompts: exact, unique, repeatable.

use domain::load::{LoadPlan, PromptSource};
use domain::workload::{Api, LengthSpec, StopRule};

use crate::harness::{plan, run, word_tokenizer};
use crate::scripted::{ScriptedServer, good};

/// The prompts that a plan sends, in order.
async fn prompts_of(change: impl FnOnce(&mut LoadPlan)) -> (Vec<String>, PromptSource) {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.stop = StopRule::Requests { count: 40 };
    plan.workload.warmup_requests = 5;
    plan.workload.input = LengthSpec::Uniform { min: 5, max: 60 };
    change(&mut plan);
    let outcome = run(&plan).await.unwrap();
    let prompts: Vec<String> = server
        .seen()
        .iter()
        .map(|seen| {
            let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
            let prompt = match plan.workload.api {
                Api::Chat => &body["messages"][0]["content"],
                Api::Completions => &body["prompt"],
            };
            prompt.as_str().unwrap().to_owned()
        })
        .collect();
    for (prompt, record) in prompts.iter().zip(&outcome.records) {
        assert_eq!(
            prompt.split(' ').count(),
            record.planned_input_tokens as usize,
            "{prompt}"
        );
    }
    (prompts, outcome.prompt_source)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_sends_the_same_bytes() {
    let (one, source) = prompts_of(|_| {}).await;
    assert_eq!((one.len(), source), (45, PromptSource::Tokenizer));
    let (two, _) = prompts_of(|plan| plan.workload.api = Api::Completions).await;
    assert_eq!(one, two);
    let (other, _) = prompts_of(|plan| plan.workload.seed = 2).await;
    assert_ne!(one, other);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_prompt_comes_twice() {
    let (mut prompts, _) = prompts_of(|_| {}).await;
    let count = prompts.len();
    prompts.sort_unstable();
    prompts.dedup();
    assert_eq!(prompts.len(), count, "warm-up included");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_prefix_is_shared_by_all() {
    let (prompts, _) = prompts_of(|plan| {
        plan.workload.shared_prefix_tokens = 20;
        plan.workload.input = LengthSpec::Fixed { tokens: 30 };
    })
    .await;
    let beginning = |prompt: &str| prompt.split(' ').take(20).collect::<Vec<_>>().join(" ");
    let first = beginning(&prompts[0]);
    assert!(prompts.iter().all(|prompt| beginning(prompt) == first));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_tokenizer_the_server_counts() {
    let (prompts, source) = prompts_of(|plan| plan.tokenizer_path = None).await;
    assert_eq!((prompts.len(), source), (45, PromptSource::Server));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tokenizer_that_is_none_is_refused() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.tokenizer_path = Some("/nowhere/tokenizer.json".to_owned());
    let refused = run(&plan).await.unwrap_err().to_string();
    assert!(refused.contains("/nowhere/tokenizer.json"), "{refused}");
}
