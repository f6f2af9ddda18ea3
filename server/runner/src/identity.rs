//! What an engine says it is, and which models it serves.

use std::time::Duration;

use domain::catalogue::EngineIdentity;
use domain::secret::Secret;
use serde_json::Value;

use crate::http::{Answer, Http, api_url};

/// Most models read from a list.
const MODELS_MAX: usize = 1_000;

/// Which models an engine lists.
#[derive(Debug, Default)]
pub(crate) struct ModelList {
    /// Their names; empty when it does not list them.
    pub(crate) names: Vec<String>,
    /// Who it says owns the first one: a hint at the engine.
    owner: String,
    /// Its `Server` header.
    server: String,
}

/// Why there is no list of models.
#[derive(Debug)]
pub(crate) enum NoModels {
    /// Nothing there, or not ready yet: asking again may help.
    NotYet(String),
    /// It answered, and asking again does not help.
    Refused(String),
    /// It answers, but does not list models.
    NotListed,
}

/// Asks for `/v1/models`.
pub(crate) async fn read_models(
    http: &Http,
    base_url: &str,
    key: Option<&Secret<String>>,
    within: Duration,
) -> Result<ModelList, NoModels> {
    let url = api_url(base_url, "/v1/models");
    let answer = http
        .get(&url, key, within)
        .await
        .map_err(NoModels::NotYet)?;
    match answer.status {
        200..300 if !answer.json().is_object() && !answer.json().is_array() => {
            Err(NoModels::Refused("it answers, but not with JSON: give the address of an OpenAI-compatible API, not of a web page".to_owned()))
        }
        200..300 => Ok(parse_models(&answer)),
        401 | 403 if key.is_some() => Err(NoModels::Refused(format!(
            "the key was refused (HTTP {}): give the cluster a key that it accepts",
            answer.status
        ))),
        401 | 403 => Err(NoModels::Refused(format!(
            "it wants a key (HTTP {}): give the cluster one",
            answer.status
        ))),
        404 | 405 | 501 => Err(NoModels::NotListed),
        status => {
            let mut reason = format!("it answered with HTTP {status}");
            let words = answer.error_text();
            if !words.is_empty() {
                reason = format!("{reason} ({words})");
            }
            if status >= 500 {
                Err(NoModels::NotYet(reason))
            } else {
                Err(NoModels::Refused(reason))
            }
        }
    }
}

fn parse_models(answer: &Answer) -> ModelList {
    let json = answer.json();
    let rows = json
        .get("data")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let text = |row: &Value, name: &str| {
        row.get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let names = rows.iter().map(|row| text(row, "id"));
    ModelList {
        names: names
            .filter(|name| !name.is_empty())
            .take(MODELS_MAX)
            .collect(),
        owner: rows
            .first()
            .map(|row| text(row, "owned_by"))
            .unwrap_or_default(),
        server: answer.server.clone(),
    }
}

/// Asks the engine what it is, by the ways each of them has. `None`: it does not tell.
pub(crate) async fn identify_engine(
    http: &Http,
    base_url: &str,
    key: Option<&Secret<String>>,
    models: &ModelList,
    within: Duration,
) -> Option<EngineIdentity> {
    let ask = async |path: &str| {
        let answer = http.get(&api_url(base_url, path), key, within).await.ok()?;
        answer.is_success().then(|| answer.json())
    };
    let identity = |name: &str, version: Option<&str>| EngineIdentity {
        name: name.to_owned(),
        version: version.unwrap_or_default().to_owned(),
    };
    let field = |json: &Option<Value>, name: &str| {
        let value = json.as_ref()?.get(name)?;
        value.as_str().map(str::to_owned)
    };
    if models.server.contains("llama.cpp") || models.owner == "llamacpp" {
        let build = field(&ask("/props").await, "build_info");
        return Some(identity("llama.cpp", build.as_deref()));
    }
    if models.owner == "sglang" {
        let version = field(&ask("/get_server_info").await, "version");
        return Some(identity("sglang", version.as_deref()));
    }
    let answer = ask("/version").await;
    let version = field(&answer, "version");
    if let Some(name) = field(&answer, "engine") {
        return Some(identity(&name, version.as_deref()));
    }
    if models.owner == "vllm" {
        return Some(identity("vllm", version.as_deref()));
    }
    let answer = ask("/health/readiness/details").await;
    if let Some(version) = field(&answer, "litellm_version") {
        return Some(identity("litellm", Some(&version)));
    }
    // Text Generation Inference names the model as its own owner.
    if !models.owner.is_empty() && models.names.first() == Some(&models.owner) {
        let answer = ask("/info").await;
        let is_tgi = field(&answer, "model_id").as_ref() == Some(&models.owner);
        if let Some(version) = field(&answer, "version").filter(|_| is_tgi) {
            return Some(identity("text-generation-inference", Some(&version)));
        }
    }
    if models.owner == "library" {
        let version = field(&ask("/api/version").await, "version");
        return Some(identity("ollama", version.as_deref()));
    }
    None
}

/// Whether one of `names` is what a request for `served_name` goes to. Ollama lists the tag
/// `latest`, which requests may leave out.
pub(crate) fn serves(names: &[String], served_name: &str) -> bool {
    names
        .iter()
        .any(|name| name == served_name || name.strip_suffix(":latest") == Some(served_name))
}
