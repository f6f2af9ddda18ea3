//! An engine that this process started: where it answers, and whether it is still there.

use std::path::PathBuf;
use std::time::Duration;

use docker::{ContainerId, Docker};
use ssh::{Mark, Session, TcpForward};
use tokio::process::Child;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::deploy::LogCopy;
use crate::node::NodeDocker;
use crate::process::living_engine;

/// How long the last lines of a container that ended may take to be written down.
const LAST_LINES_WITHIN: Duration = Duration::from_secs(2);

/// An engine started by this process. Letting go of it stops nothing but the following of its log.
pub(crate) struct Engine {
    pub(super) base_url: String,
    /// Where it answers on its own node, and for another machine that makes the load.
    pub(super) url_on_node: String,
    pub(super) kind: EngineKind,
    /// Follows its log file.
    pub(super) _log: AbortOnDropHandle<()>,
}

/// What it runs as.
pub(super) enum EngineKind {
    Process(Child),
    /// Of this machine, started by an earlier run.
    Kept(KeptProcess),
    Container(Container),
    Far(FarProcess),
}

/// A process of this machine that an earlier run started: perhaps in an earlier life of the server.
pub(super) struct KeptProcess {
    /// The folder of the run that started it.
    pub(super) folder: PathBuf,
    /// Brings what it prints from there to the log file of this run.
    pub(super) log: Option<AbortOnDropHandle<()>>,
    /// Nothing more is printed.
    pub(super) is_whole: CancellationToken,
}

/// A process of a machine that is reached over SSH.
pub(super) struct FarProcess {
    pub(super) session: Session,
    pub(super) mark: Mark,
    /// Brings its log here.
    pub(super) log: LogCopy,
    /// The way requests take to it.
    pub(super) _forward: TcpForward,
}

/// A container, as long as it is followed.
pub(super) struct Container {
    pub(super) docker: NodeDocker,
    pub(super) id: ContainerId,
    /// Writes what it says into the log file; ends with it.
    pub(super) log: Option<AbortOnDropHandle<()>>,
    /// The way requests take to it, where it is on a far machine.
    pub(super) _forward: Option<TcpForward>,
}

impl Engine {
    /// Where it answers.
    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Where it answers on its own node.
    pub(super) fn url_on_node(&self) -> &str {
        &self.url_on_node
    }

    /// The link to its machine, where that is far.
    pub(super) fn session(&self) -> Option<&Session> {
        match &self.kind {
            EngineKind::Process(_) | EngineKind::Kept(_) => None,
            EngineKind::Container(container) => container.docker.session(),
            EngineKind::Far(process) => Some(&process.session),
        }
    }

    /// Lets go of it, and stops nothing. What it printed so far is in the log of the run.
    pub(super) async fn let_go(self) -> EngineKind {
        let mut kind = self.kind;
        if let EngineKind::Kept(process) = &mut kind {
            process.take_rest_of_log().await;
        }
        kind
    }

    /// The Docker Engine of its machine, where that is reached through it alone.
    pub(super) fn docker_over_network(&self) -> Option<&Docker> {
        match &self.kind {
            EngineKind::Container(container) => container.docker.over_network(),
            EngineKind::Process(_) | EngineKind::Kept(_) | EngineKind::Far(_) => None,
        }
    }

    /// How it ended, if it did.
    pub(super) async fn exit(&mut self) -> Result<Option<String>, String> {
        match &mut self.kind {
            EngineKind::Process(child) => match child.try_wait() {
                Ok(status) => Ok(status.map(|status| status.to_string())),
                Err(error) => Err(format!("the engine's process cannot be looked at: {error}")),
            },
            EngineKind::Kept(process) => Ok(process.exit().await),
            EngineKind::Container(container) => container.exit().await,
            EngineKind::Far(FarProcess {
                session, mark, log, ..
            }) => super::deploy::far_exit(session, mark, log).await,
        }
    }
}

impl KeptProcess {
    async fn exit(&mut self) -> Option<String> {
        if living_engine(&self.folder).is_some() {
            return None;
        }
        self.take_rest_of_log().await;
        Some("its process is gone".to_owned())
    }

    async fn take_rest_of_log(&mut self) {
        self.is_whole.cancel();
        if let Some(log) = self.log.take() {
            let _ = timeout(LAST_LINES_WITHIN, log).await;
        }
    }
}

impl Container {
    pub(super) async fn exit(&mut self) -> Result<Option<String>, String> {
        let state = match self.docker.docker.inspect(&self.id).await {
            Ok(state) if state.is_running() => return Ok(None),
            Ok(state) => state.describe(),
            Err(docker::Error::NoSuchContainer { .. }) => {
                "its container was removed by somebody else".to_owned()
            }
            Err(error) => {
                return Err(format!(
                    "the engine's container cannot be looked at: {error}"
                ));
            }
        };
        if let Some(log) = self.log.take() {
            let _ = timeout(LAST_LINES_WITHIN, log).await;
        }
        Ok(Some(state))
    }
}
