//! Effects: what the state machine asks to be done, done.
//!
//! Every effect answers with a note or a reason, both in words for people. It can be dropped at any
//! point: what it started is found by its mark when the run is cleaned up.

mod archive;
mod clean_up;
mod collect;
mod connection;
mod deploy;
mod engine;
mod litellm;
mod load;
mod ollama;
mod program;
mod transfer;
mod verify;

use std::path::PathBuf;
use std::sync::Arc;

use docker::{Docker, HostFiles, MountRules, Reach};
use domain::catalogue::EngineIdentity;
use domain::id::{BenchmarkId, CredentialId, NodeId};
use domain::measure::summary::Summary;
use domain::plan::{Deployment, PlannedNode, RunPlan};
use domain::reruns::Rerun;
use domain::run::{Effect, RunEvent, RunState, WarmEngine};
use domain::secret::Secret;
use ssh::Session;
use store::StoreError;
use tokio::sync::{Mutex, Notify, mpsc};

use crate::config::{Chain, Shared};
use crate::node::Node;
use crate::reach::{open_node, open_session};

use engine::Engine;

pub(crate) use clean_up::stop_all_here;

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
    /// Its place among the runs of the plan, as it was at the start.
    pub(crate) rerun: Option<Rerun>,
    pub(crate) folder: PathBuf,
    /// Whether an earlier life of the server began it.
    pub(crate) is_adopted: bool,
    pub(crate) messages: mpsc::Sender<Message>,
    pub(crate) found: Mutex<Found>,
    /// The link to the run's node, where that is far.
    pub(crate) link: Mutex<Option<Session>>,
    /// Told when the load says that more of its requests failed.
    pub(crate) failures: Notify,
    /// Told to a load when the link to its engine is lost.
    pub(crate) link_is_lost: Notify,
}

/// What earlier effects of this life found out. Nothing of it is needed after a crash.
#[derive(Default)]
pub(crate) struct Found {
    engine: Option<Engine>,
    /// How it was left by an earlier run, where it was taken over.
    taken_over: Option<WarmEngine>,
    identity: Option<EngineIdentity>,
    served_models: Vec<String>,
    load: Option<LoadResult>,
    /// How the engine had ended when it was looked at during the load.
    engine_end: Option<String>,
    /// What the engine's archive was unpacked into on the node.
    engine_folder: Option<String>,
    /// The key that the started proxy wants of its callers.
    proxy_key: Option<Secret<String>>,
    /// The round trip of the link that requests go through, in microseconds.
    round_trip_us: Option<u64>,
}

/// What the load process left behind.
struct LoadResult {
    summary: Summary,
    records_sha256: String,
    prompts_sha256: String,
    /// Whether it was told to end before its plan did.
    is_cut: bool,
}

impl Run {
    async fn tell(&self, message: Message) {
        // Nobody listens any more: the effect is about to be dropped.
        let _ = self.messages.send(message).await;
    }

    async fn log(&self, line: impl Into<String>) {
        self.tell(Message::Log(line.into())).await;
    }

    /// The group that the run's engine may be kept for, with the node where that is.
    fn keeps_for(&self) -> Option<(Rerun, NodeId)> {
        let node = self.plan.cluster.nodes.first()?;
        let rerun = self.rerun.filter(|_| self.plan.keep_engine)?;
        Some((rerun, node.id))
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join(ENGINE_LOG_FILE)
    }

    /// The node of the run, connected. The link is kept for the effects to come.
    async fn node(&self) -> Result<Node, String> {
        let nodes = &self.plan.cluster.nodes;
        let Some((planned, address)) = nodes
            .first()
            .and_then(|node| Some((node, node.access.address()?)))
        else {
            return Ok(Node::Here);
        };
        let mut link = self.link.lock().await;
        if let Some(session) = link.as_ref().filter(|session| !session.is_lost()) {
            return Ok(Node::Far(session.clone()));
        }
        let store = &self.shared.store;
        let known = store.find_node(planned.id).await;
        let known = known.map_err(|error| Chain(&error).to_string())?;
        if known.is_some_and(|known| known.node.access.address() != Some(address.clone())) {
            return Err(format!(
                "the plan is for {} at {address}, and the machine has another address since: start the benchmark again",
                planned.name
            ));
        }
        let node = open_node(store, planned.id).await?;
        if let Node::Far(session) = &node {
            *link = Some(session.clone());
        }
        Ok(node)
    }

    /// The link to the machine that makes the load.
    async fn load_session(&self, machine: &PlannedNode) -> Result<Session, String> {
        let engine_node = self.plan.cluster.nodes.first();
        let is_same = engine_node.is_some_and(|node| node.id == machine.id);
        if is_same && let Node::Far(session) = self.node().await? {
            return Ok(session);
        }
        open_session(&self.shared.store, machine.id).await
    }

