//! Engines that answer on this machine's loopback and are not in the catalogue yet.

use std::sync::{Mutex, PoisonError};

use domain::access::Role;
use domain::catalogue::{Cluster, ClusterKind, FoundEngine, Model, ModelSource, ReachabilityCheck};
use domain::id::ModelId;
use domain::time::Timestamp;
use store::StoreError;

use super::clusters::new_endpoint;
use crate::{Actor, Ctx, ServiceError};

/// How long an answer is good: pages ask with every visit.
const FRESH_MICROS: i64 = 10_000_000;
/// Most models that adopting one engine adds.
const ADOPTED_MODELS_MAX: usize = 50;
/// Tries for a name that is not taken.
const NAME_TRIES_MAX: u32 = 20;
/// Most characters of a model's name.
const MODEL_NAME_CHARS_MAX: usize = 200;

/// The last look at loopback.
#[derive(Debug, Default)]
pub struct FoundCache(Mutex<Option<(Timestamp, Vec<FoundEngine>)>>);

impl FoundCache {
    fn fresh(&self, now: Timestamp) -> Option<Vec<FoundEngine>> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, engines) = last.as_ref()?;
        let age = now.0.saturating_sub(at.0);
        (0..FRESH_MICROS).contains(&age).then(|| engines.clone())
    }

    fn keep(&self, now: Timestamp, engines: Vec<FoundEngine>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, engines));
    }
}

/// Engines on loopback at the usual ports that no cluster stands for yet. People who could not
/// adopt them are offered none.
pub async fn find_local_engines(
    ctx: &Ctx,
    actor: &Actor,
) -> Result<Vec<FoundEngine>, ServiceError> {
    if !actor.is_at_least(Role::Operator) {
        return Ok(Vec::new());
    }
    let now = ctx.now();
    let found = if let Some(engines) = ctx.found.fresh(now) {
        engines
    } else {
        let engines = runner::probe::find_local_engines().await;
        ctx.found.keep(now, engines.clone());
        engines
    };
    let clusters = ctx.store.list_clusters().await?;
    let is_known = |engine: &FoundEngine| {
        clusters.iter().any(|cluster| match &cluster.kind {
            ClusterKind::Endpoint { base_url, .. } => is_same_address(base_url, &engine.base_url),
            ClusterKind::ThisMachine | ClusterKind::Machines => false,
        })
    };
    Ok(found
        .into_iter()
        .filter(|engine| !is_known(engine))
        .collect())
}

/// Makes a found engine an endpoint, and each model it serves a model.
pub async fn adopt_engine(
    ctx: &Ctx,
    actor: &Actor,
    base_url: &str,
) -> Result<Cluster, ServiceError> {
    actor.require(Role::Operator, "add clusters")?;
    let found = find_local_engines(ctx, actor).await?;
    let engine = found
        .into_iter()
        .find(|engine| engine.base_url == base_url)
        .ok_or_else(|| {
            ServiceError::NotFound(
                "No new engine answers there any more. Reload the page to look again.".to_owned(),
            )
        })?;
    let cluster = insert_under_free_name(ctx, &engine).await?;
    let check = ReachabilityCheck {
        checked_at: ctx.now(),
        is_reachable: true,
        message: "Found on this machine.".to_owned(),
        served_models: engine.served_models.clone(),
        engine: engine.engine.clone(),
    };
    ctx.store.save_check(cluster.id, &check).await?;
    for served_name in engine.served_models.iter().take(ADOPTED_MODELS_MAX) {
        add_served_model(ctx, served_name).await?;
    }
    super::get_cluster(ctx, actor, cluster.id).await
}

async fn insert_under_free_name(ctx: &Ctx, engine: &FoundEngine) -> Result<Cluster, ServiceError> {
    let what = engine
        .engine
        .as_ref()
        .map_or("Engine", |identity| identity.name.as_str());
    let port = engine.base_url.rsplit(':').next().unwrap_or_default();
    let plain = format!("{what} on port {port}");
    let mut name = plain.clone();
    for number in 2..=NAME_TRIES_MAX {
        let (base_url, description) = (engine.base_url.clone(), "Found on this machine.");
        let cluster = new_endpoint(ctx, name, base_url, description.to_owned());
        match ctx.store.insert_cluster(&cluster).await {
            Ok(()) => return Ok(cluster),
            Err(StoreError::Conflict(_)) => name = format!("{plain} ({number})"),
            Err(error) => return Err(error.into()),
        }
    }
    Err(ServiceError::Conflict(format!(
        "Too many clusters are named “{plain}”. Add this one by hand."
    )))
}

/// A model that is served; one of the same name stays as it is.
async fn add_served_model(ctx: &Ctx, served_name: &str) -> Result<(), ServiceError> {
    let model = Model {
        id: ModelId(ctx.new_id()),
        name: served_name.chars().take(MODEL_NAME_CHARS_MAX).collect(),
        served_name: served_name.to_owned(),
        source: ModelSource::Served,
        tokenizer_path: String::new(),
        description: String::new(),
        facts: None,
        created_at: ctx.now(),
        archived_at: None,
    };
    match ctx.store.insert_model(&model).await {
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether two base URLs reach the same engine: the path `/v1` and the name of loopback are no
/// difference.
fn is_same_address(a: &str, b: &str) -> bool {
    let plain = |url: &str| {
        url.trim_end_matches('/')
            .trim_end_matches("/v1")
            .replace("://localhost", "://127.0.0.1")
    };
    plain(a) == plain(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_engine_is_found_once() {
        assert!(is_same_address(
            "http://localhost:8000/v1",
            "http://127.0.0.1:8000"
        ));
        assert!(!is_same_address(
            "http://127.0.0.1:8000",
            "http://127.0.0.1:8080"
        ));
    }
}
