//! Looking whether an engine answers at an address.

use std::time::Duration;

use domain::catalogue::{FoundEngine, ReachabilityCheck, USUAL_PORTS};
use domain::secret::Secret;
use domain::time::Timestamp;
use futures::future::join_all;

use crate::http::{Http, api_url};
use crate::identity::{ModelList, NoModels, identify_engine, read_models};

/// How long an endpoint may take for an answer.
const ENDPOINT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an engine on loopback may take.
const LOOPBACK_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Asks an endpoint for its models and for what it is. Never fails: a failure is what it found.
pub async fn probe_endpoint(
    base_url: &str,
    key: Option<&Secret<String>>,
    checked_at: Timestamp,
) -> ReachabilityCheck {
    match Http::new() {
        Ok(http) => probe_with(&http, base_url, key, checked_at).await,
        Err(error) => unreachable_because(base_url, &error.to_string(), checked_at),
    }
}

/// Looks for engines on loopback at the usual ports, all at once.
pub async fn find_local_engines() -> Vec<FoundEngine> {
    let Ok(http) = Http::new() else {
        return Vec::new();
    };
    find_engines_at(&http, &USUAL_PORTS).await
}

async fn find_engines_at(http: &Http, ports: &[u16]) -> Vec<FoundEngine> {
    let looks = ports.iter().map(async |port| {
        let base_url = format!("http://127.0.0.1:{port}");
        let models = read_models(http, &base_url, None, LOOPBACK_TIMEOUT)
            .await
            .ok()?;
        if models.names.is_empty() {
            return None;
        }
        let engine = identify_engine(http, &base_url, None, &models, LOOPBACK_TIMEOUT).await;
        Some(FoundEngine {
            base_url,
            served_models: models.names,
            engine,
        })
    });
    join_all(looks).await.into_iter().flatten().collect()
}

pub(crate) async fn probe_with(
    http: &Http,
    base_url: &str,
    key: Option<&Secret<String>>,
    checked_at: Timestamp,
) -> ReachabilityCheck {
    let models = match read_models(http, base_url, key, ENDPOINT_TIMEOUT).await {
        Ok(models) => models,
        Err(NoModels::NotListed) if answers_health(http, base_url, key).await => {
            ModelList::default()
        }
        Err(NoModels::NotListed) => {
            let reason = "something answers there, but no OpenAI-compatible API: it knows neither /v1/models nor /health";
            return unreachable_because(base_url, reason, checked_at);
        }
        Err(NoModels::Refused(reason)) => {
            return unreachable_because(base_url, &reason, checked_at);
        }
        Err(NoModels::NotYet(reason)) => {
            let reason =
                format!("{reason}. Start the engine there, or correct the base URL of the cluster");
            return unreachable_because(base_url, &reason, checked_at);
        }
    };
    let engine = identify_engine(http, base_url, key, &models, ENDPOINT_TIMEOUT).await;
    let name = engine.as_ref().map_or(
        "An engine".to_owned(),
        domain::catalogue::EngineIdentity::in_words,
    );
    let message = match models.names.as_slice() {
        [] => format!("{name} answers; it does not list its models."),
        [only] => format!("{name} answers and serves {only}."),
        names => format!("{name} answers and serves {} models.", names.len()),
    };
    ReachabilityCheck {
        checked_at,
        is_reachable: true,
        message,
        served_models: models.names,
        engine,
    }
}

async fn answers_health(http: &Http, base_url: &str, key: Option<&Secret<String>>) -> bool {
    let answer = http
        .get(&api_url(base_url, "/health"), key, ENDPOINT_TIMEOUT)
        .await;
    answer.is_ok_and(|answer| answer.is_success())
}

fn unreachable_because(base_url: &str, reason: &str, checked_at: Timestamp) -> ReachabilityCheck {
    ReachabilityCheck {
        checked_at,
        is_reachable: false,
        message: format!("{base_url} cannot be used: {reason}."),
        served_models: Vec::new(),
        engine: None,
    }
}
