//! Engines that are made ready, and told apart, in ways of their own.

use domain::engine::EnginePreset;
use domain::plan::{Deployment, RunPlan};
use domain::run::{RunState, Stage, StageStatus};

use crate::house::{House, log_of};
use crate::plans::local_plan;

/// `kind` is `ollama` or the repository of a model that Text Generation Inference serves.
fn plan_of(is: EnginePreset, kind: &str, served_name: &str) -> RunPlan {
    let python = testkit::LlamaServer::command_line(0, 1).swap_remove(0);
    let script = include_str!("engine_on_stage.py");
    let words = [&python, "-c", script, "{port}", kind, "--model-id", kind];
    let mut plan = local_plan(&words);
    served_name.clone_into(&mut plan.model.served_name);
    if let Deployment::Process { preset, .. } = &mut plan.deployment {
        *preset = is;
    }
    plan
}

/// What became of getting ready; the load that follows finds no chat API.
fn ready(state: &RunState) -> &str {
    match &state.stage(Stage::VerifyDeployment).unwrap().status {
        StageStatus::Done { note, .. } => note,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn ollama_pulls_and_loads_its_model_before_the_load() {
    let mut house = House::open().await;
    house.start();
    let id = house
        .queue(&plan_of(EnginePreset::Ollama, "ollama", "tiny:1b"))
        .await;
    let state = house.wait_for_end(id).await;
    let note = ready(&state);
    assert!(note.starts_with("ollama 0.12.6 serves tiny:1b"), "{note}");
    let log = log_of(&state, Stage::VerifyDeployment);
    for line in [
        "pulling manifest",
        "pulling 5c1: 1.00 MiB of 2.00 MiB",
        "Loading tiny:1b.",
    ] {
        assert!(log.contains(&line), "{line}: {log:?}");
    }
    let folder = house.folder.path().join("runs").join(id.to_string());
    let log = std::fs::read_to_string(folder.join("engine.log")).unwrap();
    assert!(log.contains("loaded tiny:1b -1"), "{log}");
    house.stop().await;
}

#[tokio::test]
async fn a_model_that_ollama_cannot_pull_fails_with_its_words() {
    let mut house = House::open().await;
    house.start();
    let id = house
        .queue(&plan_of(EnginePreset::Ollama, "ollama", "absent:1b"))
        .await;
    let reason = house.wait_for_failure(id, Stage::VerifyDeployment).await;
    let words = "cannot pull absent:1b: pull model manifest: file does not exist";
    assert!(reason.contains(words), "{reason}");
    house.stop().await;
}

#[tokio::test]
async fn tgi_may_list_the_repository_for_the_served_name() {
    let mut house = House::open().await;
    house.start();
    let id = house
        .queue(&plan_of(EnginePreset::Tgi, "org/tiny", "tiny"))
        .await;
    let state = house.wait_for_end(id).await;
    let note = ready(&state);
    assert!(
        note.starts_with("text-generation-inference 3.3.6 serves tiny"),
        "{note}"
    );
    // Another engine that lists another name is refused.
    let id = house
        .queue(&plan_of(EnginePreset::Custom, "org/tiny", "tiny"))
        .await;
    let reason = house.wait_for_failure(id, Stage::VerifyDeployment).await;
    assert!(reason.contains("serves org/tiny, not tiny"), "{reason}");
    house.stop().await;
}
