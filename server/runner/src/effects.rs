//! Effects: what the state machine asks to be done, done.
//!
//! Every effect answers with a note or a reason, both in words for people. It can be dropped at any
//! point: what it started is found by its mark when the run is cleaned up.

mod clean_up;
mod collect;
mod connection;
mod deploy;
mod load;
mod ollama;
mod transfer;
mod verify;

use std::path::PathBuf;
use std::sync::Arc;

use domain::catalogue::EngineIdentity;
use domain::id::BenchmarkId;
use domain::measure::summary::Summary;
use domain::plan::{Deployment, RunPlan};
use domain::run::{Effect, RunEvent, RunState};
use domain::secret::Secret;
use store::StoreError;
use tokio::process::Child;
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;

use crate::config::{Chain, Shared};

pub(crate) use clean_up::stop_processes;

/// Name of the engine's log in the folder of its run.
pub(crate) const ENGINE_LOG_FILE: &str = "engine.log";

/// What an effect tells while it goes on.
#[derive(Debug)]
pub(crate) enum Message {
    /// For the journal.
    Event(RunEvent),
    /// A line of a log; the driver knows the stage, and when there are too many.
    Log(String),
    /// The load went from warm-up to the measured window.
    MeasuringBegan,
}

/// A run, as its effects see it.
pub(crate) struct Run {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: BenchmarkId,
    pub(crate) plan: RunPlan,
    pub(crate) folder: PathBuf,
    /// Whether an earlier life of the server began it.
    pub(crate) is_adopted: bool,
    pub(crate) messages: mpsc::Sender<Message>,
    pub(crate) found: Mutex<Found>,
}

/// What earlier effects of this life found out. Nothing of it is needed after a crash.
#[derive(Default)]
pub(crate) struct Found {
    engine: Option<LocalEngine>,
    identity: Option<EngineIdentity>,
    served_models: Vec<String>,
    load: Option<LoadResult>,
}

/// An engine started by this process.
struct LocalEngine {
    child: Child,
    base_url: String,
    /// Follows its log.
    log: AbortHandle,
}

/// What the load process left behind.
struct LoadResult {
    summary: Summary,
    records_sha256: String,
    prompts_sha256: String,
}

impl Run {
    async fn tell(&self, message: Message) {
        // Nobody listens any more: the effect is about to be dropped.
        let _ = self.messages.send(message).await;
    }

    async fn log(&self, line: impl Into<String>) {
        self.tell(Message::Log(line.into())).await;
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join(ENGINE_LOG_FILE)
    }

    /// Where the engine answers.
    async fn base_url(&self) -> Result<String, String> {
        match &self.plan.deployment {
            Deployment::Endpoint { base_url, .. } => Ok(base_url.clone()),
            Deployment::Process { .. } | Deployment::Container { .. } => {
                let found = self.found.lock().await;
                let engine = found.engine.as_ref();
                engine
                    .map(|engine| engine.base_url.clone())
                    .ok_or_else(|| "the engine is not running".to_owned())
            }
        }
    }

    /// The key that requests carry, opened. Whatever the plan says, it is for its own address only.
    async fn key(&self) -> Result<Option<Secret<String>>, String> {
        let Deployment::Endpoint {
            base_url,
            credential_id: Some(id),
        } = &self.plan.deployment
        else {
            return Ok(None);
        };
        let bound = match self.shared.store.open_credential(*id).await {
            Ok(bound) => bound,
            Err(StoreError::NotFound) => {
                return Err("the key that the plan names was deleted: give the endpoint a key, or choose another credential, and start the benchmark again".to_owned());
            }
            Err(error) => {
                tracing::warn!(run = %self.id, error = %Chain(&error), "a key cannot be opened");
                return Err(
                    "the key cannot be opened: give it again to the endpoint or the credential"
                        .to_owned(),
                );
            }
        };
        match bound.for_url(base_url) {
            Some(key) => Ok(Some(key.clone())),
            None => Err(format!(
                "the key that the plan names is not for {base_url}: choose a credential for that address"
            )),
        }
    }
}

/// Performs an effect. `state` is the run as it stood when the effect was asked for.
pub(crate) async fn perform(run: &Run, effect: Effect, state: &RunState) -> Result<String, String> {
    match effect {
        Effect::VerifyConnection => connection::verify_connection(run).await,
        Effect::TransferModel => transfer::transfer_model(run).await,
        Effect::DeployEngine => deploy::deploy_engine(run).await,
        Effect::VerifyDeployment => verify::verify_deployment(run).await,
        Effect::RunLoad => load::run_load(run, state).await,
        Effect::Collect => collect::collect(run, state).await,
        Effect::CleanUp => clean_up::clean_up(run).await,
    }
}
