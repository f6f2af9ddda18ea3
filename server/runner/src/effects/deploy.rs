//! Start the engine on the run's node.

mod container;
mod far_process;
mod listen;
mod process;
mod warm;

use domain::plan::Deployment;

use super::Run;

pub(super) use far_process::{LogCopy, exit as far_exit};
pub(super) use warm::engine_to_keep;

use crate::node::Node;

pub(super) async fn deploy_engine(run: &Run) -> Result<String, String> {
    if let Some(note) = warm::take_over(run).await? {
        return Ok(note);
    }
    match &run.plan.deployment {
        Deployment::Endpoint { .. } => Err("the plan names no engine to start".to_owned()),
        Deployment::Process { command, .. } => match run.node().await? {
            Node::Here => process::deploy(run, command).await,
            Node::Docker(_) => Err("nothing but containers runs on a machine that is reached through its Docker alone: choose a container".to_owned()),
            Node::Far(session) => far_process::deploy(run, &session, command).await,
        },
        Deployment::Container { .. } => container::deploy(run, &run.node().await?).await,
    }
}
