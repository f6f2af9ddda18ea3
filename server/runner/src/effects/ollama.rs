//! Ollama serves nothing until it has pulled a model and loaded it. Both are part of getting it ready, so
//! that neither falls into the measured load.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::Run;
use crate::http::{Lines, api_url};
use crate::identity::{ModelList, NoModels, read_models, serves};

/// How long it may take to list its models.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often its progress is told.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Pulls the model of the plan unless it is there, loads it, and gives what is listed then.
pub(super) async fn pull_and_load(
    run: &Run,
    base_url: &str,
    listed: ModelList,
    deadline: Instant,
) -> Result<ModelList, String> {
    let name = run.plan.model.served_name.as_str();
    let mut models = listed;
    if !serves(&models.names, name) {
        by(deadline, "pulling the model", pull(run, base_url, name)).await?;
        let again = read_models(&run.shared.http, base_url, None, ANSWER_TIMEOUT).await;
        models = again.map_err(|reason| match reason {
            NoModels::NotYet(reason) | NoModels::Refused(reason) => reason,
            NoModels::NotListed => "it does not list its models".to_owned(),
        })?;
    }
    run.log(format!("Loading {name}.")).await;
    by(deadline, "loading the model", load(run, base_url, name)).await?;
    Ok(models)
}

/// Gives work up that is not done when the engine has to be ready.
async fn by(
    deadline: Instant,
    what: &str,
    work: impl Future<Output = Result<(), String>>,
) -> Result<(), String> {
    let late = |_| format!("{what} took longer than the engine may take to be ready");
    timeout_at(deadline, work).await.map_err(late)?
}

/// Has it pull the model from its library; its progress goes to the log of the stage.
async fn pull(run: &Run, base_url: &str, name: &str) -> Result<(), String> {
    run.log(format!("Ollama does not have {name} yet and pulls it."))
        .await;
    let url = api_url(base_url, "/api/pull");
    let body = json!({ "model": name, "stream": true });
    let mut lines = run.shared.http.post_for_lines(&url, &body).await?;
    let mut told = (String::new(), Instant::now());
    while let Some(line) = next(&mut lines).await? {
        let text = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default();
        if !text("error").is_empty() {
            return Err(format!("Ollama cannot pull {name}: {}", text("error")));
        }
        let status = text("status");
        if status == "success" {
            return Ok(());
        }
        if status != told.0 || told.1.elapsed() >= TELL_EVERY {
            told = (status.to_owned(), Instant::now());
            run.log(progress_in_words(&line, status)).await;
        }
    }
    Err(format!("Ollama broke off pulling {name}"))
}

fn progress_in_words(line: &Value, status: &str) -> String {
    let bytes = |field: &str| line.get(field).and_then(Value::as_u64);
    match (bytes("completed"), bytes("total")) {
        (Some(done), Some(total)) => format!(
            "{status}: {} of {}",
            domain::size::bytes_in_words(done),
            domain::size::bytes_in_words(total)
        ),
        _ => status.to_owned(),
    }
}

/// An empty prompt loads a model; a negative time keeps it until the engine ends.
async fn load(run: &Run, base_url: &str, name: &str) -> Result<(), String> {
    let url = api_url(base_url, "/api/generate");
    let body = json!({ "model": name, "keep_alive": -1, "stream": false });
    let mut lines = run.shared.http.post_for_lines(&url, &body).await?;
    while let Some(line) = next(&mut lines).await? {
        if let Some(error) = line.get("error").and_then(Value::as_str) {
            return Err(format!("Ollama cannot load {name}: {error}"));
        }
    }
    Ok(())
}

async fn next(lines: &mut Lines) -> Result<Option<Value>, String> {
    let Some(line) = lines.next().await? else {
        return Ok(None);
    };
    serde_json::from_str(&line)
        .map(Some)
        .map_err(|_| "Ollama's answer is not what its API promises".to_owned())
}
