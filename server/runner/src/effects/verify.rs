//! Wait until the engine answers, and compare it with the plan.

use std::time::Duration;

use domain::engine::EnginePreset;
use domain::plan::Deployment;
use domain::run::RunEvent;
use tokio::time::{Instant, sleep};

use super::{Message, Run, ollama};
use crate::http::api_url;
use crate::identity::{ModelList, NoModels, identify_engine, read_models, serves};
use crate::tail::last_lines;

/// How long one question may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a starting engine is asked.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// How long an endpoint, which answered a moment ago, may stay away.
const ENDPOINT_READY_WITHIN: Duration = Duration::from_secs(15);
/// Lines of the engine's log that a reason quotes.
const QUOTED_LINES: usize = 5;
/// Most names a reason lists.
const QUOTED_NAMES: usize = 10;

pub(super) async fn verify_deployment(run: &Run) -> Result<String, String> {
    let base_url = run.base_url().await?;
    let key = run.key().await?;
    let began = Instant::now();
    let within = match &run.plan.deployment {
        Deployment::Process {
            readiness_timeout_s,
            ..
        }
        | Deployment::Container {
            readiness_timeout_s,
            ..
        } => {
            run.log(format!("Waiting for {base_url} to answer.")).await;
            Duration::from_secs(u64::from(*readiness_timeout_s))
        }
        Deployment::Endpoint { .. } => ENDPOINT_READY_WITHIN,
    };
    let mut models = wait_until_ready(run, &base_url, began + within, within).await?;
    let started = run.plan.deployment.started();
    if let Some((EnginePreset::Ollama, _)) = started {
        models = ollama::pull_and_load(run, &base_url, models, began + within).await?;
    }
    let http = &run.shared.http;
    let engine = identify_engine(http, &base_url, key.as_ref(), &models, ANSWER_TIMEOUT).await;
    {
        let mut found = run.found.lock().await;
        found.identity.clone_from(&engine);
        found.served_models.clone_from(&models.names);
    }
    run.tell(Message::Event(RunEvent::EngineVerified {
        engine: engine.clone(),
        served_models: models.names.clone(),
    }))
    .await;

    let served_name = &run.plan.model.served_name;
    let listed = started.and_then(|(preset, command)| preset.listed_name(command));
    let is_listed = listed.is_some_and(|name| models.names.iter().any(|other| other == name));
    if !models.names.is_empty() && !is_listed && !serves(&models.names, served_name) {
        let names: Vec<&str> = models
            .names
            .iter()
            .take(QUOTED_NAMES)
            .map(String::as_str)
            .collect();
        return Err(format!(
            "the engine serves {}, not {served_name}: correct the served name of the model, or start the engine with it",
            names.join(", ")
        ));
    }
    let name = engine.map_or("The engine".to_owned(), |engine| engine.in_words());
    let waited = began.elapsed().as_secs_f64();
    let listed = if models.names.is_empty() {
        "answers and does not list its models".to_owned()
    } else {
        format!("serves {served_name}")
    };
    Ok(format!("{name} {listed}; ready after {waited:.1} s."))
}

async fn wait_until_ready(
    run: &Run,
    base_url: &str,
    deadline: Instant,
    within: Duration,
) -> Result<ModelList, String> {
    loop {
        if let Some(status) = exit_of_engine(run).await? {
            let reason = format!("the engine ended before it answered ({status})");
            return Err(with_last_lines(run, &reason).await);
        }
        let reason = match ask_once(run, base_url).await {
            Ok(models) => return Ok(models),
            Err(NoModels::NotListed) => return Ok(ModelList::default()),
            Err(NoModels::Refused(reason)) => return Err(reason),
            Err(NoModels::NotYet(reason)) => reason,
        };
        if Instant::now() >= deadline {
            let reason = format!(
                "the engine was not ready within {} s: {reason}",
                within.as_secs()
            );
            return Err(with_last_lines(run, &reason).await);
        }
        sleep(ASK_EVERY).await;
    }
}

/// An engine that starts is asked for its health first: some list their models before they can
/// serve them. An endpoint is not: to some gateways the question means a request to every model.
async fn ask_once(run: &Run, base_url: &str) -> Result<ModelList, NoModels> {
    let key = run.key().await.map_err(NoModels::Refused)?;
    let http = &run.shared.http;
    if let Deployment::Endpoint { .. } = run.plan.deployment {
        return read_models(http, base_url, key.as_ref(), ANSWER_TIMEOUT).await;
    }
    let started = run.plan.deployment.started();
    let path = started.map_or("/health", |(preset, _)| preset.health_path());
    let url = api_url(base_url, path);
    let health = http.get(&url, key.as_ref(), ANSWER_TIMEOUT).await;
    let health = health.map_err(NoModels::NotYet)?;
    if health.status >= 500 {
        let words = health.error_text();
        let status = health.status;
        return Err(NoModels::NotYet(format!(
            "{path} answers with HTTP {status} {words}"
        )));
    }
    let models = read_models(http, base_url, key.as_ref(), ANSWER_TIMEOUT).await;
    match models {
        Err(NoModels::NotListed) if !health.is_success() => Err(NoModels::Refused(
            "something answers there, but no OpenAI-compatible API: it knows neither /v1/models nor /health".to_owned(),
        )),
        models => models,
    }
}

/// How the engine this run started ended, if it did.
pub(super) async fn exit_of_engine(run: &Run) -> Result<Option<String>, String> {
    let mut found = run.found.lock().await;
    let Some(engine) = found.engine.as_mut() else {
        return Ok(None);
    };
    engine.exit().await
}

/// A reason with what the engine last said.
pub(super) async fn with_last_lines(run: &Run, reason: &str) -> String {
    let lines = last_lines(&run.log_path(), QUOTED_LINES).await;
    if lines.is_empty() {
        format!("{reason}. Its log is empty.")
    } else {
        format!("{reason}. The end of its log:\n{}", lines.join("\n"))
    }
}
