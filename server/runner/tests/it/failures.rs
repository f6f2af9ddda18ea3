//! Runs that fail say why, in words a person can act on, and leave nothing behind.

use domain::catalogue::ModelSource;
use domain::run::{RunEvent, Stage, StageStatus};
use testkit::LlamaServer;

use crate::house::{House, events_of, log_of};
use crate::plans::{endpoint_plan, llama_plan, local_plan};

#[tokio::test]
async fn nothing_listens_at_the_endpoint() {
    let mut house = House::open().await;
    house.start();
    let url = format!("http://127.0.0.1:{}", testkit::free_port());
    let id = house.queue(&endpoint_plan(&url, None)).await;
    let reason = house.wait_for_failure(id, Stage::VerifyConnection).await;
    assert!(reason.contains(&url), "{reason}");
    assert!(reason.contains("nothing listens"), "{reason}");

    let state = house.wait_for_end(id).await;
    for stage in &state.stages {
        let is_right = match stage.stage {
            Stage::VerifyConnection => matches!(stage.status, StageStatus::Failed { .. }),
            Stage::CleanUp => matches!(stage.status, StageStatus::Done { .. }),
            _ => {
                matches!(&stage.status, StageStatus::Skipped { reason } if reason.contains("not reached"))
            }
        };
        assert!(is_right, "{stage:?}");
    }
    let journal = house.journal(id).await;
    let first = events_of(&journal)[0];
    assert_eq!(
        *first,
        RunEvent::Started {
            runner: "test".to_owned()
        }
    );
    house.stop().await;
}

#[tokio::test]
async fn the_endpoint_wants_another_key() {
    let server = LlamaServer::start_with(1, &["--api-key", "right"]);
    let mut house = House::open().await;
    house.start();
    let id = house.queue(&endpoint_plan(server.url(), None)).await;
    let reason = house.wait_for_failure(id, Stage::VerifyConnection).await;
    assert!(reason.contains("wants a key"), "{reason}");

    let wrong = house.credential(server.url(), "wrong").await;
    let id = house.queue(&endpoint_plan(server.url(), Some(wrong))).await;
    let reason = house.wait_for_failure(id, Stage::VerifyConnection).await;
    assert!(reason.contains("key was refused"), "{reason}");
    house.stop().await;
}

#[tokio::test]
async fn a_key_is_not_sent_to_another_address() {
    let server = LlamaServer::start_with(1, &["--api-key", "right"]);
    let mut house = House::open().await;
    house.start();
    // The same host by another name: a stored plan may say what it likes.
    let other = server.url().replace("127.0.0.1", "localhost");
    let right = house.credential(&other, "right").await;
    let id = house.queue(&endpoint_plan(server.url(), Some(right))).await;
    let reason = house.wait_for_failure(id, Stage::VerifyConnection).await;
    assert!(reason.contains("is not for http://127.0.0.1"), "{reason}");
    house.stop().await;
}

#[tokio::test]
async fn the_engine_cannot_be_started() {
    let mut house = House::open().await;
    house.start();
    let id = house
        .queue(&local_plan(&["no-such-engine", "{port}"]))
        .await;
    let reason = house.wait_for_failure(id, Stage::DeployEngine).await;
    assert!(reason.contains("no program “no-such-engine”"), "{reason}");
    house.stop().await;
}

#[tokio::test]
async fn the_model_is_not_there() {
    let mut house = House::open().await;
    house.start();
    let mut plan = local_plan(&["true", "{port}"]);
    plan.model.source = ModelSource::LocalPath {
        path: "/nowhere/model.gguf".to_owned(),
    };
    let id = house.queue(&plan).await;
    let reason = house.wait_for_failure(id, Stage::TransferModel).await;
    assert!(
        reason.contains("nothing at /nowhere/model.gguf"),
        "{reason}"
    );
    house.stop().await;
}

#[tokio::test]
async fn an_engine_that_ends_is_quoted() {
    let mut house = House::open().await;
    house.start();
    let script = "echo $GREETING; env | grep -c ASSAY_SECRET; echo out of memory >&2; exit 3";
    let id = house
        .queue(&local_plan(&["sh", "-c", script, "{port}"]))
        .await;
    let reason = house.wait_for_failure(id, Stage::VerifyDeployment).await;
    assert!(reason.contains("exit status: 3"), "{reason}");
    assert!(reason.ends_with("hello\n0\nout of memory"), "{reason}");
    let log = house.folder.path().join("runs").join(id.to_string());
    let log = std::fs::read_to_string(log.join("engine.log")).unwrap();
    assert_eq!(log, "hello\n0\nout of memory\n");
    house.stop().await;
}

#[tokio::test]
async fn an_engine_that_never_answers_is_given_up() {
    let mut house = House::open().await;
    house.start();
    let mut plan = local_plan(&["sleep", "600"]);
    if let domain::plan::Deployment::Process {
        readiness_timeout_s,
        ..
    } = &mut plan.deployment
    {
        *readiness_timeout_s = 1;
    }
    let id = house.queue(&plan).await;
    let reason = house.wait_for_failure(id, Stage::VerifyDeployment).await;
    assert!(reason.contains("not ready within 1 s"), "{reason}");
    house.stop().await;
}

#[tokio::test]
async fn an_engine_that_serves_something_else_is_refused() {
    let mut house = House::open().await;
    house.start();
    let mut plan = llama_plan();
    plan.model.served_name = "large".to_owned();
    let id = house.queue(&plan).await;
    let reason = house.wait_for_failure(id, Stage::VerifyDeployment).await;
    assert!(reason.contains("serves tiny, not large"), "{reason}");
    let state = house.wait_for_end(id).await;
    let engine = state.engine.as_ref().unwrap();
    assert_eq!(engine.name, "llama.cpp");
    assert!(!engine.version.is_empty());
    let process_id = state.engine_process_id.unwrap();
    assert!(!testkit::is_process_alive(process_id));
    let log = log_of(&state, Stage::VerifyDeployment);
    assert!(
        log.iter()
            .any(|line| line.starts_with("Waiting for http://127.0.0.1:"))
    );
    house.stop().await;
}

/// The load process itself fails, in the ways it can.
#[tokio::test]
async fn a_load_process_that_fails_gives_its_reason() {
    let server = LlamaServer::start(1);
    let failed = r#"echo '{"event":"failed","reason":"the tokenizer cannot be read"}'; exit 2"#;
    let cases = [
        (failed, "the tokenizer cannot be read"),
        (
            "echo no plan >&2; exit 2",
            "(exit status: 2). The end of its log:\nno plan",
        ),
        ("kill -9 $$", "(signal: 9 (SIGKILL))"),
        ("echo riddle; sleep 600", "cannot be understood"),
    ];
    for (script, words) in cases {
        let mut house = House::open_with_load_script(script).await;
        house.start();
        let id = house.queue(&endpoint_plan(server.url(), None)).await;
        let reason = house.wait_for_failure(id, Stage::WarmUp).await;
        assert!(reason.contains(words), "{script}: {reason}");
        house.stop().await;
    }
}
