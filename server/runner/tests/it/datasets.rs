//! Runs whose prompts come from datasets of the store.

use std::collections::BTreeSet;
use std::fs;

use domain::load::PromptSource;
use domain::run::Stage;
use domain::run::event::RunOutcome;
use domain::workload::{AnswerLengths, Prompts, StopRule};
use store::records::read_records;

use crate::house::House;
use crate::plans::llama_plan;

const CHATS: [&str; 5] = [
    "Who?",
    "Why is it so?",
    "When \"then\"?",
    "Which one?",
    "How much?",
];
const TASKS: [&str; 3] = ["Add 1 and 2.", "Name a colour.", "Say no."];

#[tokio::test]
async fn the_same_plan_draws_the_same_prompts_in_the_same_order() {
    let mut house = House::open_whole().await;
    house.start();
    let datasets = vec![
        house.dataset("chats", &CHATS).await,
        house.dataset("tasks", &TASKS).await,
    ];
    let ids: BTreeSet<_> = datasets.iter().map(|dataset| dataset.id).collect();
    let mut plan = llama_plan();
    plan.workload.prompts = Prompts::Datasets {
        datasets,
        answer_lengths: AnswerLengths::Rows,
    };
    let mut digests = Vec::new();
    for seed in [7, 7, 8] {
        plan.workload.seed = seed;
        let id = house.queue(&plan).await;
        let state = house.wait_for_end(id).await;
        assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
        house.assert_clean(id, &state);
        let result = house.store.find_result(id).await.unwrap().unwrap();
        assert_eq!(result.summary.prompt_source, PromptSource::Dataset);
        assert_eq!(result.manifest.plan, plan);
        let file = &result.manifest.records_sha256;
        let records = read_records(house.store.get_records(file).await.unwrap()).unwrap();
        // 2 of the warm-up and 6 measured: every row once.
        let prompts: BTreeSet<_> = records.iter().map(|record| &record.prompt_sha256).collect();
        assert_eq!((records.len(), prompts.len()), (8, 8));
        let drawn_from: BTreeSet<_> = records
            .iter()
            .filter_map(|record| record.dataset_id)
            .collect();
        assert_eq!(drawn_from, ids);
        assert!(
            records
                .iter()
                .all(|record| record.planned_output_tokens == 4)
        );
        digests.push(result.manifest.prompts_sha256.unwrap());
    }
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
    house.stop().await;
}

#[tokio::test]
async fn a_dataset_that_was_tampered_with_or_lost_is_not_sent() {
    let mut house = House::open_whole().await;
    house.start();
    let dataset = house.dataset("chats", &CHATS).await;
    let file = house.store.dataset_file(&dataset.sha256).unwrap();
    let mut plan = llama_plan();
    plan.workload.prompts = Prompts::Datasets {
        datasets: vec![dataset],
        answer_lengths: AnswerLengths::Rows,
    };
    plan.workload.stop = StopRule::Requests { count: 1 };
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("Who?", "Who!")).unwrap();
    let id = house.queue(&plan).await;
    let reason = house.wait_for_failure(id, Stage::WarmUp).await;
    assert!(
        reason.contains("chats") && reason.contains("SHA-256"),
        "{reason}"
    );
    fs::remove_file(&file).unwrap();
    let id = house.queue(&plan).await;
    let reason = house.wait_for_failure(id, Stage::WarmUp).await;
    assert!(
        reason.contains("chats") && reason.contains("import it again"),
        "{reason}"
    );
    house.stop().await;
}
