//! A real engine: llama.cpp's server with a tiny model.

use domain::load::{LoadPlan, PromptSource};
use domain::measure::record::{Outcome, TokenSource};
use domain::workload::{AnswerLengths, Api, Arrival, LengthSpec, StopRule};
use testkit::{LlamaServer, tiny_tokenizer_path};

use crate::datasets::{Files, conversations, plain};
use crate::harness::{plan, run, word_tokenizer};

/// 40 requests by 4 users.
fn llama_plan(server: &LlamaServer) -> LoadPlan {
    let mut plan = plan(server.url(), &word_tokenizer());
    plan.model = LlamaServer::MODEL.to_owned();
    plan.tokenizer_path = Some(tiny_tokenizer_path().display().to_string());
    plan.workload.arrival = Arrival::ClosedLoop { concurrency: 4 };
    plan.workload.stop = StopRule::Requests { count: 40 };
    plan.workload.warmup_requests = 4;
    plan.workload.input = LengthSpec::Uniform { min: 1, max: 200 };
    plan.workload.output = LengthSpec::Fixed { tokens: 16 };
    plan.workload.ignore_eos = true;
    plan
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_answered_in_full_and_prompts_are_exact() {
    let server = LlamaServer::start(4);
    let mut plan = llama_plan(&server);
    plan.workload.api = Api::Completions;
    for (tokenizer_path, source) in [
        (plan.tokenizer_path.clone(), PromptSource::Tokenizer),
        (None, PromptSource::Server),
    ] {
        plan.tokenizer_path = tokenizer_path;
        let outcome = run(&plan).await.unwrap();
        assert_eq!((outcome.prompt_source, outcome.records.len()), (source, 44));
        for record in &outcome.records {
            assert_eq!(record.outcome, Outcome::Ok, "{}", record.error);
            assert_eq!(
                record.input_tokens, record.planned_input_tokens,
                "{source:?}"
            );
            assert_eq!(
                (record.output_tokens, record.token_source),
                (16, TokenSource::Usage)
            );
            assert!((1..=16).contains(&record.chunk_at.len()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chat_template_comes_on_top_of_the_prompt() {
    let server = LlamaServer::start(4);
    let plan = llama_plan(&server);
    let outcome = run(&plan).await.unwrap();
    let on_top: Vec<u32> = outcome
        .records
        .iter()
        .map(|record| record.input_tokens - record.planned_input_tokens)
        .collect();
    assert!(
        on_top
            .iter()
            .all(|tokens| *tokens == on_top[0] && *tokens > 0),
        "{on_top:?}"
    );
    let summary = outcome.summarise(&plan.workload);
    assert_eq!((summary.completed_count, summary.failed_count), (40, 0));
    assert!(summary.ttft_ms.is_some() && summary.tpot_ms.is_some() && summary.itl_ms.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_of_a_dataset_are_answered_through_the_chat_template() {
    let server = LlamaServer::start(4);
    let files = Files::new().with(&conversations("a", 10)).with(&plain(10));
    for api in [Api::Chat, Api::Completions] {
        let mut plan = llama_plan(&server);
        files.fill(&mut plan, AnswerLengths::Planned);
        plan.workload.api = api;
        let outcome = run(&plan).await.unwrap();
        assert_eq!(outcome.records.len(), 44);
        assert_eq!(outcome.prompt_source, PromptSource::Tokenizer);
        for record in &outcome.records {
            assert_eq!(record.outcome, Outcome::Ok, "{}", record.error);
            assert_eq!(
                (record.output_tokens, record.token_source),
                (16, TokenSource::Usage)
            );
            assert!(record.input_tokens > 0 && record.dataset_id.is_some());
        }
    }
}
