//! From a complete draft to the plan of a run.

use super::draft::{Catalogue, Draft};
use crate::catalogue::{Cluster, ClusterKind, Model, ModelSource};
use crate::engine::render_command;
use crate::field::FieldErrors;
use crate::plan::{Deployment, PLAN_VERSION, PlannedCluster, PlannedModel, PlannedNode, RunPlan};
use crate::workload::{Arrival, WorkloadSpec};

/// Builds the plan, or says at which field of which step something is missing or gone.
pub fn build_plan(draft: &Draft, catalogue: &Catalogue) -> Result<RunPlan, FieldErrors> {
    let missing = |field: &str, message: &str| FieldErrors::one(field, message);
    let basic = draft
        .basic
        .as_ref()
        .ok_or_else(|| missing("name", "Fill in step 1."))?;
    let evaluation = draft
        .evaluation
        .as_ref()
        .ok_or_else(|| missing("input_tokens", "Fill in step 2."))?;
    let cluster = draft
        .cluster_id
        .and_then(|id| catalogue.cluster(id))
        .ok_or_else(|| missing("cluster_id", "Choose a cluster in step 3."))?;
    let answers = draft
        .model
        .as_ref()
        .ok_or_else(|| missing("model_id", "Fill in step 5."))?;
    let model = catalogue.model(answers.model_id).ok_or_else(|| {
        missing(
            "model_id",
            "The chosen model is gone: choose one in step 5.",
        )
    })?;
    let arrival = match evaluation.open_loop {
        None => Arrival::ClosedLoop {
            concurrency: basic.concurrent_requests,
        },
        Some((rate_per_s, process)) => Arrival::OpenLoop {
            rate_per_s,
            process,
        },
    };
    Ok(RunPlan {
        version: PLAN_VERSION,
        name: basic.name.clone(),
        description: basic.description.clone(),
        tags: basic.tags.clone(),
        method: basic.method,
        model: PlannedModel {
            id: model.id,
            name: model.name.clone(),
            served_name: model.served_name.clone(),
            source: model.source.clone(),
            tokenizer_path: model.tokenizer_path.clone(),
        },
        cluster: PlannedCluster {
            id: cluster.id,
            name: cluster.name.clone(),
            kind: cluster.kind.clone(),
            nodes: planned_nodes(draft, cluster)?,
        },
        deployment: deployment(draft, cluster, model)?,
        workload: WorkloadSpec {
            api: evaluation.api,
            input: evaluation.input,
            output: evaluation.output,
            shared_prefix_tokens: evaluation.shared_prefix_tokens,
            arrival,
            stop: evaluation.stop,
            warmup_requests: evaluation.warmup_requests,
            seed: evaluation.seed,
            ignore_eos: evaluation.ignore_eos,
            request_timeout_s: evaluation.request_timeout_s,
        },
    })
}

fn planned_nodes(draft: &Draft, cluster: &Cluster) -> Result<Vec<PlannedNode>, FieldErrors> {
    let chosen = cluster
        .nodes
        .iter()
        .filter(|node| draft.node_ids.contains(&node.id));
    let nodes: Vec<PlannedNode> = chosen
        .map(|node| PlannedNode {
            id: node.id,
            name: node.name.clone(),
            inventory: node.inventory.clone(),
        })
        .collect();
    if nodes.is_empty() {
        return Err(FieldErrors::one(
            "node_ids",
            "Choose at least one node in step 4.",
        ));
    }
    Ok(nodes)
}

fn deployment(draft: &Draft, cluster: &Cluster, model: &Model) -> Result<Deployment, FieldErrors> {
    match &cluster.kind {
        ClusterKind::Endpoint {
            base_url,
            credential_id,
        } => Ok(Deployment::Endpoint {
            base_url: base_url.clone(),
            credential_id: *credential_id,
        }),
        ClusterKind::ThisMachine => {
            let engine = draft
                .model
                .as_ref()
                .and_then(|answers| answers.engine.as_ref());
            let engine =
                engine.ok_or_else(|| FieldErrors::one("preset", "Choose an engine in step 5."))?;
            let files = match &model.source {
                ModelSource::LocalPath { path } => path.as_str(),
                ModelSource::HuggingFace { repository, .. } => repository.as_str(),
                ModelSource::Served | ModelSource::Reference => model.served_name.as_str(),
            };
            Ok(Deployment::LocalProcess {
                preset: engine.preset,
                command: render_command(engine, files, &model.served_name),
                readiness_timeout_s: engine.readiness_timeout_s,
            })
        }
    }
}
