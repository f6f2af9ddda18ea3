//! What a run leaves on the machine of its engine, and taking it away.

use std::collections::BTreeSet;
use std::time::Duration;

use docker::Address;
use domain::id::BenchmarkId;
use ssh::{Mark, Session};

use crate::node::Node;

/// How long a far process may take to end by itself: a cancelled run should be over within seconds.
const GRACE: Duration = Duration::from_secs(1);

/// What was taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) processes: usize,
    pub(crate) containers: usize,
}

/// What of an installation is looked for, and through which Docker Engine where it is this machine's.
pub(crate) struct Leftovers<'a> {
    pub(crate) installation: String,
    pub(crate) local_docker: &'a Address,
}

impl Leftovers<'_> {
    /// Stops and removes what a run left on a node, and sees that it is gone. Processes of this machine
    /// are looked for elsewhere, by their environment.
    ///
    /// # Errors
    ///
    /// When the node cannot be asked, or something is still there; in words.
    pub(crate) async fn remove(
        &self,
        node: &Node,
        run: BenchmarkId,
        has_container: bool,
    ) -> Result<Removed, String> {
        let mut removed = Removed::default();
        if let Node::Far(session) = node {
            removed.processes = self.stop_processes(session, run).await?;
        }
        if has_container {
            // Kept whole: the way to a far one closes with it.
            let docker = node.docker(self.local_docker).await?;
            let gone = docker.docker.remove_marked(&self.installation, run).await;
            removed.containers = gone.map_err(|error| error.to_string())?.containers;
        }
        Ok(removed)
    }

    async fn stop_processes(&self, session: &Session, run: BenchmarkId) -> Result<usize, String> {
        let mark = Mark::new(self.installation.as_str(), run.to_string());
        let mark = mark.map_err(|error| error.to_string())?;
        let stopped = session.stop_run(&mark, GRACE).await;
        stopped.map_err(|error| error.to_string())
    }

    /// The runs of this installation that left something on a node.
    ///
    /// # Errors
    ///
    /// When the node cannot be asked. A node without a Docker Engine has nothing left in one.
    pub(crate) async fn runs_on(&self, node: &Node) -> Result<BTreeSet<BenchmarkId>, String> {
        let mut runs = BTreeSet::new();
        if let Node::Far(session) = node {
            let far = session.list(&self.installation).await;
            let far = far.map_err(|error| error.to_string())?;
            runs.extend(
                far.iter()
                    .filter_map(|run| run.run.parse::<BenchmarkId>().ok()),
            );
        }
        let docker = node.docker(self.local_docker).await;
        if matches!(node, Node::Docker(_))
            && let Err(reason) = docker
        {
            // There is nothing else to ask.
            return Err(reason);
        }
        if let Ok(docker) = docker {
            let marked = docker.docker.list_marked(&self.installation).await;
            let marked = marked.map_err(|error| error.to_string())?;
            let things = [marked.containers, marked.networks, marked.volumes];
            runs.extend(things.iter().flatten().filter_map(|thing| thing.run));
        }
        Ok(runs)
    }
}
