//! The same plan once more.

use domain::history::BenchmarkRow;
use domain::id::{BenchmarkId, RerunGroupId};
use domain::plan::{Deployment, RunPlan};
use domain::reruns::GROUP_RUNS_MAX;
use store::{NewBenchmark, StoreError};

use super::{get_benchmark, get_changeable};
use crate::{Actor, Ctx, ServiceError};

/// How often a rerun is tried again after somebody else asked for one at the same moment.
const ATTEMPTS_MAX: u32 = 5;

/// Queues the plan of a benchmark once more, in the same group, with the same purpose and the tags as
/// they are now. Refused while something the plan names is gone.
pub async fn rerun_benchmark(
    ctx: &Ctx,
    actor: &Actor,
    of: BenchmarkId,
) -> Result<BenchmarkId, ServiceError> {
    let detail = get_changeable(ctx, actor, of, "repeat").await?;
    if detail
        .rerun
        .is_some_and(|rerun| rerun.last_index >= GROUP_RUNS_MAX)
    {
        return Err(ServiceError::Conflict(format!(
            "This plan was run {GROUP_RUNS_MAX} times. Start a new benchmark from it instead."
        )));
    }
    let gone = what_is_gone(ctx, &detail.plan).await?;
    if !gone.is_empty() {
        return Err(ServiceError::Conflict(format!(
            "This plan cannot be run again: {}. Start a new benchmark from it and choose anew.",
            gone.join("; ")
        )));
    }
    for _ in 0..ATTEMPTS_MAX {
        let id = BenchmarkId(ctx.new_id());
        let new = NewBenchmark {
            tags: &detail.tags,
            purpose: detail.purpose,
            ..NewBenchmark::of(id, &detail.plan, actor.person.id, ctx.now())
        };
        let group = RerunGroupId(ctx.new_id());
        match ctx.store.insert_rerun(of, group, &new).await {
            Ok(_) => {
                ctx.queue.wake();
                return Ok(id);
            }
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ServiceError::Conflict(
        "Others run this plan again at the same moment. Try once more.".to_owned(),
    ))
}

/// The runs of the same plan in order, this one included; empty for the only run of its plan.
pub async fn list_reruns(
    ctx: &Ctx,
    actor: &Actor,
    id: BenchmarkId,
) -> Result<Vec<BenchmarkRow>, ServiceError> {
    match get_benchmark(ctx, actor, id).await?.rerun {
        Some(rerun) => Ok(ctx.store.list_reruns(rerun.group_id).await?),
        None => Ok(Vec::new()),
    }
}

/// What a plan names and the catalogue no longer has, each as the beginning of a sentence.
async fn what_is_gone(ctx: &Ctx, plan: &RunPlan) -> Result<Vec<String>, ServiceError> {
    let mut gone = Vec::new();
    match ctx.store.find_cluster(plan.cluster.id).await? {
        None => gone.push(format!("the cluster “{}” is gone", plan.cluster.name)),
        Some(cluster) => {
            let is_gone = |id| !cluster.nodes.iter().any(|node| node.id == id);
            let nodes = plan.cluster.nodes.iter().filter(|node| is_gone(node.id));
            gone.extend(nodes.map(|node| format!("the node “{}” is gone", node.name)));
        }
    }
    if ctx.store.find_model(plan.model.id).await?.is_none() {
        gone.push(format!("the model “{}” is gone", plan.model.name));
    }
    if let Deployment::Endpoint {
        credential_id: Some(id),
        ..
    } = &plan.deployment
    {
        match ctx.store.open_credential(*id).await {
            Ok(_) => {}
            Err(StoreError::NotFound) => gone.push("the key of the endpoint is gone".to_owned()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(gone)
}