    /// Where the engine answers, as seen from the machine that makes the load.
    async fn base_url_of_load(&self) -> Result<String, String> {
        if let Deployment::Endpoint { base_url, .. } = &self.plan.deployment {
            return Ok(base_url.clone());
        }
        let found = self.found.lock().await;
        let engine = found.engine.as_ref().ok_or("the engine is not running")?;
        Ok(engine.url_on_node().to_owned())
    }

    /// What processes of the run on a far machine carry.
    async fn ssh_mark(&self) -> Result<ssh::Mark, String> {
        let installation = self.shared.installation().await?;
        ssh::Mark::new(installation, self.id.to_string()).map_err(|error| error.to_string())
    }

    /// The folder of a far machine that holds the files of the run's model.
    async fn far_models(&self, session: &Session) -> Result<String, String> {
        let home = session.home().await.map_err(|error| error.to_string())?;
        Ok(format!("{home}/.assay/models/{}", self.plan.model.id))
    }

    /// Measures the way to a far machine and logs it; in words, for a note.
    async fn log_round_trip(&self, session: &Session) -> String {
        match session.round_trip_time().await {
            Ok(time) => {
                self.found.lock().await.round_trip_us = u64::try_from(time.as_micros()).ok();
                let time = time.as_secs_f64() * 1e3;
                self.log(format!(
                    "Requests go through the SSH link to {}: a round trip takes {time:.2} ms, and is a part of every latency.",
                    session.place()
                ))
                .await;
                format!(", over SSH with a round trip of {time:.2} ms")
            }
            Err(_) => String::new(),
        }
    }

    /// The network way to the engine of a machine that is reached through its Docker alone, and in words, for a
    /// note.
    async fn log_way(&self, docker: &Docker) -> Result<(Reach, String), String> {
        let reach = docker.reach().await.map_err(|error| error.to_string())?;
        let reach = reach.ok_or("the Docker Engine is not reached over the network")?;
        let time = reach.round_trip;
        self.found.lock().await.round_trip_us = u64::try_from(time.as_micros()).ok();
        let time = time.as_secs_f64() * 1e3;
        self.log(format!(
            "Requests go over the network to {}: a round trip takes {time:.2} ms, and is a part of every latency.",
            reach.address
        ))
        .await;
        let words = format!(" at {}, a round trip of {time:.2} ms away", reach.address);
        Ok((reach, words))
    }

    /// What containers of the run carry.
    async fn docker_mark(&self) -> Result<docker::Mark, String> {
        Ok(docker::Mark::new(
            self.shared.installation().await?,
            self.id,
        ))
    }

    /// The folders that a container of the run may be given, of this machine or of another.
    fn mount_rules(&self, files: HostFiles) -> Result<MountRules, String> {
        let folders = self.shared.config.model_folders.iter().cloned();
        MountRules::new(folders, files).map_err(|error| error.to_string())
    }

    /// Where the engine answers.
    async fn base_url(&self) -> Result<String, String> {
        match &self.plan.deployment {
            Deployment::Endpoint { base_url, .. } => Ok(base_url.clone()),
            Deployment::Process { .. } | Deployment::Container { .. } => {
                let found = self.found.lock().await;
                let engine = found.engine.as_ref();
                engine
                    .map(|engine| engine.base_url().to_owned())
                    .ok_or_else(|| "the engine is not running".to_owned())
            }
        }
    }

    /// The key that requests carry, opened.
    async fn key(&self) -> Result<Option<Secret<String>>, String> {
        match &self.plan.deployment {
            Deployment::Endpoint {
                base_url,
                credential_id: Some(id),
            } => self.open_key(*id, base_url).await.map(Some),
            _ => Ok(self.found.lock().await.proxy_key.clone()),
        }
    }

    /// A key, opened. Whatever the plan says, it is for its own address only.
    pub(crate) async fn open_key(
        &self,
        id: CredentialId,
        base_url: &str,
    ) -> Result<Secret<String>, String> {
        let bound = match self.shared.store.open_credential(id).await {
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
            Some(key) => Ok(key.clone()),
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
        Effect::TransferModel => transfer::transfer(run).await,
        Effect::DeployEngine => deploy::deploy_engine(run).await,
        Effect::VerifyDeployment => verify::verify_deployment(run).await,
        Effect::RunLoad => load::run_load(run, state).await,
        Effect::Collect => collect::collect(run, state).await,
        Effect::CleanUp => clean_up::clean_up(run, state).await,
    }
}
