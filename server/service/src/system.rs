//! What this installation is: for the settings page.

use std::path::PathBuf;

use domain::history::HistoryQuery;
use domain::system::SystemInfo;
use domain::time::Timestamp;
use runner::DockerAddress;

use crate::{Actor, Ctx, ServiceError};

/// What does not change while the server runs.
#[derive(Clone, Debug)]
pub struct SystemFacts {
    /// Version of the product.
    pub version: String,
    /// Where people reach it.
    pub url: String,
    /// Whether visitors are signed in as the demo administrator.
    pub is_demo: bool,
    /// Name of the runner in this process.
    pub runner_name: String,
    /// When the server started.
    pub started_at: Timestamp,
    /// Where the files are.
    pub data_dir: PathBuf,
    /// The Docker Engine of this machine.
    pub docker: DockerAddress,
}

/// What this installation is and how it stands.
pub async fn get_system_info(ctx: &Ctx, _actor: &Actor) -> Result<SystemInfo, ServiceError> {
    let facts = &ctx.facts;
    let first_page = ctx.store.list_benchmarks(&HistoryQuery::default()).await?;
    Ok(SystemInfo {
        version: facts.version.clone(),
        url: facts.url.clone(),
        is_demo: facts.is_demo,
        runner_name: facts.runner_name.clone(),
        database: ctx.store.database_kind().to_owned(),
        data_dir: facts.data_dir.display().to_string(),
        started_at: facts.started_at,
        benchmark_count: first_page.total_count,
        active_count: first_page.active_count,
    })
}
